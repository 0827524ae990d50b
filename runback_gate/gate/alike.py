"""What two revisions of a gate judge alike, and what must be judged by both.

In: the plans of head and base. Out: whether their rules are the same, what a case demands, what an agent asks with, as
bytes to compare; and how many sequential tests a run makes, among which their error is shared.

    same_rules(base, head) and demand(dataset, case) == demand(theirs, other)
    tests = shared_tests(head, base, approved=False)
"""

from __future__ import annotations

from runback_gate.agent import Agent
from runback_gate.canonical import JsonValue, exact_bytes
from runback_gate.dataset.document import Case, Dataset
from runback_gate.dataset.trials import SequentialTrials
from runback_gate.gate.count import trials_of
from runback_gate.gate.plan import Plan
from runback_gate.values import to_json


def same_rules(base: Plan, head: Plan) -> bool:
    """Whether what judges every case is the same in both."""
    return _rules(base) == _rules(head)


def _rules(plan: Plan) -> bytes:
    """What judges every case of a plan: two plans that agree in it judge alike."""
    return exact_bytes(
        {
            "policies": sorted(policy.digest for policy in plan.policies),
            "waivers": sorted(waiver.digest for waiver in plan.waivers),
            "trials": plan.gate.trials.model_dump(mode="json"),
            "allow": sorted(plan.gate.allow),
            "labels": {agent.name: dict(agent.labels) for agent in plan.agents},
        }
    )


def demand(dataset: Dataset, case: Case) -> bytes:
    """What a case asks and demands, wherever it stands in its file."""
    return exact_bytes(
        {
            "agent": dataset.agent,
            "tags": list(case.tags),
            "allow": sorted(case.allow),
            "trials": None if case.trials is None else case.trials.model_dump(mode="json"),
            "step": case.step,
            "run": case.run,
            "messages": list(case.messages),
            "checks": [
                [check.kind, check.expression, check.schema, check.rubric and check.rubric.model_dump(mode="json")]
                for check in case.checks
            ],
        }
    )


def config(agent: Agent) -> bytes:
    """What an agent config asks with."""
    tools = None if agent.tools is None else to_json(agent.tools)
    parts: dict[str, JsonValue] = {"model": agent.model, "system": agent.system, "tools": tools}
    return exact_bytes({**parts, "parameters": agent.parameters, "name": agent.name, "labels": dict(agent.labels)})


def shared_tests(head: Plan, base: Plan | None) -> int:
    """Sequential tests that may make the head's agent red: one for each case, and one more where the base's rules judge
    it as well. Filters and shards change nothing in it, nor does any answer. At least 1.

    Args:
        head: what is judged.
        base: whose rules judge as well; None where the head's judge alone.
    """
    ours, theirs = _cases(head), {} if base is None else _cases(base)
    found = sum(_is_sequential(head, case) for _, case in ours.values())
    # Most gates have none of them, and need no comparison of all cases.
    if base is None or not (found or any(_is_sequential(base, case) for _, case in theirs.values())):
        return max(found, 1)
    same = same_rules(base, head)
    for key in {**ours, **theirs}:
        mine, other = ours.get(key), theirs.get(key)
        if same and mine is not None and (other is None or demand(*mine) == demand(*other)):
            continue
        found += any(_is_sequential(base, item[1]) for item in (other or mine,) if item)
    return max(found, 1)


def _cases(plan: Plan) -> dict[tuple[str, str], tuple[Dataset, Case]]:
    return {(dataset.name, case.id): (dataset, case) for dataset in plan.whole for case in dataset.cases}


def _is_sequential(plan: Plan, case: Case) -> bool:
    return isinstance(trials_of(plan, case), SequentialTrials)
