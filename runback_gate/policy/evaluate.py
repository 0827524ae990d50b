"""Judge one answer by rules: policy validations and dataset checks alike.

In: compiled rules and the data of one answer (`context.bindings`). Out: a `Judgement`: what holds, what does not
concern it, and a `Finding` for each rule that fails or cannot be evaluated. A rule that cannot be evaluated never
holds.

    engine = CppEngine()
    rules = [compile_policy(policy, engine) for policy in policies]
    judgement = judge(Subject(engine, data), rules)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from posixpath import commonprefix
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast

from runback_gate.canonical import JsonValue
from runback_gate.cel.engine import Activation, Engine, Outcome, Program
from runback_gate.cel.inline import inline
from runback_gate.cel.limits import check_limits, line_column, walk
from runback_gate.cel.pattern import compile_pattern
from runback_gate.dataset.document import CaseCheck
from runback_gate.dataset.rubric import Rubric
from runback_gate.errors import ExpressionError, Location
from runback_gate.policy.document import Action, Expression, Policy
from runback_gate.policy.rubric import Grade

if TYPE_CHECKING:
    from runback_gate.policy.json_schema import JsonSchemaProgram

MAX_MESSAGE = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that an answer breaks, or that cannot be evaluated on it."""

    rule: str
    """`refunds.limit` for a policy validation, `toolCalled escalate` for a check of the case."""
    policy: str
    """Name of the policy; empty for a check."""
    outcome: Literal["fail", "error"]
    action: Action
    """Deny blocks, Warn is shown, Audit is kept in the report."""
    message: str
    """One line for people. May hold text that a model wrote."""
    values: tuple[tuple[str, str], ...]
    """The sub-expressions that decided and their values as compact JSON. Holds text that a model wrote."""
    location: Location
    """The validation or the check in its file."""
    waiver: str | None = None
    """Name of the waiver that takes this finding out of the verdict."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One compiled rule."""

    id: str
    policy: str
    action: Action
    ignore_errors: bool
    program: Program | None
    """What decides, or None when `schema` or `rubric` does."""
    schema: JsonSchemaProgram | None
    message: str
    message_program: Program | None
    location: Location
    source: str
    """CEL as written, for explaining; empty when CEL does not decide."""
    params: dict[str, Any]
    variables: dict[str, str]
    rubric: Rubric | None = None
    """What a judge model grades by, when neither program nor schema decides."""


@dataclass(frozen=True, slots=True, eq=False)
class RuleSet:
    """A compiled policy, or the checks of one case."""

    agents: tuple[str, ...]
    tags: tuple[str, ...]
    conditions: tuple[tuple[str, Program], ...]
    rules: tuple[Rule, ...]

    def concerns(self, agent: str, tags: Sequence[str]) -> bool:
        """Whether its match lists name this agent and one of these tags."""
        # Only * and ? are wild: a name may hold brackets.
        named = not self.agents or any(fnmatchcase(agent, pattern.replace("[", "[[]")) for pattern in self.agents)
        return named and (not self.tags or not set(self.tags).isdisjoint(tags))


class Subject:
    """The data of one answer, bound once for every rule."""

    def __init__(
        self, engine: Engine, data: dict[str, JsonValue], grades: Mapping[Rule, Grade] = MappingProxyType({})
    ) -> None:
        self.engine = engine
        self.data = data
        self.grades = grades
        self.activation: Activation = engine.bind(data)
        self._outcomes: dict[Program, Outcome] = {}

    def evaluate(self, program: Program) -> Outcome:
        """What a program says of this answer; policies share conditions, and each is evaluated once."""
        if program not in self._outcomes:
            self._outcomes[program] = program.evaluate(self.activation)
        return self._outcomes[program]

    @property
    def text(self) -> str:
        """The text of the answer."""
        return cast("str", cast("dict[str, JsonValue]", self.data["response"])["text"])


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
        _compile(variable, engine, policy.params, variables)
        variables[variable.name] = variable.source
    conditions = [(item.name, _compile(item, engine, policy.params, variables)) for item in policy.conditions]
    rules = []
    for rule in policy.validations:
        text = rule.message_expression
        rules.append(
            Rule(
                id=rule.id,
                policy=policy.name,
                action=policy.action,
                ignore_errors=policy.ignore_errors,
                program=_compile(rule.expression, engine, policy.params, variables),
                schema=None,
                message=rule.message or policy.description or "does not hold",
                message_program=None if text is None else _compile(text, engine, policy.params, variables),
                location=rule.expression.location,
                source=rule.expression.source,
                params=policy.params,
                variables=variables,
            )
        )
    return RuleSet(policy.agents, policy.tags, tuple(conditions), tuple(rules))


def _compile(expression: Expression, engine: Engine, params: dict[str, Any], variables: dict[str, str]) -> Program:
    try:
        _check_patterns(expression.source)
        whole = inline(expression.source, params, variables)
    except ExpressionError as error:
        raise expression.place(error) from error
    try:
        return engine.compile(whole)
    except ExpressionError as error:
        raise expression.place(_moved(error, whole, expression.source)) from error


@lru_cache(maxsize=1024)
def _check_patterns(source: str) -> None:
    """Hold an expression to its limits, and its literal patterns to RE2, which engines read only when they meet it."""
    node = check_limits(source)
    if "matches" not in source:
        return
    for part, _ in walk(node):
        if part.kind == "call" and part.name == "matches" and part.children and part.children[-1].name == "string":
            try:
                compile_pattern(cast("str", part.children[-1].value))
            except ValueError as error:
                place = Location("", *line_column(source, part.children[-1].start))
                hint = "patterns are RE2: no look-around, no back-references"
                raise ExpressionError(str(error), hint=hint, location=place) from error


def _moved(error: ExpressionError, whole: str, source: str) -> ExpressionError:
    """The error at its place in the source as written: in what was put in, where that begins."""
    at = error.location
    if at is None or whole == source:
        return error
    offset = sum(len(line) + 1 for line in whole.split("\n")[: (at.line or 1) - 1]) + (at.column or 1) - 1
    head = len(commonprefix((source, whole)))
    tail = len(commonprefix((source[::-1], whole[::-1])))
    if offset >= head:
        offset = max(head, offset - len(whole) + len(source)) if offset >= len(whole) - tail else head
    place = Location("", *line_column(source, min(offset, len(source))))
    return ExpressionError(error.message, hint=error.hint, location=place)


def compile_checks(checks: Iterable[CaseCheck], engine: Engine) -> RuleSet:
    """Compile the checks of a case; a check blocks, and one that cannot be evaluated leaves the row undecided.

    Raises:
        ExpressionError: a `cel` check does not compile, a pattern is no RE2 pattern, or a schema is none.
    """
    rules = []
    for check in checks:
        program, schema = None, None
        try:
            if check.expression is None and check.rubric is None:
                schema = _compile_schema(check.schema or {})
            elif check.expression is not None:
                _check_patterns(check.expression)
                program = engine.compile(check.expression)
        except ExpressionError as error:
            raise ExpressionError(
                f"{check.title}: {error.message}", hint=error.hint, location=check.location
            ) from error
        message = f"check does not hold: {check.title}"
        # Of the other checks the title and the answer say it all.
        source = check.expression or "" if check.kind in ("cel", "argument") else ""
        place, rubric = check.location, check.rubric
        rules.append(
            Rule(check.title, "", "Deny", False, program, schema, message, None, place, source, {}, {}, rubric)
        )
    return RuleSet((), (), (), tuple(rules))


def _compile_schema(schema: dict[str, Any]) -> JsonSchemaProgram:
    # Imported here: few datasets use it, and every run would pay for the library.
    from runback_gate.policy.json_schema import JsonSchemaProgram  # noqa: PLC0415

    return JsonSchemaProgram(schema)


def judge(subject: Subject, rule_sets: Iterable[RuleSet], *, explained: bool = True) -> Judgement:
    """Hold one answer against every rule; the caller has chosen the rule sets that concern it.

    `explained` adds to each failing rule the values that decided.
    """
    passed, skipped, findings = [], [], []
    for rule_set in rule_sets:
        matched, reason = _matches(rule_set, subject)
        for rule in rule_set.rules:
            if matched is False:
                skipped.append(rule.id)
                continue
            outcome = Outcome(error=reason) if matched is None else _decide(rule, subject)
            # Only a real boolean is True, and an error has no value.
            if outcome.value is True:
                passed.append(rule.id)
            else:
                findings.append(_finding(rule, subject, outcome, explained))
    return Judgement(tuple(passed), tuple(skipped), tuple(findings))


def _matches(rule_set: RuleSet, subject: Subject) -> tuple[bool | None, str | None]:
    """True, False, or None with the reason when a condition cannot be evaluated and none is false."""
    reason = None
    for name, program in rule_set.conditions:
        outcome = subject.evaluate(program)
        if outcome.verdict == "false":
            return False, None
        if outcome.verdict == "error":
            reason = reason or f"match condition {name}: {outcome.reason}"
    return (True, None) if reason is None else (None, reason)


def _decide(rule: Rule, subject: Subject) -> Outcome:
    if rule.schema is not None:
        return rule.schema.decide(subject.text)
    if rule.rubric is not None:
        grade = subject.grades.get(rule)
        return Outcome(error="no judge was asked") if grade is None else grade.outcome
    return cast("Program", rule.program).evaluate(subject.activation)


def _finding(rule: Rule, subject: Subject, outcome: Outcome, explained: bool) -> Finding:
    if outcome.verdict == "error":
        return unjudged(rule, f"cannot be evaluated: {outcome.reason}")
    values = _values(rule, subject) if explained else ()
    return Finding(rule.id, rule.policy, "fail", rule.action, _message(rule, subject), values, rule.location)


def unjudged(rule: Rule, message: str) -> Finding:
    """The finding for a rule that gives no answer."""
    action: Action = "Warn" if rule.ignore_errors and rule.action == "Deny" else rule.action
    return Finding(rule.id, rule.policy, "error", action, message, (), rule.location)


def _message(rule: Rule, subject: Subject) -> str:
    if rule.message_program is not None:
        text = subject.evaluate(rule.message_program).value
        if isinstance(text, str) and text.strip():
            return " ".join(text[: 4 * MAX_MESSAGE].split())[:MAX_MESSAGE]
    if rule.schema is not None:
        return f"{rule.message}: {rule.schema.reason(subject.text)}"
    return rule.message


def _values(rule: Rule, subject: Subject) -> tuple[tuple[str, str], ...]:
    if rule in subject.grades:
        return subject.grades[rule].values
    if not rule.source:
        return ()
    # Imported here: only a failing rule is explained.
    from runback_gate.cel.explain import deciding, explain  # noqa: PLC0415

    values = explain(
        rule.source, params=rule.params, variables=rule.variables, engine=subject.engine, data=subject.data
    )
    return deciding(values)
