"""Whatever is changed in a signed record is found, and on its line: tens of thousands of changes, none accepted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from random import Random  # noqa: TID251  seeded, so it is no chance

import pytest

from runback_gate.errors import RunbackError
from tests.audit.conftest import verified
from tests.audit.mutations import LINES, Change, byte_changes, json_changes, line_changes, rewritten


def outcome(changes: Iterator[Change]) -> tuple[int, int, list[str]]:
    """How many changes were made and how many found on their line; and those that were accepted or named no line."""
    made = located = 0
    wrong = []
    for lines, numbers in changes:
        if lines == LINES:
            continue
        made += 1
        try:
            found = verified(lines)
        except RunbackError as error:
            wrong.append(str(error))
            continue
        if found.status != "invalid" or found.fault is None:
            wrong.append(f"{found.status}, changed in {sorted(numbers)[:3]}")
        else:
            located += found.fault.line in numbers
    return made, located, wrong


def test_the_record_is_valid() -> None:
    """Nothing was changed yet."""
    assert verified(LINES).status == "valid"
    assert len(LINES) > 70


@pytest.mark.slow
def test_a_sample_of_changes() -> None:
    """Some changes of every kind: each is found, and 99 of 100 on the right line."""
    chance = Random(1)
    made, located, wrong = outcome(byte_changes(chance, step=37))
    assert (wrong, located / made >= 0.99) == ([], True)
    made, located, wrong = outcome(islice(line_changes(chance), 0, None, 17))
    assert (wrong, located / made >= 0.99) == ([], True)
    made, located, wrong = outcome(islice(json_changes(), 0, None, 7))
    assert (wrong, located / made >= 0.99) == ([], True)


def test_a_record_that_was_made_without_the_key() -> None:
    """A record that agrees with itself is refused where it is not the one that was signed."""
    made, _, wrong = outcome(rewritten())
    assert (made > 20, wrong) == (True, [])


@pytest.mark.slow
def test_every_change() -> None:
    """More than 20,000 changes, to every byte and every line: none is accepted, 99 of 100 are found on their line."""
    chance = Random(2)
    counts = [outcome(changes) for changes in (byte_changes(chance), line_changes(chance), json_changes())]
    assert [wrong for _, _, wrong in counts] == [[], [], []]
    made, located = sum(item[0] for item in counts), sum(item[1] for item in counts)
    assert made >= 20_000
    assert located / made >= 0.99, f"{located} of {made}"
