"""What a replay will ask, before it asks anything.

In: the step, what is edited, how many trials. Out: `Planned`, for the page of the step.

    plan_replay(desk, run, 2, edit, gate, 3).calls      # 3; answers that the cache has are no calls
"""

from __future__ import annotations

from runback_gate.app.live import LiveOptions, open_live
from runback_gate.app.progress import SILENT
from runback_gate.app.replay import Edit, replay_step
from runback_gate.frozen import dataclass
from runback_gate.gate.config import Gate
from runback_gate.plural import many
from runback_gate.report.plan import plan_notes, plan_rows
from runback_gate.report.spent import money
from runback_gate.step import Run
from runback_gate.web.desk import Desk


@dataclass(frozen=True, slots=True)
class Planned:
    """The estimate of a replay, as its page shows it."""

    calls: int
    """At the most; those of models that cannot be asked do not count."""
    cost: str
    """About, of all calls at the most."""
    rows: tuple[tuple[str, ...], ...]
    """The names of the columns, then a row for each model."""
    notes: tuple[str, ...]
    """What does not fit the budget, which model cannot be asked, and what is known already."""


def plan_replay(desk: Desk, run: Run, index: int, edit: Edit, gate: Gate | None, trials: int) -> Planned:
    """The estimate of a replay. Nothing is asked.

    Raises:
        InputError: the run has no such step, or the edit does not fit it.
    """
    live = open_live(gate, LiveOptions(plan=True), cache=desk.cache, world=desk.world, progress=SILENT)
    replay_step(run, index, edit, live, trials=trials, gate=gate)
    estimate, limits = live.estimate, live.settings.limits
    if estimate is None:
        return Planned(0, "", (), ())
    notes = list(plan_notes(estimate, limits))
    if estimate.free:
        notes.append(f"{many(estimate.free, 'answer')} of {estimate.rows} known already")
    budget = [f"{limits.calls:,} calls" if limits.calls is not None else "", f"${limits.usd}" if limits.usd else ""]
    if any(budget):
        notes.append(f"budget of runback.yaml: {' and '.join(filter(None, budget))}")
    calls = sum(item.calls_most for item in estimate.lines if not item.why)
    return Planned(calls, money(estimate.usd, "about "), tuple(plan_rows(estimate)), tuple(notes))
