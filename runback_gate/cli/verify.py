"""`verify`: whether a signed result is to be believed, and whether it passed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import click

from runback_gate.cli import terminal
from runback_gate.cli.groups import command
from runback_gate.cli.options import JSON, argument, option, options, value_of


def _whole_commit(commit: str) -> str:
    from runback_gate.canonical import is_git_id  # noqa: PLC0415  `--help` does without

    if not is_git_id(commit):
        raise ValueError("not a full commit id: 40 or 64 hexadecimal digits, lower case")
    return commit


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
    commit: str | None = option("--commit SHA", "Commit it must be for.", parse=_whole_commit)
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
