"""A run as one HTML file that loads nothing and opens on the first step that broke.

In: a `Run`, what rules say of its steps, perhaps a second run. Out: the page.

    path.write_text(run_page(run, {}, judged=False), encoding="utf-8")

The script writes text nodes alone, so what a model wrote stays text even where the policy header is not obeyed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from runback_gate.frozen import dataclass
from runback_gate.step import Run
from runback_gate.view.alignment import aligned
from runback_gate.view.page import page
from runback_gate.view.run_data import Findings, run_data


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around the run on its page."""

    tampered: int | None = None
    """The line of the file, from 1, at which it was changed; the run ends before it."""
    next: Sequence[tuple[str, str]] = ()
    """What can be done with a step, and the command for it, in which `STEP` stands for its number."""
    keys: bool = False
    """Whether the page opens with its keys listed."""
    step: str = ""
    """Where the page of a step lies, its number left out; empty for a page that stands alone."""
    names: tuple[str, str] = ("", "")
    """What commands call the run and the one beside it; empty where none reads it."""
    cause: Mapping[str, Any] | None = None
    """Which parts of a step matter (`view.cause_data`); the page opens there."""


def run_page(
    run: Run,
    found: Findings,
    *,
    judged: bool,
    other: Run | None = None,
    found_other: Findings | None = None,
    around: Around | None = None,
) -> str:
    """The page of a run; with another beside it, it opens where their answers first differ.

    Args:
        run: the run.
        found: what rules say of its steps.
        judged: whether rules were asked at all.
        other: the run beside it.
        found_other: what the same rules say of that one.
        around: what stands around the run.
    """
    beside = around or Around()
    own, others = beside.names
    data = {
        "run": {**run_data(run, found, judged=judged), "tampered": beside.tampered, "name": own},
        "other": None if other is None else {**run_data(other, found_other or {}, judged=judged), "name": others},
        "rows": [(0, None, len(run.steps))] if other is None else [astuple(row) for row in aligned(run, other)],
        "next": [list(item) for item in beside.next],
        "keys": beside.keys,
        "step": beside.step,
        "cause": beside.cause,
    }
    title = f"{run.id} · Runback gate"
    return page("run.html", style="run.css", scripts=["run.js"], title=title, data=data)
