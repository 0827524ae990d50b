"""Bundles with a part changed, taken away or added are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runback_gate.attest.keys import new_key, sign_payload
from runback_gate.attest.sigstore import verify_keyless
from runback_gate.attest.statement import statement_bytes
from runback_gate.dsse import Json, encoded
from runback_gate.errors import DocumentError, InputError, IntegrityError
from tests.attest.bundles import PAYLOAD, edited, entry, material, stamps
from tests.attest.conftest import trust_in
from tests.attest.samples import red, statement
from tests.sigstack.stack import Stack

IN_TOTO = "application/vnd.in-toto+json"

pytestmark = pytest.mark.usefixtures("no_job")

EDITS: dict[str, Callable[[Any], object]] = {
    "another payload": lambda b: b["dsseEnvelope"].update(payload=encoded(statement_bytes(statement(red())))),
    "another type": lambda b: b["dsseEnvelope"].update(payloadType="text/plain"),
    "another signature": lambda b: b["dsseEnvelope"]["signatures"][0].update(sig=encoded(b"0" * 70)),
    "no certificate": lambda b: material(b).pop("certificate"),
    "two log entries": lambda b: material(b).update(tlogEntries=[entry(b)] * 2),
    "no timestamps": lambda b: material(b).pop("timestampVerificationData"),
    "an empty list of timestamps": lambda b: stamps(b).clear(),
    "a timestamp twice": lambda b: stamps(b).append(stamps(b)[0]),
    "a broken timestamp": lambda b: stamps(b)[0].update(signedTimestamp=encoded(b"0")),
    "an unknown field": lambda b: material(b).update(more=1),
    "an empty field": lambda b: material(b).update(x509CertificateChain=None),
    "another place in the log": lambda b: entry(b).update(logIndex="77"),
    "a place with a zero before it": lambda b: entry(b).update(logIndex="0" + entry(b)["logIndex"]),
    "another log": lambda b: entry(b)["logId"].update(keyId=encoded(b"0" * 32)),
    "a log that nobody knows": lambda b: entry(b)["logId"].update(
        keyId=entry(b)["logId"]["keyId"][:8] + encoded(b"0" * 26)
    ),
    "another kind": lambda b: entry(b)["kindVersion"].update(kind="intoto"),
    "no checkpoint": lambda b: entry(b)["inclusionProof"].pop("checkpoint"),
    "no proof": lambda b: entry(b).pop("inclusionProof"),
    "another root": lambda b: entry(b)["inclusionProof"].update(rootHash=encoded(b"0" * 32)),
    "another size": lambda b: entry(b)["inclusionProof"].update(treeSize="99"),
    "another time": lambda b: entry(b).update(integratedTime="1700000000"),
    "base64 with a line end": lambda b: material(b)["certificate"].update(
        rawBytes=material(b)["certificate"]["rawBytes"] + "\n"
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("rekor", [1, 2])
def test_edits_are_refused(services: Stack, signed: dict[int, Json], rekor: int, edit: Callable[[Any], object]) -> None:
    """No part of a bundle can be changed, taken away or added."""
    with pytest.raises((IntegrityError, DocumentError)):
        verify_keyless(edited(signed[rekor], edit), trust_in(services, rekor), "b")


@pytest.mark.parametrize(
    "edit", [lambda b: material(b).update(tlogEntries=[]), lambda b: material(b).pop("tlogEntries")]
)
def test_a_bundle_without_a_log(services: Stack, signed: dict[int, Json], edit: Callable[[Any], object]) -> None:
    """GitHub makes such bundles for private repositories: they cannot be verified here, and it says what can."""
    with pytest.raises(InputError, match=r"names no transparency log \(.*`gh attestation verify`"):
        verify_keyless(edited(signed[2], edit), trust_in(services), "b")


def test_the_time_of_an_old_log_needs_its_signature(services: Stack, signed: dict[int, Json]) -> None:
    """A log's own time without its promise is no time."""
    for edit in (lambda b: entry(b).pop("inclusionPromise"), lambda b: entry(b).pop("integratedTime")):
        with pytest.raises(IntegrityError, match="the log's time has no signature of its own"):
            verify_keyless(edited(signed[1], edit), trust_in(services, 1), "b")


def test_a_key_is_no_certificate(services: Stack) -> None:
    """A bundle of a key is refused with the option that it needs."""
    with pytest.raises(InputError, match=r"was signed with a key, not a certificate \(verify it with --key\)"):
        verify_keyless(sign_payload(new_key("p256"), IN_TOTO, PAYLOAD), trust_in(services), "b")
