"""Trials that a command line asks for beyond what gate, dataset and case ask for; it never asks for less.

In: `--trials` of a command. Out: `MoreTrials`, which says what a case then asks for.

    parse_trials("2/3").of(asked)
"""

from __future__ import annotations

import contextlib

from runback_gate.dataset.rates import MAX_TRIALS
from runback_gate.dataset.trials import AnyTrials, Trials
from runback_gate.frozen import dataclass


@dataclass(frozen=True, slots=True)
class MoreTrials:
    """Trials beyond those that the files ask for."""

    trials: Trials | None = None
    """k of n for every case that asks for no more."""
    cap: int = 0
    """Add trials up to this number while the interval leaves the outcome open; 0 adds none."""

    def of(self, asked: AnyTrials) -> AnyTrials:
        """What a case asks for, unless this asks for at least as many and as large a part of them; a sequential test
        stays as it is."""
        more = self.trials
        if more is None or not isinstance(asked, Trials):
            return asked
        return asked if more.n < asked.n or more.needed * asked.n < asked.needed * more.n else more


def parse_trials(text: str) -> MoreTrials:
    """`auto`, `auto:20`, or `2/3` (two of three; `3/2` says the same).

    Raises:
        ValueError: none of these, or out of bounds.
    """
    with contextlib.suppress(ValueError):
        head, colon, tail = text.partition(":")
        if head == "auto":
            cap = int(tail) if colon else 20
            if 2 <= cap <= MAX_TRIALS:
                return MoreTrials(cap=cap)
        one, _, other = text.partition("/")
        needed, planned = sorted((int(one), int(other)))
        if 1 <= needed <= planned <= MAX_TRIALS:
            return MoreTrials(Trials.model_validate({"n": planned, "pass": needed}))
    raise ValueError(f"{text[:40]!r} is not a number of trials (auto, auto:20, or 2/3 for two of three)")
