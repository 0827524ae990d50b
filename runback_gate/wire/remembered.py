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

T = TypeVar("T")
_Key = bytes | tuple[tuple[str, str], ...]


class Reader(Generic[T]):
    """The function, which must give the same value wherever its message stands; nobody may change what it gives."""

    def __init__(self, read: Callable[[Any, str], T]) -> None:
        self._read = read
        self._recent: dict[_Key, T] = {}
        self._older: dict[_Key, T] = {}
        self._held = 0

    def __call__(self, wire: Any, place: str) -> T:
        """What is read of one message."""
        known = self._recent.get(key := _key(wire))
        return self._met(key, wire, place) if known is None else known

    def each(self, items: list[Any], place: str) -> list[T]:
        """The same of all messages of a list."""
        recent = self._recent.get
        found: list[T] = []
        for wire in items:
            known = recent(key := _key(wire))
            if known is None:
                known = self._met(key, wire, f"{place}[{len(found)}]")
                recent = self._recent.get
            found.append(known)
        return found

    def _met(self, key: _Key, wire: Any, place: str) -> T:
        found = self._older.get(key)
        if found is None:
            found = self._read(wire, place)
        size = len(key) if isinstance(key, bytes) else sum(len(name) + len(text) for name, text in key)
        if size <= MAX_MESSAGE:
            self._held += size
            if self._held > MAX_REMEMBERED:
                self._recent, self._older, self._held = {}, self._recent, size
            self._recent[key] = found
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
