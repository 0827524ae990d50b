"""Policies as people write them.

In: `kind: Policy` YAML under a root folder, with `kind: PolicyTest` (`examples`) beside it. Out: `Policy` values in
which every expression knows its place in the file. Nothing is compiled here (`evaluate`) or checked against types
(`lint`).

    policies, tests = load_policies(root, ["policies/*.yaml"], recordings=partial(load_recording, root))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from runback_gate.canonical import digest_bytes
from runback_gate.cel.environment import Scope
from runback_gate.documents import Document, check_kind, expand, read_document
from runback_gate.errors import DocumentError, ExpressionError, Location
from runback_gate.frozen import dataclass
from runback_gate.policy.finding import ACTIONS, Action
from runback_gate.rubric import Rubric
from runback_gate.schema import Model, Resource, validate

if TYPE_CHECKING:
    from runback_gate.policy.policy_test_document import PolicyTest, Recordings

Source = Annotated[str, Field(min_length=1, max_length=4096)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
RuleId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=128)]


class Match(Model):
    """Which cases the policy concerns. An empty list concerns all."""

    agents: list[str] = Field(default_factory=list, description="Agent names; * stands for any characters, ? for one.")
    tags: list[str] = Field(default_factory=list, description="Case tags, one of which must be there.")


class NamedExpression(Model):
    """A CEL expression with a name."""

    name: Identifier
    expression: Source


class MatchConditionSpec(Model):
    """A condition that must be true for the policy to concern an answer."""

    name: str = Field(min_length=1, max_length=64)
    expression: Source


class ValidationSpec(Model):
    """One rule. Its expression is TRUE WHEN COMPLIANT; or a judge model decides it."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["expression"]}, {"required": ["judge"]}]})

    id: RuleId = Field(description="Stable id: waivers, code scanning and policy diffs name it.")
    expression: Source | None = Field(None, description="CEL, true when the answer complies.")
    judge: Rubric | None = Field(
        None, description="Instead of `expression`: a rubric by which a judge model grades each answer."
    )
    message: str = Field("", max_length=512, description="What is wrong when it does not.")
    messageExpression: Source | None = Field(None, description="CEL text to show instead of `message`.")  # noqa: N815

    @model_validator(mode="after")
    def _one_decider(self) -> ValidationSpec:
        if (self.expression is None) == (self.judge is None):
            which = "neither `expression` nor" if self.judge is None else "both `expression` and"
            raise ValueError(f"rule {self.id!r} has {which} `judge`: exactly one decides")
        if self.judge is not None and self.messageExpression is not None:
            raise ValueError(f"rule {self.id!r} is decided by a judge: write `message`, no `messageExpression`")
        return self


class PolicySpec(Model):
    """What the policy asks."""

    description: str = Field("", max_length=2048)
    scope: Literal["step", "run"] = Field(
        "step", description="What a rule judges: one answer, or all steps and calls of a run together."
    )
    match: Match = Field(default_factory=Match)
    params: dict[str, Any] = Field(default_factory=dict, description="Constants that expressions read as params.NAME.")
    matchConditions: list[MatchConditionSpec] = Field(default_factory=list)  # noqa: N815
    variables: list[NamedExpression] = Field(
        default_factory=list, description="Sub-expressions, read as variables.NAME."
    )
    validations: list[ValidationSpec] = Field(min_length=1)
    validationActions: list[Action] = Field(default=["Deny"], min_length=1)  # noqa: N815
    failurePolicy: Literal["Fail", "Ignore"] = Field(  # noqa: N815
        "Fail", description="Fail: a rule that cannot be evaluated leaves the row undecided. Ignore: it only warns."
    )

    @model_validator(mode="after")
    def _one_action(self) -> PolicySpec:
        if {"Deny", "Warn"} <= set(self.validationActions):
            raise ValueError("validationActions holds both Deny and Warn: which is it?")
        if len(set(self.validationActions)) < len(self.validationActions):
            raise ValueError("validationActions names an action twice")
        if self.scope == "run" and (judged := next((rule.id for rule in self.validations if rule.judge), None)):
            raise ValueError(f"rule {judged!r} has a judge, which grades one answer: leave out `scope: run`")
        return self


class PolicyDocument(Resource):
    """Rules that an answer, or a whole run, must keep."""

    kind: Literal["Policy"]
    spec: PolicySpec


@dataclass(frozen=True, slots=True)
class Expression:
    """CEL source and where it stands."""

    source: str
    name: str
    document: Document
    pointer: tuple[str | int, ...]

    @property
    def location(self) -> Location:
        """Where the expression begins."""
        return self.document.expression_location(self.pointer, 1, 1)

    def place(self, error: ExpressionError) -> ExpressionError:
        """The error, moved from a position in the source to one in the file."""
        at = error.location
        line, column = (at.line or 1, at.column or 1) if at else (1, 1)
        where = self.document.expression_location(self.pointer, line, column)
        return ExpressionError(f"{self.name}: {error.message}", hint=error.hint, location=where)


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One rule of a policy."""

    id: str
    expression: Expression
    message: str
    message_expression: Expression | None

    @property
    def text(self) -> str:
        """What decides it, as it is written."""
        return self.expression.source

    @property
    def location(self) -> Location:
        """Where that stands."""
        return self.expression.location

    @property
    def document(self) -> Document:
        """Its file."""
        return self.expression.document

    @property
    def pointer(self) -> tuple[str | int, ...]:
        """Where the rule stands in its file."""
        return self.expression.pointer[:-1]


@dataclass(frozen=True, slots=True)
class JudgedRule:
    """One rule of a policy that a judge model decides. Only a gate asks one: whatever else judges leaves it out."""

    id: str
    rubric: Rubric
    message: str
    document: Document
    pointer: tuple[str | int, ...]
    """Where the rule stands in its file."""

    @property
    def text(self) -> str:
        """What decides it, in words."""
        return " ".join(self.rubric.rubric.split())

    @property
    def location(self) -> Location:
        """Where that stands."""
        return self.document.mark((*self.pointer, "judge"))


AnyRule = PolicyRule | JudgedRule


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy file."""

    name: str
    path: str
    digest: str
    annotations: dict[str, str]
    description: str
    scope: Scope
    """What its rules judge."""
    agents: tuple[str, ...]
    """Patterns of agent names; empty for all."""
    tags: tuple[str, ...]
    """Tags, one of which a case must carry; empty for all."""
    params: dict[str, Any]
    variables: tuple[Expression, ...]
    conditions: tuple[Expression, ...]
    rules: tuple[PolicyRule, ...]
    """Those that an expression decides."""
    judged: tuple[JudgedRule, ...]
    """Those that a judge model decides."""
    action: Action
    ignore_errors: bool
    """failurePolicy is Ignore."""
    location: Location
    document: Document
    """The file as it was read."""

    @property
    def every_rule(self) -> tuple[AnyRule, ...]:
        """All its rules: those that expressions decide, then the judged ones."""
        return (*self.rules, *self.judged)


def load_policies(
    root: Path, patterns: Sequence[str], *, recordings: Recordings | None = None
) -> tuple[tuple[Policy, ...], tuple[PolicyTest, ...]]:
    """Read every policy that the patterns name and, given a reader of recorded steps, every policy test.

    Raises:
        InputError: malformed, or two policies, or two rules, of one name.
    """
    policies, tests = [], []
    for name in expand(root, patterns):
        document = read_document(root, name)
        if check_kind(document, ("Policy", "PolicyTest")) == "Policy":
            policies.append(policy_of(document))
        elif recordings is not None:
            # Imported here: a run of the gate reads no tests.
            from runback_gate.policy.policy_test_document import policy_test  # noqa: PLC0415

            tests.append(policy_test(document, recordings))
    _refuse_twins(policies)
    return tuple(policies), tuple(tests)


def policy_of(document: Document) -> Policy:
    """The policy that a document holds. Raises InputError for one that is malformed."""
    model = validate(document, PolicyDocument)
    spec = model.spec

    def expressions(field: str, names: Sequence[str]) -> Iterator[Expression]:
        for index, name in enumerate(names):
            yield _expression(document, ("spec", field, index, "expression"), name)

    rules, judged = [], []
    for index, rule in enumerate(spec.validations):
        pointer = ("spec", "validations", index)
        if rule.judge is not None:
            judged.append(JudgedRule(rule.id, rule.judge, rule.message, document, pointer))
            continue
        text = None
        if rule.messageExpression is not None:
            text = _expression(document, (*pointer, "messageExpression"), f"{rule.id} messageExpression")
        rules.append(PolicyRule(rule.id, _expression(document, (*pointer, "expression"), rule.id), rule.message, text))
    actions = spec.validationActions
    return Policy(
        name=model.metadata.name,
        path=document.path,
        digest=digest_bytes(document.data),
        annotations=dict(model.metadata.annotations),
        description=spec.description,
        scope=spec.scope,
        agents=tuple(spec.match.agents),
        tags=tuple(spec.match.tags),
        params=spec.params,
        variables=tuple(expressions("variables", [item.name for item in spec.variables])),
        conditions=tuple(expressions("matchConditions", [item.name for item in spec.matchConditions])),
        rules=tuple(rules),
        judged=tuple(judged),
        action=next(action for action in ACTIONS if action in actions),
        ignore_errors=spec.failurePolicy == "Ignore",
        location=document.mark(("metadata", "name")),
        document=document,
    )


def _expression(document: Document, pointer: tuple[str | int, ...], name: str) -> Expression:
    return Expression(document.expression(pointer), name, document, pointer)


def _refuse_twins(policies: Sequence[Policy]) -> None:
    seen: dict[tuple[str, ...], Location] = {}
    for policy in policies:
        places: list[tuple[tuple[str, ...], Location]] = [(("policy", policy.name), policy.location)]
        places += [(("variable", policy.name, item.name), item.location) for item in policy.variables]
        places += [(("match condition", policy.name, item.name), item.location) for item in policy.conditions]
        places += [(("rule", rule.id), rule.location) for rule in policy.every_rule]
        for key, place in places:
            if key in seen:
                raise DocumentError(
                    f"two {key[0]} entries are named {key[-1]!r}", hint=f"the other: {seen[key]}", location=place
                )
            seen[key] = place
