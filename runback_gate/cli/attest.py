"""`attest`: sign what a report says, with a key or with the identity of a CI job."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.cli import terminal
from runback_gate.cli.keys import ask_password
from runback_gate.cli.options import FILE, JSON, option, options
from runback_gate.cli.terminal import now
from runback_gate.github.job import job_origin, read_job

if TYPE_CHECKING:
    from runback_gate.app.attest import SigningWorld


@dataclass(frozen=True, slots=True)
class SignFlags:
    """How to sign: with a key, or with an identity token (None: that of the job)."""

    key: str | None = option("--key", "Sign with this private key: a file, or env:NAME.", metavar="KEY")
    keyless: bool = option("--keyless", "Sign with the identity of the CI job through Sigstore.", is_flag=True)
    token: str | None = option(
        "--identity-token", "Sign with this identity token: a file, env:NAME, or -.", metavar="TOKEN"
    )
    trust_config: Path | None = option(
        "--trust-config",
        "Sigstore trust configuration to sign with (default: the public one).",
        type=FILE,
        metavar="FILE",
    )
    public_log: bool = option(
        "--public-log", "Allow the public log to name a repository that may be private.", is_flag=True
    )


@dataclass(frozen=True, slots=True)
class FileFlags:
    """What is written, and the result that this one follows."""

    out: Path | None = option(
        "--out", "Bundle to write (default: attestation.json beside the report).", type=FILE, metavar="FILE"
    )
    svr: Path | None = option(
        "--svr", "Also write a Simple Verification Result; only on a pass.", type=FILE, metavar="FILE"
    )
    previous: Path | None = option("--previous", "The previous result on the branch.", type=FILE, metavar="BUNDLE")


@dataclass(frozen=True, slots=True)
class OriginFlags:
    """Where the report was made, as far as somebody says so."""

    repository: str | None = option(
        "--repository", "Repository that was judged (default: that of the CI job).", metavar="O/R|URL"
    )
    ref: str | None = option("--ref", "Git ref that was judged (default: that of the CI job).", metavar="REF")
    commit: str | None = option(
        "--commit", "Commit that was judged (default: that of the CI job, or of the report).", metavar="SHA"
    )


@click.command()
@click.argument("report", type=click.Path(path_type=Path, allow_dash=True), default=".runback/report.json")
@options(SignFlags, "signer")
@options(FileFlags, "files")
@options(OriginFlags, "place")
@JSON
def attest(report: Path, signer: SignFlags, files: FileFlags, place: OriginFlags, as_json: bool) -> int:
    """Sign the result of a REPORT (.runback/report.json), whether it passed or not.

    The signed statement is an in-toto test result: PASSED, WARNED or FAILED, with every case, over the report and the
    agent files. A case that could not be judged counts as FAILED. Signing with a key needs no network.

    Exit codes: 0 signed, whatever the result; 2 nothing was signed.
    """
    if (signer.key is None) == (not signer.keyless and signer.token is None):
        raise click.UsageError("say how to sign: --key or --keyless", click.get_current_context())
    from runback_gate.app.attest import SignedBy, SignedFiles, write_signed  # noqa: PLC0415  `--help` does without
    from runback_gate.app.attest import attest as sign  # noqa: PLC0415
    from runback_gate.app.signing import signed_json, signed_lines  # noqa: PLC0415

    job = read_job(os.environ)
    origin = job_origin(job, place.repository, place.ref, place.commit)
    by = SignedBy(signer.key, signer.token, signer.trust_config, signer.public_log)
    signed = sign(SignedFiles(report, files.previous, now() if files.svr else None), by, job, origin, signing_world())
    paths = write_signed(signed, report, files.out, files.svr)
    to_json, lines = partial(signed_json, paths=paths), partial(signed_lines, paths=paths)
    terminal.show(signed.statement, as_json=as_json, to_json=to_json, lines=lines)
    return 0


def signing_world() -> SigningWorld:
    """What signing is handed of the world outside."""
    from runback_gate.app.attest import SigningWorld  # noqa: PLC0415  `--help` does without

    return SigningWorld(os.environ, ask_password, time.sleep)
