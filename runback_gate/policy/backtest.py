"""Judge every recorded step of many runs: what would these policies have said?

In: policies, an engine, recorded runs. Out: `Backtest`: counts for each validation, and each failure by run and step.

    backtest(policies, CppEngine(), runs).counts["airline.one_action"].failed
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runback_gate.canonical import JsonValue
from runback_gate.policy.conformance import State, states
from runback_gate.policy.context import agent_facts, bindings, case_facts
from runback_gate.policy.document import Policy
from runback_gate.policy.engine import Engine
from runback_gate.policy.evaluate import RuleSet, Subject, compile_policy, judge
from runback_gate.step import Run, Step

WORDS = ("pass", "fail", "error", "skip")


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
    compiled = [(policy, compile_policy(policy, engine)) for policy in policies]
    counts: dict[str, Counter[str]] = {rule.id: Counter() for policy in policies for rule in policy.validations}
    failures: list[Failure] = []
    seen = steps = 0
    for run in runs:
        seen += 1
        for index, step in enumerate(run.steps):
            steps += 1
            subject = Subject(engine, step_data(step))
            for policy, rules in compiled:
                for rule, (state, message) in _states(policy, rules, step, subject).items():
                    counts[rule][state] += 1
                    if state in ("fail", "error"):
                        failures.append(Failure(rule, run.id, index, state, message))
    totals = {rule: {word: found[word] for word in WORDS} for rule, found in counts.items()}
    return Backtest(seen, steps, totals, tuple(failures))


def _states(policy: Policy, rules: RuleSet, step: Step, subject: Subject) -> dict[str, State]:
    if not rules.concerns(step.agent, ()):
        return states(policy, None)
    if step.source.grade == "view-only":
        reason = "the recording is view-only: it can be read, not judged"
        return {rule.id: ("error", reason) for rule in policy.validations}
    return states(policy, judge(subject, [rules], explained=False))


def step_data(step: Step) -> dict[str, JsonValue]:
    """What expressions see of a recorded step, judged as it was."""
    return bindings(
        step.request,
        step.response,
        baseline=step.response,
        case=case_facts("", f"{step.source.run}/{step.source.event}", (), step.source.at),
        agent=agent_facts(step.agent),
    )
