"""Signed results that an earlier version wrote: each must verify for ever, also when its authorities are long gone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runback_gate.attest.bundle import bundle_bytes, read_bundle
from runback_gate.attest.keys import load_public_key, new_key, public_pem, sign_payload, verify_payload
from runback_gate.attest.sigstore import read_trust, sign_keyless, verify_keyless
from runback_gate.attest.statement import read_statement, statement_bytes
from runback_gate.attest.verify import Expectations, judge
from runback_gate.dsse import IN_TOTO
from tests.attest.conftest import never, trust_in
from tests.attest.samples import IDENTITY_OF_MAIN, green, statement
from tests.sigstack.stack import COMMIT, IDENTITY, ISSUER, Stack

SPECIMENS = Path(__file__).parents[1] / "specimens" / "v1" / "attestation"
KEYLESS = ("rekor-1", "rekor-2")


@pytest.fixture(scope="module", autouse=True)
def written() -> None:
    """Write the specimens, when somebody asks for it because a new format is released."""
    if not os.environ.get("RUNBACK_NEW_SPECIMENS"):
        return
    SPECIMENS.mkdir(parents=True, exist_ok=True)
    payload, key = statement_bytes(statement(green())), new_key("p256")
    (SPECIMENS / "statement.json").write_bytes(payload)
    (SPECIMENS / "key.pub").write_bytes(public_pem(key.public_key()))
    (SPECIMENS / "key.json").write_bytes(bundle_bytes(sign_payload(key, IN_TOTO, payload)))
    with Stack() as stack:
        (SPECIMENS / "trusted_root.json").write_text(json.dumps(stack.trusted_root(), indent=2) + "\n")
        for rekor, name in enumerate(KEYLESS, 1):
            [bundle] = sign_keyless([payload], stack.token(), trust_in(stack, rekor), pause=never)
            (SPECIMENS / f"{name}.json").write_bytes(bundle_bytes(bundle))


def specimen(name: str) -> bytes:
    """The bytes of a file."""
    return (SPECIMENS / name).read_bytes()


def test_a_statement_is_read() -> None:
    """What was signed is read, and would be written the same today."""
    found = read_statement(specimen("statement.json"), "statement.json")
    assert (found.result, found.facts.number, found.facts.commit) == ("PASSED", 1, COMMIT)
    assert statement_bytes(found) == specimen("statement.json")


def test_a_signature_of_a_key_verifies() -> None:
    """With the public key beside it."""
    bundle = read_bundle(specimen("key.json"), "key.json")
    assert verify_payload(load_public_key(specimen("key.pub")), bundle, IN_TOTO) == specimen("statement.json")


@pytest.mark.parametrize("name", KEYLESS)
def test_a_signature_of_a_workflow_verifies(name: str) -> None:
    """With the trusted root beside it, for both versions of the log: who, when, and that the gate passed."""
    bundle = read_bundle(specimen(f"{name}.json"), name)
    proof = verify_keyless(bundle, read_trust(specimen("trusted_root.json"), "root"), name)
    assert (proof.payload, proof.identity) == (specimen("statement.json"), IDENTITY_OF_MAIN)
    assert proof.time is not None
    found = read_statement(proof.payload, name)
    assert judge(proof, found, Expectations(identity=IDENTITY, issuer=ISSUER)).exit_code == 0
