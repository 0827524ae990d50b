"""The estimate of a run that asks models: one line, a table for people, JSON for programs.

In: an `Estimate` and the limits that hold. Out: text. Money in US dollars, tokens and calls as counts.

    "\n".join(plan_lines(judged.estimate, judged.limits))
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from runback_gate.plural import many
from runback_gate.replay.estimate import Estimate
from runback_gate.replay.spend import Limits
from runback_gate.report.columns import table_lines
from runback_gate.report.spent import money
from runback_gate.report.text import safe_terminal


def forecast(estimate: Estimate, limits: Limits) -> str:
    """The estimate on one line."""
    calls = _range(estimate.calls_least, estimate.calls_most, estimate.calls_expected)
    parts = [f"{calls} {'call' if calls == '1' else 'calls'}", money(estimate.usd, "about ")]
    if limits.usd is not None:
        parts[1] += f" of ${limits.usd}"
    if limits.calls is not None:
        parts[0] += f" of {limits.calls:,}"
    parts.append(f"{estimate.free:,} of {many(estimate.rows, 'row')} free")
    return f"to ask: {' · '.join(parts)}"


def plan_rows(estimate: Estimate) -> list[tuple[str, ...]]:
    """A row for each model that is asked, below the names of the columns."""
    rows: list[tuple[str, ...]] = [("model", "calls", "tokens in", "tokens out", "cost")]
    return rows + [
        (
            safe_terminal(line.model or "(unknown)"),
            _range(line.calls_least, line.calls_most, line.calls_expected),
            f"about {line.input_tokens:,}",
            f"about {line.output_tokens:,}",
            money(line.usd, "about "),
        )
        for line in estimate.lines
    ]


def plan_notes(estimate: Estimate, limits: Limits) -> Iterator[str]:
    """Which models cannot be asked, and what does not fit the budget."""
    for item in estimate.lines:
        if item.why:
            yield f"{safe_terminal(item.model or '(unknown)')} cannot be asked: {safe_terminal(item.why)}"
    yield from _over(estimate, limits)


def plan_lines(estimate: Estimate, limits: Limits) -> list[str]:
    """The estimate as a table for people."""
    notes = [f"! {note}" for note in plan_notes(estimate, limits)]
    if estimate.lines:
        notes.append("Tokens and money are guesses; a row that fails is asked for on the base as well.")
    table = table_lines(plan_rows(estimate)) if estimate.lines else ()
    return [*table, *notes, forecast(estimate, limits)]


def plan_json(estimate: Estimate, limits: Limits) -> dict[str, object]:
    """The estimate for a program."""
    return {
        **dataclasses.asdict(estimate),
        "calls_least": estimate.calls_least,
        "calls_most": estimate.calls_most,
        "calls_expected": estimate.calls_expected,
        "usd": estimate.usd,
        "limits": dataclasses.asdict(limits),
    }


def _over(estimate: Estimate, limits: Limits) -> Iterator[str]:
    """What of the estimate does not fit the budget."""
    if limits.calls is not None and estimate.calls_most > limits.calls:
        yield f"more than the budget of {limits.calls:,} calls: what does not fit will be undecided"
    if limits.usd is not None:
        for name in map(safe_terminal, estimate.unpriced):
            yield f"the price of {name} is not known, so a budget of ${limits.usd} cannot be held: not asked"


def _range(least: int, most: int, expected: int) -> str:
    """`350 to 3,400, about 500`: the bounds, and the average where that is more than the least."""
    about = f", about {expected:,}" if least < expected < most else ""
    return f"{most:,}" if least == most else f"{least:,} to {most:,}{about}"
