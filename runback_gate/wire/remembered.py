"""Reads a message of the wire once, however many bodies repeat it.

In: the function that reads one message, of its JSON and its place in the body. Out: the same function, which gives the
value of an earlier call for JSON that is equal to the last byte.

    @remembered
    def _message(wire, place): ...

Each call of a model repeats the conversation before it, so most messages of a body were read before. The place stands
in errors alone, and an error is not remembered.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

MAX_MESSAGE: Final = 64 << 10
"""Longest message that is remembered, in bytes."""
MAX_REMEMBERED: Final = 4 << 20
"""Bytes of messages that a reader remembers, and as many again that it has not met since."""
_TEXTS: Final = frozenset((str,))

K = TypeVar("K")
T = TypeVar("T")
_Key = bytes | tuple[tuple[str, str], ...]


class Kept(Generic[K, T]):
    """Values by key, up to `MAX_REMEMBERED` bytes of what they say, and as many again that were not met since."""

    def __init__(self) -> None:
        self.recent: dict[K, T] = {}
        self.older: dict[K, T] = {}
        self._held = 0

    def find(self, key: K) -> T | None:
        """The value of a key; None where it is not kept."""
        found = self.recent.get(key)
        return self.older.get(key) if found is None else found

    def keep(self, key: K, value: T, size: int) -> None:
        """Keep a value of so many bytes, unless it is longer than `MAX_MESSAGE`."""
        if size > MAX_MESSAGE:
            return
        self._held += size
        if self._held > MAX_REMEMBERED:
            self.recent, self.older, self._held = {}, self.recent, size
        self.recent[key] = value


class Reader(Generic[T]):
    """The function, which must give the same value wherever its message stands; nobody may change what it gives."""

    def __init__(self, read: Callable[[Any, str], T]) -> None:
        self._read = read
        self._kept: Kept[_Key, T] = Kept()

    def __call__(self, wire: Any, place: str) -> T:
        """What is read of one message."""
        known = self._kept.recent.get(key := _key(wire))
        return self._met(key, wire, place) if known is None else known

    def each(self, items: list[Any], place: str) -> list[T]:
        """The same of all messages of a list."""
        recent = self._kept.recent.get
        found: list[T] = []
        for wire in items:
            known = recent(key := _key(wire))
            if known is None:
                known = self._met(key, wire, f"{place}[{len(found)}]")
                recent = self._kept.recent.get
            found.append(known)
        return found

    def _met(self, key: _Key, wire: Any, place: str) -> T:
        found = self._kept.find(key)
        if found is None:
            found = self._read(wire, place)
        size = len(key) if isinstance(key, bytes) else sum(len(name) + len(text) for name, text in key)
        self._kept.keep(key, found, size)
        return found


def _key(wire: Any) -> _Key:
    """What is equal for JSON that is equal to the last byte, and for no other."""
    # Of a text Python knows the hash, so that texts alone are their own key.
    if type(wire) is dict and _TEXTS.issuperset(map(type, wire.values())):
        return tuple(wire.items())
    # Of version 2: without references, so that equal JSON has equal bytes; 1, 1.0 and true differ.
    return marshal.dumps(wire, 2)


def remembered(read: Callable[[Any, str], T]) -> Reader[T]:
    """The reader of a function."""
    return Reader(read)
