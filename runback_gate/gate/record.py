"""The recorded steps of a gate's cases, for what is judged on the record alone, such as the effect of a changed policy.

steps = recorded_cases(load_plan(root, day=day))
compare_policies(base, head, engine, steps)
"""

from __future__ import annotations

from collections.abc import Iterator

from runback_gate.analysis.recorded import RecordedStep
from runback_gate.dataset.document import Case, Dataset, case_step
from runback_gate.gate.plan import Plan


def recorded_cases(plan: Plan) -> Iterator[RecordedStep]:
    """Every case that has a recording, read one by one.

    Raises:
        InputError: a recording is missing or was changed.
    """
    for dataset in plan.datasets:
        for case in dataset.cases:
            if case.step is not None:
                yield recorded_case(plan, dataset, case, case.step)


def recorded_case(plan: Plan, dataset: Dataset, case: Case, step: str) -> RecordedStep:
    """The recording `step` of one case."""
    return RecordedStep(
        run=f"{dataset.name}/{case.id}",
        step=step,
        content=case_step(plan.root, dataset, case),
        tags=case.tags,
        labels=plan.agent(dataset.agent).labels,
        dataset=dataset.name,
        case=case.id,
    )
