"""Timestamps (RFC 3161) over a signature, each of which must verify.

In: responses of a timestamp authority in DER, the signature, the certificates of the authorities that are trusted.
Out: the times at which the signature is proven to have existed.

    stamped_times(responses, signature, authorities, "bundle.json")     # (2026-11-23T07:40:12Z,)

The signature of a response does not cover all of it. What it leaves open is pinned here, so that no byte of a response
can be changed unseen.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Final

from cryptography import x509
from rfc3161_client import TimeStampResponse, VerificationError, VerifierBuilder, decode_timestamp_response

from runback_gate.errors import IntegrityError, Location
from runback_gate.frozen import dataclass

MAX_STAMPS: Final = 32

# Object identifiers in DER: digests, and the signature algorithms that go with each.
_ECDSA: Final = bytes.fromhex("06082a8648ce3d0403")
_RSA: Final = bytes.fromhex("06092a864886f70d0101")
_SIGNATURES: Final = {
    bytes.fromhex("0609608648016503040201"): (_ECDSA + b"\x02", _RSA + b"\x01", _RSA + b"\x0b"),
    bytes.fromhex("0609608648016503040202"): (_ECDSA + b"\x03", _RSA + b"\x01", _RSA + b"\x0c"),
    bytes.fromhex("0609608648016503040203"): (_ECDSA + b"\x04", _RSA + b"\x01", _RSA + b"\x0d"),
}
_SEQUENCE: Final = 0x30
_NULL: Final = b"\x05\x00"
_CMS_VERSION: Final = 3
_SIGNER_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Authority:
    """A timestamp authority that is trusted."""

    chain: tuple[x509.Certificate, ...]
    """The one that signs first, the root last."""
    start: datetime.datetime
    end: datetime.datetime | None
    """While it was trusted; None: it still is."""


def within(start: datetime.datetime, end: datetime.datetime | None, times: Iterable[datetime.datetime]) -> bool:
    """Whether every time lies in a stated validity: a closed range, open after `start` when `end` is None."""
    return all(start <= time and (end is None or time <= end) for time in times)


def stamped_times(
    responses: Sequence[bytes], signature: bytes, authorities: Sequence[Authority], path: str
) -> tuple[datetime.datetime, ...]:
    """The times that the responses prove, one each. `path` names the bundle in errors.

    Raises:
        IntegrityError: there is no response, or one does not verify with any authority.
    """
    place = Location(path)
    if not responses:
        hint = "without one, nothing proves when the signature was made"
        raise IntegrityError("the signature has no timestamp", hint=hint, location=place)
    if len(responses) > MAX_STAMPS:
        raise IntegrityError(f"more than {MAX_STAMPS} timestamps", location=place)
    times = []
    for data in responses:
        try:
            response = decode_timestamp_response(data)
            pinned = response.as_bytes() == data and _pinned(response)
        except ValueError as error:
            raise IntegrityError("a timestamp cannot be read", location=place) from error
        if not pinned:
            raise IntegrityError("a timestamp is not in the form that its signature covers", location=place)
        if not any(_verifies(response, signature, authority) for authority in authorities):
            hint = "the signature, the time or the authority differs"
            raise IntegrityError("a timestamp does not verify", hint=hint, location=place)
        times.append(response.tst_info.gen_time)
    return tuple(times)


def _verifies(response: TimeStampResponse, signature: bytes, authority: Authority) -> bool:
    if len(authority.chain) < 2:
        return False
    builder = VerifierBuilder().tsa_certificate(authority.chain[0]).add_root_certificate(authority.chain[-1])
    for certificate in authority.chain[1:-1]:
        builder = builder.add_intermediate_certificate(certificate)
    try:
        builder.build().verify_message(response, signature)
    except (VerificationError, ValueError):
        return False
    return within(authority.start, authority.end, [response.tst_info.gen_time])


def _pinned(response: TimeStampResponse) -> bool:
    """Whether the parts that no signature covers have the one form that goes with those that it does (RFC 5652)."""
    signers = response.signed_data.signer_infos
    if response.signed_data.version != _CMS_VERSION or [item.version for item in signers] != [_SIGNER_VERSION]:
        return False
    # ContentInfo, [0], SignedData; its last part is the set of signers.
    signed_data = _parts(_parts(_parts(response.time_stamp_token())[0][1])[1][1])[0][1]
    signer = _parts(_parts(signed_data)[-1][1])[0][1]
    parts = _parts(signer)
    if len(parts) != 6:
        return False
    _, _, digest, _, algorithm, _ = parts
    allowed = _SIGNATURES.get(_identifier(digest), ())
    return _identifier(algorithm) in allowed


def _identifier(algorithm: tuple[int, bytes]) -> bytes:
    """The object identifier of an AlgorithmIdentifier without parameters, in DER; empty for any other."""
    tag, content = algorithm
    return content.removesuffix(_NULL) if tag == _SEQUENCE else b""


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    """The values in some DER, one after the other: tag and content. It was parsed before: its lengths add up."""
    found, at = [], 0
    while at < len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            width = size & 0x7F
            size = int.from_bytes(data[at : at + width], "big")
            at += width
        found.append((tag, data[at : at + size]))
        at += size
    return found
