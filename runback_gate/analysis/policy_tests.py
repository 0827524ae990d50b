"""Run policy tests: does each policy say what its examples expect, and do both engines say the same?

In: policies, their tests, the engines. Out: `Conformance`: one `Deviation` for each wrong answer, and what each
rule was seen to say.

    conformance = run_tests(policies, tests, (CppEngine(), PyEngine()))
    conformance.deviations      # () when all is well
"""

from __future__ import annotations

from collections.abc import Sequence

from runback_gate.cel.engine import Engine
from runback_gate.documents import suggestion
from runback_gate.errors import DocumentError, Location
from runback_gate.frozen import dataclass
from runback_gate.policy.document import Policy, PolicyRule
from runback_gate.policy.evaluate import BoundStep, RuleResult, StepUnderTest, compile_policy, results
from runback_gate.policy.left_out import REASON, judged_ids
from runback_gate.policy.policy_test_document import Example, PolicyTest


@dataclass(frozen=True, slots=True)
class Deviation:
    """A rule that did not say what its example expects, or that the engines disagree about."""

    rule: str
    example: str
    message: str
    location: Location


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a rule was seen to say by its examples."""

    rule: str
    passed: int
    failed: int
    errors: int
    skipped: int
    location: Location

    @property
    def gap(self) -> str | None:
        """What was never seen and should have been."""
        missing = [word for word, seen in (("true", self.passed), ("false", self.failed)) if not seen]
        return f"never seen {' or '.join(missing)}" if missing else None


@dataclass(frozen=True, slots=True)
class Conformance:
    """What the tests of all policies came to."""

    expectations: int
    """Expected results that were held against the engines."""
    deviations: tuple[Deviation, ...]
    coverage: tuple[Coverage, ...]
    left_out: tuple[str, ...] = ()
    """Rules that a judge model decides: no test says anything of them."""


def run_tests(policies: Sequence[Policy], tests: Sequence[PolicyTest], engines: Sequence[Engine]) -> Conformance:
    """Run every example on every engine; the first engine is the one that judges.

    Raises:
        DocumentError: a test names a policy or a rule that is not there.
        ExpressionError: an expression does not compile on one of the engines.
    """
    by_name = {policy.name: policy for policy in policies}
    deviations: list[Deviation] = []
    seen: dict[str, list[str]] = {rule.id: [] for policy in policies for rule in policy.rules}
    expectations = 0
    for test in tests:
        policy = _policy(test, by_name)
        compiled = [(engine, compile_policy(policy, engine)) for engine in engines]
        for example in test.cases:
            _known(example, policy)
            expectations += len(example.expect)
            said = [results([rules], under_test(example, engine)) for engine, rules in compiled]
            for rule, result in said[0].items():
                seen[rule].append(result.outcome)
            deviations += _deviations(example, said, [engine.name for engine in engines])
    coverage = tuple(_coverage(rule, seen[rule.id]) for policy in policies for rule in policy.rules)
    return Conformance(expectations, tuple(deviations), coverage, judged_ids(policies))


def _coverage(rule: PolicyRule, seen: Sequence[str]) -> Coverage:
    return Coverage(
        rule=rule.id,
        passed=seen.count("pass"),
        failed=seen.count("fail"),
        errors=seen.count("error"),
        skipped=seen.count("skip"),
        location=rule.expression.location,
    )


def under_test(example: Example, engine: Engine) -> StepUnderTest:
    """The step or the run of an example as what rules judge."""
    return StepUnderTest(example.agent, example.tags, lambda: BoundStep(engine, example.data), scope=example.scope)


def _deviations(example: Example, said: Sequence[dict[str, RuleResult]], engines: Sequence[str]) -> list[Deviation]:
    found = []
    for rule, result in said[0].items():
        state, message = result.outcome, result.message
        place = example.places.get(rule, example.location)
        for other, name in zip(said[1:], engines[1:], strict=True):
            if other[rule].outcome != state:
                text = f"{engines[0]} says {state}, {name} says {other[rule].outcome}: {message or other[rule].message}"
                found.append(Deviation(rule, example.name, text, place))
        if example.expect.get(rule, state) != state:
            text = f"expected {example.expect[rule]}, got {state}" + (f": {message}" if message else "")
            found.append(Deviation(rule, example.name, text, place))
    return found


def _policy(test: PolicyTest, policies: dict[str, Policy]) -> Policy:
    if test.policy not in policies:
        hint = suggestion(test.policy, policies) or "give the policy's file as well"
        raise DocumentError(f"no policy is named {test.policy!r}", hint=hint, location=test.location)
    return policies[test.policy]


def _known(example: Example, policy: Policy) -> None:
    if example.scope != policy.scope:
        message = f"policy {policy.name!r} is about {policy.scope}s, and this is a {example.scope}"
        hint = (
            "write `run:` with its steps" if policy.scope == "run" else "write `step:`, or give the policy scope: run"
        )
        raise DocumentError(message, hint=hint, location=example.location)
    ids = [rule.id for rule in policy.rules]
    for rule, place in example.places.items():
        if rule in judged_ids([policy]):
            message, hint = (
                f"rule {rule!r} has no expression: {REASON}",
                "leave it out of the policy test, and cover it with a case",
            )
            raise DocumentError(message, hint=hint, location=place)
        if rule not in ids:
            message = f"policy {policy.name!r} has no rule {rule!r}"
            raise DocumentError(message, hint=suggestion(rule, ids), location=place)
