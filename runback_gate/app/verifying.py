"""Says whether a signed result can be believed, and whether it passed.

In: a bundle, who must have signed it, and what the reader expects. Out: `Verification`.

    found = verify(File("attestation.json", data), public_key, Expectations(report=report))
    found.status, found.exit_code
    verify_file(Path("attestation.json"), ExpectedFiles(key="acme.pub"), os.environ).commands
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from runback_gate.app.keys import public_key
from runback_gate.app.signing import File, load_trust, read_named
from runback_gate.attest.bundle import MAX_BUNDLE_BYTES, read_bundle
from runback_gate.attest.commands import GITHUB, GITHUB_ISSUER, VerifyOptions, commands
from runback_gate.attest.history import build_history
from runback_gate.attest.keys import PublicKey, key_digest, verify_payload
from runback_gate.attest.proof import Proof
from runback_gate.attest.statement import Statement, read_statement
from runback_gate.attest.verify import Expectations, Verification, invalid, judge, signer_faults
from runback_gate.canonical import is_git_id
from runback_gate.documents.folders import entries
from runback_gate.documents.named_files import read_file
from runback_gate.dsse import IN_TOTO, Json
from runback_gate.errors import DocumentError, InputError, IntegrityError, Location
from runback_gate.frozen import dataclass
from runback_gate.github.job import repository_url

if TYPE_CHECKING:
    from runback_gate.attest.sigstore import Trust

MAX_FILE_BYTES = 64 << 20
_WRITTEN_BY = "`runback-gate attest` writes it"

Prove: TypeAlias = Callable[[Json, str], Proof]
"""Proves the signature of a bundle, whose name stands in errors."""


@dataclass(frozen=True, slots=True)
class ExpectedFiles:
    """Who must have signed a file, and what the result must be of, by the names that a person gives."""

    report: Path | None = None
    agents: tuple[Path, ...] = ()
    identity: str | None = None
    """The whole name in the certificate; None where a key must have signed."""
    issuer: str | None = None
    """Who must have vouched for the identity; None for GitHub, where the identity is one of its own."""
    key: str | None = None
    """Public key: a file, or env:NAME."""
    trust_config: Path | None = None
    """Sigstore to trust; None for the public one."""
    offline: bool = False
    """Trust what was fetched of the public Sigstore before."""
    repository: str | None = None
    """`owner/name` on GitHub, or a URL."""
    ref: str | None = None
    commit: str | None = None
    trigger: str | None = None
    pull_requests: bool = False
    """Whether a workflow of a pull request may have signed."""
    history: tuple[Path, ...] = ()
    """Other results of the branch: bundles, or folders of them."""


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """What verifying a file found, and what other people's tools verify the same with."""

    found: Verification
    commands: tuple[str, ...]


def parse_commit(text: str) -> str:
    """The full id of a commit; raises ValueError for what is none."""
    if not is_git_id(text):
        raise ValueError("not a full commit id: 40 or 64 hexadecimal digits, lower case")
    return text


def has_issuer(identity: str) -> bool:
    """Whether an identity says by itself who vouches for it."""
    return identity.startswith(GITHUB)


def verify_file(path: Path, expected: ExpectedFiles, environ: Mapping[str, str]) -> VerifiedFile:
    """Verify the signed result of a file.

    Raises:
        InputError: a file cannot be read, or is no bundle, key or trust configuration.
        SigningError: the public trust could not be fetched.
    """
    issuer = expected.issuer or (None if expected.identity is None else GITHUB_ISSUER)
    is_config = False
    if expected.key is not None:
        prove = prove_by_key(public_key(expected.key, environ))
    else:
        trust = load_trust(expected.trust_config, offline=expected.offline)
        prove, is_config = prove_by_trust(trust), trust.config is not None
    bundle = read_named(path, MAX_BUNDLE_BYTES, _WRITTEN_BY)
    found = verify(bundle, prove, _expectations(expected, issuer), read_bundles(expected.history))
    names = tuple(agent.as_posix() for agent in expected.agents)
    report, trusted = (item.as_posix() if item else None for item in (expected.report, expected.trust_config))
    given = VerifyOptions(path.as_posix(), report, names, expected.identity, issuer, expected.key, trusted, is_config)
    return VerifiedFile(found, commands(given, found))


def _expectations(expected: ExpectedFiles, issuer: str | None) -> Expectations:
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


def verify(bundle: File, prove: Prove, expected: Expectations, others: Iterable[File] = ()) -> Verification:
    """Verify a signed result, and put it among the other results of its branch.

    Raises:
        InputError: what was given is no bundle, or needs another way to verify it.
    """
    value = read_bundle(bundle.data, bundle.name)
    try:
        proof = prove(value, bundle.name)
    except (IntegrityError, DocumentError) as error:
        return invalid(str(error))
    statement = read_statement(proof.payload, bundle.name)
    earlier, faults = _earlier(others, prove, expected)
    history = build_history(statement, earlier, faults) if earlier or faults else None
    return judge(proof, statement, expected, history)


def read_bundles(paths: Iterable[Path]) -> Iterator[File]:
    """The bundles that a person named, and those of the folders among them.

    Raises:
        InputError: a file cannot be read, or a folder has no bundle.
    """
    for path in paths:
        files = [path]
        if path.is_dir():
            files = [item for item in entries(path) if item.suffix == ".json"]
            if not files:
                raise InputError("no bundle in it", hint="bundles end in .json", location=Location(path.as_posix()))
        yield from (read_named(file, MAX_BUNDLE_BYTES, _WRITTEN_BY) for file in files)


def prove_by_key(key: PublicKey) -> Prove:
    """Signatures of a key, which the reader chose."""
    return lambda bundle, path: Proof(verify_payload(key, bundle, IN_TOTO, path=path), key=key_digest(key))


def prove_by_trust(trust: Trust) -> Prove:
    """Signatures of certificates that a Sigstore issued."""
    from runback_gate.attest.sigstore import verify_keyless  # noqa: PLC0415  half a second

    return lambda bundle, path: verify_keyless(bundle, trust, path)


def _earlier(files: Iterable[File], prove: Prove, expected: Expectations) -> tuple[list[Statement], list[str]]:
    """The other results of the branch, and what is wrong with those that the same reader would not believe."""
    statements, faults = [], []
    for file in files:
        bundle = read_bundle(file.data, file.name)
        try:
            proof = prove(bundle, file.name)
        except (IntegrityError, DocumentError) as error:
            faults.append(str(error))
            continue
        faults += [f"{file.name}: {fault.message}" for fault in signer_faults(proof, expected)]
        statements.append(read_statement(proof.payload, file.name))
    return statements, faults
