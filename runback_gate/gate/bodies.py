"""Whole answers and requests of the rows that are not green, each kept once by its digest.

In: an answer or a request. Out: its digest, and later its canonical JSON. They are kept compressed: what a gate asks is
mostly the same text again.

    bodies = Bodies()
    name = bodies.add(to_json(response))        # "sha256:…"
    bodies.get(name)                            # b'{"text":…}'
"""

from __future__ import annotations

import zlib
from dataclasses import field

from runback_gate.canonical import JsonValue, canonical_bytes, digest_bytes
from runback_gate.frozen import dataclass


@dataclass(slots=True)
class Bodies:
    """What was said in full, by digest."""

    _kept: dict[str, bytes] = field(default_factory=dict)

    def add(self, value: JsonValue) -> str:
        """Keep a value; the digest of its canonical JSON."""
        data = canonical_bytes(value)
        return self.add_written(digest_bytes(data), data)

    def add_written(self, name: str, data: bytes) -> str:
        """Keep a value by its canonical JSON and the digest of that, which is given back."""
        if name not in self._kept:
            self._kept[name] = zlib.compress(data, 1)
        return name

    def get(self, name: str) -> bytes | None:
        """The canonical JSON of a value, or None where it was not kept."""
        data = self._kept.get(name)
        return None if data is None else zlib.decompress(data)
