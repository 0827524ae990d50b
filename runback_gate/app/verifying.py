"""Say whether a signed result is to be believed, and whether it passed.

In: a bundle, who must have signed it, and what the reader expects. Out: `Verification`.

    found = verify(File("attestation.json", data), public_key, Expectations(report=report))
    found.status, found.exit_code
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from runback_gate.app.signing import File, read_named
from runback_gate.attest.bundle import MAX_BUNDLE_BYTES, read_bundle
from runback_gate.attest.history import build_history
from runback_gate.attest.keys import PublicKey, key_digest, verify_payload
from runback_gate.attest.proof import Proof
from runback_gate.attest.statement import Statement, read_statement
from runback_gate.attest.verify import Expectations, Verification, invalid, judge, signer_faults
from runback_gate.documents.folders import entries
from runback_gate.dsse import IN_TOTO, Json
from runback_gate.errors import DocumentError, InputError, IntegrityError, Location

if TYPE_CHECKING:
    from runback_gate.attest.sigstore import Trust

Prove: TypeAlias = Callable[[Json, str], Proof]
"""Proves the signature of a bundle, whose name stands in errors."""


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
        yield from (read_named(file, MAX_BUNDLE_BYTES, "`runback-gate attest` writes it") for file in files)


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
