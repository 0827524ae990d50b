"""Reads a message of the wire once, however many bodies repeat it.

In: the function that reads one message, of its JSON and its place in the body. Out: the same function, which gives the
value of an earlier call for JSON that is equal to the last byte.

    @remembered
    def _message(wire, place): ...

Each call of a model repeats the conversation before it, so most messages of a body were read before. The place stands
in errors alone, and an error is not remembered.
"""

from __future__ import annotations

import functools
import marshal
from collections.abc import Callable
from typing import Any, Final, TypeVar

MAX_MESSAGE: Final = 64 << 10
"""Longest message that is remembered, in bytes."""
MAX_REMEMBERED: Final = 4 << 20
"""Bytes of messages that a reader remembers, and as many again that it has not met since."""

T = TypeVar("T")


def remembered(read: Callable[[Any, str], T]) -> Callable[[Any, str], T]:
    """The function, which must give the same value wherever its message stands; nobody may change what it gives."""
    recent: dict[bytes, T] = {}
    older: dict[bytes, T] = {}
    held = 0

    @functools.wraps(read)
    def reader(wire: Any, place: str) -> T:
        nonlocal recent, older, held
        # Of version 2: without references, so that equal JSON has equal bytes; 1, 1.0 and true differ.
        key = marshal.dumps(wire, 2)
        known = recent.get(key)
        if known is not None:
            return known
        found = older.get(key)
        if found is None:
            found = read(wire, place)
        if len(key) <= MAX_MESSAGE:
            held += len(key)
            if held > MAX_REMEMBERED:
                recent, older, held = {}, recent, len(key)
            recent[key] = found
        return found

    return reader
