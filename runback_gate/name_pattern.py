"""Patterns of names, as policies match agents and providers list models: `*` is any characters, `?` is one.

In: a pattern and a name, or two patterns. Out: whether one takes the other. Nothing else is wild, upper and lower case
differ, and a pattern takes the whole name.

    matches_name("support-*", "support-eu")     # True
    covers("s*", "support-?")                   # True: whatever the second takes, the first takes too
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

MAX_STATES: Final = 10_000
"""States that a comparison of two patterns visits; beyond them neither is said to cover the other."""

_FRESH: Final = ""
# A character that no pattern names: only a wild one takes it, so what takes it takes every other in its place.


def matches_name(pattern: str, name: str) -> bool:
    """Whether a pattern takes a name."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def covers(wide: str, narrow: str) -> bool:
    """Whether a pattern takes every name that another one takes; `False` also where that would take too long to say.

    `narrow` is read as the names it takes, with a fresh character in each wild place, and `wide` as the automaton that
    must accept all of them.
    """
    start = (0, _closed(wide, (0,)))
    seen, open_states = {start}, [start]
    while open_states:
        index, states = open_states.pop()
        if not states or len(seen) > MAX_STATES:
            return False
        if index == len(narrow):
            if len(wide) not in states:
                return False
            continue
        part = narrow[index]
        after = _step(wide, states, _FRESH if part in "*?" else part)
        following = [(index, after), (index + 1, states)] if part == "*" else [(index + 1, after)]
        for state in following:
            if state not in seen:
                seen.add(state)
                open_states.append(state)
    return True


def _step(pattern: str, states: Iterable[int], char: str) -> frozenset[int]:
    """Where the automaton of a pattern may stand after one more character."""
    reached = []
    for state in states:
        part = pattern[state] if state < len(pattern) else None
        if part == "*":
            reached.append(state)
        elif part == "?" or (part == char and part is not None):
            reached.append(state + 1)
    return _closed(pattern, reached)


def _closed(pattern: str, states: Iterable[int]) -> frozenset[int]:
    """The states with those behind a `*` that takes nothing, without those that a later `*` makes needless."""
    closed = set(states)
    for state in tuple(closed):
        while state < len(pattern) and pattern[state] == "*":
            state += 1
            closed.add(state)
    # Whatever leads on from an earlier state also leads on from a later `*`, which takes the way there.
    last = max((state for state in closed if state < len(pattern) and pattern[state] == "*"), default=0)
    return frozenset(state for state in closed if state >= last)
