"""The search for the smallest set of parts: exact without noise, right nine times of ten with it, never without end."""

from __future__ import annotations

import random  # noqa: TID251  seeded
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.cause import prob_dd
from runback_gate.replay.delta import Noise, minimal_set

CLEAN = Noise(0.94, 0.017)


def search(
    parts: int, noise: Noise, shows: Callable[[frozenset[int]], bool], most: int = 10_000
) -> tuple[frozenset[int] | None, int]:
    """What is found, and by how many tests."""
    asked, tests = minimal_set(parts, noise, most), 0
    try:
        keep = next(asked)
        while True:
            tests += 1
            keep = asked.send(shows(keep))
    except StopIteration as end:
        found: frozenset[int] | None = end.value
        return found, tests


def needs(cause: frozenset[int]) -> Callable[[frozenset[int]], bool]:
    """A behaviour that shows with these parts."""
    return lambda keep: cause <= keep


def noisy(cause: frozenset[int], chance: random.Random) -> Callable[[frozenset[int]], bool]:
    """One that shows in nine of ten trials with them, and in one of fifty without."""
    return lambda keep: chance.random() < (0.9 if cause <= keep else 0.02)


@given(st.lists(st.booleans(), max_size=60))
def test_without_noise_it_is_exact(needed: list[bool]) -> None:
    """Whatever the size of the context and of its cause, none to all of it."""
    cause = frozenset(place for place, is_needed in enumerate(needed) if is_needed)
    assert search(len(needed), CLEAN, needs(cause))[0] == cause


@pytest.mark.parametrize("parts", [20, 61, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("needed", [1, 2, 3])
def test_with_noise_nine_of_ten_are_exact(parts: int, needed: int) -> None:
    """A model that breaks the rule in nine of ten trials with its cause, and in one of fifty without it."""
    exact, seeds = 0, 60 if parts > 100 else 20
    for seed in range(seeds):
        chance = random.Random(seed)
        cause = frozenset(chance.sample(range(parts), needed))
        exact += search(parts, CLEAN, noisy(cause, chance))[0] == cause
    assert exact >= 0.9 * seeds


def test_it_takes_at_most_half_as_many_tests_again_as_plain_probdd() -> None:
    """On planted causes of one to four of 61 parts, the first three answers of a cause included."""
    ours = plain = 0
    for seed in range(40):
        chance = random.Random(seed)
        cause = frozenset(chance.sample(range(61), 1 + seed % 4))
        ours += search(61, CLEAN, needs(cause))[1] + 3
        found, tests = prob_dd(61, needs(cause))
        assert found == cause
        plain += tests
    assert ours <= 1.5 * plain


@given(st.integers(1, 40), st.integers(0, 50), st.randoms(use_true_random=False), st.floats(0, 1))
def test_it_ends_whatever_the_answers(parts: int, most: int, chance: random.Random, rate: float) -> None:
    """After so many tests at the most, with a set or with none."""
    found, tests = search(parts, CLEAN, lambda _: chance.random() < rate, most)
    assert tests <= most
    assert found is None or found <= frozenset(range(parts))
