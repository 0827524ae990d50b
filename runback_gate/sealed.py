"""Entries that a folder keeps: canonical JSON with its digest and, where there is a key, the seal of whoever wrote it.

In: the body of an entry, and the key of the seals. Out: its bytes, and back.

    data = seal_entry({"format": "runback.response/v1", "trial": 0}, key)
    open_entry(data, key)                       # {"format": "runback.response/v1", "trial": 0}

A digest shows damage, a seal (HMAC-SHA-256) shows who wrote.
"""

from __future__ import annotations

from collections.abc import Mapping

from runback_gate.canonical import JsonValue, canonical_bytes, digest_bytes, made_bytes, parse_canonical, seal
from runback_gate.errors import IntegrityError


def seal_entry(body: Mapping[str, JsonValue], key: bytes | None) -> bytes:
    """The bytes of an entry; without a key it has no seal."""
    # Every field is written once, for the digest, the seal and the entry.
    return seal_fields({name: canonical_bytes(value) for name, value in body.items()}, key)


def seal_fields(fields: Mapping[str, bytes], key: bytes | None) -> bytes:
    """The same of fields whose canonical bytes are known; their names are ASCII."""
    bare = _joined(fields)
    sealed = {} if key is None else {"seal": made_bytes(seal(key, bare))}
    return _joined({**fields, **sealed, "digest": made_bytes(digest_bytes(bare))})


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
    stated, bare = b'{"digest":"%b",' % str(entry.get("digest")).encode(), b""
    if "seal" not in entry and data.startswith(stated):
        bare = b"{" + data[len(stated) :]  # what is canonical is so without its first field
    bare = bare or canonical_bytes(body)
    if entry.get("digest") != digest_bytes(bare):
        raise IntegrityError("its digest does not match")
    if key is not None and entry.get("seal") != seal(key, bare):
        raise IntegrityError("it lacks the seal")
    return body


def _joined(fields: Mapping[str, bytes]) -> bytes:
    return b"{%b}" % b",".join([b'"%b":%b' % (name.encode(), fields[name]) for name in sorted(fields)])
