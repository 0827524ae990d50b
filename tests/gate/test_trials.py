"""How sure a count is: the interval against known values and its laws, and when more trials are worth it."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.dataset.trials import Trials
from runback_gate.gate.more_trials import MoreTrials, parse_trials
from runback_gate.gate.trials import Interval, bounds, enough, straddles, wilson
from runback_gate.gate.verdict import Verdict, settle, settle_more

COUNTS = st.integers(1, 100).flatmap(lambda counted: st.tuples(st.integers(0, counted), st.just(counted)))


def asks(needed: int, planned: int) -> Trials:
    return Trials.model_validate({"n": planned, "pass": needed})


@pytest.mark.parametrize(
    ("passed", "counted", "low", "high"),
    [
        (8, 10, 0.49016247, 0.94331785),
        (0, 10, 0.0, 0.27753280),
        (10, 10, 0.72246720, 1.0),
        (1, 3, 0.06149194, 0.79234040),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_known_values(passed: int, counted: int, low: float, high: float) -> None:
    """The values that statistics packages and textbooks (Newcombe 1998, 81 of 263) give."""
    found = bounds(passed, counted)
    assert [float(item) for item in found] == pytest.approx([low, high], abs=5e-5)


def test_for_people() -> None:
    """Four places, rounded outwards; of nothing everything is possible."""
    assert wilson(8, 10) == Interval("0.4901", "0.9434")
    assert wilson(0, 0) == Interval("0.0000", "1.0000")


@given(COUNTS)
def test_the_interval_holds_the_rate(count: tuple[int, int]) -> None:
    """It lies within 0 and 1, holds the rate that was seen, and mirrors when passes and failures are exchanged."""
    passed, counted = count
    low, high = bounds(passed, counted)
    assert 0 <= low <= Decimal(passed) / counted <= high <= 1
    assert low < high
    other = bounds(counted - passed, counted)
    assert [float(low), float(high)] == pytest.approx([1 - float(other[1]), 1 - float(other[0])])


@given(COUNTS, st.integers(2, 20))
def test_more_trials_of_the_same_rate_say_more(count: tuple[int, int], times: int) -> None:
    """The interval shrinks."""
    (low, high), (lower, higher) = bounds(count[0] * times, count[1] * times), bounds(*count)
    assert high - low < higher - lower


@given(COUNTS)
def test_the_formula(count: tuple[int, int]) -> None:
    """It is the formula as it stands in books, worked out with floats."""
    passed, counted = count
    z, rate = 1.959963984540054, passed / counted
    middle = (rate + z * z / (2 * counted)) / (1 + z * z / counted)
    width = z / (1 + z * z / counted) * math.sqrt(rate * (1 - rate) / counted + z * z / (4 * counted**2))
    assert [float(item) for item in bounds(passed, counted)] == pytest.approx([middle - width, middle + width])


@given(COUNTS)
def test_a_threshold_of_all_is_never_open(count: tuple[int, int]) -> None:
    """Where every trial must pass, no further trial can make a failure good."""
    assert not straddles(*count, needed=3, planned=3)


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("auto", MoreTrials(cap=20)),
        ("auto:5", MoreTrials(cap=5)),
        ("2/3", MoreTrials(asks(2, 3))),
        ("3/2", MoreTrials(asks(2, 3))),
    ],
)
def test_the_option(text: str, more: MoreTrials) -> None:
    """What may be written."""
    assert parse_trials(text) == more


@pytest.mark.parametrize("text", ["", "auto:", "auto:1", "auto:101", "3", "0/3", "1/101", "a/b", "1/2/3", "autos"])
def test_the_option_refuses(text: str) -> None:
    """What may not."""
    with pytest.raises(ValueError, match=r".+"):
        parse_trials(text)


@pytest.mark.parametrize(
    ("asked", "more", "got"),
    [
        ((1, 1), (2, 3), (1, 1)),
        ((1, 1), (3, 3), (3, 3)),
        ((2, 3), (4, 6), (4, 6)),
        ((2, 3), (3, 6), (2, 3)),
        ((2, 3), (2, 2), (2, 3)),
        ((1, 2), (1, 1), (1, 2)),
    ],
)
def test_never_less(asked: tuple[int, int], more: tuple[int, int], got: tuple[int, int]) -> None:
    """A case is asked at least as often, and at least as large a part must pass, as the files say."""
    assert MoreTrials(asks(*more)).of(asks(*asked)) == asks(*got)
    assert MoreTrials().of(asks(*asked)) == asks(*asked)


def walk(outcomes: str, needed: int, planned: int, cap: int) -> tuple[Verdict | None, int]:
    """The verdict over a row of outcomes (p, f, u), and how many of them it took."""
    for count in range(1, len(outcomes) + 1):
        seen = outcomes[:count]
        verdict = settle_more(seen.count("p"), seen.count("f"), seen.count("u"), needed, planned, cap)
        if verdict is not None:
            return verdict, count
    return None, len(outcomes)


@pytest.mark.parametrize(
    ("outcomes", "verdict", "took"),
    [
        ("pppppppppp", "PASS", 4),
        ("ffffffffff", "FAIL", 4),
        ("pfpfpfpfpfpf", "PASS", 10),
        ("fpfpfpfpff", "FAIL", 10),
        ("pu", "PASS", 2),
        ("pfu", "UNDECIDED", 3),
        ("uu", "UNDECIDED", 2),
    ],
)
def test_until_it_is_clear(outcomes: str, verdict: str, took: int) -> None:
    """One of two, at most ten: the interval settles it, or the cap; an undecided trial ends it."""
    assert walk(outcomes, 1, 2, 10) == (Verdict(verdict), took)


@given(st.text("pfu", min_size=1, max_size=12), st.integers(1, 5), st.integers(0, 4))
def test_no_cap_is_k_of_n(outcomes: str, needed: int, spare: int) -> None:
    """Without a cap above n nothing changes."""
    passed, failed, undecided = (outcomes.count(kind) for kind in "pfu")
    planned = needed + spare
    found = settle_more(passed, failed, undecided, needed, planned, planned)
    assert found == settle(passed, failed, undecided, needed, planned)


@given(st.text("pf", min_size=20, max_size=20), st.integers(1, 4), st.integers(0, 3))
def test_it_always_ends_on_the_right_side(outcomes: str, needed: int, spare: int) -> None:
    """At the cap at the latest there is a verdict, and past n it is the part that passed that decides."""
    planned = needed + spare
    verdict, took = walk(outcomes, needed, planned, 20)
    assert verdict in (Verdict.PASS, Verdict.FAIL)
    if took > planned:
        assert enough(outcomes[:took].count("p"), took, needed, planned) is (verdict is Verdict.PASS)


@given(st.text("pf", min_size=20, max_size=20), st.integers(0, 19))
def test_one_failure_more_never_helps(outcomes: str, place: int) -> None:
    """To turn a pass into a failure makes no case pass that failed."""
    worse = outcomes[:place] + "f" + outcomes[place + 1 :]
    if walk(outcomes, 2, 3, 20)[0] is Verdict.FAIL:
        assert walk(worse, 2, 3, 20)[0] is Verdict.FAIL
