"""Bundles are read strictly: whatever no signature covers has one form."""

from __future__ import annotations

import json

import pytest

from runback_gate.attest.bundle import MAX_BUNDLE_BYTES, MEDIA_TYPE, bundle_bytes, read_bundle
from runback_gate.dsse import Json, decoded, encoded, envelope_of
from runback_gate.errors import DocumentError


def bundle(**envelope: object) -> Json:
    """A bundle whose signature is nothing but bytes."""
    signed = {"payload": encoded(b"hello"), "payloadType": "text/plain", "signatures": [{"keyid": "", "sig": "AAAA"}]}
    return {"mediaType": MEDIA_TYPE, "verificationMaterial": {}, "dsseEnvelope": {**signed, **envelope}}  # type: ignore[dict-item]


def test_what_is_written_is_read() -> None:
    """A bundle and its envelope come back as they were."""
    assert read_bundle(bundle_bytes(bundle()), "b") == bundle()
    envelope = envelope_of(bundle(), "b")
    assert (envelope.payload_type, envelope.payload, envelope.signature) == ("text/plain", b"hello", b"\0\0\0")


def test_the_key_id_may_be_left_out() -> None:
    """Other signers leave the empty key id out."""
    assert envelope_of(bundle(signatures=[{"sig": "AAAA"}]), "b").signature == b"\0\0\0"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "b:1:1: not valid JSON"),
        (b"[]", "b: the bundle is no JSON object"),
        (b"{}\n", "b: not a Sigstore bundle v0.3"),
        (b'{"mediaType":"text/plain"}\n', "b: not a Sigstore bundle v0.3"),
        (b'{"mediaType":1,"mediaType":1}', "b:1:16: duplicate key"),
        (b"x" * (MAX_BUNDLE_BYTES + 1), "b: larger than 16,777,216 bytes"),
        (bundle_bytes(bundle())[:-1], "b: the bundle is not in canonical form"),
        (json.dumps(bundle(), indent=2).encode(), "b: the bundle is not in canonical form (it was reformatted; `jq"),
    ],
)
def test_other_files_are_refused(data: bytes, message: str) -> None:
    """What is no bundle, or not written as one is, is refused with its reason."""
    with pytest.raises(DocumentError) as refused:
        read_bundle(data, "b")
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({**bundle(), "more": 1}, "b: the bundle has an unknown field 'more'"),
        ({"mediaType": MEDIA_TYPE, "dsseEnvelope": {}}, "b: the bundle lacks verificationMaterial"),
        ({**bundle(), "dsseEnvelope": []}, "b: dsseEnvelope is no JSON object"),
        (bundle(more=1), "b: dsseEnvelope has an unknown field 'more'"),
        (bundle(signatures=[]), "b: the envelope needs exactly one signature"),
        (bundle(signatures={}), "b: the envelope needs exactly one signature"),
        (bundle(signatures=[{"sig": "AAAA"}] * 2), "b: the envelope needs exactly one signature"),
        (bundle(signatures=["AAAA"]), "b: signatures[0] is no JSON object"),
        (bundle(signatures=[{"keyid": ""}]), "b: signatures[0] lacks sig"),
        (bundle(signatures=[{"sig": "AAAA", "cert": ""}]), "b: signatures[0] has an unknown field 'cert'"),
        (bundle(signatures=[{"sig": "AAAA", "keyid": "k"}]), "b: the envelope names a key of its own"),
        (bundle(payloadType=None), "b: payloadType is not text"),
        (bundle(payload=None), "b: payload is not base64"),
        (bundle(payload="aGVsbG8"), "b: payload is not base64"),
        (bundle(payload="aGVs bG8="), "b: payload is not base64"),
        (bundle(payload="aGVsbG9="), "b: payload is not base64"),
        (bundle(payload="ä"), "b: payload is not base64"),
    ],
)
def test_other_envelopes_are_refused(changed: Json, message: str) -> None:
    """More or less than one signed payload in its one form is refused with its reason."""
    with pytest.raises(DocumentError) as refused:
        envelope_of(changed, "b")
    assert str(refused.value).startswith(message)


def test_base64_has_one_form() -> None:
    """What is written is read, also where nothing is."""
    assert [decoded(encoded(data), "x", "b") for data in (b"", b"a", bytes(range(256)))] == [
        b"",
        b"a",
        bytes(range(256)),
    ]
