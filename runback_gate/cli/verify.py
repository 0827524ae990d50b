"""`verify`: whether a signed result is to be believed, and whether it passed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.cli import terminal
from runback_gate.cli.attest import repository_url, trust_of
from runback_gate.cli.files import read_file
from runback_gate.cli.keys import public_key
from runback_gate.errors import DocumentError, InputError, IntegrityError, Location

if TYPE_CHECKING:
    from runback_gate.attest.bundle import Json
    from runback_gate.attest.proof import Proof
    from runback_gate.attest.show import Given
    from runback_gate.attest.statement import Statement
    from runback_gate.attest.verify import Verification, Wanted

    Prove = Callable[[Json, str], Proof]

GITHUB = "https://github.com/"
GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
MAX_FILE_BYTES = 64 << 20


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
    from runback_gate.attest.show import Given  # noqa: PLC0415  `--help` does without
    from runback_gate.attest.statement import REPORT_NAME  # noqa: PLC0415
    from runback_gate.attest.verify import Wanted  # noqa: PLC0415

    needless = key is not None and (trigger or issuer or trust_config or offline or allow_pull_request)
    issuer = _issuer(key, identity, issuer, needless=bool(needless))
    wanted = Wanted(
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
    found = _verified(bundle, history, prove, wanted)
    trust = trust_config.as_posix() if trust_config else None
    shown = report.as_posix() if report else REPORT_NAME
    return _say(found, Given(bundle.as_posix(), shown, identity, issuer, key, trust, is_config), as_json=as_json)


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


def _say(found: Verification, given: Given, *, as_json: bool) -> int:
    from runback_gate.attest.show import as_json as value  # noqa: PLC0415
    from runback_gate.attest.show import commands, lines  # noqa: PLC0415

    others = commands(given, found.proof)
    if as_json:
        terminal.print_json(value(found, others))
    else:
        click.echo(lines(found, others), nl=False)
    return found.exit_code


def _prover(key: str | None, trust_config: Path | None, *, offline: bool) -> tuple[Prove, bool]:
    """How a signature is verified, and whether the trust came as a whole client configuration."""
    from runback_gate.attest.bundle import IN_TOTO  # noqa: PLC0415
    from runback_gate.attest.proof import Proof  # noqa: PLC0415

    if key is None:
        from runback_gate.attest.sigstore import verify_keyless  # noqa: PLC0415  half a second

        trust = trust_of(trust_config, offline=offline)
        return lambda bundle, path: verify_keyless(bundle, trust, path), trust.config is not None
    from runback_gate.attest.keys import key_digest, verify_payload  # noqa: PLC0415

    public = public_key(key)

    def prove(bundle: Json, path: str) -> Proof:
        return Proof(verify_payload(public, bundle, IN_TOTO, path=path), key=key_digest(public))

    return prove, False


def _verified(path: Path, history: Iterable[Path], prove: Prove, wanted: Wanted) -> Verification:
    from runback_gate.attest.history import trace  # noqa: PLC0415
    from runback_gate.attest.show import invalid  # noqa: PLC0415
    from runback_gate.attest.statement import read_statement  # noqa: PLC0415
    from runback_gate.attest.verify import judge  # noqa: PLC0415

    bundle = _read(path)
    try:
        proof = prove(bundle, path.as_posix())
    except (IntegrityError, DocumentError) as error:
        return invalid(str(error))
    statement = read_statement(proof.payload, path.as_posix())
    others, faults = _earlier(history, prove, wanted)
    found = trace(statement, others, faults) if others or faults else None
    return judge(proof, statement, wanted, found)


def _earlier(history: Iterable[Path], prove: Prove, wanted: Wanted) -> tuple[list[Statement], list[str]]:
    """The other results of the branch, and what is wrong with those that the same reader would not believe."""
    from runback_gate.attest.statement import read_statement  # noqa: PLC0415
    from runback_gate.attest.verify import signer_faults  # noqa: PLC0415

    statements, faults = [], []
    for path in _files(history):
        name, bundle = path.as_posix(), _read(path)
        try:
            proof = prove(bundle, name)
        except (IntegrityError, DocumentError) as error:
            faults.append(str(error))
            continue
        faults += [f"{name}: {fault.message}" for fault in signer_faults(proof, wanted)]
        statements.append(read_statement(proof.payload, name))
    return statements, faults


def _files(paths: Iterable[Path]) -> Iterable[Path]:
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


def _read(path: Path) -> Json:
    from runback_gate.attest.bundle import MAX_BUNDLE_BYTES, read_bundle  # noqa: PLC0415

    return read_bundle(read_file(path, MAX_BUNDLE_BYTES, hint="`runback-gate attest` writes it"), path.as_posix())
