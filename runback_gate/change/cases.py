"""Agents, datasets and cases that the head removed, or holds to less.

In: the plans of base and head. Out: their weakenings. A dataset is known by its name, a case by its id there, a check
by what it says; order and files mean nothing.

    tuple(weaker_agents(base, head)), tuple(weaker_datasets(base, head))
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

from runback_gate.cel.tokens import tokenize
from runback_gate.cel.words import words
from runback_gate.change.model import (
    UNSET,
    Change,
    Files,
    brief,
    changed,
    differences,
    json_text,
    listed,
    removed,
    same,
    unlisted,
)
from runback_gate.change.settings import weaker_trials, wider_allow
from runback_gate.change.sides import GateSide
from runback_gate.dataset.document import Case, CaseCheck, Dataset
from runback_gate.dataset.trials import AnyTrials
from runback_gate.documents import Pointer
from runback_gate.errors import ExpressionError
from runback_gate.plural import many

_AGENT_FIELDS = ("model", "parameters", "system", "tools")
_BOUNDS = ("maxTokens", "maxLatencyMs", "maxCostUsd")
# What is not left out counts, so a new field does.
_CASE = attrgetter(*({item.name for item in fields(Case)} - {"id", "dataset", "why", "location", "checks"}))
_CHECK = attrgetter(*({item.name for item in fields(CaseCheck)} - {"location"}))


class _Check(NamedTuple):
    """A check, as it was read and as it is written."""

    kind: str
    expression: str | None
    written: dict[str, Any]
    pointer: Pointer


class _Place(NamedTuple):
    """A case and where it stands in its dataset."""

    case: Case
    pointer: Pointer
    spec: dict[str, Any]
    """As written."""

    @property
    def checks(self) -> list[_Check]:
        """Its checks with their places."""
        pairs = enumerate(zip(self.case.checks, self.spec.get("checks", []), strict=True))
        return [
            _Check(check.kind, check.expression, written, (*self.pointer, "checks", index))
            for index, (check, written) in pairs
        ]


def weaker_agents(base: GateSide, head: GateSide) -> Iterator[Change]:
    """Agents that are gated no more or in less, and labels that a rule may read."""
    agents = {agent.name: agent for agent in head.agents}
    for agent in base.agents:
        now = agents.get(agent.name)
        if now is None:
            message = "the agent is no longer judged"
            gates = (base.gate, head.gate)
            yield unlisted("agent-removed", agent.name, message, "agents", agent.document, gates)
            continue
        files = Files(agent.document, now.document)
        for field in _AGENT_FIELDS:
            if getattr(agent, field) is not None and getattr(now, field) is None:
                message = f"spec.{field} was removed, so it is no longer judged: each request keeps what was recorded"
                yield removed("agent-field-removed", agent.name, message, agent.document, ("spec", field))
        labels = tuple(differences(agent.labels, now.labels))
        if labels and _reads(base, "agent"):
            for path, old, new in labels:
                message = changed(f"labels.{path[0]}", old, new) + "; a rule reads the labels"
                yield files.loosened("labels-changed", agent.name, message, ("metadata", "labels", *path))


def weaker_datasets(base: GateSide, head: GateSide) -> Iterator[Change]:
    """Datasets, cases and checks of the base that the head lacks or has otherwise."""
    datasets = {dataset.name: dataset for dataset in head.datasets}
    for dataset in base.datasets:
        now = datasets.get(dataset.name)
        if now is None:
            message = f"the dataset was removed, with {many(len(dataset.cases), 'case')}"
            gates = (base.gate, head.gate)
            yield unlisted("dataset-removed", dataset.name, message, "datasets", dataset.document, gates)
        elif now.digest != dataset.digest:
            yield from _weaker_dataset(base, head, dataset, now)


def _weaker_dataset(base: GateSide, head: GateSide, then: Dataset, now: Dataset) -> Iterator[Change]:
    files = Files(then.document, now.document)
    if then.agent != now.agent:
        message = changed("agent", then.agent, now.agent, "the cases judge another agent")
        yield files.loosened("dataset-agent-changed", then.name, message, ("metadata", "agent"))
    floors = then.trials or base.gate.trials, now.trials or head.gate.trials
    # Where neither says it, the gate's own trials are what changed.
    if then.trials or now.trials:
        yield from weaker_trials(files, then.name, floors, ("spec", "trials"))
    yield from wider_allow(files, then.name, (then.allow, now.allow), ("spec", "allow"))
    cases = {case.id: index for index, case in enumerate(now.cases)}
    for index, case in enumerate(then.cases):
        found, subject = cases.get(case.id), f"{then.name}/{case.id}"
        if found is None:
            message = f"the case was removed, with {many(len(case.checks), 'check')}"
            yield removed("case-removed", subject, message, then.document, ("spec", "cases", index))
            continue
        # Most cases stay as they are, and the files are read again only for those that do not.
        if _asked(case) == _asked(now.cases[found]):
            continue
        place, there = _place(then, index), _place(now, found)
        yield from _weaker_case(files, subject, place, there, floors)
        yield from _weaker_tags(base, files, subject, place, there)


def _asked(case: Case) -> str:
    """All that a case asks, so that 1 is not 1.0 in it, nor true."""
    return repr((_CASE(case), list(map(_CHECK, case.checks))))


def _place(dataset: Dataset, index: int) -> _Place:
    document: Any = dataset.document.value
    return _Place(dataset.cases[index], ("spec", "cases", index), document["spec"]["cases"][index])


def _weaker_case(
    files: Files, subject: str, then: _Place, now: _Place, floors: tuple[AnyTrials, AnyTrials]
) -> Iterator[Change]:
    if then.case.step != now.case.step:
        steps = then.case.step or UNSET, now.case.step or UNSET
        message = changed("step", *steps, "another recorded step is judged")
        yield files.loosened("recording-changed", subject, message, (*now.pointer, "step"), (*then.pointer, "step"))
    elif then.case.run != now.case.run:
        runs = then.case.run or UNSET, now.case.run or UNSET
        message = changed("run", *runs, "another recorded run is judged")
        yield files.loosened("recording-changed", subject, message, (*now.pointer, "run"), (*then.pointer, "run"))
    elif not same(then.case.messages, now.case.messages):
        message = changed("messages", then.case.messages, now.case.messages, "another conversation is judged")
        yield files.loosened("messages-changed", subject, message, (*now.pointer, "messages"))
    if "trials" in then.spec or "trials" in now.spec:
        asked = then.case.trials or floors[0], now.case.trials or floors[1]
        yield from weaker_trials(files, subject, asked, (*now.pointer, "trials"), (*then.pointer, "trials"))
    if _asks_for_length(now) and not (_asks_for_length(then) or "length" in then.case.allow):
        message = "a check now asks for finishReason length, so an answer that is cut off may pass"
        yield files.loosened("allow-widened", subject, message, (*now.pointer, "checks"))
    yield from _weaker_checks(files, subject, then, now)


def _asks_for_length(place: _Place) -> bool:
    return any(check.written.get("finishReason") == "length" for check in place.checks)


def _weaker_checks(files: Files, subject: str, then: _Place, now: _Place) -> Iterator[Change]:
    """Each check of the base must be among those of the head; what is left over of one kind is the changed one."""
    known, asked = ({said for check in each.checks for said in _demand(check)} for each in (then, now))
    fresh = [check for check in now.checks if known.isdisjoint(_demand(check))]
    for check in then.checks:
        if not asked.isdisjoint(_demand(check)) or any(_tighter(check, other) for other in now.checks):
            continue
        twin = next((other for other in fresh if other.kind == check.kind), None)
        if twin is None:
            message = f"the check was removed: {brief(check.written)}"
            yield removed("check-removed", subject, message, files.base, check.pointer)
        else:
            fresh.remove(twin)
            message = changed("the check", check.written, twin.written)
            yield files.loosened("check-changed", subject, message, twin.pointer)


def _demand(check: _Check) -> tuple[object, ...]:
    """What a check asks for, as it is written and as an expression; two that share one of them ask for the same."""
    written = (check.kind, json_text(check.written))
    return (written,) if check.expression is None else (written, (check.kind, words(check.expression)))


def _tighter(old: _Check, new: _Check) -> bool:
    """Whether a bound is as low as another; of no other kind of check can it be said which of two asks for more."""
    if old.kind != new.kind or old.kind not in _BOUNDS:
        return False
    return Decimal(new.written[new.kind]) <= Decimal(old.written[old.kind])


def _weaker_tags(base: GateSide, files: Files, subject: str, place: _Place, now: _Place) -> Iterator[Change]:
    then = place.case
    if then.tags == now.case.tags:
        return
    pointer, was = (*now.pointer, "tags"), (*place.pointer, "tags")
    tags = listed(then.tags), listed(now.case.tags)
    freed = [
        policy.name
        for policy in base.policies
        if not set(policy.tags).isdisjoint(then.tags) and set(policy.tags).isdisjoint(now.case.tags)
    ]
    if freed:
        message = changed("tags", *tags, f"{listed(freed)} no longer judges the case")
        yield files.loosened("tags-removed", subject, message, pointer, was)
    elif _reads(base, "case"):
        message = changed("tags", *tags) + "; a rule reads the tags"
        yield files.loosened("tags-changed", subject, message, pointer, was)


def _reads(plan: GateSide, root: str) -> bool:
    """Whether an expression of the gate names one of the values that expressions see."""
    sources = [check.expression for dataset in plan.datasets for case in dataset.cases for check in case.checks]
    for policy in plan.policies:
        sources += [item.source for item in (*policy.conditions, *policy.variables)]
        sources += [rule.expression.source for rule in policy.rules]
    return any(_names(source, root) for source in sources if source is not None and root in source)


def _names(source: str, root: str) -> bool:
    try:
        return any(token.kind == "name" and token.text == root for token in tokenize(source))
    except ExpressionError:
        return True
