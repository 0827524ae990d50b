"""`attest` signs what a report says, with a key or the identity of a CI job; `verify` says whether to believe it."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.cli import terminal
from runback_gate.cli.groups import command
from runback_gate.cli.keys import ask_password
from runback_gate.cli.options import FILE, JSON, argument, option, options, value_of
from runback_gate.cli.terminal import now
from runback_gate.frozen import dataclass
from runback_gate.github.job import job_origin, read_job

if TYPE_CHECKING:
    from runback_gate.app.attest import SigningWorld


@dataclass(frozen=True, slots=True)
class SignFlags:
    """How to sign: with a key, or with an identity token (None: that of the job)."""

    key: str | None = option("--key KEY", "Sign with this private key: a file, or env:NAME.")
    keyless: bool = option("--keyless", "Sign with the identity of the CI job through Sigstore.")
    token: str | None = option("--identity-token TOKEN", "Sign with this identity token: a file, env:NAME, or -.")
    trust_config: Path | None = option(
        "--trust-config FILE", "Sigstore trust configuration to sign with (default: the public one)."
    )
    public_log: bool = option("--public-log", "Allow the public log to name a repository that may be private.")


@command()
def attest(
    report: Path = argument(default=".runback/report.json"),
    signer: SignFlags = options(SignFlags),
    out: Path | None = option("--out FILE", "Bundle to write (default: attestation.json beside the report)."),
    svr: Path | None = option("--svr FILE", "Also write a Simple Verification Result; only on a pass."),
    previous: Path | None = option("--previous BUNDLE", "The previous result on the branch.", type=FILE),
    repository: str | None = option(
        "--repository O/R|URL", "Repository that was judged (default: that of the CI job)."
    ),
    ref: str | None = option("--ref REF", "Git ref that was judged (default: that of the CI job)."),
    commit: str | None = option(
        "--commit SHA", "Commit that was judged (default: that of the CI job, or of the report)."
    ),
    as_json: bool = JSON,
) -> int:
    """Sign the result of a REPORT (.runback/report.json), whether it passed or not.

    The signed statement is an in-toto test result: PASSED, WARNED or FAILED, with every case, over the report and the
    agent files. A case that could not be judged counts as FAILED. Signing with a key needs no network.

    Exit codes: 0 signed, whatever the result; 2 nothing was signed.
    """
    if (signer.key is None) == (not signer.keyless and signer.token is None):
        raise click.UsageError("say how to sign: --key or --keyless")
    from runback_gate.app import attest as app  # noqa: PLC0415  `--help` does without
    from runback_gate.app.signing import signed_json, signed_lines  # noqa: PLC0415

    job = read_job(os.environ)
    origin = job_origin(job, repository, ref, commit)
    by = app.SignedBy(signer.key, signer.token, signer.trust_config, signer.public_log)
    files = app.SignedFiles(report, previous, now() if svr else None)
    signed = app.attest(files, by, job, origin, signing_world())
    paths = app.write_signed(signed, report, out, svr)
    to_json, lines = partial(signed_json, paths=paths), partial(signed_lines, paths=paths)
    return terminal.show(signed.statement, as_json=as_json, to_json=to_json, lines=lines)


def signing_world() -> SigningWorld:
    """What signing is handed of the world outside."""
    from runback_gate.app.attest import SigningWorld  # noqa: PLC0415  `--help` does without

    return SigningWorld(os.environ, ask_password, time.sleep)


@dataclass(frozen=True, slots=True)
class VerifyFlags:
    """Who must have signed, and what the result must be of."""

    report: Path | None = option("--report FILE", "The report the result must cover.")
    agents: tuple[Path, ...] = option("--agent FILE", "Agent file the result must cover; repeatable.")
    identity: str | None = option(
        "--identity NAME", "Identity of the required signer: the full name in the certificate."
    )
    issuer: str | None = option("--issuer URL", "OIDC issuer of the identity (default for github.com: its Actions).")
    key: str | None = option("--key KEY", "Public key of the required signer: a file, or env:NAME.")
    trust_config: Path | None = option("--trust-config FILE", "Sigstore trust configuration (default: the public one).")
    offline: bool = option("--offline", "Use the public Sigstore trust root fetched earlier.")
    repository: str | None = option("--repository O/R|URL", "Repository the result must be for.")
    ref: str | None = option("--ref REF", "Git ref the result must be for.")
    commit: str | None = option("--commit SHA", "Commit it must be for.", parse="app.verifying:parse_commit")
    trigger: str | None = option("--trigger EVENT", "Event that must have triggered the workflow, such as push.")
    pull_requests: bool = option("--allow-pull-request", "Accept a pull-request workflow as the signer.")
    history: tuple[Path, ...] = option("--history FILE|FOLDER", "Other results of the branch; repeatable.")


@command()
def verify(bundle: Path = argument(), expected: VerifyFlags = options(VerifyFlags), as_json: bool = JSON) -> int:
    """Verify a signed result, and say whether it passed.

    --identity or --key says who must have signed. Names must match in full.

    Exit codes: 0 signed and passed, 1 invalid, 2 could not be verified, 3 signed but not passed.
    """
    from runback_gate.app.verifying import ExpectedFiles, verify_file  # noqa: PLC0415  `--help` does without
    from runback_gate.attest.show import as_json as to_json  # noqa: PLC0415
    from runback_gate.attest.show import lines  # noqa: PLC0415

    _check_signer(expected)
    verified = verify_file(bundle, value_of(ExpectedFiles, expected), os.environ)
    if as_json:
        terminal.print_json(to_json(verified.found, verified.commands))
    else:
        click.echo(lines(verified.found, verified.commands), nl=False)
    return verified.found.exit_code


def _check_signer(expected: VerifyFlags) -> None:
    """Refuse what says too little, or too much, about who must have signed."""
    from runback_gate.app.verifying import has_issuer  # noqa: PLC0415  `--help` does without

    if (expected.key is None) == (expected.identity is None):
        raise click.UsageError("say who must have signed: --identity or --key")
    if expected.identity is None:
        trust = expected.trust_config or expected.offline
        if trust or expected.trigger or expected.issuer or expected.pull_requests:
            raise click.UsageError("a key has no issuer, no trust root and no trigger")
    elif expected.issuer is None and not has_issuer(expected.identity):
        raise click.UsageError("--identity needs --issuer")
