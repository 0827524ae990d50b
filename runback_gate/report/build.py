"""From what the gate judged to the report.

report = build_report(plan, result, engine, version="0.1.0")
"""

from __future__ import annotations

from runback_gate.gate.plan import Plan
from runback_gate.gate.run import Result
from runback_gate.gate.verdict import gate_verdict
from runback_gate.policy.engine import Engine
from runback_gate.report.model import SCHEMA, GatedAgent, Input, Notice, Report, Rule, Software, count


def build_report(plan: Plan, result: Result, engine: Engine, *, version: str) -> Report:
    """The report of one run. Pure: the same plan and result give the same report.

    Args:
        plan: what was read.
        result: what was judged.
        engine: the CEL engine that judged.
        version: version of Runback gate.
    """
    verdict = gate_verdict(result.rows)
    return Report(
        schema=SCHEMA,
        tool=Software("runback-gate", version),
        engine=Software(engine.name, engine.version),
        gate=plan.gate.name,
        verdict=verdict,
        exit_code=verdict.exit_code,
        date=plan.day,
        selection=plan.selection,
        agents=tuple(GatedAgent(item.name, item.path, item.files[0].digest, item.model) for item in plan.agents),
        inputs=_inputs(plan, result),
        rules=_rules(plan),
        rows=result.rows,
        notices=_notices(plan, result),
        totals=count(result.rows, len(plan.policies)),
    )


def _inputs(plan: Plan, result: Result) -> tuple[Input, ...]:
    found = [Input("gate", plan.gate.path, plan.gate.digest)]
    found += [Input(file.kind, file.path, file.digest) for agent in plan.agents for file in agent.files]
    found += [Input("dataset", item.path, item.digest) for item in plan.datasets]
    found += [Input("policy", item.path, item.digest) for item in plan.policies]
    found += [Input("waiver", item.path, item.digest) for item in plan.waivers]
    found += [Input(kind, path, digest) for kind, path, digest in sorted(set(result.stored))]
    return tuple(found)


def _rules(plan: Plan) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            id=rule.id,
            policy=policy.name,
            description=policy.description or rule.message,
            action=policy.action,
            expression=rule.expression.source,
            location=rule.expression.location,
            runbook=policy.annotations.get("runbook", ""),
        )
        for policy in plan.policies
        for rule in policy.validations
    )


def _notices(plan: Plan, result: Result) -> tuple[Notice, ...]:
    covered = {dataset.agent for dataset in plan.datasets}
    alone = [item.name for item in plan.agents if item.name not in covered]
    # Where datasets were left out, nothing can be said about the agents of those.
    whole = not any(item.startswith("dataset=") for item in plan.selection)
    notices = [Notice(f"no dataset holds cases of agent {name}") for name in alone if whole]
    places = {policy.name: policy.location for policy in plan.policies}
    notices += [Notice(f"policy {name} concerned no answer", places[name]) for name in result.vacuous]
    return tuple(notices)
