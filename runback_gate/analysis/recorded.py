"""Recorded steps, to be judged as they were.

In: a run, or one step and where it lies. Out: `RecordedStep`s, each of which becomes a step under test.

    for step in recorded(run):
        results(rules, step.under_test(engine))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from runback_gate.canonical import JsonValue
from runback_gate.cel.engine import Engine
from runback_gate.policy.context import agent_facts, bindings, case_facts
from runback_gate.policy.evaluate import BoundStep, StepUnderTest
from runback_gate.step import Response, Run, Step

VIEW_ONLY = "the recording is view-only: it can be read, not judged"


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A recorded step and how to find it again."""

    run: str
    """Id of the run; of a case `DATASET/CASE`."""
    step: int | str
    """Index in the run from 0; of a case the digest of its recording, or of its new answer."""
    content: Step
    tags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the agent config."""
    dataset: str = ""
    case: str = ""
    """Id of the case; a step of a run has none and is `RUN/EVENT`."""
    baseline: Response | None = None
    """What was recorded, where the answer is another one; None where it is the recorded one itself."""

    def data(self) -> dict[str, JsonValue]:
        """What expressions see: the step as it was."""
        step, source = self.content, self.content.source
        case = case_facts(self.dataset, self.case or f"{source.run}/{source.event}", self.tags, source.at)
        return bindings(
            step.request,
            step.response,
            baseline=self.baseline or step.response,
            case=case,
            agent=agent_facts(step.agent, self.labels),
            unknown=source.unknown,
        )

    def under_test(self, engine: Engine) -> StepUnderTest:
        """It as what rules judge."""
        unusable = VIEW_ONLY if self.content.source.grade == "view-only" else ""
        return StepUnderTest(self.content.agent, self.tags, lambda: BoundStep(engine, self.data()), unusable)


def recorded(run: Run) -> Iterator[RecordedStep]:
    """The steps of a run."""
    for index, step in enumerate(run.steps):
        yield RecordedStep(run.id, index, step)
