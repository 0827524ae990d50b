"""`verify`: whether a signed result is to be believed, and whether it passed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.cli import terminal
from runback_gate.cli.keys import public_key
from runback_gate.cli.options import FILE, JSON, PATH, option, options, parsed
from runback_gate.documents.named_files import read_file
from runback_gate.github.job import repository_url

if TYPE_CHECKING:
    from runback_gate.app.verifying import Prove
    from runback_gate.attest.commands import VerifyOptions
    from runback_gate.attest.verify import Expectations, Verification

GITHUB = "https://github.com/"
GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
MAX_FILE_BYTES = 64 << 20


def _whole_commit(commit: str) -> str:
    from runback_gate.canonical import is_git_id  # noqa: PLC0415  `--help` does without

    if not is_git_id(commit):
        raise ValueError("not a full commit id: 40 or 64 hexadecimal digits, lower case")
    return commit


@dataclass(frozen=True, slots=True)
class VerifyFlags:
    """Who must have signed, and what the result must be of."""

    report: Path | None = option("--report", "The report it is of.", type=FILE, metavar="FILE")
    agents: tuple[Path, ...] = option(
        "--agent", "An agent file it is of; may repeat.", type=FILE, metavar="FILE", multiple=True
    )
    identity: str | None = option(
        "--identity", "Who must have signed: the whole name in the certificate.", metavar="NAME"
    )
    issuer: str | None = option(
        "--issuer", "Who must have vouched for it (for github.com: its Actions).", metavar="URL"
    )
    key: str | None = option("--key", "Public key that must have signed: a file, or env:NAME.", metavar="KEY")
    trust_config: Path | None = option(
        "--trust-config", "Sigstore to trust (the public one).", type=FILE, metavar="FILE"
    )
    offline: bool = option("--offline", "Trust what was fetched of the public Sigstore before.", is_flag=True)
    repository: str | None = option("--repository", "Repository it must be of.", metavar="O/R|URL")
    ref: str | None = option("--ref", "Ref it must be of.", metavar="REF")
    commit: str | None = option("--commit", "Commit it must be of.", metavar="SHA", callback=parsed(_whole_commit))
    trigger: str | None = option(
        "--trigger", "Event that must have started the workflow, such as push.", metavar="EVENT"
    )
    pull_requests: bool = option("--allow-pull-request", "A workflow of a pull request may have signed.", is_flag=True)
    history: tuple[Path, ...] = option(
        "--history", "Other results of the branch; may repeat.", type=PATH, metavar="FILE|FOLDER", multiple=True
    )


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, allow_dash=True))
@options(VerifyFlags, "expected")
@JSON
def verify(bundle: Path, expected: VerifyFlags, as_json: bool) -> int:
    """Say whether a signed result is to be believed, and whether it passed.

    Who must have signed is given by --identity, or by --key. Names are compared whole.

    Exit codes: 0 signed and passed, 1 invalid, 2 could not be verified, 3 signed but not passed.
    """
    from runback_gate.app.signing import read_named  # noqa: PLC0415  `--help` does without
    from runback_gate.app.verifying import read_bundles  # noqa: PLC0415
    from runback_gate.app.verifying import verify as verified  # noqa: PLC0415
    from runback_gate.attest.bundle import MAX_BUNDLE_BYTES  # noqa: PLC0415
    from runback_gate.attest.commands import VerifyOptions  # noqa: PLC0415

    issuer = _issuer(expected)
    prove, is_config = _prover(expected)
    signed = read_named(bundle, MAX_BUNDLE_BYTES, "`runback-gate attest` writes it")
    found = verified(signed, prove, _expectations(expected, issuer), read_bundles(expected.history))
    names = tuple(path.as_posix() for path in expected.agents)
    report, trust = (path.as_posix() if path else None for path in (expected.report, expected.trust_config))
    given = VerifyOptions(bundle.as_posix(), report, names, expected.identity, issuer, expected.key, trust, is_config)
    return _show(found, given, as_json=as_json)


def _expectations(expected: VerifyFlags, issuer: str | None) -> Expectations:
    from runback_gate.attest.verify import Expectations  # noqa: PLC0415  `--help` does without

    return Expectations(
        identity=expected.identity,
        issuer=issuer,
        repository=repository_url(expected.repository) if expected.repository else None,
        ref=expected.ref,
        commit=expected.commit,
        trigger=expected.trigger,
        pull_requests=expected.pull_requests,
        report=read_file(expected.report, MAX_FILE_BYTES) if expected.report else None,
        files=tuple((path.as_posix(), read_file(path, MAX_FILE_BYTES)) for path in expected.agents),
    )


def _issuer(expected: VerifyFlags) -> str | None:
    """Who must have vouched for the identity; refuses what says too little or too much."""
    context = click.get_current_context()
    if (expected.key is None) == (expected.identity is None):
        raise click.UsageError("say who must have signed: --identity or --key", context)
    if expected.identity is None:
        trust = expected.trust_config or expected.offline
        if trust or expected.trigger or expected.issuer or expected.pull_requests:
            raise click.UsageError("a key has no issuer, no trust root and no trigger", context)
        return None
    if expected.issuer is None and not expected.identity.startswith(GITHUB):
        raise click.UsageError("--identity needs --issuer", context)
    return expected.issuer or GITHUB_ISSUER


def _prover(expected: VerifyFlags) -> tuple[Prove, bool]:
    """How a signature is verified, and whether the trust came as a whole client configuration."""
    from runback_gate.app.signing import load_trust  # noqa: PLC0415  40 ms
    from runback_gate.app.verifying import prove_by_key, prove_by_trust  # noqa: PLC0415

    if expected.key is not None:
        return prove_by_key(public_key(expected.key)), False
    trust = load_trust(expected.trust_config, offline=expected.offline)
    return prove_by_trust(trust), trust.config is not None


def _show(found: Verification, options: VerifyOptions, *, as_json: bool) -> int:
    from runback_gate.attest.commands import commands  # noqa: PLC0415  `--help` does without
    from runback_gate.attest.show import as_json as to_json  # noqa: PLC0415
    from runback_gate.attest.show import lines  # noqa: PLC0415

    others = commands(options, found)
    if as_json:
        terminal.print_json(to_json(found, others))
    else:
        click.echo(lines(found, others), nl=False)
    return found.exit_code
