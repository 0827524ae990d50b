"""Where rules over runs can be judged, and whether a gate has anything to judge them by.

In: the policies and datasets of a gate. Out: a `Diagnostic` for each policy over runs that no case of it concerns.

    unjudged(policies, datasets)
    # policies/total.yaml:3:17: total is about runs, and no case names one (judged by backtest and by cases …)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runback_gate.analysis.diagnostic import Diagnostic
from runback_gate.dataset.document import Dataset
from runback_gate.name_pattern import matches_name
from runback_gate.policy.document import Policy

_HINT = "it is judged by backtest, by import --check, and by cases that name a run: `dataset add RUN --whole`"


def unjudged(policies: Iterable[Policy], datasets: Iterable[Dataset]) -> Iterator[Diagnostic]:
    """A warning for each policy over runs that no case of the datasets is judged by; none where there is no dataset."""
    cases = [(dataset.agent, case) for dataset in datasets for case in dataset.cases]
    runs = [(agent, case.tags) for agent, case in cases if case.run is not None]
    for policy in policies:
        if policy.scope == "run" and cases and not any(_concerns(policy, *each) for each in runs):
            message = f"{policy.name} is about runs, and no case that it concerns names one"
            yield Diagnostic("warning", policy.location, message, _HINT)


def _concerns(policy: Policy, agent: str, tags: tuple[str, ...]) -> bool:
    named = not policy.agents or any(matches_name(pattern, agent) for pattern in policy.agents)
    return named and (not policy.tags or not set(policy.tags).isdisjoint(tags))
