"""Judge one answer, or one run, by rules: rules of policies and dataset checks alike.

In: compiled rules and a step under test. Out: a `RuleResult` for each rule, made in `results` and nowhere else; and for
people a `Judgement`: what holds, what does not concern the answer, and a `Finding` for each rule that fails or cannot
be evaluated. A rule that cannot be evaluated never holds.

    engine = CppEngine()
    rules = [compile_policy(policy, engine) for policy in policies]
    step = StepUnderTest("support", ("refund",), lambda: BoundStep(engine, data))
    results(rules, step)["refunds.limit"].outcome       # "fail"
    judge(rules, step).findings[0].message              # "refund above 100"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, Literal, Protocol, cast

from runback_gate.canonical import JsonValue, digest_bytes, exact_bytes
from runback_gate.cel.check import check_source
from runback_gate.cel.engine import Activation, Engine, Outcome, Program
from runback_gate.cel.environment import Scope
from runback_gate.cel.inline import inline
from runback_gate.cel.projection import paths, reads
from runback_gate.cel.words import words
from runback_gate.cel.work import Budget
from runback_gate.errors import ExpressionError, Location
from runback_gate.frozen import dataclass
from runback_gate.name_pattern import matches_name
from runback_gate.policy.document import Expression, Policy
from runback_gate.policy.finding import Action, Finding, Grade, RuleOutcome

MAX_MESSAGE = 300

NOT_EVALUATED = "cannot be evaluated: "
"""How the message of a rule that errs begins."""

Cause = Literal["rule", "condition", "step"]
"""What made a result: the rule itself, a match condition of its policy, or the step (match lists, view-only)."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule says of one answer."""

    outcome: RuleOutcome
    cause: Cause = "rule"
    message: str = ""
    """Why, for an error or a failure; empty for the others. May hold text that a model wrote."""


PASS = RuleResult("pass")
NOT_CONCERNED = RuleResult("skip", "step", "the policy does not concern this agent or case")
OTHER_SCOPE = RuleResult("skip", "step", "the policy is about runs where this is a step, or about steps of a run")
CONDITION_FALSE = RuleResult("skip", "condition", "a match condition is false")


_NO_GRADES: Mapping[Decider, Grade] = MappingProxyType({})


class BoundStep:
    """The data of one answer, bound once for every rule."""

    def __init__(
        self,
        engine: Engine,
        data: dict[str, JsonValue],
        whole: Callable[[], dict[str, JsonValue]] | None = None,
    ) -> None:
        """`whole` lays out all of the answer, where `data` holds no more than rules read."""
        self.engine = engine
        self.data = data
        self.whole = whole or (lambda: data)
        self.grades: Mapping[Decider, Grade] = _NO_GRADES
        """What judge models said of it."""
        self.budget = Budget()
        """What all rules of this answer may cost."""
        self.activation: Activation = engine.bind(data, self.budget, lean=whole is not None)
        self.outcomes: dict[Program, Outcome] = {}
        """What programs said of it."""

    def evaluate(self, program: Program) -> Outcome:
        """What a program says of this answer; rules and conditions of the same text are evaluated once."""
        outcome = self.outcomes.get(program)
        if outcome is None:
            outcome = self.outcomes[program] = program.evaluate(self.activation)
        return outcome

    @cached_property
    def explaining(self) -> Budget:
        """What it may cost to say why its rules do not hold."""
        return Budget()

    @property
    def text(self) -> str:
        """The text of the answer."""
        return cast("str", cast("dict[str, JsonValue]", self.data["response"])["text"])


class StepUnderTest:
    """An answer, or a run, bound when a rule first concerns it."""

    def __init__(
        self,
        agent: str,
        tags: Sequence[str],
        bind: Callable[[], BoundStep],
        unusable: str = "",
        scope: Scope = "step",
    ) -> None:
        """`unusable` says why nothing can be judged on it; empty where it can."""
        self.agent = agent
        self.tags = tags
        self.unusable = unusable
        self.scope = scope
        self.grades: dict[Decider, Grade] = {}
        """What judge models said of it: whoever asks them puts it here, before it is judged."""
        self._bind = bind
        self._bound: BoundStep | None = None

    # No `cached_property`: it takes a lock before Python 3.12, and every step of a backtest is asked once.
    @property
    def bound(self) -> BoundStep:
        """Its data."""
        bound = self._bound
        if bound is None:
            bound = self._bound = self._bind()
            bound.grades = self.grades
        return bound


class Decider(Protocol):
    """What decides a rule: an expression, a JSON Schema, a rubric."""

    def __hash__(self) -> int:
        """By identity: what it says is `content`."""

    @property
    def content(self) -> JsonValue:
        """All that decides: two deciders of the same content say the same of every answer."""

    def decide(self, step: BoundStep) -> Outcome:
        """True holds, false does not; anything else is an error."""

    def reason(self, step: BoundStep) -> str:
        """What is wrong, beyond the message of the rule; empty where that says it all."""

    def values(self, step: BoundStep) -> tuple[tuple[str, str], ...]:
        """What decided, for people."""


@dataclass(frozen=True, slots=True, eq=False)
class ExpressionDecider:
    """A CEL expression."""

    program: Program
    text: str
    """With params and variables put in: what was compiled."""
    source: str = ""
    """As written, for explaining; empty when there is nothing to explain."""
    params: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    reads: frozenset[str] = frozenset()
    """As of a `Rule`."""

    @property
    def content(self) -> JsonValue:
        """Its words: layout and comments decide nothing."""
        return {"cel": [list(word) for word in words(self.text)]}

    def decide(self, step: BoundStep) -> Outcome:
        """Its value."""
        return step.evaluate(self.program)

    def reason(self, step: BoundStep) -> str:  # noqa: ARG002
        """Nothing: its values say it."""
        return ""

    def values(self, step: BoundStep) -> tuple[tuple[str, str], ...]:
        """The sub-expressions that decided."""
        if not self.source:
            return ()
        # Imported here: only a failing rule is explained.
        from runback_gate.cel.explain import deciding, explain  # noqa: PLC0415

        known: dict[str, Any] = {"params": self.params, "variables": self.variables, "budget": step.explaining}
        return deciding(explain(self.source, **known, engine=step.engine, data=step.whole()))


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One compiled rule."""

    id: str
    policy: str
    action: Action
    ignore_errors: bool
    decider: Decider
    message: str
    message_program: Program | None
    location: Location
    reads: frozenset[str] = frozenset()
    """What its expressions read of a step (`cel.projection`); over runs, the fields of their steps (`cel.reads`)."""


@dataclass(frozen=True, slots=True, eq=False)
class RuleSet:
    """A compiled policy, or the checks of one case."""

    agents: tuple[str, ...]
    tags: tuple[str, ...]
    conditions: tuple[tuple[str, ExpressionDecider], ...]
    rules: tuple[Rule, ...]
    scope: Scope = "step"
    reads: frozenset[str] = frozenset()
    """Of a policy over runs what its rules and conditions read, of which one is judged."""
    paths: frozenset[str] = frozenset()
    """Of a policy over steps the same."""

    def only(self, rules: Sequence[Rule]) -> RuleSet:
        """The same policy with these rules, and what they and its conditions read."""
        conditions = (condition.reads for _, condition in self.conditions)
        read = frozenset[str]().union(*conditions, *(rule.reads for rule in rules))
        if self.scope == "run":
            return replace(self, rules=tuple(rules), reads=read)
        return replace(self, rules=tuple(rules), paths=read)

    def concerns(self, agent: str, tags: Sequence[str]) -> bool:
        """Whether its match lists name this agent and one of these tags."""
        named = not self.agents or any(matches_name(pattern, agent) for pattern in self.agents)
        return named and (not self.tags or not set(self.tags).isdisjoint(tags))

    def fingerprint(self, rule: Rule) -> str:
        """SHA-256 of what decides one of its rules: its own content and the conditions, not its name, place or text."""
        return _fingerprint(self.scope, tuple(condition for _, condition in self.conditions), rule.decider)


@lru_cache(maxsize=1024)
def _fingerprint(scope: Scope, conditions: tuple[ExpressionDecider, ...], decider: Decider) -> str:
    said = [condition.content for condition in conditions]
    scoped = {} if scope == "step" else {"scope": scope}
    return digest_bytes(exact_bytes({**scoped, "conditions": said, "rule": decider.content}))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What all rules say of one answer."""

    passed: tuple[str, ...]
    skipped: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def judged(self) -> int:
        """How many rules gave true or false."""
        return len(self.passed) + sum(finding.outcome == "fail" for finding in self.findings)


def compile_policy(policy: Policy, engine: Engine) -> RuleSet:
    """Compile a policy.

    Raises:
        ExpressionError: an expression breaks a limit or does not compile; file, line and column are those of the
        policy.
    """
    variables: dict[str, str] = {}
    for variable in policy.variables:
        _compile(variable, engine, policy, variables)
        variables[variable.name] = variable.source
    conditions = tuple((item.name, _compile(item, engine, policy, variables)) for item in policy.conditions)
    rules = []
    for rule in policy.rules:
        decider = _compile(rule.expression, engine, policy, variables)
        written = rule.message_expression
        text = None if written is None else _compile(written, engine, policy, variables)
        rules.append(
            Rule(
                id=rule.id,
                policy=policy.name,
                action=policy.action,
                ignore_errors=policy.ignore_errors,
                decider=decider,
                message=rule.message or policy.description or "does not hold",
                message_program=None if text is None else text.program,
                location=rule.expression.location,
                reads=decider.reads if text is None else decider.reads | text.reads,
            )
        )
    return RuleSet(policy.agents, policy.tags, conditions, (), policy.scope).only(rules)


def _compile(expression: Expression, engine: Engine, policy: Policy, variables: dict[str, str]) -> ExpressionDecider:
    try:
        check_source(expression.source, policy.scope)
        whole = inline(expression.source, policy.params, variables)
        program = engine.compile(whole)
    except ExpressionError as error:
        raise expression.place(error) from error
    read = reads(whole.tree) if policy.scope == "run" else paths(whole.tree)
    return ExpressionDecider(program, whole.text, expression.source, policy.params, variables, read)


def results(rule_sets: Iterable[RuleSet], step: StepUnderTest) -> dict[str, RuleResult]:
    """What each rule says of an answer, by the id of the rule, in the order of the rule sets."""
    return {rule.id: result for _, rule, result in _results(rule_sets, step)}


def _results(rule_sets: Iterable[RuleSet], step: StepUnderTest) -> Iterator[tuple[RuleSet, Rule, RuleResult]]:
    bound: BoundStep | None = None
    for rule_set in rule_sets:
        shared = shared_result(rule_set, step)
        for rule in rule_set.rules:
            if shared is None:
                bound = bound or step.bound
                yield rule_set, rule, _decided(rule, bound)
            else:
                yield rule_set, rule, shared


def shared_result(rule_set: RuleSet, step: StepUnderTest) -> RuleResult | None:
    """What every rule of a set says because of the step or a condition; None where each decides for itself."""
    if rule_set.scope != step.scope:
        return OTHER_SCOPE
    if (rule_set.agents or rule_set.tags) and not rule_set.concerns(step.agent, step.tags):
        return NOT_CONCERNED
    if step.unusable:
        return RuleResult("error", "step", step.unusable)
    error = None
    for name, condition in rule_set.conditions:
        outcome = step.bound.evaluate(condition.program)
        if outcome.verdict == "false":
            return CONDITION_FALSE
        if outcome.verdict == "error" and error is None:
            error = RuleResult("error", "condition", f"{NOT_EVALUATED}match condition {name}: {outcome.reason}")
    return error


def _decided(rule: Rule, step: BoundStep) -> RuleResult:
    outcome = rule.decider.decide(step)
    # Only a real boolean is True, and an error has no value.
    if outcome.value is True:
        return PASS
    if outcome.verdict == "error":
        return RuleResult("error", "rule", f"{NOT_EVALUATED}{outcome.reason}")
    return RuleResult("fail", "rule", _message(rule, step))


def judge(rule_sets: Iterable[RuleSet], step: StepUnderTest) -> Judgement:
    """What all rules say of an answer, with a finding for each that fails or cannot be evaluated.

    A rule set whose match lists leave the answer out says nothing of it.
    """
    passed, skipped, findings = [], [], []
    for rule_set, rule, result in _results(rule_sets, step):
        if result.outcome == "pass":
            passed.append(rule.id)
        elif result.outcome != "skip":
            findings.append(_finding(rule_set, rule, result, step))
        elif result not in (NOT_CONCERNED, OTHER_SCOPE):
            skipped.append(rule.id)
    return Judgement(tuple(passed), tuple(skipped), tuple(findings))


def _finding(rule_set: RuleSet, rule: Rule, result: RuleResult, step: StepUnderTest) -> Finding:
    if result.outcome == "fail":
        values, fingerprint = rule.decider.values(step.bound), rule_set.fingerprint(rule)
        return Finding(
            rule.id, rule.policy, "fail", rule.action, result.message, values, rule.location, fingerprint=fingerprint
        )
    action: Action = "Warn" if rule.ignore_errors and rule.action == "Deny" else rule.action
    return Finding(rule.id, rule.policy, "error", action, result.message, (), rule.location)


def _message(rule: Rule, step: BoundStep) -> str:
    if rule.message_program is not None:
        text = step.evaluate(rule.message_program).value
        if isinstance(text, str) and text.strip():
            return " ".join(text[: 4 * MAX_MESSAGE].split())[:MAX_MESSAGE]
    reason = rule.decider.reason(step)
    return f"{rule.message}: {reason}" if reason else rule.message
