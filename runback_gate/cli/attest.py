"""`attest`: sign what a report says, with a key or with the identity of a CI job."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.cli.keys import ENVIRONMENT, private_key
from runback_gate.cli.terminal import print_json
from runback_gate.documents.named_files import read_file, write_file
from runback_gate.errors import InputError
from runback_gate.github.job import Job, in_job, job_of, job_origin
from runback_gate.masking import secrets_of
from runback_gate.report.text import safe_terminal

if TYPE_CHECKING:
    from runback_gate.app.signing import Key, Keyless, Signed
    from runback_gate.attest.sigstore import Trust
    from runback_gate.attest.statement import Origin, Statement

GATE_FILE = "runback.yaml"
MAX_TOKEN_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Chosen:
    """How to sign: with a key, or with an identity token (None: that of the job)."""

    key: str | None
    token: str | None = None
    trust_config: Path | None = None
    public_log: bool = False


@click.command()
@click.argument("report", type=click.Path(path_type=Path, allow_dash=True), default=".runback/report.json")
@click.option("--key", metavar="KEY", help="Sign with this private key: a file, or env:NAME.")
@click.option("--keyless", is_flag=True, help="Sign with the identity of the CI job, through Sigstore.")
@click.option("--identity-token", metavar="TOKEN", help="Sign with this identity token: a file, env:NAME, or -.")
@click.option(
    "--trust-config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Sigstore to sign with (the public one).",
)
@click.option("--public-log", is_flag=True, help="Let the public log name a repository that may be private.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The bundle (attestation.json beside the report).",
)
@click.option(
    "--svr",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a Simple Verification Result too; only on a pass.",
)
@click.option(
    "--previous",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="BUNDLE",
    help="The result before this one on the branch.",
)
@click.option("--repository", metavar="O/R|URL", help="Repository that was judged (that of the CI job).")
@click.option("--ref", metavar="REF", help="Its ref (that of the CI job).")
@click.option("--commit", metavar="SHA", help="Commit it was judged for (that of the CI job, or of the report).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def attest(
    report: Path,
    key: str | None,
    keyless: bool,
    identity_token: str | None,
    trust_config: Path | None,
    public_log: bool,
    out: Path | None,
    svr: Path | None,
    previous: Path | None,
    repository: str | None,
    ref: str | None,
    commit: str | None,
    as_json: bool,
) -> int:
    """Sign what a REPORT (.runback/report.json) says, whether it passed or not.

    Signed is an in-toto test result: PASSED, WARNED or FAILED, with every case, over the report and the agent files.
    What could not be judged is FAILED. A key needs no network.

    Exit codes: 0 it was signed, whatever the result; 2 nothing was signed.
    """
    if (key is None) == (not keyless and identity_token is None):
        raise click.UsageError("say how to sign: --key or --keyless", click.get_current_context())
    job, chosen = read_job(os.environ), Chosen(key, identity_token, trust_config, public_log)
    signed = sign_report(
        report, chosen, job, job_origin(job, repository, ref, commit), previous=previous, svr=_now() if svr else None
    )
    folder = Path() if report == Path("-") else report.parent
    path = out or folder / "attestation.json"
    write_file(path, signed.bundle)
    if svr is not None and signed.svr is not None:
        write_file(svr, signed.svr)
    show_signed(signed.statement, [path, *([svr] if svr else [])], as_json=as_json)
    return 0


def sign_report(
    path: Path, chosen: Chosen, job: Job, origin: Origin, *, previous: Path | None = None, svr: str | None = None
) -> Signed:
    """Sign the report of a file as somebody chose to; `svr` is the time of a Simple Verification Result.

    Raises:
        InputError: no report of this run, or nothing to sign with.
        SigningError: a service that signing needs did not answer as it must.
    """
    from runback_gate.app.signing import File, SignOptions, sign  # noqa: PLC0415  `--help` does without
    from runback_gate.attest.bundle import MAX_BUNDLE_BYTES  # noqa: PLC0415
    from runback_gate.report.model import MAX_REPORT_BYTES  # noqa: PLC0415

    file = File(path.as_posix(), read_file(path, MAX_REPORT_BYTES, hint="`runback-gate run` writes it"))
    earlier = File(previous.as_posix(), read_file(previous, MAX_BUNDLE_BYTES)) if previous else None
    options = SignOptions(earlier, svr, job.commits, _gate_of(path))
    return sign(file, _signer(chosen, job), origin, options)


def _gate_of(report: Path) -> Path | None:
    """The folder of the gate whose report lies in its usual place."""
    root = report.parent.parent
    return root if report.parent.name == ".runback" and (root / GATE_FILE).is_file() else None


def read_job(environment: Mapping[str, str]) -> Job:
    """The CI job that this runs in, with the event that started it.

    Raises:
        InputError: the event file cannot be read.
    """
    from runback_gate.github.event import MAX_EVENT_BYTES  # noqa: PLC0415  `--help` does without

    path = environment.get("GITHUB_EVENT_PATH") if in_job(environment) else None
    return job_of(environment, read_file(Path(path), MAX_EVENT_BYTES) if path else None)


def trust_of(path: Path | None, *, offline: bool = False) -> Trust:
    """The trust of a file, or the public one.

    Raises:
        InputError: the file is missing or no trust configuration.
        SigningError: the public one could not be fetched.
    """
    from runback_gate.attest.sigstore import MAX_TRUST_BYTES, public_trust, read_trust  # noqa: PLC0415  half a second

    if path is None:
        return public_trust(offline=offline)
    return read_trust(read_file(path, MAX_TRUST_BYTES), path.as_posix())


def _signer(chosen: Chosen, job: Job) -> Key | Keyless:
    from runback_gate.app.signing import Key, Keyless  # noqa: PLC0415  40 ms

    if chosen.key is not None:
        return Key(private_key(chosen.key))
    from runback_gate.attest.sigstore import ambient_token  # noqa: PLC0415  half a second

    trust, allowed = trust_of(chosen.trust_config), chosen.public_log or job.private is False
    if chosen.token is not None:
        return Keyless(_token(chosen.token), trust, allowed, time.sleep)
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


def show_signed(statement: Statement, paths: list[Path], *, as_json: bool = False) -> None:
    """Print what was signed, and where the bundles are."""
    from runback_gate.attest.history import statement_digest  # noqa: PLC0415  `--help` does without

    facts = statement.facts
    if as_json:
        place = {"number": facts.number, "attempt": facts.attempt, "statement": statement_digest(statement)}
        names = [path.as_posix() for path in paths]
        print_json({"result": statement.result, "reason": facts.reason, **place, "bundles": names})
        return
    reason = f": {facts.reason}" if facts.reason else ""
    click.echo(f"signed     {statement.result}{safe_terminal(reason)}   number {facts.number}, attempt {facts.attempt}")
    click.echo(f"statement  {statement_digest(statement)}")
    if facts.commit is not None and facts.head is None:
        click.echo(f"note       the report names no commit: that it is of {facts.commit} is the signer's word")
    for path in paths:
        click.echo(f"bundle     {safe_terminal(path.as_posix())}")


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
