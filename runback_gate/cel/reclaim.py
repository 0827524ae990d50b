"""Gives back what cel-expr-python 0.1.3 keeps of each call of a function in Python (decision 0060).

In: the box, the one list in which a function of ours gets its arguments. Out: the arguments; the box has them no more.

    box = [text, phrase]
    unpack(box)             # (text, phrase)

The binding makes a tuple of the box for the call and never releases it. So each box is marked, and after `EVERY` calls
the tuples of marked boxes lose the reference that nobody has: only those that have exactly one, and only where a call
for that purpose shows that the binding keeps them. Of a binding that releases its tuples nothing is touched. The tuple
of a call that still runs in another thread may go as well: its arguments are in the frame of the call by then.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

EVERY = 20_000
"""Calls between two looks; some 3 MB are kept until then."""

_MARK = object()
_state = {"calls": 0}


def unpack(box: list[Any]) -> tuple[Any, ...]:
    """The arguments in a box, which is marked in their place."""
    _state["calls"] += 1
    arguments = tuple(box)
    box[:] = (_MARK,)
    return arguments


def due() -> bool:
    """Whether it is time to look; true once for each `EVERY` calls."""
    if _state["calls"] < EVERY:
        return False
    _state["calls"] = 0
    return True


def keeps_tuples(call: Callable[[Callable[[list[Any]], bool]], object]) -> bool:
    """Whether the binding keeps the tuple of a call; `call` lets it call the function that it is given, once."""
    boxes: list[list[Any]] = []

    def seen(box: list[Any]) -> bool:
        boxes.append(box)
        return True

    call(seen)
    return any(type(item) is tuple and len(item) == 1 for box in boxes for item in gc.get_referrers(box))


def reclaim() -> int:
    """Release the tuples of marked boxes, and give their number. Only where `keeps_tuples`, and not within a call."""
    # Imported here: most processes end before.
    import ctypes  # noqa: PLC0415

    release = ctypes.pythonapi.Py_DecRef
    release.argtypes, release.restype = [ctypes.py_object], None
    kept = [item for item in gc.get_objects() if type(item) is tuple and len(item) == 1 and _is_marked(item[0])]
    # How many references one has that nobody but the list holds.
    (own,) = _references([([_MARK],)])
    counts = _references(kept)
    for item, count in zip(kept, counts, strict=True):
        if count == own + 1:
            release(item)
    return sum(count == own + 1 for count in counts)


def _is_marked(value: object) -> bool:
    return type(value) is list and len(value) == 1 and value[0] is _MARK


def _references(items: list[tuple[Any, ...]]) -> list[int]:
    return [sys.getrefcount(item) for item in items]
