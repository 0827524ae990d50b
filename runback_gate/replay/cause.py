"""Which parts of a step's context make the model show a behaviour, such as breaking a rule.

In: a `Step`, a predicate on what was asked and answered. Out: by way of the answers that it asks for, a `Cause`.

    ((_, found),) = live([partial(find_cause, step, breaks)])
    found.verdict, [found.parts[place].place for place in found.cause]          # "cause", ["system ¶ 7", "message 18"]

First the whole context and the bare question are asked: a behaviour that does not show, or shows without any context,
has no cause in it. Then the parts are searched (`replay.delta`). What was found is asked again, with these parts alone
and with all the others, and is claimed only where chance explains the difference in less than one of `1 / ALPHA` cases.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Generator
from dataclasses import field, replace
from fractions import Fraction
from typing import Final, Literal

from runback_gate.errors import ErrorKind
from runback_gate.frozen import dataclass
from runback_gate.replay.bisect import Breaks, why_missing
from runback_gate.replay.delta import EXPECTED, Noise, minimal_set
from runback_gate.replay.evidence import Answer, Query, compare_requests
from runback_gate.replay.parts import ContextPart, parts_of, with_parts
from runback_gate.step import Request, Response, Step

Verdict = Literal["cause", "enough", "no claim", "could not tell"]
"""`cause`: shows with these parts alone, and not without them. `enough`: these parts do it alone, and the rest does it
too. `no claim`: chance may explain what was seen. `could not tell`: a model gave no answer, the budget was spent, or
the answers vary too much for the search to end."""

ALPHA: Final = Fraction(1, 1000)
"""How likely chance alone may be to give a difference that is claimed."""
LOOKS: Final = 2
"""How often a difference is looked for, each time with `ALPHA / LOOKS`."""
TRIALS: Final = 10
"""Of each confirmation, where nobody says another number."""

_FIRST = 2
_MOST_FIRST = 6
"""Trials of the whole context before the search: more where it does not always show the behaviour."""
_SHOWN, _BARE = 1.76, 0.05
"""What two more trials, of the whole context and of none, are taken to have shown: few answers are not all there is."""
_OPEN = 0.4
"""Difference of the rates from which on more trials may show that it is none of chance."""
_LEAST_GAP = 0.4
"""Least difference that whole and bare context must have for a search to end in reasonable time."""
_UNASKABLE: frozenset[ErrorKind] = frozenset(("refused", "context too long"))
"""What a provider says of a context that cannot be asked: it shows nothing. All else ends the search."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often the behaviour showed."""

    shown: int
    trials: int


@dataclass(frozen=True, slots=True)
class Cause:
    """What came of the search."""

    verdict: Verdict
    why: str
    """Why nothing is claimed; empty where something is."""
    parts: tuple[ContextPart, ...]
    """All parts of the context."""
    cause: tuple[int, ...] = ()
    """Places of the parts that make the difference."""
    whole: Rate = Rate(0, 0)
    """With the whole context."""
    bare: Rate = Rate(0, 0)
    """Without any part."""
    alone: Rate = Rate(0, 0)
    """With the parts of the cause alone."""
    without: Rate = Rate(0, 0)
    """With all parts but those."""
    asked: int = 0
    """Answers that this took, those of the cache included."""
    smallest: Request | None = None
    """The request with these parts alone."""
    answer: Response | None = None
    """An answer to it that shows the behaviour."""


def expected_calls(parts: int, trials: int = TRIALS) -> int:
    """About how many answers a search takes: measured on planted causes of two parts."""
    return _FIRST + 1 + math.ceil(EXPECTED * 2.1 * math.log2(max(parts, 2))) + 2 * trials


def most_calls(parts: int, trials: int = TRIALS) -> int:
    """The most answers that a search takes."""
    return _MOST_FIRST + 3 + _most_tests(parts) + 5 * trials


def _most_tests(parts: int) -> int:
    return 40 + 3 * parts


class _NoAnswerError(Exception):
    """A model gave no answer, so nothing can be said."""


@dataclass
class _Bench:
    """What is asked of a context, and how often it was."""

    step: Step
    breaks: Breaks
    parts: tuple[ContextPart, ...]
    trials: int
    asked: Counter[str] = field(default_factory=Counter)
    """By digest of the request: each answer is another trial of it."""
    broken: dict[frozenset[int], Response] = field(default_factory=dict)

    def shows(self, keep: Collection[int]) -> Generator[Query, Answer, bool]:
        """Whether one answer to these parts shows the behaviour."""
        question = compare_requests(self.step, with_parts(self.step.request, self.parts, keep))
        number, total = self.asked[question.digest], self.asked.total()
        self.asked[question.digest] += 1
        least, most = (count(len(self.parts), self.trials) - total for count in (expected_calls, most_calls))
        answer = yield Query(self.step, question, number, fresh=True, least=max(least, 1), most=max(most, 1))
        if answer.response is None or answer.response.error is not None:
            if answer.error in _UNASKABLE:
                return False
            raise _NoAnswerError(why_missing(question, answer))
        shown = self.breaks(question.request, answer.response)
        if shown:
            self.broken[frozenset(keep)] = answer.response
        return shown

    def rate(self, keep: Collection[int], trials: int) -> Generator[Query, Answer, Rate]:
        """How many of so many answers show it."""
        shown = 0
        for _ in range(trials):
            shown += yield from self.shows(keep)
        return Rate(shown, trials)


def find_cause(step: Step, breaks: Breaks, trials: int = TRIALS) -> Generator[Query, Answer, Cause]:
    """Search the smallest set of parts that still shows the behaviour, and confirm it.

    Args:
        step: its request is what is asked, its model the one that is.
        breaks: whether an answer shows the behaviour.
        trials: of each of the two confirmations.
    """
    bench = _Bench(step, breaks, parts_of(step.request), trials)
    try:
        found = yield from _searched(bench)
    except _NoAnswerError as error:
        found = Cause("could not tell", str(error), bench.parts)
    return replace(found, asked=bench.asked.total())


def _searched(bench: _Bench) -> Generator[Query, Answer, Cause]:
    everything = frozenset(range(len(bench.parts)))
    whole = yield from _first_rate(bench, everything)
    bare = yield from bench.rate((), 1)
    if bare.shown:
        bare = _sum(bare, (yield from bench.rate((), 2)))
    noise = Noise((whole.shown + _SHOWN) / (whole.trials + 2), (bare.shown + _BARE) / (bare.trials + 2))
    if not whole.shown:
        why = f"the model did not do it in {whole.trials} trials with the whole context"
        return Cause("no claim", why, bench.parts, whole=whole, bare=bare)
    if noise.present - noise.absent < _LEAST_GAP:
        why = "the model does it about as often without any of the context"
        return Cause("no claim", why, bench.parts, whole=whole, bare=bare)
    search = minimal_set(len(bench.parts), noise, _most_tests(len(bench.parts)))
    cause = yield from _tested(bench, search)
    if cause is None:
        return Cause("could not tell", "its answers vary too much", bench.parts, whole=whole, bare=bare)
    return (yield from _confirmed(bench, cause, whole, bare))


def _first_rate(bench: _Bench, everything: frozenset[int]) -> Generator[Query, Answer, Rate]:
    rate = yield from bench.rate(everything, _FIRST)
    while rate.trials < _MOST_FIRST and rate.shown < 0.75 * rate.trials:
        rate = _sum(rate, (yield from bench.rate(everything, 1)))
    return rate


def _tested(
    bench: _Bench, search: Generator[frozenset[int], bool, frozenset[int] | None]
) -> Generator[Query, Answer, frozenset[int] | None]:
    try:
        keep = next(search)
        while True:
            keep = search.send((yield from bench.shows(keep)))
    except StopIteration as end:
        found: frozenset[int] | None = end.value
        return found


def _confirmed(bench: _Bench, cause: frozenset[int], whole: Rate, bare: Rate) -> Generator[Query, Answer, Cause]:
    """Ask anew, with the parts alone and with the others: what the search saw has chosen them, and proves nothing."""
    others = frozenset(range(len(bench.parts))) - cause
    alone, without = yield from _compared(bench, cause, others)
    verdict: Verdict = "cause" if differs(alone, without) else "no claim"
    if verdict == "no claim" and differs(alone, Rate(0, bench.trials)):
        bare = yield from bench.rate((), bench.trials)
        verdict = "enough" if differs(alone, bare) else "no claim"
    why = "" if verdict != "no claim" else "chance explains the difference that these parts make"
    smallest = with_parts(bench.step.request, bench.parts, cause)
    places = tuple(sorted(cause))
    return Cause(verdict, why, bench.parts, places, whole, bare, alone, without, 0, smallest, bench.broken.get(cause))


def _compared(
    bench: _Bench, cause: frozenset[int], others: frozenset[int]
) -> Generator[Query, Answer, tuple[Rate, Rate]]:
    """Both sides, with as many trials once more where the first leave it open."""
    sides = Rate(0, 0), Rate(0, 0)
    for _ in range(LOOKS):
        alone = yield from bench.rate(cause, bench.trials)
        without = yield from bench.rate(others, bench.trials)
        sides = _sum(sides[0], alone), _sum(sides[1], without)
        if differs(*sides) or sides[0].shown - sides[1].shown < _OPEN * sides[0].trials:
            break
    return sides


def _sum(one: Rate, other: Rate) -> Rate:
    return Rate(one.shown + other.shown, one.trials + other.trials)


def differs(more: Rate, less: Rate) -> bool:
    """Whether chance alone would show so much more on one side in less than `ALPHA / LOOKS` of all cases.

    Fisher's exact test, one-sided: the hypergeometric distribution of what showed over the two sides.
    """
    shown, trials = more.shown + less.shown, more.trials + less.trials
    ways = sum(
        math.comb(more.trials, count) * math.comb(less.trials, shown - count)
        for count in range(more.shown, min(more.trials, shown) + 1)
    )
    return Fraction(ways, math.comb(trials, shown)) < ALPHA / LOOKS
