"""What asking models will cost, said before anything is spent.

In: the first question of each row that needs a model. Out: `Estimate`, by model: calls, tokens, money.

    forecast = Forecast()
    forecast.add(ask)
    forecast.estimate(price_for, rows=14, free=9).calls_most

Calls are exact bounds: the same question is asked once however many rows want its answer. Tokens and money are guesses
from the recorded answers. A price that nobody knows is None here, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

from runback_gate.canonical import plain_bytes
from runback_gate.errors import UnaskableError
from runback_gate.frozen import dataclass
from runback_gate.replay.evidence import Query
from runback_gate.replay.prices import Price, amount, cost
from runback_gate.step import Request, Usage, to_json

_LIMITS = ("max_completion_tokens", "max_tokens")
_BYTES_A_TOKEN = 3
"""Text has about four bytes a token; fewer here, because an estimate should not be too low."""
_ANSWER = 1024
"""Tokens of an answer of which nothing is known."""

PriceFor = Callable[[str], Price | None]
"""What a model costs; raises UnaskableError when it may not be asked."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one model will be asked."""

    model: str
    """As the requests name it; empty when they name none."""
    calls_least: int
    calls_most: int
    input_tokens: int
    """About; of all calls at the most."""
    output_tokens: int
    """About; of all calls at the most."""
    usd: str | None
    """About; of all calls at the most. null when the price is not known."""
    why: str
    """Why it cannot be asked; empty when it can."""
    calls_expected: int = 0
    """Calls of healthy cases on average, rounded up: those if all goes well where nothing else is known."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will ask."""

    rows: int
    """Rows in all."""
    free: int
    """Rows that need no model: their answers are recorded or in the cache, or a model may not be asked."""
    lines: tuple[Line, ...]

    @property
    def calls_least(self) -> int:
        """Calls if all goes well."""
        return sum(line.calls_least for line in self.lines)

    @property
    def calls_expected(self) -> int:
        """Calls of healthy cases on average."""
        return sum(line.calls_expected for line in self.lines)

    @property
    def calls_most(self) -> int:
        """Calls if every trial is needed."""
        return sum(line.calls_most for line in self.lines)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Models that will be asked and whose price is not known."""
        return tuple(line.model for line in self.lines if line.usd is None)

    @property
    def usd(self) -> str | None:
        """US dollars, about, of all calls at the most; None when a price is not known."""
        found = [line.usd for line in self.lines]
        return None if None in found else amount(sum((Decimal(item) for item in found if item), Decimal(0)))


@dataclass(slots=True)
class _Counts:
    least: int = 0
    most: int = 0
    more: float = 0.0
    """Calls on average beyond the least."""
    asked: int = 0
    answered: int = 0


class Forecast:
    """The estimate in the making; its size grows with the questions, not with their texts."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], bool] = {}
        self._models: dict[str, _Counts] = {}

    def add(self, ask: Query) -> None:
        """Take in the first question of a row that a model must answer, and those that may follow."""
        request = ask.question.request
        if (ask.question.digest, ask.trial) not in self._seen:
            for asked in (request, *ask.judges):
                self._counts(asked).more += max(0.0, ask.expected - ask.least)
        one_trial: tuple[tuple[Request, Usage], ...] = ()
        for ahead in range(ask.most):
            key = (ask.question.digest, ask.trial + ahead)
            sure = ahead < ask.least
            if self._seen.get(key) is not None and (self._seen[key] or not sure):
                continue
            new = key not in self._seen
            self._seen[key] = sure
            one_trial = one_trial or _asked(ask)
            for each, usage in one_trial:
                self._count(each, usage, sure=sure, new=new)
        for item in ask.following:
            self.add(item)

    def _counts(self, request: Request) -> _Counts:
        return self._models.setdefault(request.model or "", _Counts())

    def _count(self, request: Request, usage: Usage, *, sure: bool, new: bool) -> None:
        counts = self._counts(request)
        counts.least += sure
        if new:
            counts.most += 1
            counts.asked += usage.input_tokens or 0
            counts.answered += usage.output_tokens or 0

    def estimate(self, price_for: PriceFor, *, rows: int, free: int) -> Estimate:
        """What all of it comes to."""
        lines = (_line(name, self._models[name], price_for) for name in sorted(self._models))
        return Estimate(rows, free, tuple(lines))


def _line(model: str, counts: _Counts, price_for: PriceFor) -> Line:
    price, why = None, ""
    try:
        price = price_for(model)
    except UnaskableError as error:
        why = str(error)
    usd = cost(price, Usage(counts.asked, counts.answered))
    expected = min(counts.least + math.ceil(counts.more), counts.most)
    return Line(model, counts.least, counts.most, counts.asked, counts.answered, usd, why, expected)


def _asked(ask: Query) -> tuple[tuple[Request, Usage], ...]:
    """What one trial asks, of the model and of judges, each with the tokens that it is likely to take."""
    expected = _expected(ask)
    said = expected.output_tokens or 0
    return ((ask.question.request, expected), *((judge, Usage(_input(judge) + said, 200)) for judge in ask.judges))


def _expected(ask: Query) -> Usage:
    """Tokens that the question is likely to take: those of the recorded answer, where they are known."""
    recorded, limit = ask.step.response.usage, _limit(ask.question.request)
    asked, answered = recorded.input_tokens, recorded.output_tokens
    return Usage(
        _input(ask.question.request) if asked is None else asked,
        min(limit or _ANSWER, _ANSWER) if answered is None else answered,
    )


def most_usd(ask: Query, price: Price | None) -> Decimal | None:
    """US dollars that one question may cost at the most, by all that is known before it is asked; None if unpriced."""
    if price is None:
        return None
    expected, limit = _expected(ask), _limit(ask.question.request)
    asked = max(expected.input_tokens or 0, _input(ask.question.request))
    # Without a limit of its own an answer is taken to be no longer than four times the one before.
    answered = limit or max(4 * (expected.output_tokens or 0), _ANSWER)
    found = cost(price, Usage(asked, answered))
    return None if found is None else Decimal(found)


def _limit(request: Request) -> int | None:
    found = (request.parameters.get(name) for name in _LIMITS)
    return next((item for item in found if isinstance(item, int) and not isinstance(item, bool) and item > 0), None)


def _input(request: Request) -> int:
    return math.ceil(len(plain_bytes(to_json(request))) / _BYTES_A_TOKEN)
