"""Signed envelopes (DSSE v1.0.2) and the in-toto statements in them: what results and records are signed in.

In: the JSON of a bundle with one envelope. Out: what the envelope holds, read strictly, and the bytes that a signature
of it covers. Nothing here says whether a signature is right.

    envelope = envelope_of(bundle, "bundle.json")
    key.verify(envelope.signature, pre_authentication(envelope.payload_type, envelope.payload))

Whatever could be changed without a trace is pinned: base64 has one form, there is one signature, and an unknown field
is an error.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from runback_gate.canonical import JsonValue
from runback_gate.errors import DocumentError, Location
from runback_gate.frozen import dataclass

IN_TOTO: Final = "application/vnd.in-toto+json"
"""Payload type of an in-toto statement."""
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
"""`_type` of an in-toto statement."""

Json = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a DSSE envelope holds."""

    payload_type: str
    payload: bytes
    signature: bytes


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """What is signed: the DSSE v1 pre-authentication encoding. Lengths are in bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope_of(bundle: Json, path: str, *, keyid: bool = False) -> Envelope:
    """The envelope of a bundle. With `keyid` the signature has that field, which is empty; else it may be left out.

    Raises:
        DocumentError: not exactly one signature, an unknown or missing field, or base64 in another than its one form.
    """
    known(bundle, ("mediaType", "verificationMaterial", "dsseEnvelope"), "the bundle", path)
    envelope = mapping(bundle["dsseEnvelope"], "dsseEnvelope", path)
    known(envelope, ("payload", "payloadType", "signatures"), "dsseEnvelope", path)
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise DocumentError("the envelope needs exactly one signature", location=Location(path))
    signature = mapping(signatures[0], "signatures[0]", path)
    known(signature, ("sig", "keyid") if keyid or "keyid" in signature else ("sig",), "signatures[0]", path)
    if signature.get("keyid", "") != "":
        raise DocumentError("the envelope names a key of its own", hint="keyid is empty", location=Location(path))
    kind = envelope["payloadType"]
    if not isinstance(kind, str):
        raise DocumentError("payloadType is not text", location=Location(path))
    payload = decoded(envelope["payload"], "payload", path)
    return Envelope(kind, payload, decoded(signature["sig"], "sig", path))


def mapping(value: JsonValue, what: str, path: str) -> Json:
    """A value that must be a JSON object, called `what` in the error."""
    if not isinstance(value, dict):
        raise DocumentError(f"{what} is no JSON object", location=Location(path))
    return value


def known(value: Json, fields: tuple[str, ...], what: str, path: str) -> None:
    """Refuse a JSON object that lacks one of `fields` or has another one."""
    missing = [field for field in fields if field not in value]
    unknown = [field for field in value if field not in fields]
    if missing or unknown:
        fault = f"lacks {missing[0]}" if missing else f"has an unknown field {unknown[0][:80]!r}"
        raise DocumentError(f"{what} {fault}", location=Location(path))


def encoded(data: bytes) -> str:
    """Base64 (RFC 4648 §4), with padding."""
    return base64.b64encode(data).decode()


def decoded(value: JsonValue, what: str, path: str) -> bytes:
    """The bytes of a base64 text; only the text that `encoded` gives is read.

    Raises:
        DocumentError: no text, no base64, or unused bits that are set.
    """
    try:
        data = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError) as error:
        raise DocumentError(f"{what} is not base64", location=Location(path)) from error
    if encoded(data) != value:
        raise DocumentError(f"{what} is not base64", location=Location(path))
    return data
