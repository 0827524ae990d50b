"""`attest`: sign what a report says, with a key or with the identity of a CI job."""

from __future__ import annotations

import datetime
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runback_gate.cli.files import read_file, write_file
from runback_gate.cli.keys import ENVIRONMENT, private_key
from runback_gate.cli.terminal import print_json
from runback_gate.errors import DocumentError, InputError
from runback_gate.masking import secrets_of
from runback_gate.report.text import terminal as inert

if TYPE_CHECKING:
    from runback_gate.attest.bundle import Json
    from runback_gate.attest.sigstore import Trust
    from runback_gate.attest.statement import Origin, Statement

GITHUB = "https://github.com"
MAX_TOKEN_BYTES = 64 << 10
MAX_EVENT_BYTES = 32 << 20

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Job:
    """What the environment says about the CI job. None: it does not say."""

    repository: str | None = None
    ref: str | None = None
    commit: str | None = None
    url: str | None = None
    attempt: int = 1
    private: bool | None = None


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
    from runback_gate.attest.statement import gate_statement, statement_bytes, svr_bytes  # noqa: PLC0415
    from runback_gate.canonical import digest_bytes  # noqa: PLC0415
    from runback_gate.report.model import MAX_REPORT_BYTES, read_report  # noqa: PLC0415

    if (key is None) == (not keyless and identity_token is None):
        raise click.UsageError("say how to sign: --key or --keyless", click.get_current_context())
    job = read_job(os.environ)
    data = read_file(report, MAX_REPORT_BYTES, hint="`runback-gate run` writes it")
    parsed = read_report(data, report.as_posix())
    judged = parsed.head.commit if parsed.head else ""
    origin = _origin(job, repository, ref, commit or job.commit or judged or None)
    if previous is not None:
        origin = _after(previous, parsed.gate, origin)
    statement = gate_statement(parsed, digest_bytes(data), origin)
    payloads = [statement_bytes(statement)]
    if svr is not None:
        payloads.append(svr_bytes(statement, _now()))
    if key is not None:
        bundles = _with_key(payloads, key)
    else:
        allowed = public_log or job.private is False
        bundles = _without_key(payloads, identity_token, trust_config, public_log=allowed)
    folder = Path() if report == Path("-") else report.parent
    paths = [out or folder / "attestation.json", *([svr] if svr else [])]
    _write(statement, bundles, paths, as_json=as_json)
    return 0


def read_job(environment: Mapping[str, str]) -> Job:
    """What GitHub Actions says about its job; nothing elsewhere.

    Raises:
        InputError: the event file cannot be read.
    """
    if environment.get("GITHUB_ACTIONS") != "true":
        return Job()
    name, run = environment.get("GITHUB_REPOSITORY"), environment.get("GITHUB_RUN_ID")
    attempt = environment.get("GITHUB_RUN_ATTEMPT", "1")
    repository = f"{environment.get('GITHUB_SERVER_URL', GITHUB)}/{name}" if name else None
    event = _event(environment.get("GITHUB_EVENT_PATH"))
    facts = event.get("repository")
    private = facts.get("private") if isinstance(facts, dict) else None
    return Job(
        repository=repository,
        ref=environment.get("GITHUB_REF") or None,
        commit=environment.get("GITHUB_SHA") or None,
        url=f"{repository}/actions/runs/{run}/attempts/{attempt}" if repository and run else None,
        attempt=int(attempt) if re.fullmatch("[1-9][0-9]{0,8}", attempt) else 1,
        private=private if isinstance(private, bool) else None,
    )


def repository_url(name: str) -> str:
    """`acme/agent` as the URL by which certificates name it; a URL stays."""
    return name if "://" in name else f"{GITHUB}/{name}"


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


def _origin(job: Job, repository: str | None, ref: str | None, commit: str | None) -> Origin:
    from runback_gate.attest.statement import Origin  # noqa: PLC0415

    if commit is not None and not _COMMIT.fullmatch(commit):
        raise InputError(f"--commit {commit}: not a commit", hint="40 or 64 hex digits, lower case")
    return Origin(
        repository=repository_url(repository) if repository else job.repository,
        ref=ref or job.ref,
        commit=commit,
        url=job.url,
        attempt=job.attempt,
    )


def _after(path: Path, gate: str, origin: Origin) -> Origin:
    """The origin as that of the result after another, whose bundle is read and not verified: `verify --history` does.

    Raises:
        InputError: no bundle of a gate, or of another branch.
    """
    import dataclasses  # noqa: PLC0415

    from runback_gate.attest.bundle import MAX_BUNDLE_BYTES, envelope_of, read_bundle  # noqa: PLC0415
    from runback_gate.attest.history import statement_digest  # noqa: PLC0415
    from runback_gate.attest.statement import read_statement  # noqa: PLC0415

    bundle = read_bundle(read_file(path, MAX_BUNDLE_BYTES), path.as_posix())
    before = read_statement(envelope_of(bundle, path.as_posix()).payload, path.as_posix())
    facts = before.facts
    if (facts.gate, facts.repository, facts.ref) != (gate, origin.repository, origin.ref):
        hint = "the chain is that of one gate, repository and ref"
        raise InputError(f"{path.as_posix()}: the result of another branch", hint=hint)
    again = facts.commit == origin.commit and facts.commit is not None
    return dataclasses.replace(
        origin,
        number=facts.number + 1,
        attempt=max(origin.attempt, facts.attempt + 1 if again else 1),
        previous=statement_digest(before),
    )


def _with_key(payloads: list[bytes], source: str) -> list[Json]:
    from runback_gate.attest.bundle import IN_TOTO  # noqa: PLC0415
    from runback_gate.attest.keys import sign_payload  # noqa: PLC0415

    key = private_key(source)
    return [sign_payload(key, IN_TOTO, payload) for payload in payloads]


def _without_key(payloads: list[bytes], token: str | None, path: Path | None, *, public_log: bool) -> list[Json]:
    from runback_gate.attest.sigstore import ambient_token, sign_keyless  # noqa: PLC0415  half a second

    trust = trust_of(path)
    if trust.public and not public_log:
        hint = "--public-log publishes it, --trust-config names your own Sigstore, --key needs neither"
        message = "the public log would name repository, workflow and commit for ever, and it is not known to be public"
        raise InputError(message, hint=hint)
    raw = _token(token) if token is not None else ambient_token(secrets_of(os.environ))
    return list(sign_keyless(payloads, raw, trust, pause=time.sleep))


def _token(source: str) -> str:
    if source.startswith(ENVIRONMENT):
        data = os.environ.get(source.removeprefix(ENVIRONMENT), "")
    else:
        data = read_file(Path(source), MAX_TOKEN_BYTES).decode("ascii", "replace")
    if not data.strip():
        raise InputError("--identity-token: there is none", hint="a file, env:NAME, or - for standard input")
    return data.strip()


def _write(statement: Statement, bundles: list[Json], paths: list[Path], *, as_json: bool) -> None:
    from runback_gate.attest.bundle import bundle_bytes  # noqa: PLC0415
    from runback_gate.attest.history import statement_digest  # noqa: PLC0415

    for path, bundle in zip(paths, bundles, strict=True):
        write_file(path, bundle_bytes(bundle))
    facts = statement.facts
    if as_json:
        place = {"number": facts.number, "attempt": facts.attempt, "statement": statement_digest(statement)}
        names = [path.as_posix() for path in paths]
        print_json({"result": statement.result, "reason": facts.reason, **place, "bundles": names})
        return
    reason = f": {facts.reason}" if facts.reason else ""
    click.echo(f"signed     {statement.result}{inert(reason)}   number {facts.number}, attempt {facts.attempt}")
    click.echo(f"statement  {statement_digest(statement)}")
    for path in paths:
        click.echo(f"bundle     {inert(path.as_posix())}")


def _event(path: str | None) -> dict[str, Any]:
    from runback_gate.canonical import parse_json  # noqa: PLC0415

    if not path:
        return {}
    try:
        value = parse_json(read_file(Path(path), MAX_EVENT_BYTES), path="GITHUB_EVENT_PATH")
    except DocumentError as error:
        raise InputError(str(error), hint="the event of the job cannot be read") from error
    return value if isinstance(value, dict) else {}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
