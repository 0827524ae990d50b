"""Work is bounded: reading four times as much costs at most some five times as much, whichever way a file grows."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from runback_gate.canonical import digest_bytes
from tests.growth import READERS, RULES, Place, attempt, calls, grown, places

FACTOR = 5
SLACK = 3_000
"""Calls that a reader makes once, such as those that fill a cache."""
ROOM = 4 << 20
"""Bytes of memory that do not grow."""


def chosen(name: str, number: int) -> list[tuple[str, Place]]:
    """Rules with a place each, in an order that is the same in every session and follows from nothing."""
    ways = [(rule, path) for rule in RULES for path in places(READERS[name].sample, RULES[rule])]
    return sorted(ways, key=lambda way: digest_bytes(f"{name} {way}".encode()))[:number]


def check(name: str, rule: str, path: Place, size: int, folder: Path) -> None:
    """The sample, grown to a size and to four times the size, is read or refused, in proportion."""
    reader = READERS[name]
    small, large = (grown(reader.sample, path, RULES[rule], count) for count in (size, 4 * size))
    attempt(reader, large, folder)  # what is loaded and cached once is no work of a file
    assert calls(reader, large, folder) <= FACTOR * calls(reader, small, folder) + SLACK, (rule, path)


@pytest.mark.parametrize("name", READERS)
def test_samples_are_read(name: str, tmp_path: Path) -> None:
    """What grows is a file that its reader takes."""
    READERS[name].read(json.dumps(READERS[name].sample).encode(), tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_work_grows_in_proportion(name: str, tmp_path: Path) -> None:
    """Functions that are called are counted, for a few of the ways in which each kind of file can grow."""
    for rule, path in chosen(name, 1):
        check(name, rule, path, 40, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_work_and_memory_grow_in_proportion(name: str, tmp_path: Path) -> None:
    """The same for more ways and larger files, and for the memory that is held at once."""
    for rule, path in chosen(name, 14):
        check(name, rule, path, 150, tmp_path)
    rule, path = chosen(name, 1)[0]
    peaks = []
    for size in (150, 600):
        data = grown(READERS[name].sample, path, RULES[rule], size)
        tracemalloc.start()
        attempt(READERS[name], data, tmp_path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] <= FACTOR * peaks[0] + ROOM, (rule, path)
