"""`verify`: whether a signed result is to be believed, and whether it passed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.cli import terminal
from runback_gate.cli.attest import trust_of
from runback_gate.cli.keys import public_key
from runback_gate.documents.named_files import read_file
from runback_gate.errors import InputError, Location
from runback_gate.github.job import repository_url

if TYPE_CHECKING:
    from runback_gate.app.signing import File
    from runback_gate.app.verifying import Prove
    from runback_gate.attest.commands import VerifyOptions
    from runback_gate.attest.verify import Verification

GITHUB = "https://github.com/"
GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
MAX_FILE_BYTES = 64 << 20
MAX_BUNDLE_BYTES = 16 << 20


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="The report it is of.")
@click.option(
    "--agent",
    "agents",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    multiple=True,
    help="An agent file it is of; may repeat.",
)
@click.option("--identity", metavar="NAME", help="Who must have signed: the whole name in the certificate.")
@click.option("--issuer", metavar="URL", help="Who must have vouched for it (for github.com: its Actions).")
@click.option("--key", metavar="KEY", help="Public key that must have signed: a file, or env:NAME.")
@click.option(
    "--trust-config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Sigstore to trust (the public one).",
)
@click.option("--offline", is_flag=True, help="Trust what was fetched of the public Sigstore before.")
@click.option("--repository", metavar="O/R|URL", help="Repository it must be of.")
@click.option("--ref", metavar="REF", help="Ref it must be of.")
@click.option("--commit", metavar="SHA", help="Commit it must be of.")
@click.option("--trigger", metavar="EVENT", help="Event that must have started the workflow, such as push.")
@click.option("--allow-pull-request", is_flag=True, help="A workflow of a pull request may have signed.")
@click.option(
    "--history",
    type=click.Path(path_type=Path),
    metavar="FILE|FOLDER",
    multiple=True,
    help="Other results of the branch; may repeat.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(
    bundle: Path,
    report: Path | None,
    agents: tuple[Path, ...],
    identity: str | None,
    issuer: str | None,
    key: str | None,
    trust_config: Path | None,
    offline: bool,
    repository: str | None,
    ref: str | None,
    commit: str | None,
    trigger: str | None,
    allow_pull_request: bool,
    history: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Say whether a signed result is to be believed, and whether it passed.

    Who must have signed is given by --identity, or by --key. Names are compared whole.

    Exit codes: 0 signed and passed, 1 invalid, 2 could not be verified, 3 signed but not passed.
    """
    from runback_gate.app.signing import File  # noqa: PLC0415  `--help` does without
    from runback_gate.app.verifying import verify as verified  # noqa: PLC0415
    from runback_gate.attest.commands import VerifyOptions  # noqa: PLC0415
    from runback_gate.attest.verify import Expectations  # noqa: PLC0415

    needless = key is not None and (trigger or issuer or trust_config or offline or allow_pull_request)
    issuer = _issuer(key, identity, issuer, needless=bool(needless))
    _whole_commit(commit)
    expected = Expectations(
        identity=identity,
        issuer=issuer,
        repository=repository_url(repository) if repository else None,
        ref=ref,
        commit=commit,
        trigger=trigger,
        pull_requests=allow_pull_request,
        report=read_file(report, MAX_FILE_BYTES) if report else None,
        files=tuple((path.as_posix(), read_file(path, MAX_FILE_BYTES)) for path in agents),
    )
    prove, is_config = _prover(key, trust_config, offline=offline)
    data = read_file(bundle, MAX_BUNDLE_BYTES, hint="`runback-gate attest` writes it")
    found = verified(File(bundle.as_posix(), data), prove, expected, _others(history))
    names = tuple(path.as_posix() for path in agents)
    trust = trust_config.as_posix() if trust_config else None
    shown = report.as_posix() if report else None
    options = VerifyOptions(bundle.as_posix(), shown, names, identity, issuer, key, trust, is_config)
    return _say(found, options, as_json=as_json)


def _whole_commit(commit: str | None) -> None:
    from runback_gate.canonical import is_git_id  # noqa: PLC0415  `--help` does without

    if commit is not None and not is_git_id(commit):
        message = f"--commit {commit[:80]}: not a full commit id: 40 or 64 hexadecimal digits, lower case"
        raise click.UsageError(message, click.get_current_context())


def _issuer(key: str | None, identity: str | None, issuer: str | None, *, needless: bool) -> str | None:
    """Who must have vouched for the identity; refuses what says too little or too much."""
    context = click.get_current_context()
    if (key is None) == (identity is None):
        raise click.UsageError("say who must have signed: --identity or --key", context)
    if needless:
        raise click.UsageError("a key has no issuer, no trust root and no trigger", context)
    if identity is None or issuer is not None:
        return issuer
    if not identity.startswith(GITHUB):
        raise click.UsageError("--identity needs --issuer", context)
    return GITHUB_ISSUER


def _say(found: Verification, options: VerifyOptions, *, as_json: bool) -> int:
    from runback_gate.attest.commands import commands  # noqa: PLC0415  `--help` does without
    from runback_gate.attest.show import as_json as value  # noqa: PLC0415
    from runback_gate.attest.show import lines  # noqa: PLC0415

    others = commands(options, found)
    if as_json:
        terminal.print_json(value(found, others))
    else:
        click.echo(lines(found, others), nl=False)
    return found.exit_code


def _prover(key: str | None, trust_config: Path | None, *, offline: bool) -> tuple[Prove, bool]:
    """How a signature is verified, and whether the trust came as a whole client configuration."""
    from runback_gate.app.verifying import prove_by_key, prove_by_trust  # noqa: PLC0415  40 ms

    if key is not None:
        return prove_by_key(public_key(key)), False
    trust = trust_of(trust_config, offline=offline)
    return prove_by_trust(trust), trust.config is not None


def _others(paths: Iterable[Path]) -> Iterator[File]:
    """The bundles that were named, and those of the folders among them."""
    from runback_gate.app.signing import File  # noqa: PLC0415  `--help` does without

    for path in _files(paths):
        yield File(path.as_posix(), read_file(path, MAX_BUNDLE_BYTES, hint="`runback-gate attest` writes it"))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        try:
            files = sorted(item for item in path.iterdir() if item.suffix == ".json")
        except OSError as error:
            raise InputError(f"cannot be listed: {error.strerror}", location=Location(path.as_posix())) from error
        if not files:
            raise InputError("no bundle in it", hint="bundles end in .json", location=Location(path.as_posix()))
        yield from files
