"""Recorded steps and runs, to be judged as they were.

In: a run, or one step and where it lies. Out: `RecordedStep`s and `RecordedRun`s, each of which becomes what rules
judge.

    for step in recorded(run):
        results(rules, step.under_test(engine))
    results(rules, RecordedRun(run).under_test(engine))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from runback_gate.canonical import JsonValue
from runback_gate.cel.engine import Engine
from runback_gate.cel.projection import ALL
from runback_gate.frozen import dataclass
from runback_gate.plural import many
from runback_gate.policy.batch import Batches
from runback_gate.policy.context import Layout, agent_facts, bindings, case_facts
from runback_gate.policy.evaluate import BoundStep, StepUnderTest
from runback_gate.policy.run_context import oversized, run_data
from runback_gate.step import Response, Run, Step
from runback_gate.summary import summarize

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

    def data(self, layout: Layout | None = None) -> dict[str, JsonValue]:
        """What expressions see: the step as it was, as far as they read it."""
        step, source = self.content, self.content.source
        case = case_facts(self.dataset, self.case or f"{source.run}/{source.event}", self.tags, source.at)
        return bindings(
            step.request,
            step.response,
            baseline=self.baseline or step.response,
            case=case,
            agent=agent_facts(step.agent, self.labels),
            unknown=source.unknown,
            layout=layout,
        )

    @property
    def answer(self) -> str:
        """What was answered, in short. Text that a model wrote."""
        return summarize(self.content.response)

    def under_test(self, engine: Engine, reads: frozenset[str] = ALL) -> StepUnderTest:  # noqa: ARG002
        """It as what rules judge."""
        unusable = VIEW_ONLY if self.content.source.grade == "view-only" else ""
        return StepUnderTest(self.content.agent, self.tags, lambda: BoundStep(engine, self.data()), unusable)

    def projected(self, engine: Engine, layout: Layout, batches: Batches | None = None) -> StepUnderTest:
        """The same for rules that read no more than is laid out and whose values nobody explains. `batches`: theirs."""
        unusable = VIEW_ONLY if self.content.source.grade == "view-only" else ""

        def bound() -> BoundStep:
            step = BoundStep(engine, self.data(layout), self.data)
            if batches is not None:
                batches.judge(step, self.content.agent, self.tags)
            return step

        return StepUnderTest(self.content.agent, self.tags, bound, unusable)


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A recorded run and how to find it again."""

    content: Run
    tags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the agent config."""
    dataset: str = ""
    case: str = ""
    """Id of the case that names it; empty for one that is judged as it was recorded."""
    baselines: Mapping[int, Response] | None = None
    """The recorded answers by step, where it is another run than the recorded one."""

    @property
    def run(self) -> str:
        """Id of the run; of a case `DATASET/CASE`."""
        return f"{self.dataset}/{self.case}" if self.case else self.content.id

    @property
    def step(self) -> None:
        """It is no step."""
        return

    @property
    def answer(self) -> str:
        """How much it holds, in short."""
        calls = sum(len(step.response.tool_calls) for step in self.content.steps)
        return f"{many(len(self.content.steps), 'step')}, {many(calls, 'call')}"

    def under_test(self, engine: Engine, reads: frozenset[str] = ALL) -> StepUnderTest:
        """It as what rules judge that read these fields of its steps."""
        run = self.content
        case = case_facts(self.dataset, self.case, self.tags, run.at) if self.case else None

        def bound() -> BoundStep:
            return BoundStep(engine, run_data(run, reads, labels=self.labels, case=case, baselines=self.baselines))

        view_only = any(step.source.grade == "view-only" for step in run.steps)
        fault = VIEW_ONLY if view_only else oversized(run, reads)
        return StepUnderTest(run.agent, self.tags, bound, fault, scope="run")


Recorded = RecordedStep | RecordedRun
"""What rules judge, of either scope."""


def recorded(run: Run) -> Iterator[RecordedStep]:
    """The steps of a run."""
    for index, step in enumerate(run.steps):
        yield RecordedStep(run.id, index, step)
