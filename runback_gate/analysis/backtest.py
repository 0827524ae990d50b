"""Judge every recorded step of many runs: what would these policies have said?

In: policies, an engine, recorded runs. Out: `Backtest`: counts for each rule, and each failure by run and step.

    backtest(policies, CppEngine(), runs).counts["airline.one_action"].failed
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runback_gate.analysis.recorded import recorded
from runback_gate.canonical import JsonValue
from runback_gate.cel.engine import Engine
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import RuleOutcome, compile_policy, results
from runback_gate.step import Run

WORDS: tuple[RuleOutcome, ...] = ("pass", "fail", "error", "skip")


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that breaks a rule, or on which it cannot be evaluated."""

    rule: str
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
    """Rule id to `pass`, `fail`, `error` and `skip`; the four add up to `steps`."""
    failures: tuple[Failure, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """The JSON that `backtest --json` prints: errors are counted, failures are listed."""
        return {
            "steps": self.steps,
            "validations": {rule: dict(counts) for rule, counts in self.counts.items()},
            "failures": [
                {"validation": item.rule, "run": item.run, "step": item.step, "message": item.message}
                for item in self.failures
                if item.outcome == "fail"
            ],
        }


def backtest(policies: Sequence[Policy], engine: Engine, runs: Iterable[Run]) -> Backtest:
    """Judge every step of every run; runs are taken one by one and not kept."""
    rule_sets = [compile_policy(policy, engine) for policy in policies]
    counts: dict[str, Counter[RuleOutcome]] = {rule.id: Counter() for rules in rule_sets for rule in rules.rules}
    failures: list[Failure] = []
    seen = steps = 0
    for run in runs:
        seen += 1
        for index, step in enumerate(recorded(run)):
            steps += 1
            for rule, result in results(rule_sets, step.under_test(engine)).items():
                counts[rule][result.outcome] += 1
                if result.outcome in ("fail", "error"):
                    failures.append(Failure(rule, run.id, index, result.outcome, result.message))
    order = {rule: place for place, rule in enumerate(counts)}
    failures.sort(key=lambda item: order[item.rule])
    totals: dict[str, dict[str, int]] = {rule: {word: count[word] for word in WORDS} for rule, count in counts.items()}
    return Backtest(seen, steps, totals, tuple(failures))
