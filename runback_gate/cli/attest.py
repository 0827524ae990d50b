"""`attest`: sign what a report says, with a key or with the identity of a CI job."""

from __future__ import annotations

import datetime
import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.cli import terminal
from runback_gate.cli.keys import ENVIRONMENT, private_key
from runback_gate.cli.options import FILE, JSON, option, options
from runback_gate.documents.named_files import read_file, write_file
from runback_gate.errors import InputError
from runback_gate.github.job import Job, job_origin, read_job
from runback_gate.masking import secrets_of

if TYPE_CHECKING:
    from runback_gate.app.signing import Key, Keyless, Signed
    from runback_gate.attest.statement import Origin

MAX_TOKEN_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class SignFlags:
    """How to sign: with a key, or with an identity token (None: that of the job)."""

    key: str | None = option("--key", "Sign with this private key: a file, or env:NAME.", metavar="KEY")
    keyless: bool = option("--keyless", "Sign with the identity of the CI job, through Sigstore.", is_flag=True)
    token: str | None = option(
        "--identity-token", "Sign with this identity token: a file, env:NAME, or -.", metavar="TOKEN"
    )
    trust_config: Path | None = option(
        "--trust-config", "Sigstore to sign with (the public one).", type=FILE, metavar="FILE"
    )
    public_log: bool = option("--public-log", "Let the public log name a repository that may be private.", is_flag=True)


@dataclass(frozen=True, slots=True)
class FileFlags:
    """What is written, and the result that this one follows."""

    out: Path | None = option("--out", "The bundle (attestation.json beside the report).", type=FILE, metavar="FILE")
    svr: Path | None = option(
        "--svr", "Write a Simple Verification Result too; only on a pass.", type=FILE, metavar="FILE"
    )
    previous: Path | None = option(
        "--previous", "The result before this one on the branch.", type=FILE, metavar="BUNDLE"
    )


@dataclass(frozen=True, slots=True)
class OriginFlags:
    """Where the report was made, as far as somebody says so."""

    repository: str | None = option(
        "--repository", "Repository that was judged (that of the CI job).", metavar="O/R|URL"
    )
    ref: str | None = option("--ref", "Its ref (that of the CI job).", metavar="REF")
    commit: str | None = option(
        "--commit", "Commit it was judged for (that of the CI job, or of the report).", metavar="SHA"
    )


@click.command()
@click.argument("report", type=click.Path(path_type=Path, allow_dash=True), default=".runback/report.json")
@options(SignFlags, "signer")
@options(FileFlags, "files")
@options(OriginFlags, "place")
@JSON
def attest(report: Path, signer: SignFlags, files: FileFlags, place: OriginFlags, as_json: bool) -> int:
    """Sign what a REPORT (.runback/report.json) says, whether it passed or not.

    Signed is an in-toto test result: PASSED, WARNED or FAILED, with every case, over the report and the agent files.
    What could not be judged is FAILED. A key needs no network.

    Exit codes: 0 it was signed, whatever the result; 2 nothing was signed.
    """
    if (signer.key is None) == (not signer.keyless and signer.token is None):
        raise click.UsageError("say how to sign: --key or --keyless", click.get_current_context())
    job = read_job(os.environ)
    origin = job_origin(job, place.repository, place.ref, place.commit)
    signed = sign_report(report, signer, job, origin, previous=files.previous, svr=_now() if files.svr else None)
    folder = Path() if report == Path("-") else report.parent
    path = files.out or folder / "attestation.json"
    write_file(path, signed.bundle)
    if files.svr is not None and signed.svr is not None:
        write_file(files.svr, signed.svr)
    show_signed(signed, [path, *([files.svr] if files.svr else [])], as_json=as_json)
    return 0


def sign_report(
    path: Path, signer: SignFlags, job: Job, origin: Origin, *, previous: Path | None = None, svr: str | None = None
) -> Signed:
    """Sign the report of a file as somebody chose to; `svr` is the time of a Simple Verification Result.

    Raises:
        InputError: no report of this run, or nothing to sign with.
        SigningError: a service that signing needs did not answer as it must.
    """
    from runback_gate.app.signing import SignOptions, gate_of, read_named, sign  # noqa: PLC0415  `--help` does without
    from runback_gate.attest.bundle import MAX_BUNDLE_BYTES  # noqa: PLC0415
    from runback_gate.report.model import MAX_REPORT_BYTES  # noqa: PLC0415

    report = read_named(path, MAX_REPORT_BYTES, "`runback-gate run` writes it")
    earlier = read_named(previous, MAX_BUNDLE_BYTES) if previous else None
    return sign(report, _key(signer, job), origin, SignOptions(earlier, svr, job.commits, gate_of(path)))


def _key(signer: SignFlags, job: Job) -> Key | Keyless:
    from runback_gate.app.signing import Key, Keyless, load_trust  # noqa: PLC0415  40 ms

    if signer.key is not None:
        return Key(private_key(signer.key))
    from runback_gate.attest.sigstore import ambient_token  # noqa: PLC0415  half a second

    trust, allowed = load_trust(signer.trust_config), signer.public_log or job.private is False
    if signer.token is not None:
        return Keyless(_token(signer.token), trust, allowed, time.sleep)
    # A token is not asked for in vain: `sign` says why it would not be used.
    token = ambient_token(secrets_of(os.environ)) if allowed or not trust.public else ""
    return Keyless(token, trust, allowed, time.sleep)


def _token(source: str) -> str:
    if source.startswith(ENVIRONMENT):
        data = os.environ.get(source.removeprefix(ENVIRONMENT), "")
    else:
        data = read_file(Path(source), MAX_TOKEN_BYTES).decode("ascii", "replace")
    if not data.strip():
        raise InputError("--identity-token: there is none", hint="a file, env:NAME, or - for standard input")
    return data.strip()


def show_signed(signed: Signed, paths: list[Path], *, as_json: bool = False) -> None:
    """Print what was signed, and where the bundles are."""
    from runback_gate.app.signing import signed_json, signed_lines  # noqa: PLC0415  `--help` does without

    to_json, lines = partial(signed_json, paths=paths), partial(signed_lines, paths=paths)
    terminal.show(signed.statement, as_json=as_json, to_json=to_json, lines=lines)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
