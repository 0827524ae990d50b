"""A step then and now, as its page shows it: what was asked otherwise, each answer, and what the policies say of it.

In: a `StepReplay`, the edit that it was asked with. Out: values for the template.

    shown_trials(workspace, found)[0].refused      # False: no rule refuses the answer of today
"""

from __future__ import annotations

from collections.abc import Sequence

from runback_gate.app.replay import Asked, Edit, StepReplay, StepTrial, replayed_run
from runback_gate.app.workspace import Workspace
from runback_gate.frozen import dataclass
from runback_gate.policy.finding import Finding
from runback_gate.step import Request
from runback_gate.view.difference import Segment, hunks, lines, words
from runback_gate.view.plain import answer_text


@dataclass(frozen=True, slots=True)
class ShownTrial:
    """One answer of today."""

    trial: StepTrial
    difference: tuple[Segment, ...]
    """From the recorded answer to it; empty where there is none."""
    findings: tuple[Finding, ...] | None
    """What the policies find in it; None where nothing was judged."""

    @property
    def refused(self) -> bool:
        """Whether a rule says no."""
        return any(item.outcome == "fail" for item in self.findings or ())


def shown_trials(workspace: Workspace, found: StepReplay) -> tuple[ShownTrial, ...]:
    """The trials of a replay, judged by the policies of the folder."""
    return tuple(_shown(workspace, found, trial) for trial in found.trials)


def _shown(workspace: Workspace, found: StepReplay, trial: StepTrial) -> ShownTrial:
    response = trial.answer.response
    if response is None:
        return ShownTrial(trial, (), None)
    difference = words(answer_text(found.step.response), answer_text(response))
    run = replayed_run(found.run, found.index, Asked(found.question.request, response))
    return ShownTrial(trial, difference, None if response.error else workspace.judged(run))


def shown_edits(edit: Edit, request: Request) -> list[tuple[str, Sequence[Segment | int]]]:
    """What was asked otherwise: its name, and the lines that differ from what was recorded."""
    then: dict[tuple[str | int, ...], str] = {("system",): request.system or ""}
    then |= {("messages", at, "content"): message.content for at, message in enumerate(request.messages)}
    found: list[tuple[str, Sequence[Segment | int]]] = []
    found += [("model", _lines(request.model or "", edit.model))] if edit.model else []
    found += [(str(item), _lines(then.get(item.path, ""), str(item.value))) for item in edit.settings]
    found += [("tool", _lines("", tool.name)) for tool in edit.tools]
    return found + [("without the tool", _lines(name, "")) for name in edit.without_tools]


def _lines(then: str, now: str) -> tuple[Segment | int, ...]:
    return hunks(lines(then, now))
