"""One rule on all steps: steps on which it passes, fails and meets its bounds, or that there are none.

In: a rule of a policy, the steps of its policy tests, the engines. Out: `Witness`es and, where there can be none,
`Fault`s.

    found = Witnesses(policy, "refunds.limit", engines, examples, limits)
    found.witnesses(), found.faults()
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from runback_gate.analysis.proof.bounds import bounds_of
from runback_gate.analysis.proof.encode import Encoder
from runback_gate.analysis.proof.example import Example, seen
from runback_gate.analysis.proof.form import Form, form, written
from runback_gate.analysis.proof.prove import blocked
from runback_gate.analysis.proof.search import Finding, Limits, Search
from runback_gate.analysis.proof.smt import Term
from runback_gate.canonical import JsonValue
from runback_gate.cel.engine import Engine, ParsedExpression, Program
from runback_gate.cel.inline import with_children
from runback_gate.cel.parser import Node, read
from runback_gate.cel.write import write
from runback_gate.errors import ExpressionError
from runback_gate.frozen import dataclass
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import BoundStep, StepUnderTest, compile_policy, results
from runback_gate.policy.finding import RuleOutcome

State = Literal["covered", "shown", "none", "none up to a bound", "unknown"]
FaultKind = Literal["never fails", "never applies", "implied"]
_STATES: Mapping[str, State] = {"never": "none", "never up to a bound": "none up to a bound", "shown": "shown"}


@dataclass(frozen=True, slots=True)
class Witness:
    """A step that shows what a rule says, or that there is none."""

    what: str
    """`pass`, `fail`, or a bound and its side: `c.arguments.amount <= 100, at 100`."""
    state: State
    """`covered`: a policy test holds it. `shown`: both engines confirm the step. `none`: no step can be so."""
    test: str = ""
    """Name of the example that holds it."""
    step: Example | None = None
    """As a policy test writes it, where it is shown."""
    outcome: str = ""
    """What the rule says of the step."""
    reason: str = ""
    """Why nothing is known."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a rule has no effect."""

    kind: FaultKind
    every_length: bool
    """Whether that is proved for lists of any length; else up to the bounds."""
    by: tuple[str, ...] = ()
    """The rules that stop all that it stops."""
    detail: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A step of a policy test, bound once on the engine that judges."""

    name: str
    policy: str
    """The policy that it is a test of."""
    step: StepUnderTest
    outcomes: Mapping[str, str]
    """What each rule of all policies says of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Programs:
    """A form, compiled on one engine."""

    conditions: tuple[Program, ...]
    rule: Program

    @classmethod
    def of(cls, form: Form, engine: Engine) -> Programs:
        """Compile. Raises ExpressionError."""

        def compiled(tree: Node) -> Program:
            text = write(tree).text
            return engine.compile(ParsedExpression(text, read(text), text))

        return cls(tuple(compiled(tree) for tree in form.conditions), compiled(form.rule))

    def outcome(self, step: BoundStep) -> RuleOutcome:
        """What the form says of a step, as `policy.evaluate` says of a rule."""
        verdicts = [step.evaluate(condition).verdict for condition in self.conditions]
        if "false" in verdicts:
            return "skip"
        if "error" in verdicts:
            return "error"
        said = step.evaluate(self.rule).verdict
        return "pass" if said == "true" else "fail" if said == "false" else "error"


class Witnesses:
    """Looks for the steps of one rule."""

    def __init__(
        self, policy: Policy, rule: str, engines: Sequence[Engine], examples: Sequence[Judged], limits: Limits
    ) -> None:
        """Compile. Raises ExpressionError."""
        self.policy = policy
        self.rule = rule
        self.engines = tuple(engines)
        self.limits = limits
        self.form = form(policy, rule)
        self.examples = examples
        self.own = [item for item in examples if item.policy == policy.name]
        self.sets = [compile_policy(policy, engine) for engine in self.engines]
        self.search = Search(self._goals, self._confirm, limits)

    def judged(self, step: Example) -> list[StepUnderTest]:
        """A step of the solver as a policy test writes it, on each engine."""
        shown = written(self.policy, seen(step))
        return [as_written(shown, engine) for engine in self.engines]

    def outcomes(self, steps: Sequence[StepUnderTest]) -> list[str]:
        """What the rule says of a step, by engine."""
        return [results((rules,), step)[self.rule].outcome for rules, step in zip(self.sets, steps, strict=True)]

    def witnesses(self) -> Iterator[Witness]:
        """A step that passes, one that fails, one on each side of each bound."""
        for goal in ("pass", "fail"):
            held = next((item.name for item in self.own if item.outcomes[self.rule] == goal), None)
            yield Witness(goal, "covered", held) if held is not None else self._witness(goal, self.search.find(goal))
        for bound in bounds_of(self.form):
            for side in bound.sides:
                yield self._at_bound(f"{bound.text}, {side.words}", side.form)

    def _at_bound(self, what: str, moved: Form) -> Witness:
        try:
            programs = [Programs.of(moved, engine) for engine in self.engines]
        except ExpressionError as error:
            return Witness(what, "unknown", reason=error.message)
        for item in self.own:
            said = item.outcomes[self.rule]
            if said in ("pass", "fail") and programs[0].outcome(item.step.bound) != said:
                return Witness(what, "covered", item.name)

        def goals(encoder: Encoder) -> Mapping[str, Term]:
            smt, (passes, fails), (new, wrong) = encoder.smt, said_by(encoder, self.form), said_by(encoder, moved)
            differs = (smt.all_of(passes, smt.not_(new)), smt.all_of(fails, smt.not_(wrong)))
            return {"bound": smt.any_of(*differs)}

        def confirm(step: Example, _goal: str) -> str:
            steps = self.judged(step)
            said = self.outcomes(steps)
            same = said[0] in ("pass", "fail") and len(set(said)) == 1
            others = [str(program.outcome(item.bound)) for program, item in zip(programs, steps, strict=True)]
            return said[0] if same and said[0] not in others else ""

        return self._witness(what, Search(goals, confirm, self.limits).find("bound"))

    def _witness(self, what: str, found: Finding) -> Witness:
        if found.step is not None:
            return Witness(what, "shown", step=_short(written(self.policy, seen(found.step))), outcome=found.said)
        return Witness(what, _STATES.get(found.state, "unknown"), reason=found.said)

    def never(self, failing: Witness) -> Fault | None:
        """That the rule never fails or never applies, where no step fails it."""
        if failing.state not in ("none", "none up to a bound"):
            return None
        if self.form.conditions:
            applies = self.search.find("apply")
            if applies.state in ("never", "never up to a bound"):
                return Fault(
                    "never applies", applies.state == "never", detail="its match conditions never hold at once"
                )
        elements = self._elements()
        if elements is not None and elements.state in ("never", "never up to a bound"):
            return Fault("never applies", elements.state == "never", detail="its list never has an element")
        stops = self.search.find("stop")
        detail = "it stops only what it cannot be evaluated on" if stops.state == "shown" else ""
        return Fault("never fails", failing.state == "none", detail=detail)

    def _elements(self) -> Finding | None:
        """Whether the list that the rule goes over has an element on any step; None for another rule."""
        rule = self.form.rule
        if rule.kind != "macro" or rule.name != "all":
            return None
        true = Node("literal", rule.start, rule.end, "bool", rule.start, value=True)
        any_ = with_children(rule, [rule.children[0], true])
        asked = Form(
            self.rule,
            self.form.conditions,
            Node(
                "macro",
                any_.start,
                any_.end,
                "exists",
                any_.at,
                any_.children,
                variable=any_.variable,
                depth=any_.depth,
            ),
        )
        try:
            programs = [Programs.of(asked, engine) for engine in self.engines]
        except ExpressionError:
            return None

        def confirm(step: Example, _goal: str) -> str:
            said = {program.outcome(item.bound) for program, item in zip(programs, self.judged(step), strict=True)}
            return "pass" if said == {"pass"} else ""

        return Search(lambda encoder: {"element": said_by(encoder, asked)[0]}, confirm, self.limits).find("element")

    def _goals(self, encoder: Encoder) -> Mapping[str, Term]:
        passes, fails = said_by(encoder, self.form)
        smt = encoder.smt
        applies = smt.all_of(*(encoder.truth(tree).holds for tree in self.form.conditions))
        return {"pass": passes, "fail": fails, "apply": applies, "stop": blocked(encoder, self.form)}

    def _confirm(self, step: Example, goal: str) -> str:
        said = self.outcomes(self.judged(step))
        wanted = {"apply": ("pass", "fail", "error"), "stop": ("fail", "error")}.get(goal, (goal,))
        return said[0] if len(set(said)) == 1 and said[0] in wanted else ""


def said_by(encoder: Encoder, form: Form) -> tuple[Term, Term]:
    """Whether a rule passes, and whether it fails, where its conditions hold; neither where it errs."""
    smt = encoder.smt
    applies = smt.all_of(*(encoder.truth(tree).holds for tree in form.conditions))
    rule = encoder.truth(form.rule)
    return smt.all_of(applies, rule.holds), smt.all_of(applies, smt.not_(smt.any_of(rule.error, rule.holds)))


def as_written(step: Mapping[str, Any], engine: Engine) -> StepUnderTest:
    """A step as a policy test writes it, bound on an engine."""
    data: dict[str, JsonValue] = seen(dict(step))
    return StepUnderTest(step["agent"]["name"], step["case"].get("tags", ()), lambda: BoundStep(engine, data))


def _short(step: Example) -> Example:
    """The same step without what is empty in it."""
    request: Any = step["request"]
    found = {**step, "request": {name: value for name, value in request.items() if value}}
    return {name: value for name, value in found.items() if value}
