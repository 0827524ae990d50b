"""From what the gate judged to the report.

report = build_report(plan, result, engine, version="0.1.0")
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Literal

from runback_gate.cel.engine import Engine
from runback_gate.change.model import Change
from runback_gate.change.proof import Proof
from runback_gate.dataset.document import Dataset
from runback_gate.frozen import dataclass
from runback_gate.gate.plan import Plan
from runback_gate.gate.run import Result
from runback_gate.gate.verdict import gate_verdict
from runback_gate.gate.waivers import Waiver
from runback_gate.policy.document import JudgedRule, Policy
from runback_gate.replay.spend import Spend
from runback_gate.report.bodies import report_bodies
from runback_gate.report.guarantee import guarantee
from runback_gate.report.model import (
    SCHEMA,
    GatedAgent,
    Incomplete,
    Input,
    Notice,
    OnArchive,
    Report,
    Revision,
    Rule,
    Shard,
    Side,
    Software,
    count,
    exit_code,
)
from runback_gate.rubric import Rubric


@dataclass(frozen=True, slots=True)
class Context:
    """What a report says beside its rows: the revisions, and the part of the run."""

    base: Revision | None = None
    base_plan: Plan | None = None
    """What the base gates; None when it has no gate."""
    changes: tuple[Change, ...] = ()
    """What the head's gate says otherwise, as a whole, also where a part of it is judged."""
    proofs: tuple[Proof, ...] = ()
    """What was proved of changed rules."""
    archive: OnArchive | None = None
    """What changed policies do to archived steps."""
    head: Revision | None = None
    shard: tuple[int, int] = (1, 1)
    notices: tuple[Notice, ...] = ()
    """What is to be said of the base, and what models were seen not to honour."""
    spend: Spend = field(default_factory=Spend)
    """What models were asked, and what it cost."""
    incomplete: Incomplete = ""
    """Why the run ended early; empty when it did not."""


def build_report(
    plan: Plan,
    result: Result,
    engine: Engine,
    *,
    version: str,
    context: Context = Context(),
) -> Report:
    """The report of one run. Pure: the same plan and result give the same report.

    Args:
        plan: what was read.
        result: what was judged.
        engine: the CEL engine that judged.
        version: version of Runback gate.
        context: revisions, part, and what asking took.
    """
    number, of = context.shard
    answers, requests = report_bodies(result.rows, result.bodies.get)
    verdict = gate_verdict(result.rows)
    return Report(
        schema=SCHEMA,
        tool=Software("runback-gate", version),
        engine=Software(engine.name, engine.version),
        gate=plan.gate.name,
        verdict=verdict,
        exit_code=exit_code(verdict, context.incomplete),
        date=plan.day,
        selection=plan.selection,
        agents=tuple(GatedAgent(item.name, item.path, item.files[0].digest, item.model) for item in plan.agents),
        inputs=_inputs(plan, result, context.base_plan),
        rules=_rules(plan, context.base_plan),
        rows=result.rows,
        notices=_notices(plan, result, context),
        totals=count(result.rows, len(plan.policies)),
        spend=context.spend,
        incomplete=context.incomplete,
        base=context.base,
        head=context.head,
        shard=Shard(number, of, result.duties, result.own_effects) if of > 1 else None,
        effects=result.effects,
        answers=answers,
        requests=requests,
        changes=context.changes,
        proofs=context.proofs,
        archive=context.archive,
        guarantee=guarantee(result.tests, result.rows),
    )


def _inputs(plan: Plan, result: Result, base: Plan | None) -> tuple[Input, ...]:
    found = [*_files(plan, "head"), *(_files(base, "base") if base else ())]
    found += [Input(kind, path, digest, side) for kind, path, digest, side in sorted(set(result.stored))]
    return tuple(found)


def _files(plan: Plan, side: Side) -> Iterator[Input]:
    yield Input("gate", plan.gate.path, plan.gate.digest, side)
    for agent in plan.agents:
        yield from (Input(file.kind, file.path, file.digest, side) for file in agent.files)
    kinds: tuple[tuple[Literal["dataset", "policy", "waiver"], Sequence[Dataset | Policy | Waiver]], ...]
    kinds = (("dataset", plan.datasets), ("policy", plan.policies), ("waiver", plan.waivers))
    for kind, items in kinds:
        yield from (Input(kind, item.path, item.digest, side) for item in items)


def _rules(plan: Plan, base: Plan | None) -> tuple[Rule, ...]:
    """The rules of the head, then those that the base alone has, or has otherwise: they judge as well."""
    ours = {rule.id: rule for rule in _rules_of(plan, "head")}
    kept = {policy.digest for policy in plan.policies}
    theirs = [] if base is None else [item for item in base.policies if item.digest not in kept]
    others = {rule.id: rule for rule in _rules_of(base, "base")} if base else {}
    changed = {rule.id for policy in theirs for rule in policy.every_rule}
    return (*ours.values(), *(rule for name, rule in others.items() if name not in ours or name in changed))


def _rules_of(plan: Plan, side: Side) -> Iterator[Rule]:
    return (
        Rule(
            id=rule.id,
            policy=policy.name,
            description=policy.description or rule.message,
            action=policy.action,
            expression=_in_words(rule.rubric) if isinstance(rule, JudgedRule) else rule.expression.source,
            location=rule.location,
            runbook=policy.annotations.get("runbook", ""),
            side=side,
        )
        for policy in plan.policies
        for rule in policy.every_rule
    )


def _in_words(rubric: Rubric) -> str:
    """What a judge model is asked, where an expression would stand."""
    criteria = ", ".join(f"{item.name} ({item.weight})" for item in rubric.criteria)
    samples = f", the median of {rubric.samples}" if rubric.samples > 1 else ""
    return f"{rubric.model} gives at least {rubric.threshold} %{samples}, for {criteria}:\n{rubric.rubric.strip()}"


def _notices(plan: Plan, result: Result, context: Context) -> tuple[Notice, ...]:
    covered = {dataset.agent for dataset in plan.datasets}
    alone = [item.name for item in plan.agents if item.name not in covered]
    # Where datasets were left out, nothing can be said about the agents of those.
    whole = not any(item.startswith("dataset=") for item in plan.selection)
    notices = [Notice(f"no dataset holds cases of agent {name}") for name in alone if whole]
    notices += context.notices
    places = {policy.name: policy.location for policy in plan.policies}
    notices += [Notice(f"policy {name} concerned no answer", places[name]) for name in result.vacuous]
    return tuple(notices)
