"""A backtest as lines for a terminal.

"\\n".join(backtest_lines(found, show=3))
"""

from __future__ import annotations

from collections.abc import Iterator

from runback_gate.analysis.tally import Tally
from runback_gate.plural import many
from runback_gate.policy.left_out import left_out_lines
from runback_gate.report.text import safe_terminal

_RUNS = "rule over runs"


def backtest_lines(found: Tally, show: int, more: str = "--failures {number}, or --json") -> Iterator[str]:
    """The counts of each rule, then the first `show` that did not pass it; `more` says how to see the others."""
    over_runs = [rule for rule in found.counts if rule in found.over_runs]
    over_steps = [rule for rule in found.counts if rule not in found.over_runs]
    size = max([len(_RUNS if over_runs else "rule"), *(len(rule) for rule in found.counts)])
    yield f"{many(found.runs, 'run')}, {many(found.steps, 'step')}"
    for title, rules in (("rule", over_steps), (_RUNS, over_runs)):
        if not rules:
            continue
        yield ""
        yield f"  {title:{size}}  {'pass':>6}  {'fail':>6}  {'error':>6}  {'skip':>6}"
        for rule in rules:
            counts = (f"{found.counts[rule][word]:6}" for word in ("pass", "fail", "error", "skip"))
            yield f"  {rule:{size}}  " + "  ".join(counts)
    if found.failures and show:
        yield ""
    for rule in found.counts:
        failures = [item for item in found.failures if item.rule == rule]
        for item in failures[:show]:
            place = f"run {safe_terminal(item.run)}" + ("" if item.step is None else f" step {item.step}")
            yield f"  {item.outcome:5}  {rule}  {place}  {safe_terminal(item.message)}"
        if len(failures) > show > 0:
            number = found.counts[rule]["fail"] + found.counts[rule]["error"]
            kept = "" if number == len(failures) else f"{len(failures):,} are kept: "
            yield f"         {rule}  {number - show:,} more: {kept}{more.format(number=len(failures))}"
    if found.left_out:
        yield ""
        yield from left_out_lines(found.left_out)
