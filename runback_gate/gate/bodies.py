"""Whole answers and requests of the rows that are not green, each kept once by its digest.

In: what was asked and answered in a row. Out: later the canonical JSON of each. They are kept compressed, those of a
row together, with those of the first one as the dictionary (RFC 1951): what a gate asks is mostly the same text again.

    bodies = Bodies()
    (name, data) = body(response)               # "sha256:…", b'{"text":…}'
    bodies.keep({name: data})
    bodies.get(name)                            # b'{"text":…}'
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from runback_gate.canonical import compact, digest_bytes
from runback_gate.frozen import dataclass
from runback_gate.step import to_canonical

_SHORT: Final = 512
"""Bytes from which it is worth it to compress."""
_LEVEL, _MEMORY = 3, 6
"""Of zlib: of all that were tried these take the least time, and give a third less than level 1."""
_BARE: Final = -zlib.MAX_WBITS
"""Without head and checksum, which would be reckoned over the dictionary, too, each time."""


def body(value: object) -> tuple[str, bytes]:
    """The canonical JSON of a request or an answer, behind its digest."""
    data = to_canonical(value)
    return digest_bytes(data), data


@dataclass(frozen=True, slots=True)
class _Pack:
    """What was said in one row."""

    names: tuple[str, ...]
    data: bytes
    """A line of canonical JSON for each, which has no line end in it."""
    packed: bool
    """Whether it is compressed."""


@dataclass(slots=True)
class Bodies:
    """What was said in full, by digest."""

    _packs: dict[str, _Pack] = field(default_factory=dict)
    _first: bytes = b""
    _packer: Any = field(default=None, repr=False, compare=False)
    """Has taken in the dictionary, and nothing else."""
    _opened: tuple[_Pack | None, dict[str, bytes]] = field(default=(None, {}), repr=False, compare=False)
    """The pack that was asked for last, and what is in it: who asks for one mostly asks for the others."""

    def keep(self, bodies: Mapping[str, bytes]) -> None:
        """Keep what was said in a row: canonical JSON by its digest."""
        new = {name: data for name, data in bodies.items() if name not in self._packs}
        if new:
            data = b"\n".join(new.values())
            packed = len(data) >= _SHORT
            pack = _Pack(tuple(new), self._packed(data) if packed else compact(data), packed)
            self._packs.update(dict.fromkeys(new, pack))

    def _packed(self, data: bytes) -> bytes:
        if self._packer is None:
            self._first = compact(data)
            self._packer = zlib.compressobj(_LEVEL, wbits=_BARE, memLevel=_MEMORY, zdict=self._first)
        # To take the dictionary in takes longer than to pack a row.
        packer = self._packer.copy()
        packed: bytes = packer.compress(data) + packer.flush()
        return packed

    def get(self, name: str) -> bytes | None:
        """The canonical JSON of a value, or None where it was not kept."""
        pack = self._packs.get(name)
        if pack is None:
            return None
        if self._opened[0] is not pack:
            data = zlib.decompressobj(_BARE, self._first).decompress(pack.data) if pack.packed else pack.data
            found = {}
            for each in pack.names:
                # `split` looks at every byte by itself.
                found[each], _, data = data.partition(b"\n")
            self._opened = pack, found
        return self._opened[1][name]
