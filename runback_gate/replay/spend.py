"""What asking models costs: limits, what was spent, and what is still to come.

In: the budget, what each question may cost, what its answer did cost. Out: whether one more may be asked, and `Spend`.

    ledger = Ledger(Limits(usd="2.00", calls=500))
    if (why := ledger.refusal(most)) is None:       # else "over budget: calls 500"
        ledger.begin(most)
        ledger.end(most, "0.0004")
    ledger.spend()

An amount that nobody knows is None here, never 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from runback_gate.frozen import dataclass
from runback_gate.replay.prices import amount


def parse_usd(text: str) -> str:
    """An amount in US dollars, a decimal; raises ValueError for what is none."""
    if not re.fullmatch(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?", text):
        raise ValueError("a decimal, such as 0.50")
    return text


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may spend; None is no limit."""

    usd: str | None = None
    """US dollars, a decimal string."""
    seconds: float | None = None
    """From the first call to the last answer."""
    calls: int | None = None

    def tightened(self, usd: str | None, seconds: float | None, calls: int | None) -> Limits:
        """The smaller of each limit and of what is given: nothing that is given can raise one."""
        return Limits(
            min((item for item in (self.usd, usd) if item is not None), key=Decimal, default=None),
            min((item for item in (self.seconds, seconds) if item is not None), default=None),
            min((item for item in (self.calls, calls) if item is not None), default=None),
        )


@dataclass(frozen=True, slots=True)
class Spend:
    """What a run did spend."""

    calls: int = 0
    """Questions that models were asked, one for each trial or sample."""
    retries: int = 0
    """Times that a question was asked again after a failure."""
    usd: str | None = "0"
    """US dollars of the answers whose cost is known; null when calls were made and the cost of none is known."""
    unknown: int = 0
    """Calls whose cost is not known."""
    cached: int = 0
    """Answers that came from the cache."""
    limit_usd: str | None = None
    """The budget in US dollars; null without one."""
    limit_calls: int | None = None
    """The budget in calls; null without one."""


class Ledger:
    """The books of one run."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.calls = 0
        self.retries = 0
        self.known = 0
        """Calls whose cost is known."""
        self.unknown = 0
        self.usd = Decimal(0)
        self.reserved = Decimal(0)
        """What the calls in flight may cost at the most."""
        self.assumed = Decimal(0)
        """The same of those that ended without telling: it may have been spent, and a limit is a promise."""
        self.cached: set[tuple[str, int]] = set()
        """Request and trial of each answer that came from the cache."""

    def refusal(self, most: Decimal | None) -> str | None:
        """Why a question may not be asked; None when it may.

        Args:
            most: the most that it may cost; None when that is not known: a limit on money then cannot be held.
        """
        limits = self.limits
        if limits.calls is not None and self.calls >= limits.calls:
            return f"over budget: calls {limits.calls:,}"
        if limits.usd is None:
            return None
        if most is None:
            return f"over budget: its price is not known, so usd {limits.usd} cannot be held"
        if self.usd + self.assumed + self.reserved + most > Decimal(limits.usd):
            return f"over budget: usd {limits.usd}"
        return None

    def begin(self, most: Decimal | None) -> None:
        """A question is asked."""
        self.calls += 1
        self.reserved += most or 0

    def end(self, most: Decimal | None, usd: str | None) -> None:
        """It was answered, or failed; `usd` is what it cost, None when that is not known."""
        self.reserved -= most or 0
        if usd is None:
            self.unknown += 1
            self.assumed += most or 0
        else:
            self.known += 1
            self.usd += Decimal(usd)

    def spend(self) -> Spend:
        """What was spent so far."""
        nothing_known = self.unknown > 0 and self.known == 0
        return Spend(
            calls=self.calls,
            retries=self.retries,
            usd=None if nothing_known else amount(self.usd),
            unknown=self.unknown,
            cached=len(self.cached),
            limit_usd=self.limits.usd,
            limit_calls=self.limits.calls,
        )


def total(parts: Iterable[Spend]) -> Spend:
    """What several parts of a run did spend; the budget is that of each part."""
    known = list(parts)
    # What a part without calls did not spend says nothing of the others.
    told = any(part.usd is not None for part in known if part.calls) or not any(part.calls for part in known)
    amounts = [Decimal(part.usd) for part in known if part.usd is not None]
    return Spend(
        calls=sum(part.calls for part in known),
        retries=sum(part.retries for part in known),
        usd=amount(sum(amounts, Decimal(0))) if told else None,
        unknown=sum(part.unknown for part in known),
        cached=sum(part.cached for part in known),
        limit_usd=known[0].limit_usd,
        limit_calls=known[0].limit_calls,
    )
