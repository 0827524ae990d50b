"""What a gate's cases recorded, for what is judged on the record alone, such as the effect of a changed policy.

steps = recorded_cases(load_plan(root, day=day))
compare_policies(base, head, engine, steps)
"""

from __future__ import annotations

from collections.abc import Iterator

from runback_gate.analysis.recorded import Recorded, RecordedRun, RecordedStep
from runback_gate.dataset.document import Case, Dataset, case_run, case_step
from runback_gate.gate.plan import Plan


def recorded_cases(plan: Plan) -> Iterator[Recorded]:
    """Every case that has a recording, read one by one.

    Raises:
        InputError: a recording is missing or was changed.
    """
    for dataset in plan.datasets:
        for case in dataset.cases:
            if case.step is not None or case.run is not None:
                yield recorded_case(plan, dataset, case)


def recorded_case(plan: Plan, dataset: Dataset, case: Case) -> Recorded:
    """What one case recorded, a step or a run."""
    labels = plan.agent(dataset.agent).labels
    if case.run is not None:
        return RecordedRun(case_run(plan.root, dataset, case), case.tags, labels, dataset.name, case.id)
    return RecordedStep(
        run=f"{dataset.name}/{case.id}",
        step=case.step or "",
        content=case_step(plan.root, dataset, case),
        tags=case.tags,
        labels=labels,
        dataset=dataset.name,
        case=case.id,
    )
