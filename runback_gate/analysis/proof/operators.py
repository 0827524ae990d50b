"""Equality, order and arithmetic of CEL on terms: numbers across types, 64-bit overflow as an error.

In: results of operands. Out: results. Of sums and products of doubles the solver knows only that the same operands give
the same value; of quotients not even that, since 0.0 and -0.0 are equal and divide otherwise. An integer beyond 2^53
beside a double is compared as the engines do it, rounded: of that it is known that it is an order, the same for the
same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from runback_gate.analysis.proof.smt import Smt, Term
from runback_gate.analysis.proof.values import Alternative, Kind, Listing, Result, Unknown, World, result

_NUMBERS: tuple[Kind, ...] = ("int", "uint", "double")
_EXACT = 2**53
DOUBLES = "arithmetic on doubles"
_LEAST, _MOST = -(2**63), 2**63 - 1
_SCALARS: tuple[Kind, ...] = ("null", "bool", "string", *_NUMBERS)


class Operators:
    """The operators of two values."""

    def __init__(self, world: World, unlimited: bool) -> None:
        """`unlimited`: what depends on the length of a list is left open, so that a claim holds for every length."""
        self.world = world
        self.smt: Smt = world.smt
        self.unlimited = unlimited

    def constant(self, kind: Kind, value: Any) -> Result:
        """A value that is known."""
        return Result(self.smt.false, (Alternative(self.smt.true, kind, value),))

    def truth(self, error: Term, value: Term, opaque: Term) -> Result:
        """A boolean; `opaque` says when nothing is known of it."""
        found = [Alternative(self.smt.not_(opaque), "bool", value)]
        if opaque is not self.smt.false:
            found.append(Alternative(opaque, "opaque", None))
        return result(self.smt, error, found)

    def opaque(self, reason: str, error: Term | None = None) -> Result:
        """A value of which nothing is known."""
        self.world.opaque[reason] = None
        found = Alternative(self.smt.true, "opaque", None)
        return Result(self.smt.false if error is None else error, (found,))

    def strict(self, *operands: Result) -> tuple[Term, Term]:
        """Whether one of them is an error, and whether nothing is known of one."""
        error = self.smt.any_of(*(item.error for item in operands))
        return error, self.smt.any_of(*(found.guard for item in operands for found in item.of("opaque")))

    def made_of(self, kind: Kind, held: Any, parts: Sequence[Result]) -> Result:
        """A list or a map of these parts; nothing is known of it where nothing is known of one: it may be an error."""
        error, opaque = self.strict(*parts)
        found = [Alternative(self.smt.not_(opaque), kind, held)]
        if opaque is not self.smt.false:
            found.append(Alternative(opaque, "opaque", None))
        return Result(error, tuple(found))

    def pairs(self, left: Result, right: Result) -> Iterator[tuple[Term, Alternative, Alternative]]:
        """Each alternative of one beside those of the other that are of its kind; numbers are of one kind."""
        for one, other in product(left.alternatives, right.alternatives):
            numbers = one.kind in _NUMBERS and other.kind in _NUMBERS
            if numbers or (one.kind == other.kind and one.kind != "opaque"):
                self.world.spend()
                yield self.smt.all_of(one.guard, other.guard), one, other

    def equals(self, left: Result, right: Result, key: object) -> Result:
        """`left == right`; different kinds are not equal. `key` is the identity of the comparison."""
        error, opaque = self.strict(left, right)
        value, unclear = self.equal(left, right, key)
        return self.truth(error, value, self.smt.any_of(opaque, unclear))

    def equal(self, left: Result, right: Result, key: object, *, exact: bool = False) -> tuple[Term, Term]:
        """Whether two values are equal, and whether that is not known; `exact` compares numbers as Python does."""
        found, unclear = [], []
        for guard, one, other in self.pairs(left, right):
            value, open_ = self._same(one, other, key, exact)
            found.append(self.smt.all_of(guard, value))
            unclear.append(self.smt.all_of(guard, open_))
        return self.smt.any_of(*found), self.smt.any_of(*unclear)

    def _same(self, one: Alternative, other: Alternative, key: object, exact: bool) -> tuple[Term, Term]:
        smt = self.smt
        if one.kind in _NUMBERS and other.kind in _NUMBERS:
            return self._numbers("==", one, other, exact), smt.false
        if one.kind == "null":
            return smt.true, smt.false
        if one.kind == "list":
            return self._same_lists(one.value, other.value, key)
        if one.kind == "map":
            return self._same_maps(one.value, other.value, key)
        return smt.equal(one.value, other.value), smt.false

    def _same_lists(self, one: Listing, other: Listing, key: object) -> tuple[Term, Term]:
        smt = self.smt
        if one.key == other.key:
            # A list with NaN in it is not equal to itself, and arithmetic alone makes NaN.
            return smt.true, smt.true if DOUBLES in self.world.opaque else smt.false
        if not one.fixed and other.fixed:
            one, other = other, one
        if not one.fixed and (self.unlimited or (one.raw and other.raw)):
            return smt.false, self.not_modelled("two lists are compared whole")
        count = len(one.elements()) if one.fixed else 0
        if one.fixed:
            self.world.use(other, ("equal", key), count + 1)
        mine, theirs = list(one.elements()), list(other.elements())
        if not (one.front and other.front):
            return smt.false, self.not_modelled("a filtered list is compared whole")
        parts, unclear = [smt.equal(one.size(), other.size())], []
        for index in range(max(len(mine), len(theirs))):
            if index >= min(len(mine), len(theirs)):
                longer = mine if index < len(mine) else theirs
                parts.append(smt.not_(longer[index].present))
                continue
            value, open_ = self.equal(mine[index].value, theirs[index].value, (key, index))
            both = smt.all_of(mine[index].present, theirs[index].present)
            parts.append(smt.implies(both, value))
            unclear.append(smt.all_of(both, open_))
        return smt.all_of(*parts), smt.any_of(*unclear)

    def _same_maps(self, one: Any, other: Any, key: object) -> tuple[Term, Term]:
        smt = self.smt
        if isinstance(one, Unknown) and isinstance(other, Unknown):
            if one.path == other.path:
                return smt.true, smt.false
            return smt.false, self.not_modelled("two maps are compared whole")
        if isinstance(one, dict) and isinstance(other, dict):
            if set(one) != set(other):
                return smt.false, smt.false
            found = [self.equal(one[name], other[name], (key, name)) for name in one]
        else:
            written, unknown = (one, other) if isinstance(one, dict) else (other, one)
            found = [(smt.equal(unknown.term("map"), smt.known(len(written))), smt.false)]
            for name, value in written.items():
                child = unknown.child(name)
                same, open_ = self.equal(self.world.result(child), value, (key, name))
                found.append((smt.all_of(child.present, same), smt.all_of(child.present, open_)))
        return smt.all_of(*(same for same, _ in found)), smt.any_of(*(open_ for _, open_ in found))

    def not_modelled(self, reason: str) -> Term:
        """Note why something is left open."""
        self.world.opaque[reason] = None
        return self.smt.true

    def compare(self, symbol: str, left: Result, right: Result) -> Result:
        """`left < right` and the like; other kinds than numbers, texts and booleans among themselves are errors."""
        error, opaque = self.strict(left, right)
        known, found = [opaque], []
        for guard, one, other in self.pairs(left, right):
            if one.kind in _NUMBERS and other.kind in _NUMBERS:
                value = self._numbers(symbol, one, other)
            elif one.kind == other.kind == "string":
                low, high = (one.value, other.value) if symbol[0] == "<" else (other.value, one.value)
                value = self.world.texts.less(low, high, strict=len(symbol) == 1)
            elif one.kind == other.kind == "bool":
                low, high = (one.value, other.value) if symbol[0] == "<" else (other.value, one.value)
                less = self.smt.all_of(self.smt.not_(low), high)
                value = less if len(symbol) == 1 else self.smt.any_of(less, self.smt.equal(low, high))
            else:
                continue
            known.append(guard)
            found.append(self.smt.all_of(guard, value))
        error = self.smt.any_of(error, self.smt.not_(self.smt.any_of(*known)))
        return self.truth(error, self.smt.any_of(*found), opaque)

    def _numbers(self, symbol: str, one: Alternative, other: Alternative, exact: bool = False) -> Term:
        left, right = one.value, other.value
        if one.kind == "double" or other.kind == "double":
            return self._doubles(symbol, one, other, exact)
        return _relation(symbol, left, right)

    def _doubles(self, symbol: str, one: Alternative, other: Alternative, exactly: bool) -> Term:
        smt = self.smt
        left, right = (item.value if item.kind == "double" else smt.as_real(item.value) for item in (one, other))
        # Arithmetic on doubles may give NaN, which is equal to nothing and before nothing.
        numbers = [smt.not_(self.nan(item.value)) for item in (one, other) if item.kind == "double"]
        exact = _relation(symbol, left, right)
        if exactly or one.kind == other.kind:
            return smt.all_of(*numbers, exact)
        whole, real = (one, other) if one.kind != "double" else (other, one)
        if self._small(whole.value) or self._small(real.value):
            return smt.all_of(*numbers, exact)
        # Beyond 2^53 the integer is rounded first; that is an order all the same.
        less, equal = (
            smt.function(f"rounded {name}", "integer", "real", "truth")(whole.value, real.value) for name in ("<", "=")
        )
        more = smt.not_(smt.any_of(less, equal))
        if one is real:
            less, more = more, less
        found = {"==": equal, "<": less, ">": more, "<=": smt.any_of(less, equal), ">=": smt.any_of(more, equal)}
        self.world.wishes.append(smt.equal(found[symbol], exact))
        return smt.all_of(*numbers, found[symbol])

    def _small(self, term: Term) -> bool:
        """Whether a number is written and no larger than 2^53."""
        value = self.smt.number(term)
        return value is not None and abs(value) <= _EXACT

    def nan(self, term: Term) -> Term:
        """Whether a double is not a number: never one of the step."""
        smt = self.smt
        if term.num_args() == 0 or not term.decl().name().startswith("double "):
            return smt.false
        return smt.function(f"nan {term.decl().name()}", "real", "real", "truth")(*term.children())

    def calculate(self, symbol: str, left: Result, right: Result) -> Result:
        """`left + right` and the like; kinds are not mixed."""
        smt, texts = self.smt, self.world.texts
        error, opaque = self.strict(left, right)
        known, found, errors = [opaque], [], [error]
        if opaque is not smt.false:
            found.append(Alternative(opaque, "opaque", None))
        for guard, one, other in self.pairs(left, right):
            if one.kind != other.kind or one.kind not in ("int", "double", "string", "list", "uint"):
                continue
            if (symbol != "+" and one.kind in ("string", "list")) or (symbol == "%" and one.kind == "double"):
                continue
            known.append(guard)
            if one.kind == "int":
                value, wrong = self._whole(symbol, one.value, other.value)
                errors.append(smt.all_of(guard, wrong))
                found.append(Alternative(guard, "int", value))
            elif one.kind == "double" and symbol != "/":
                value = smt.function(f"double {symbol}", "real", "real", "real")(one.value, other.value)
                self.world.opaque[DOUBLES] = None
                self.world.wishes.append(smt.not_(guard))
                found.append(Alternative(guard, "double", value))
            elif one.kind == "string" and (joined := texts.joined(one.value, other.value)) is not None:
                found.append(Alternative(guard, "string", joined))
            elif one.kind == "list":
                found.append(Alternative(guard, "list", _chained(one.value, other.value)))
            else:
                self.world.opaque[f"{symbol} of {one.kind}s"] = None
                found.append(Alternative(guard, "opaque", None))
        errors.append(smt.not_(smt.any_of(*known)))
        return result(smt, smt.any_of(*errors), found)

    def _whole(self, symbol: str, left: Term, right: Term) -> tuple[Term, Term]:
        """The result, and whether it is an error."""
        smt = self.smt
        if symbol in ("/", "%"):
            cut, rest = smt.quotient(left, right)
            zero = smt.equal(right, smt.known(0))
            wrong = smt.any_of(zero, cut > _MOST)
            return (cut if symbol == "/" else rest), wrong
        value = left + right if symbol == "+" else left - right if symbol == "-" else left * right
        return value, smt.any_of(value > _MOST, value < _LEAST)

    def negated(self, operand: Result) -> Result:
        """`-operand`."""
        smt = self.smt
        error, opaque = self.strict(operand)
        found = [] if opaque is smt.false else [Alternative(opaque, "opaque", None)]
        errors, known = [error], [opaque]
        for item in operand.of("int", "double"):
            known.append(item.guard)
            if item.kind == "double" and item.value.num_args():
                self.world.opaque[DOUBLES] = None
                found.append(Alternative(item.guard, "opaque", None))
                continue
            found.append(Alternative(item.guard, item.kind, -item.value))
            if item.kind == "int":
                errors.append(smt.all_of(item.guard, smt.equal(item.value, smt.known(_LEAST))))
        errors.append(smt.not_(smt.any_of(*known)))
        return result(smt, smt.any_of(*errors), found)


def literal_number(value: float) -> Fraction:
    """A double that is written, as the number that it is. Raises ValueError for one that is not finite."""
    if not math.isfinite(value):
        raise ValueError("a double that is not finite")
    return Fraction(value)


def _relation(symbol: str, left: Term, right: Term) -> Term:
    if symbol == "==":
        return left == right
    if symbol == "<":
        return left < right
    if symbol == "<=":
        return left <= right
    return left > right if symbol == ">" else left >= right


def _chained(one: Listing, other: Listing) -> Listing:
    return Listing(
        elements=lambda: [*one.elements(), *other.elements()],
        size=lambda: one.size() + other.size(),
        key=("chained", one.key, other.key),
        bases=(*one.bases, *other.bases),
        fixed=one.fixed and other.fixed,
        front=one.fixed and other.front,
        chained=True,
    )
