"""The sequential test: its error and power by counting every series of answers, its verdicts, and what it takes."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.dataset.rates import exact
from runback_gate.dataset.trials import AnyTrials, SequentialTrials, Trials, asks_no_less
from runback_gate.gate.count import Sequential
from runback_gate.gate.more_trials import parse_trials
from runback_gate.gate.sequential import MAX_UNDECIDED, SequentialTest, sequential_test
from tests.examples import examples

DOCS = Path(__file__).parents[2] / "docs"
PLAIN = {"holds": 0.95, "regress": 0.65, "alpha": 0.01}
RATES = st.tuples(st.integers(1, 19), st.integers(1, 19)).filter(lambda pair: pair[0] < pair[1])


def asked(**fields: Any) -> SequentialTrials:
    return SequentialTrials.model_validate({**PLAIN, **fields})


def ends(test: SequentialTest, rate: Fraction, most: int) -> dict[str, Fraction]:
    """What becomes of a case, by walking through every series of answers, without the tables of the test."""

    @cache
    def walk(passed: int, failed: int) -> tuple[Fraction, Fraction]:
        if passed + failed:
            settled = test.settled(passed, failed)
            if settled or passed + failed == most:
                return Fraction(settled == "red"), Fraction(settled == "green")
        good, bad = walk(passed + 1, failed), walk(passed, failed + 1)
        red, green = (rate * one + (1 - rate) * other for one, other in zip(good, bad, strict=True))
        return red, green

    red, green = walk(0, 0)
    return {"red": red, "green": green, "open": 1 - red - green}


@given(
    RATES, st.sampled_from([0.01, 0.05, 0.2]), st.sampled_from([0.5, 0.8, 0.9]), st.integers(1, 60), st.integers(1, 30)
)
@settings(max_examples=examples(60))
def test_errors_are_kept_at_every_rate(
    rates: tuple[int, int], alpha: float, power: float, tests: int, most: int
) -> None:
    """Ever red while the rate is `holds` or more: at most alpha / tests. Ever green while it is `regress` or less: at
    most 1 - power. Wherever it is stopped."""
    low, high = rates
    wanted = asked(regress=low / 20, holds=high / 20, alpha=alpha, maxTrials=most)
    test = dataclasses.replace(sequential_test(wanted, tests), missed=str(round(1 - power, 6)))
    for rate in {high, (high + 20) // 2}:
        assert ends(test, Fraction(rate, 20), most)["red"] <= exact(alpha) / tests
    for rate in {low, low // 2}:
        assert ends(test, Fraction(rate, 20), most)["green"] <= 1 - exact(power)


@pytest.mark.parametrize(
    ("fields", "tests", "most"),
    [({}, 1, 31), ({}, 50, 68), ({"power": 0.95}, 14, 57), ({"holds": 0.9, "regress": 0.5, "alpha": 0.05}, 14, 31)],
)
def test_the_power_is_counted(fields: dict[str, Any], tests: int, most: int) -> None:
    """As many trials as the power takes, and as leave a healthy plan open no more often than it may be red."""
    test = sequential_test(asked(**fields), tests)
    assert test.max_trials == most
    broken, healthy = (ends(test, Fraction(rate), most) for rate in (test.regress, test.holds))
    assert Fraction(test.power) <= broken["red"] < Fraction(test.power) + Fraction(1, 100_000)
    assert broken["red"] >= 1 - Fraction(test.missed)
    assert healthy["open"] <= Fraction(test.alpha) / tests
    *_, last = test.chances(test.regress)
    assert Fraction(last.red, last.whole) == broken["red"]
    fewer = [ends(test, Fraction(rate), most - 1) for rate in (test.regress, test.holds)]
    assert fewer[0]["red"] < 1 - Fraction(test.missed) or fewer[1]["open"] > Fraction(test.alpha) / tests


def test_by_hand() -> None:
    """Five failures are red among 50, since 7^5 = 16,807 is at least 50 / 0.01 and 7^4 = 2,401 is not; seven passes are
    green, since (0.95 / 0.65)^7 = 14.2 is at least 10 and the sixth power is 9.7."""
    test = sequential_test(asked(), 50)
    assert [test.settled(0, failed) for failed in range(1, 6)] == ["", "", "", "", "red"]
    assert [test.settled(passed, 0) for passed in range(1, 8)] == [""] * 6 + ["green"]
    assert (test.fewest, test.share, test.missed) == (7, "0.0002", "0.1")
    assert test.expected() == pytest.approx(9.9958, abs=1e-4)


def test_undecided_trials_count_for_neither_side() -> None:
    """They are passes to what is red and failures to what is green; a few of them end it."""
    test = sequential_test(asked(), 50)
    assert test.settled(7, 0, 0) == "green"
    assert test.settled(7, 0, 1) == ""
    assert test.settled(0, 5, 1) == test.settled(1, 5)
    assert test.fewest > MAX_UNDECIDED


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 3))
def test_one_more_failure_is_never_better(passed: int, failed: int, undecided: int) -> None:
    """Among as many trials."""
    test, order = sequential_test(asked(), 50), ("green", "", "red")
    better = order.index(test.settled(passed + 1, failed, undecided))
    assert better <= order.index(test.settled(passed, failed, undecided + 1))
    assert better <= order.index(test.settled(passed, failed + 1, undecided))


def test_what_may_still_come() -> None:
    """At least what is green if all pass, at most the end, on average what a healthy case takes."""
    count = Sequential(sequential_test(asked(), 50))
    assert (count.least([]), count.most([]), round(count.expected([]), 1)) == (7, 68, 10.0)
    assert (count.needed, count.planned) == (7, 68)
    assert count.test.least(3, 1, 0) == 9
    assert count.extended(9) == count


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"holds": 0.9, "regress": 0.89}, "500 trials do not reach a power of 0.9 with 3 tests"),
        ({"power": 0.9, "maxTrials": 9}, "9 trials do not reach a power of 0.9 with 3 tests"),
    ],
)
def test_a_power_that_cannot_be_had(fields: dict[str, Any], message: str) -> None:
    """Is refused before anything is asked."""
    with pytest.raises(ValueError, match=message):
        sequential_test(asked(**fields), 3)


def test_fewer_trials_state_the_power_they_have() -> None:
    """Where nobody asks for a power, `maxTrials` says what it may cost, and the power follows."""
    found = sequential_test(asked(maxTrials=9), 3)
    assert (found.max_trials, found.power) == (9, "0.394339")
    assert Fraction(found.power) <= ends(found, Fraction(13, 20), 9)["red"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"holds": 0.6}, "regress is 0.65, and must be below holds"),
        ({"alpha": 0.6}, "less than or equal to 0.5"),
        ({"holds": 1.0}, "less than 1"),
        ({"alpha": 0.00000001}, "alpha has more than 6 decimal places"),
        ({"n": 3}, "n"),
    ],
)
def test_what_is_no_test(fields: dict[str, Any], message: str) -> None:
    """Rates the wrong way round, out of bounds, finer than is compared."""
    with pytest.raises(ValueError, match=message):
        asked(**fields)


K_OF_N, ONE = Trials.model_validate({"n": 3, "pass": 2}), Trials()


@pytest.mark.parametrize(
    ("own", "floor", "enough"),
    [
        (asked(), ONE, True),
        (asked(), K_OF_N, False),
        (K_OF_N, asked(), False),
        (asked(), asked(), True),
        (asked(regress=0.8, holds=0.99, power=0.95, alpha=0.001), asked(), True),
        (asked(regress=0.6), asked(), False),
        (asked(holds=0.9), asked(), False),
        (asked(power=0.8), asked(), False),
    ],
)
def test_a_case_asks_for_no_less_than_its_gate(own: AnyTrials, floor: AnyTrials, enough: bool) -> None:
    """What it may be green by is what the gate would find."""
    assert asks_no_less(own, floor) is enough


def test_a_command_line_adds_nothing_to_it() -> None:
    """`--trials` is about k of n."""
    assert parse_trials("9/9").of(asked()) == asked()
    assert parse_trials("auto").of(asked()) == asked()


def test_the_figures_of_the_docs() -> None:
    """What the pages say of 3 of 3 and of the test is what comes out."""
    page, guide = ((DOCS / name).read_text(encoding="utf-8") for name in ("concepts/verdicts.md", "guides/live.md"))
    test = sequential_test(asked(), 50)
    holds, regress = ([*test.chances(rate)] for rate in (test.holds, test.regress))
    taken = sum(found.open / found.whole for found in regress[:-1])
    red, green = 1 - 0.95**3, 0.65**3
    for figure in (f"{red:.1%}", f"{1 - 0.95**150:.2%}", f"{green:.1%}", f"{1 - red:.1%}"):
        assert figure.replace("%", " %") in page
    assert f"{red:.1%} of runs".replace("%", " %") in guide
    healthy, broken = (side[-1].green / side[-1].whole for side in (holds, regress))
    figures = f"at most 1 % | {healthy:.2%} | {test.expected():.1f} |", f"– | {broken:.1%} | {taken:.1f} |"
    for figure in figures:
        assert figure.replace("%", " %").replace("1  %", "1 %") in page
    closer = sequential_test(asked(regress=0.8), 50)
    assert f"`regress: 0.8` takes {closer.expected():.0f} answers" in page
