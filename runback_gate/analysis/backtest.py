"""Judge every recorded step of many runs: what would these policies have said?

In: policies, an engine, recorded runs. Out: `Backtest`: counts for each validation, and each failure by run and step.

    backtest(policies, CppEngine(), runs).counts["airline.one_action"].failed
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runback_gate.canonical import JsonValue
from runback_gate.cel.engine import Engine
from runback_gate.policy.context import step_data
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import Judgement, RuleSet, Subject, compile_policy, judge, unjudged
from runback_gate.step import Run, Step

WORDS = ("pass", "fail", "error", "skip")

_VIEW_ONLY = "the recording is view-only: it can be read, not judged"


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that breaks a validation, or on which it cannot be evaluated."""

    validation: str
    run: str
    step: int
    """Index of the step in its run, from 0."""
    outcome: str
    """`fail` or `error`."""
    message: str


@dataclass(frozen=True, slots=True)
class Backtest:
    """What the policies say of recorded steps."""

    runs: int
    steps: int
    counts: dict[str, dict[str, int]]
    """Validation id to `pass`, `fail`, `error` and `skip`; the four add up to `steps`."""
    failures: tuple[Failure, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """The JSON that `backtest --json` prints: errors are counted, failures are listed."""
        return {
            "steps": self.steps,
            "validations": {rule: dict(counts) for rule, counts in self.counts.items()},
            "failures": [
                {"validation": item.validation, "run": item.run, "step": item.step, "message": item.message}
                for item in self.failures
                if item.outcome == "fail"
            ],
        }


def backtest(policies: Sequence[Policy], engine: Engine, runs: Iterable[Run]) -> Backtest:
    """Judge every step of every run; runs are taken one by one and not kept."""
    rule_sets = [compile_policy(policy, engine) for policy in policies]
    counts: dict[str, Counter[str]] = {word: Counter() for word in WORDS}
    failures: list[Failure] = []
    seen = steps = 0
    for run in runs:
        seen += 1
        for index, step in enumerate(run.steps):
            steps += 1
            judgement = _judge(rule_sets, engine, step)
            counts["pass"].update(judgement.passed)
            counts["skip"].update(judgement.skipped)
            for item in judgement.findings:
                counts[item.outcome][item.rule] += 1
                failures.append(Failure(item.rule, run.id, index, item.outcome, item.message))
    rules = [rule.id for policy in policies for rule in policy.validations]
    order = {rule: place for place, rule in enumerate(rules)}
    failures.sort(key=lambda item: order[item.validation])
    return Backtest(
        seen, steps, {rule: {word: counts[word][rule] for word in WORDS} for rule in rules}, tuple(failures)
    )


def _judge(rule_sets: Sequence[RuleSet], engine: Engine, step: Step) -> Judgement:
    concerned = [item for item in rule_sets if item.concerns(step.agent, ())]
    skipped = tuple(rule.id for item in rule_sets if item not in concerned for rule in item.rules)
    if step.source.grade == "view-only":
        findings = tuple(unjudged(rule, _VIEW_ONLY) for item in concerned for rule in item.rules)
        return Judgement((), skipped, findings)
    found = judge(Subject(engine, step_data(step)), concerned, explained=False)
    return Judgement(found.passed, skipped + found.skipped, found.findings)
