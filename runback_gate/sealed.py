"""Entries that a folder keeps: canonical JSON with its digest and, where there is a key, the seal of whoever wrote it.

In: the body of an entry, and the key of the seals. Out: its bytes, and back.

    data = seal_entry({"format": "runback.response/v1", "trial": 0}, key)
    open_entry(data, key)                       # {"format": "runback.response/v1", "trial": 0}

A digest shows damage, a seal (HMAC-SHA-256) shows who wrote.
"""

from __future__ import annotations

from runback_gate.canonical import JsonValue, canonical_bytes, digest, parse_canonical, seal
from runback_gate.errors import IntegrityError


def seal_entry(body: dict[str, JsonValue], key: bytes | None) -> bytes:
    """The bytes of an entry; without a key it has no seal."""
    sealed: dict[str, JsonValue] = {} if key is None else {"seal": seal(key, canonical_bytes(body))}
    return canonical_bytes({**body, **sealed, "digest": digest(body)})


def open_entry(data: bytes, key: bytes | None) -> dict[str, JsonValue]:
    """The body of an entry; without a key no seal is asked for.

    Raises:
        DocumentError: it is no canonical JSON.
        IntegrityError: it is no entry, was cut or changed, or lacks the seal.
    """
    entry = parse_canonical(data)
    if not isinstance(entry, dict):
        raise IntegrityError("it is no entry")
    body = {field: value for field, value in entry.items() if field not in ("digest", "seal")}
    if entry.get("digest") != digest(body):
        raise IntegrityError("its digest does not match")
    if key is not None and entry.get("seal") != seal(key, canonical_bytes(body)):
        raise IntegrityError("it lacks the seal")
    return body
