"""Finds the sub-expression that flipped: the smallest part of an expression whose value differs between base and head.

In: the two forms of an expression, with what each may use, and the data of one answer. Out: one line.

    base = Form("calls(response, 'pay').all(c, c.arguments.amount <= params.limit)", {"limit": 100}, {})
    head = replace(base, params={"limit": 500})
    DifferenceFinder(engine, data).between(base, head)      # Reason("c.arguments.amount <= params.limit",
                                                #   "amount <= limit: 250 <= 100 false → 250 <= 500 true")

Both forms are read side by side, from the whole down to the part that decides. In a loop both are asked about the same
element. What one form alone has is named alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace

from runback_gate.canonical import JsonValue
from runback_gate.cel.engine import Activation, Engine, Outcome
from runback_gate.cel.explain import Part, compact, deciding_element, plan
from runback_gate.cel.limits import Node
from runback_gate.cel.parser import LOGICAL, RELATIONS
from runback_gate.cel.work import Budget
from runback_gate.documents import cut
from runback_gate.frozen import dataclass

MAX_REASON = 400
"""Characters of the line."""
_MAX_SOURCE = 80
_MAX_VALUE = 40


@dataclass(frozen=True, slots=True)
class Form:
    """One form of an expression."""

    source: str
    params: Mapping[str, JsonValue]
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reason:
    """The part that flipped."""

    expression: str
    """As it is written on head; on base when head has none."""
    text: str
    """The part and its values: `amount <= limit: 250 <= 100 false → 250 <= 500 true`. Holds text that a model wrote."""


@dataclass(frozen=True, slots=True)
class ScopedPart:
    """A part of one form, with the elements that loop variables stand for."""

    form: Form
    part: Part
    bound: Activation
    scope: dict[str, JsonValue] = field(default_factory=dict)

    @property
    def node(self) -> Node:
        """Its tree."""
        return self.part.node

    @property
    def decisive(self) -> bool | None:
        """What one term or element alone decides: false for `&&` and `all`, true for `||` and `exists`."""
        node = self.node
        if node.variable:
            return {"all": False, "exists": True}.get(node.name)
        return node.name == "||" if node.kind == "binary" and node.name in LOGICAL else None

    def child(self, index: int) -> ScopedPart:
        """A part of the part."""
        return replace(self, part=self.part.parts[index])


_Pair = tuple["ScopedPart | None", "ScopedPart | None"]


class DifferenceFinder:
    """Finds the part that flipped, for one answer."""

    def __init__(self, engine: Engine, data: Mapping[str, JsonValue]) -> None:
        self.engine = engine
        self.data = dict(data)
        self.budget = Budget()
        self.bound = engine.bind(data, self.budget)

    def between(self, base: Form | None, head: Form | None) -> Reason:
        """Why two forms differ, or why a form alone says what it says.

        Raises ExpressionError when a form cannot be parsed, or uses params or variables that do not exist.
        """
        one, other = (None if form is None else ScopedPart(form, _plan(form), self.bound) for form in (base, head))
        if one is not None and other is not None:
            return _worded(self, self.narrowed(one, other), alone=False)
        return _worded(self, (one and self.deciding_part(one), other and self.deciding_part(other)), alone=True)

    def holds(self, form: Form) -> bool | None:
        """What a form says; None where it cannot be evaluated."""
        return {"true": True, "false": False}.get(self.outcome(ScopedPart(form, _plan(form), self.bound)).verdict)

    def outcome(self, at: ScopedPart) -> Outcome:
        """The value of a part."""
        return self.engine.compile(at.part.expression, local=tuple(at.scope)).evaluate(at.bound)

    def narrowed(self, base: ScopedPart, head: ScopedPart) -> _Pair:
        """From two parts, down to the parts that decide why they say the opposite."""
        if {self.outcome(base).verdict, self.outcome(head).verdict} != {"true", "false"}:
            return self.deciding_part(base), self.deciding_part(head)
        base, head = self.expanded(base), self.expanded(head)
        if not _alike(base.node, head.node):
            return self.apart(base, head)
        if base.node.kind == "unary":
            return self.narrowed(base.child(0), head.child(0))
        if base.node.kind == "conditional":
            return self.branched(base, head)
        if base.decisive is None:
            return base, head
        if self.outcome(base).value is base.decisive:
            return self.decided(base, head)
        return self.decided(head, base)[::-1]

    def branched(self, base: ScopedPart, head: ScopedPart) -> _Pair:
        """Of two conditionals: the condition where they go apart, else the branch that both take."""
        way = self.outcome(base.child(0)).value
        index = 0 if way is not self.outcome(head.child(0)).value else 1 if way else 2
        return self.narrowed(base.child(index), head.child(index))

    def decided(self, one: ScopedPart, other: ScopedPart) -> _Pair:
        """Of two `&&`, `||`, `all` or `exists`: the term or element that decides the first one."""
        index, term = self.decider(one)
        if one.node.variable:
            element = term.scope.get(one.node.variable)
            elements = self.outcome(other.child(0)).value
            there = isinstance(elements, (list, dict)) and element in list(elements)
            counterpart = self.inside(other, element) if there else None
        else:
            names = [part.source for part in other.part.parts]
            same = len(names) == len(one.part.parts)
            place = names.index(term.part.source) if term.part.source in names else index if same else None
            counterpart = None if place is None else other.child(place)
        return (self.deciding_part(term), None) if counterpart is None else self.narrowed(term, counterpart)

    def apart(self, base: ScopedPart, head: ScopedPart) -> _Pair:
        """Of two parts of different kinds: the term that one of them has more, else each as it is."""
        for one, other, swapped in ((base, head, False), (head, base, True)):
            if one.decisive is None or one.node.variable:
                continue
            parts = one.part.parts
            if self.outcome(one).value is one.decisive:
                known = any(part.source == other.part.source for part in parts)
                pair: _Pair = (self.deciding_part(one), None if known else self.deciding_part(other))
            else:
                like = next((index for index, part in enumerate(parts) if _alike(part.node, other.node)), None)
                pair = (one, self.deciding_part(other)) if like is None else self.narrowed(one.child(like), other)
            return pair[::-1] if swapped else pair
        return self.deciding_part(base), self.deciding_part(head)

    def deciding_part(self, at: ScopedPart) -> ScopedPart:
        """The part that decides what a part says, or that cannot be evaluated."""
        at, said = self.expanded(at), self.outcome(at)
        if said.error is not None:
            return self.faulty(at)
        if at.node.kind == "unary" and at.node.name == "!":
            # A plain part keeps its sign, so that it is shown as false as the whole is.
            inner = self.deciding_part(at.child(0))
            return at if inner.part is at.child(0).part else inner
        if at.node.kind == "conditional":
            return self.deciding_part(at.child(1 if self.outcome(at.child(0)).value else 2))
        decider = self.decider(at)[1] if at.decisive is not None and said.value is at.decisive else at
        return at if decider is at else self.deciding_part(decider)

    def faulty(self, at: ScopedPart) -> ScopedPart:
        """The smallest part that cannot be evaluated."""
        at = self.expanded(at)
        inner: Iterator[ScopedPart] = (at.child(index) for index, part in enumerate(at.part.parts) if part.listed)
        if at.node.variable:
            inner = iter((at.child(0), *(part for _, part in self.body(at))))
        wrong = next((part for part in inner if self.outcome(part).error is not None), None)
        return at if wrong is None else self.faulty(wrong)

    def expanded(self, at: ScopedPart) -> ScopedPart:
        """`variables.x` as what it stands for."""
        node = at.node
        if node.kind != "select" or node.children[0].name != "variables":
            return at
        names = list(at.form.variables)
        known = {name: at.form.variables[name] for name in names[: names.index(node.name)]}
        form = Form(at.form.variables[node.name], at.form.params, known)
        return self.expanded(ScopedPart(form, _plan(form), self.bound))

    def decider(self, at: ScopedPart) -> tuple[int, ScopedPart]:
        """The first term or element that decides, with its index; the part itself where none does any more.

        That happens to elements that JSON cannot hold as they are, such as times.
        """
        parts = self.body(at) if at.node.variable else [(n, at.child(n)) for n in range(len(at.part.parts))]
        return next((found for found in parts if self.outcome(found[1]).value is at.decisive), (0, at))

    def body(self, at: ScopedPart) -> list[tuple[int, ScopedPart]]:
        """The body of a loop for the element that decides, with its index; nothing where there are no elements."""
        found = self.outcome(at.child(0)).value
        elements = list(found) if isinstance(found, (list, dict)) else []
        if not elements:
            return []
        data, local = {**self.data, **at.scope}, tuple(at.scope)
        index = deciding_element(self.engine, at.part, data, local, elements, self.outcome(at), self.budget)
        return [(index, self.inside(at, elements[index]))]

    def inside(self, at: ScopedPart, element: JsonValue) -> ScopedPart:
        """The body of a loop for one element."""
        scope = {**at.scope, at.node.variable: element}
        return ScopedPart(at.form, at.part.parts[1], self.engine.bind({**self.data, **scope}, self.budget), scope)


def _worded(flip: DifferenceFinder, pair: _Pair, *, alone: bool) -> Reason:
    """The line for two parts, one of which may be missing; `alone` when a whole form is."""
    base, head = pair
    shown = head or base
    if shown is None:
        return Reason("", "")
    names = [_name(at) for at in pair if at is not None]
    values = [_value(flip, at) for at in pair if at is not None]
    text = f"{names[0]}: {values[0]}"
    if len(names) == 2:
        text += f" → {values[1]}" if names[0] == names[1] else f" → {names[1]}: {values[1]}"
    elif not alone:
        text += f" (only on {'head' if base is None else 'base'})"
    return Reason(" ".join(shown.part.source.split()), cut(text, MAX_REASON))


def _value(flip: DifferenceFinder, at: ScopedPart) -> str:
    """What a part says, behind its text with values in place of names: `250 <= 100 false`."""
    said = flip.outcome(at)
    if said.error is not None:
        return f"error: {said.error}"
    return f"{_filled(flip, at)} {compact(said.value, _MAX_VALUE)}".lstrip()


def _filled(flip: DifferenceFinder, at: ScopedPart) -> str:
    """The text of a comparison or a method call with values in place of names; of any other part nothing."""
    node = at.node
    if node.kind == "unary" and node.name == "!":
        inner = _filled(flip, at.child(0))
        return inner and f"!({inner})"
    if not ((node.kind == "binary" and node.name in RELATIONS) or (node.kind == "call" and node.method)):
        return ""
    outcomes = [flip.outcome(at.child(index)) for index in range(len(node.children))]
    texts = ["error" if item.error is not None else compact(item.value, _MAX_VALUE) for item in outcomes]
    if node.kind == "call":
        return f"{texts[0]}.{node.name}({', '.join(texts[1:])})"
    return f"{texts[0]} {node.name} {texts[1]}"


def _plan(form: Form) -> Part:
    return plan(form.source, form.params, form.variables)


def _alike(one: Node, other: Node) -> bool:
    return (one.kind, one.name) == (other.kind, other.name)


def _name(at: ScopedPart) -> str:
    """A part as it is written, with `c.arguments.amount` and the like by their last name."""
    part = at.part
    text, first = part.source, part.node.start
    for start, end, name in sorted(_chains(part.node), reverse=True):
        text = text[: start - first] + name + text[end - first :]
    return cut(" ".join(text.split()), _MAX_SOURCE)


def _chains(node: Node) -> list[tuple[int, int, str]]:
    """The selections that begin with a name, the longest ones: start, end, last name."""
    if node.kind == "select":
        holder = node
        while holder.kind == "select":
            holder = holder.children[0]
        if holder.kind == "ident":
            return [(node.start, node.end, node.name)]
    return [chain for child in node.children for chain in _chains(child)]
