"""What asking models took, in words that several surfaces share.

In: a `Report`, a row, an amount. Out: text.

    spending(report)            # ("12 of 500 calls", "3 retries", "$0.0431 of $2.00", "2 answers from cache")
    interval(row)               # "95 % interval 0.0614 to 0.7924"
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from runback_gate.gate.verdict import Row
from runback_gate.plural import many
from runback_gate.replay.spend import Spend
from runback_gate.report.model import Report

_AMOUNT: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,18})?")


def spending(report: Report) -> tuple[str, ...]:
    """What was spent: calls, money, and what the cache saved; nothing where no model was asked."""
    return amounts(report.spend) if report.spend.calls else ()


def amounts(spend: Spend) -> tuple[str, ...]:
    """Calls, money, and what the cache saved."""
    limit = f" of {spend.limit_calls:,}" if spend.limit_calls is not None else ""
    parts = [f"{spend.calls:,}{limit} {'call' if spend.calls == 1 and not limit else 'calls'}"]
    if spend.retries:
        parts.append(many(spend.retries, "retry"))
    budget = f" of ${spend.limit_usd}" if spend.limit_usd is not None else ""
    parts.append(money(spend.usd) + budget)
    if spend.usd is not None and spend.unknown:
        parts.append(f"cost of {many(spend.unknown, 'call')} unknown")
    if spend.cached:
        parts.append(f"{many(spend.cached, 'answer')} from cache")
    return tuple(parts)


def money(usd: str | None, about: str = "") -> str:
    """An amount for people, to four places, with a word before it; what is not known is said to be so, and never 0."""
    if usd is None:
        return "cost unknown"
    if not _AMOUNT.fullmatch(usd):
        return usd
    value = Decimal(usd)
    if not value:
        return "$0"
    return "below $0.0001" if value < Decimal("0.0001") else f"{about}${value:.4f}"


def interval(row: Row) -> str:
    """How sure the pass rate is: `95 % interval 0.0614 to 0.7924`; empty where too few trials could be judged."""
    return f"95 % interval {row.interval.low} to {row.interval.high}" if row.interval else ""
