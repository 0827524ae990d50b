"""Lists: loops, elements, sizes, and how many elements satisfy a condition.

In: nodes of macros, indexes and sizes. Out: results over the elements that the world looks at.

Each question to a list of the step is noted with a number of witnesses: for every list there are so many elements that
the answer stays the same in each shorter list that keeps them, in order. `all`, `exists` and `in` need one (the element
that decides, if one does); `size(x) <= 3` needs four; `x[0]` and `x[size(x) - 1]` need one.
"""

from __future__ import annotations

import math

from runback_gate.analysis.proof.encoding import Encoding
from runback_gate.analysis.proof.identity import Bound, Scope
from runback_gate.analysis.proof.smt import Term
from runback_gate.analysis.proof.values import Alternative, Element, Listing, Result, Unknown, result
from runback_gate.cel.parser import RELATIONS, Node

MAX_WITNESSES = 16
"""Elements of one list that one question may need."""
_MODELLED = ("all", "exists", "exists_one", "filter", "map")
ALL = 1 << 30
"""Witnesses of a question whose answer every element may change."""


class Lists:
    """What is asked of lists."""

    def __init__(self, encoder: Encoding) -> None:
        self.encoder = encoder
        self.world = encoder.world
        self.smt = encoder.smt
        self.operators = encoder.operators

    def loop(self, node: Node, scope: Scope) -> Result:
        """A macro over a list, or over the keys of a map; of any other macro nothing is known."""
        smt = self.smt
        if node.name not in _MODELLED:
            return self.operators.opaque(f"{node.name}() is not modelled")
        ranges = self.encoder.result(node.children[0], scope)
        error, opaque = self.operators.strict(ranges)
        written = smt.any_of(*(item.guard for item in ranges.of("map") if not isinstance(item.value, Unknown)))
        if written is not smt.false:
            self.world.opaque["loops over maps that are written are not modelled"] = None
        opaque = smt.any_of(opaque, written)
        lists = [
            item if item.kind == "list" else Alternative(item.guard, "list", item.value.keys())
            for item in ranges.of("list", "map")
            if item.kind == "list" or isinstance(item.value, Unknown)
        ]
        self.world.wishes += [smt.not_(item.guard) for item in ranges.of("map")]
        known = smt.any_of(opaque, *(item.guard for item in lists))
        errors, found = [error, smt.not_(known)], []
        if opaque is not smt.false:
            found.append(Alternative(opaque, "opaque", None))
        for item in lists:
            over: Listing = item.value
            if node.name in ("filter", "map"):
                wrong, open_, made = self._made(node, scope, over)
                found.append(Alternative(smt.all_of(item.guard, smt.not_(open_)), "list", made))
                if open_ is not smt.false:
                    found.append(Alternative(smt.all_of(item.guard, open_), "opaque", None))
            else:
                wrong, holds = self._decided(node, scope, over)
                found.append(Alternative(item.guard, "bool", holds))
            errors.append(smt.all_of(item.guard, wrong))
        return result(smt, smt.any_of(*errors), found)

    def _inner(self, node: Node, scope: Scope, element: Element) -> Scope:
        return {**scope, node.variable: Bound(element.value, element.key)}

    def _decided(self, node: Node, scope: Scope, over: Listing) -> tuple[Term, Term]:
        """`all`, `exists` and `exists_one`: whether it is an error, and whether it holds."""
        smt = self.smt
        errors, holds, fails = [], [], []
        for element in over.elements():
            said = self.encoder.truth(node.children[1], self._inner(node, scope, element))
            errors.append(smt.all_of(element.present, said.error))
            holds.append(smt.all_of(element.present, said.holds))
            fails.append(smt.all_of(element.present, smt.not_(said.error), smt.not_(said.holds)))
        error = smt.any_of(*errors)
        key = (self.encoder.identities.of(node, scope), over.key)
        if node.name == "exists_one":
            self.world.use(over, key, 2)
            one = smt.equal(self._count(holds), smt.known(1))
            return error, one
        self.world.decide(over, key, (holds if node.name == "exists" else fails, errors))
        decisive = smt.any_of(*(holds if node.name == "exists" else fails))
        value = decisive if node.name == "exists" else smt.not_(decisive)
        return smt.all_of(error, smt.not_(decisive)), value

    def _made(self, node: Node, scope: Scope, over: Listing) -> tuple[Term, Term, Listing]:
        """`filter` and `map`: whether it is an error, whether nothing is known of it, and the list."""
        smt = self.smt
        errors, unclear, elements = [], [], []
        for element in over.elements():
            inner = self._inner(node, scope, element)
            if node.name == "map":
                value = self.encoder.result(node.children[1], inner)
                key = self.encoder.identities.of(node.children[1], inner)
                wrong, open_ = self.operators.strict(value)
                errors.append(smt.all_of(element.present, wrong))
                unclear.append(smt.all_of(element.present, open_))
                elements.append(Element(element.present, value, key))
                continue
            said = self.encoder.truth(node.children[1], inner)
            errors.append(smt.all_of(element.present, said.error))
            unclear.append(smt.false)
            elements.append(Element(smt.all_of(element.present, said.holds), element.value, element.key))
        key = (self.encoder.identities.of(node, scope), over.key)
        size = over.size if node.name == "map" else lambda: self._count([item.present for item in elements])
        front = over.front and node.name == "map"
        fixed = over.fixed and node.name == "map"
        before = over.errors or (smt.false,) * len(errors)
        # An element of which nothing is known may be the one that makes the whole an error.
        either = tuple(smt.any_of(*parts) for parts in zip(before, errors, unclear, strict=True))
        listing = Listing(lambda: elements, size, key, over.bases, fixed, front, either)
        return smt.any_of(*errors), smt.any_of(*unclear), listing

    def _count(self, terms: list[Term]) -> Term:
        smt = self.smt
        return smt.sum([smt.choose(term, smt.known(1), smt.known(0)) for term in terms])

    def contained(self, item: Result, container: Result, key: object) -> Result:
        """`item in container`."""
        smt = self.smt
        error, opaque = self.operators.strict(item, container)
        known, found, unclear = [opaque], [], [opaque]
        for one in container.of("list"):
            known.append(one.guard)
            here = []
            for element in one.value.elements():
                same, open_ = self.operators.equal(item, element.value, (key, element.key))
                guard = smt.all_of(one.guard, element.present)
                here.append(smt.all_of(guard, same))
                unclear.append(smt.all_of(guard, open_))
            found += here
            self.world.decide(one.value, (key, one.value.key), (here,))
        for one in container.of("map"):
            for name in item.of("string", "int", "uint", "bool", "double"):
                guard = smt.all_of(one.guard, name.guard)
                known.append(guard)
                if name.kind == "string":
                    found.append(smt.all_of(guard, self._has_key(one.value, name.value)))
        error = smt.any_of(error, smt.not_(smt.any_of(*known)))
        return self.operators.truth(error, smt.any_of(*found), smt.any_of(*unclear))

    def _has_key(self, holder: Unknown | dict[str, Result], key: Term) -> Term:
        if isinstance(holder, Unknown):
            return self.child(holder, key).present
        return self.smt.any_of(*(self.smt.equal(key, self.world.texts.literal(name)) for name in holder))

    def child(self, holder: Unknown, key: Term) -> Unknown:
        """What a map of the step has under a key."""
        name = self.world.texts.value_of(key)
        return holder.entry(key) if name is None else holder.child(name)

    def index(self, node: Node, scope: Scope) -> Result:
        """`container[key]`."""
        smt = self.smt
        container = self.encoder.result(node.children[0], scope)
        key = self.encoder.result(node.children[1], scope) if self._offset(node, scope) is None else None
        error, opaque = self.operators.strict(*([container] if key is None else [container, key]))
        found = [] if opaque is smt.false else [Alternative(opaque, "opaque", None)]
        errors, known = [error], [opaque]
        for one in container.of("list"):
            wrong, alternatives, open_ = self._element(node, scope, one.value, key)
            known.append(one.guard)
            errors.append(smt.all_of(one.guard, wrong))
            found += [Alternative(smt.all_of(one.guard, it.guard), it.kind, it.held) for it in alternatives]
            if open_ is not smt.false:
                found.append(Alternative(smt.all_of(one.guard, open_), "opaque", None))
        for one in container.of("map"):
            if key is None:
                # An offset from the size of a map is a number, and no key of JSON is one.
                continue
            for name in key.of("string"):
                guard = smt.all_of(one.guard, name.guard)
                there, alternatives = self._value(one.value, name.value)
                known.append(smt.all_of(guard, there))
                found += [Alternative(smt.all_of(guard, it.guard), it.kind, it.held) for it in alternatives]
        errors.append(smt.not_(smt.any_of(*known)))
        return result(smt, smt.any_of(*errors), found)

    def _value(self, holder: Unknown | dict[str, Result], key: Term) -> tuple[Term, list[Alternative]]:
        """Whether a map has a key, and what stands there."""
        smt = self.smt
        if isinstance(holder, Unknown):
            child = self.child(holder, key)
            return child.present, list(self.world.result(child).alternatives)
        there, found = [], []
        for name, value in holder.items():
            same = smt.equal(key, self.world.texts.literal(name))
            there.append(same)
            found += [Alternative(smt.all_of(same, it.guard), it.kind, it.held) for it in value.alternatives]
        return smt.any_of(*there), found

    def _offset(self, node: Node, scope: Scope) -> int | None:
        """Of `x[size(x) - 1]` the -1, of `x[size(x)]` 0; None for any other index."""
        holder, key = node.children
        back, offset = key, 0
        if key.kind == "binary" and key.name in ("+", "-") and key.children[1].kind == "literal":
            back, value = key.children[0], key.children[1].value
            if key.children[1].name != "int" or not isinstance(value, int):
                return None
            offset = value if key.name == "+" else -value
        if back.kind != "call" or back.name != "size" or len(back.children) != 1:
            return None
        same = self.encoder.identities.of(back.children[0], scope) == self.encoder.identities.of(holder, scope)
        return offset if same else None

    def _element(
        self, node: Node, scope: Scope, over: Listing, key: Result | None
    ) -> tuple[Term, list[Alternative], Term]:
        """An element: when there is none, what it is, and when nothing is known of it."""
        smt = self.smt
        offset = self._offset(node, scope)
        if offset is not None and offset >= 0:
            return smt.true, [], smt.false
        place = node.children[1]
        fixed = place.value if place.kind == "literal" and place.name == "int" else None
        weight = -offset if offset is not None else 1 + fixed if isinstance(fixed, int) else MAX_WITNESSES + 1
        if over.bases and weight > MAX_WITNESSES:
            if self.encoder.unlimited:
                self.world.opaque["an element is taken by a number that is not written"] = None
                return smt.false, [], smt.true
            weight = 0
        self.world.use(over, ("index", self.encoder.identities.of(node, scope), over.key), max(weight, 1))
        elements = over.elements()
        size = self._count([item.present for item in elements])
        if offset is not None:
            numbers = [(smt.true, size + offset)]
        else:
            numbers = [(it.guard, it.value) for it in (key.of("int", "uint") if key else [])]
            numbers += [(smt.all_of(it.guard, smt.z3.IsInt(it.value)), smt.z3.ToInt(it.value)) for it in _doubles(key)]
        there, found = [], []
        before: list[Term] = []
        for element in elements:
            rank = smt.known(len(before)) if over.front else self._count(before)
            chosen = [smt.all_of(guard, element.present, smt.equal(rank, number)) for guard, number in numbers]
            taken = smt.any_of(*chosen)
            before.append(element.present)
            there.append(taken)
            found += [Alternative(smt.all_of(taken, it.guard), it.kind, it.held) for it in element.value.alternatives]
        return smt.not_(smt.any_of(*there)), found, smt.false

    def size(self, node: Node, value: Result, weight: int | None = None) -> Result:
        """`size(value)`; `weight` is the number of elements that keep what it is compared to, None where all count."""
        smt = self.smt
        error, opaque = self.operators.strict(value)
        found = [] if opaque is smt.false else [Alternative(opaque, "opaque", None)]
        known = [opaque]
        for item in value.of("string", "list", "map"):
            known.append(item.guard)
            if item.kind == "string":
                found.append(Alternative(item.guard, "int", self.world.texts.length(item.value)))
            elif item.kind == "map":
                held = item.value
                count = held.term("map") if isinstance(held, Unknown) else smt.known(len(held))
                found.append(Alternative(item.guard, "int", count))
            elif self._countable(item.value, weight):
                self.world.use(item.value, ("size", item.value.key), ALL if weight is None else weight)
                found.append(Alternative(item.guard, "int", item.value.size()))
            else:
                self.world.opaque[f"the size of a list counts: {node.name}"] = None
                found.append(Alternative(item.guard, "opaque", None))
        return result(smt, smt.any_of(error, smt.not_(smt.any_of(*known))), found)

    def _countable(self, listing: Listing, weight: int | None) -> bool:
        """Whether the size of a list can be a term: not where it would need more elements than are looked at."""
        if listing.fixed or not self.encoder.unlimited or (weight is not None and weight <= MAX_WITNESSES):
            return True
        # A list of which no element is looked at has any size.
        return listing.raw and not self.encoder.sizes_open

    def compared_sizes(self, node: Node, scope: Scope) -> Result | None:
        """`size(x) <= 3`, and sums of sizes, where a few elements decide; None for any other comparison."""
        if node.name not in RELATIONS or node.name == "in":
            return None
        for counted, limit in (node.children, node.children[::-1]):
            terms = _sizes(counted)
            number = limit.value
            if terms is None or limit.kind != "literal" or limit.name not in ("int", "double"):
                continue
            if not isinstance(number, (int, float)) or not abs(number) < 2**53:
                continue
            weight = max(math.floor(number) + 1, 1)
            total: Result | None = None
            for term in terms:
                one = self.size(term, self.encoder.result(term.children[0], scope), weight)
                total = one if total is None else self.operators.calculate("+", total, one)
            other = self.encoder.result(limit, scope)
            assert total is not None  # noqa: S101  there is at least one
            pair = (total, other) if counted is node.children[0] else (other, total)
            return self._related(node.name, *pair, self.encoder.identities.of(node, scope))
        return None

    def _related(self, symbol: str, left: Result, right: Result, key: object) -> Result:
        if symbol not in ("==", "!="):
            return self.operators.compare(symbol, left, right)
        equal = self.operators.equals(left, right, key)
        if symbol == "==":
            return equal
        found = [
            Alternative(item.guard, item.kind, self.smt.not_(item.value) if item.kind == "bool" else None)
            for item in equal.alternatives
        ]
        return result(self.smt, equal.error, found)


def _doubles(key: Result | None) -> list[Alternative]:
    return [] if key is None else key.of("double")


def _sizes(node: Node) -> list[Node] | None:
    """The calls of `size` whose sum a node is."""
    if node.kind == "binary" and node.name == "+":
        left, right = (_sizes(child) for child in node.children)
        return None if left is None or right is None else [*left, *right]
    return [node] if node.kind == "call" and node.name == "size" and len(node.children) == 1 else None
