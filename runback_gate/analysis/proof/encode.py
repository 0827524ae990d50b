"""An expression as terms of a solver, with CEL's three values: true, false, error.

In: the tree of an expression with params and variables put in. Out: a `Truth`: whether it is an error, and whether it
holds. `&&` and `||` absorb errors, all else is strict. What is not modelled is a value of which nothing is known, the
same for the same expression in the same step: a claim holds whatever it is.

    encoder = Encoder(world, unlimited=True)
    encoder.truth(tree)         # Truth(error, holds)
"""

from __future__ import annotations

from collections.abc import Callable

from runback_gate.analysis.proof.encoding import Truth
from runback_gate.analysis.proof.functions import Functions
from runback_gate.analysis.proof.identity import Bound, Identities, Scope
from runback_gate.analysis.proof.lists import Lists
from runback_gate.analysis.proof.operators import Operators, literal_number
from runback_gate.analysis.proof.texts import beyond
from runback_gate.analysis.proof.values import Alternative, Element, Listing, Result, Unknown, World, result
from runback_gate.cel.environment import ROOTS
from runback_gate.cel.parser import BIND, LOGICAL, Node


class Encoder:
    """Encodes expressions over one world; equal parts of them become equal terms."""

    def __init__(self, world: World, *, unlimited: bool, sizes_open: bool = False) -> None:
        """Begin.

        Args:
            world: all steps.
            unlimited: as of `Operators`.
            sizes_open: leave sizes open that depend on more elements than are looked at.
        """
        self.world = world
        self.smt = world.smt
        self.unlimited = unlimited
        self.sizes_open = sizes_open
        self.operators = Operators(world, unlimited)
        self.identities = Identities()
        self.lists = Lists(self)
        self.functions = Functions(self, self.lists)
        self._results: dict[object, Result] = {}
        self._truths: dict[object, Truth] = {}

    def truth(self, node: Node, scope: Scope | None = None) -> Truth:
        """A node where a boolean is asked for; any other value is an error."""
        scope = scope or {}
        key = self.identities.of(node, scope)
        if key not in self._truths:
            self._truths[key] = self._truth(node, scope, key)
        return self._truths[key]

    def _truth(self, node: Node, scope: Scope, key: object) -> Truth:
        smt = self.smt
        if node.kind == "binary" and node.name in LOGICAL:
            return self._logic(node, scope)
        if node.kind == "unary" and node.name == "!":
            inner = self.truth(node.children[0], scope)
            return Truth(inner.error, smt.not_(smt.any_of(inner.error, inner.holds)))
        result = self.result(node, scope)
        truths, opaque = result.of("bool"), result.of("opaque")
        known = [item.guard for item in (*truths, *opaque)]
        error = smt.any_of(result.error, smt.not_(smt.any_of(*known)))
        holds = smt.any_of(*(smt.all_of(item.guard, item.value) for item in truths))
        open_ = smt.any_of(*(item.guard for item in opaque))
        if open_ is not smt.false:
            # Nothing is known of it but that it is the same wherever it is asked.
            self.world.wishes.append(smt.not_(open_))
            wrong, right = smt.truth(f"error {key}"), smt.truth(f"true {key}")
            error = smt.any_of(error, smt.all_of(open_, wrong))
            holds = smt.choose(open_, right, holds)
        return Truth(error, smt.all_of(smt.not_(error), holds))

    def _logic(self, node: Node, scope: Scope) -> Truth:
        smt = self.smt
        terms = [self.truth(child, scope) for child in node.children]
        error = smt.any_of(*(term.error for term in terms))
        if node.name == "||":
            holds = smt.any_of(*(term.holds for term in terms))
            return Truth(smt.all_of(error, smt.not_(holds)), holds)
        fails = smt.any_of(*(smt.not_(smt.any_of(term.error, term.holds)) for term in terms))
        return Truth(smt.all_of(error, smt.not_(fails)), smt.all_of(*(term.holds for term in terms)))

    def result(self, node: Node, scope: Scope) -> Result:
        """A node where any value is asked for."""
        if node.kind == "ident":
            return scope[node.name].result if node.name in scope else self._root(node)
        key = self.identities.of(node, scope)
        found = self._results.get(key)
        if found is None:
            self.world.spend()
            found = self._results[key] = self._evaluate(node, scope)
        return found

    def _root(self, node: Node) -> Result:
        if node.name in ROOTS:
            return self.world.result(self.world.root(node.name))
        return self.operators.opaque(f"{node.name} is not modelled")

    def _evaluate(self, node: Node, scope: Scope) -> Result:
        forms: dict[str, Callable[[Node, Scope], Result]] = {
            "literal": self._literal,
            "select": self._select,
            "index": self.lists.index,
            "list": self._list,
            "map": self._map,
            "conditional": self._conditional,
            "unary": self._unary,
            "binary": self._binary,
            "macro": self._macro,
            "call": self.functions.call,
        }
        return forms[node.kind](node, scope)

    def of_truth(self, truth: Truth) -> Result:
        """A boolean as a value."""
        return Result(truth.error, (Alternative(self.smt.true, "bool", truth.holds),))

    def _literal(self, node: Node, scope: Scope) -> Result:  # noqa: ARG002
        value = node.value
        if node.name == "null":
            return self.operators.constant("null", None)
        if node.name == "string" and isinstance(value, str):
            if beyond(value):
                return self.operators.opaque("a character that the solver does not have")
            return self.operators.constant("string", self.world.texts.literal(value))
        if node.name == "bool":
            return self.operators.constant("bool", self.smt.known(bool(value)))
        if node.name in ("int", "uint") and isinstance(value, int):
            return self.operators.constant("int" if node.name == "int" else "uint", self.smt.known(value))
        if node.name == "double" and isinstance(value, (int, float)):
            return self.operators.constant("double", self.smt.known(literal_number(value)))
        return self.operators.opaque(f"literals of type {node.name} are not modelled")

    def _select(self, node: Node, scope: Scope) -> Result:
        return self.field(self.result(node.children[0], scope), node.name)

    def field(self, holder: Result, name: str) -> Result:
        """`holder.name`; an error where there is none."""
        smt = self.smt
        error, opaque = self.operators.strict(holder)
        known = [opaque]
        found = [] if opaque is smt.false else [Alternative(opaque, "opaque", None)]
        for item in holder.of("map"):
            if isinstance(item.value, Unknown):
                child = item.value.child(name)
                value, present = self.world.result(child), smt.all_of(item.guard, child.present)
            elif name in item.value:
                value, present = item.value[name], item.guard
            else:
                continue
            known.append(present)
            found += [Alternative(smt.all_of(present, each.guard), each.kind, each.held) for each in value.alternatives]
        error = smt.any_of(error, smt.not_(smt.any_of(*known)))
        return result(self.smt, error, found)

    def _list(self, node: Node, scope: Scope) -> Result:
        smt = self.smt
        values = [self.result(child, scope) for child in node.children]
        keys = [self.identities.of(child, scope) for child in node.children]
        elements = [Element(smt.true, value, key) for value, key in zip(values, keys, strict=True)]
        count = smt.known(len(elements))
        listing = Listing(lambda: elements, lambda: count, self.identities.of(node, scope), fixed=True, front=True)
        return self.operators.made_of("list", listing, values)

    def _map(self, node: Node, scope: Scope) -> Result:
        keys, values = node.children[::2], [self.result(child, scope) for child in node.children[1::2]]
        names = [key.value for key in keys if key.kind == "literal" and key.name == "string"]
        if len(names) < len(keys):
            return self.operators.opaque("maps with keys that are no literal texts are not modelled")
        return self.operators.made_of("map", dict(zip(names, values, strict=True)), values)

    def _conditional(self, node: Node, scope: Scope) -> Result:
        smt = self.smt
        condition = self.truth(node.children[0], scope)
        then, otherwise = (self.result(child, scope) for child in node.children[1:])
        error = smt.any_of(condition.error, smt.choose(condition.holds, then.error, otherwise.error))
        other = smt.not_(condition.holds)
        sides = ((condition.holds, then), (other, otherwise))
        found = [
            Alternative(smt.all_of(guard, item.guard), item.kind, item.held)
            for guard, side in sides
            for item in side.alternatives
        ]
        return result(self.smt, error, found)

    def _unary(self, node: Node, scope: Scope) -> Result:
        if node.name == "!":
            return self.of_truth(self.truth(node, scope))
        return self.operators.negated(self.result(node.children[0], scope))

    def _binary(self, node: Node, scope: Scope) -> Result:
        if node.name in LOGICAL:
            return self.of_truth(self.truth(node, scope))
        counted = self.lists.compared_sizes(node, scope)
        if counted is not None:
            return counted
        left, right = (self.result(child, scope) for child in node.children)
        key = self.identities.of(node, scope)
        if node.name == "==":
            return self.operators.equals(left, right, key)
        if node.name == "!=":
            equal = self.operators.equals(left, right, key)
            found = [
                Alternative(item.guard, item.kind, self.smt.not_(item.value) if item.kind == "bool" else None)
                for item in equal.alternatives
            ]
            return result(self.smt, equal.error, found)
        if node.name == "in":
            return self.lists.contained(left, right, key)
        if node.name[0] in "<>":
            return self.operators.compare(node.name, left, right)
        return self.operators.calculate(node.name, left, right)

    def _macro(self, node: Node, scope: Scope) -> Result:
        if node.name == "has":
            return self._has(node.children[0], scope)
        if node.name == BIND:
            value, body = node.children
            bound = Bound(self.result(value, scope), self.identities.of(value, scope))
            return self.result(body, {**scope, node.variable: bound})
        return self.lists.loop(node, scope)

    def _has(self, node: Node, scope: Scope) -> Result:
        smt = self.smt
        holder = self.result(node.children[0], scope)
        error, opaque = self.operators.strict(holder)
        maps, there = [opaque], []
        for item in holder.of("map"):
            maps.append(item.guard)
            if isinstance(item.value, Unknown):
                there.append(smt.all_of(item.guard, item.value.child(node.name).present))
            elif node.name in item.value:
                there.append(item.guard)
        error = smt.any_of(error, smt.not_(smt.any_of(*maps)))
        return self.operators.truth(error, smt.any_of(*there), opaque)
