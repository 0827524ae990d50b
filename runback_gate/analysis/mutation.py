"""Mutation testing: finds faults in policies that neither policy tests nor recorded steps notice.

In: policies, their tests, recorded steps, the engine that judges. Out: `Mutation`: how many faults were tried, who
noticed them, and those that nobody did.

    mutation = try_mutants(policies, tests, engine, steps)
    mutation.survivors[0].original      # "c.arguments.amount <= params.limit"
    mutation.survivors[0].mutated       # "c.arguments.amount < params.limit"

A test notices a fault when a rule no longer says what the test expects; the record notices it when any rule
says something else of a step. Some faults change nothing that an expression could ever say: no tool can tell, a reader
can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from runback_gate.analysis.effect import fingerprint
from runback_gate.analysis.mutants import Mutant, mutants
from runback_gate.analysis.policy_tests import under_test
from runback_gate.analysis.recorded import Recorded
from runback_gate.cel.engine import Engine
from runback_gate.errors import ExpressionError
from runback_gate.frozen import dataclass
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import RuleResult, RuleSet, StepUnderTest, compile_policy, results
from runback_gate.policy.policy_test_document import Example, PolicyTest


@dataclass(frozen=True, slots=True)
class Mutation:
    """What became of the faults."""

    tried: int
    """Faults that compile."""
    by_tests: int
    """Faults that a policy test notices."""
    by_steps: int
    """Faults that no test notices, but a recorded step."""
    survivors: tuple[Mutant, ...]
    """Faults that nobody notices, by policy and in the order of its file."""
    steps: int
    """Recorded steps that were asked about what the tests did not notice."""


@dataclass(frozen=True, slots=True, eq=False)
class _Suspect:
    """A fault that nobody has noticed yet."""

    mutant: Mutant
    rules: RuleSet
    """The rules that it changed, compiled."""


def try_mutants(
    policies: Sequence[Policy],
    tests: Sequence[PolicyTest],
    engine: Engine,
    steps: Iterable[Recorded] = (),
    progress: Callable[[int, int, object], None] = lambda *_: None,
) -> Mutation:
    """Try every fault of every policy on its tests, and what they do not notice on the recorded steps.

    The tests are taken to hold. A fault that does not compile is not counted. Steps are taken one by one and not kept.

    Raises:
        ExpressionError: a policy does not compile as it is.
    """
    whole = {policy.name: compile_policy(policy, engine) for policy in policies}
    faults = {policy.name: tuple(mutants(policy)) for policy in policies}
    suspects: list[_Suspect] = []
    tried, done, total = 0, 0, sum(map(len, faults.values()))
    for policy in policies:
        cases = [case for test in tests if test.policy == policy.name for case in test.cases]
        examples = [(case, under_test(case, engine)) for case in cases]
        for mutant in faults[policy.name]:
            done += 1
            progress(done, total, None)
            suspect = _suspect(mutant, whole[policy.name], engine)
            tried += suspect is not None
            if suspect and not any(_notices(case, step, suspect.rules) for case, step in examples):
                suspects.append(suspect)
    by_tests = tried - len(suspects)
    left, asked = _unnoticed(suspects, whole, engine, steps)
    survivors = tuple(item.mutant for item in left)
    return Mutation(tried, by_tests, len(suspects) - len(left), survivors, asked)


def _suspect(mutant: Mutant, whole: RuleSet, engine: Engine) -> _Suspect | None:
    """A fault with the rules that it changes; None when it does not compile."""
    try:
        rules = compile_policy(mutant.policy, engine)
    except ExpressionError:
        return None
    pairs = zip(whole.rules, rules.rules, strict=True)
    changed = tuple(rule for known, rule in pairs if fingerprint(whole, known) != fingerprint(rules, rule))
    return _Suspect(mutant, replace(rules, rules=changed))


def _notices(example: Example, step: StepUnderTest, rules: RuleSet) -> bool:
    """Whether one of the rules does not say what the example expects."""
    expected = {rule.id: example.expect[rule.id] for rule in rules.rules if rule.id in example.expect}
    if not expected:
        return False
    said = results([rules], step)
    return any(said[rule].outcome != word for rule, word in expected.items())


def _unnoticed(
    suspects: list[_Suspect], whole: dict[str, RuleSet], engine: Engine, steps: Iterable[Recorded]
) -> tuple[list[_Suspect], int]:
    """The faults that no step notices, and how many steps were asked."""
    asked = 0
    for step in steps:
        asked += step.step is not None
        answer = step.under_test(engine)
        names = dict.fromkeys(item.mutant.policy.name for item in suspects)
        known = {name: results([whole[name]], answer) for name in names}
        suspects = [item for item in suspects if not _differs(answer, item, known[item.mutant.policy.name])]
    return suspects, asked


def _differs(answer: StepUnderTest, suspect: _Suspect, known: dict[str, RuleResult]) -> bool:
    said = results([suspect.rules], answer)
    return any(result.outcome != known[rule].outcome for rule, result in said.items())
