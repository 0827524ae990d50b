"""Whole answers and requests of the rows that are not green, each kept once by its digest.

In: an answer or a request. Out: its digest, and later its canonical JSON. They are kept compressed: what a gate asks is
mostly the same text again.

    bodies = Bodies()
    name = bodies.add(response)                 # "sha256:…"
    bodies.get(name)                            # b'{"text":…}'
"""

from __future__ import annotations

import zlib
from dataclasses import field
from typing import Final

from runback_gate.canonical import digest_bytes
from runback_gate.frozen import dataclass
from runback_gate.step import to_canonical

_SHORT: Final = 512
"""Bytes from which it is worth it to compress."""


@dataclass(slots=True)
class Bodies:
    """What was said in full, by digest."""

    _kept: dict[str, bytes] = field(default_factory=dict)

    def add(self, value: object) -> str:
        """Keep a request or an answer; the digest of its canonical JSON."""
        data = to_canonical(value)
        return self.add_written(digest_bytes(data), data)

    def add_written(self, name: str, data: bytes) -> str:
        """Keep a value by its canonical JSON and the digest of that, which is given back."""
        if name not in self._kept:
            self._kept[name] = data if len(data) < _SHORT else zlib.compress(data, 1)
        return name

    def get(self, name: str) -> bytes | None:
        """The canonical JSON of a value, or None where it was not kept."""
        data = self._kept.get(name)
        # No JSON begins as what zlib makes.
        return zlib.decompress(data) if data is not None and data.startswith(b"x") else data
