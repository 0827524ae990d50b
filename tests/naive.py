"""RFC 9162 as it is written, without any care for speed."""

from __future__ import annotations

import hashlib


def naive_root(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962, 2.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:half]) + naive_root(leaves[half:])).digest()
