"""Whole answers and requests of the rows that are not green, each kept once by its digest.

In: an answer or a request. Out: its digest, and later its canonical JSON. They are kept compressed, with the first one
as the dictionary (RFC 1950): what a gate asks is mostly the same text again.

    bodies = Bodies()
    name = bodies.add(response)                 # "sha256:…"
    bodies.get(name)                            # b'{"text":…}'
"""

from __future__ import annotations

import zlib
from dataclasses import field
from typing import Final

from runback_gate.canonical import compact, digest_bytes
from runback_gate.frozen import dataclass
from runback_gate.step import to_canonical

_SHORT: Final = 512
"""Bytes from which it is worth it to compress."""


@dataclass(slots=True)
class Bodies:
    """What was said in full, by digest."""

    _kept: dict[str, bytes] = field(default_factory=dict)
    _first: bytes = b""

    def add(self, value: object) -> str:
        """Keep a request or an answer; the digest of its canonical JSON."""
        data = to_canonical(value)
        return self.add_written(digest_bytes(data), data)

    def add_written(self, name: str, data: bytes) -> str:
        """Keep a value by its canonical JSON and the digest of that, which is given back."""
        if name not in self._kept:
            self._kept[name] = compact(data) if len(data) < _SHORT else self._packed(data)
        return name

    def _packed(self, data: bytes) -> bytes:
        self._first = self._first or compact(data)
        packer = zlib.compressobj(1, zdict=self._first)
        return packer.compress(data) + packer.flush()

    def get(self, name: str) -> bytes | None:
        """The canonical JSON of a value, or None where it was not kept."""
        data = self._kept.get(name)
        # No JSON begins as what zlib makes.
        if data is None or not data.startswith(b"x"):
            return data
        return zlib.decompressobj(zdict=self._first).decompress(data)
