"""The SMT solver, z3; the only file that imports it.

In: terms that this file makes. Out: whether they can all hold, and a model. Constants are folded while terms are made,
so that what is known costs nothing.

    smt = Smt()
    x = smt.integer("x")
    smt.solve([x > 1], steps=1000).value(x)      # 2

Each `Smt` is a context of its own: what was proved before changes nothing, so the same terms give the same answer. Work
is bounded by steps of the solver, never by a clock.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Literal, TypeAlias

from runback_gate.errors import InputError
from runback_gate.frozen import dataclass

Term: TypeAlias = Any
"""A term of the solver: truth, integer, real or text."""

CODE = "code"
"""The sort of things of which only equality is known."""
_CONTEXTS: dict[int, Any] = {}
"""The contexts that are in use."""
_ESCAPE = re.compile(r"\\u\{([0-9a-fA-F]+)\}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the solver found out."""

    status: Literal["holds", "never", "unknown"]
    """Whether the terms can hold together."""
    model: Any = None
    """Values for which they do."""
    steps: int = 0
    """Work that it took."""

    def value(self, term: Term) -> bool | int | Fraction | str:
        """What a term is worth in the model."""
        found = self.model.eval(term, model_completion=True)
        if found.sort().name() == "Bool":
            return bool(found.sexpr() == "true")
        if found.sort().name() == "String":
            return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), found.as_string())
        if found.sort().name() == "Int":
            return int(found.as_long())
        if found.sort().name() == CODE:
            return str(found.sexpr())
        fraction = found.as_fraction()
        return Fraction(int(fraction.numerator), int(fraction.denominator))


class Smt:
    """Makes terms, and decides whether they can hold together."""

    def __init__(self) -> None:
        """Raises InputError where the solver is not installed."""
        try:
            import z3  # noqa: PLC0415  an extra
        except ModuleNotFoundError as error:
            raise InputError("proofs need a solver", hint='pip install "runback-gate[proof]"') from error
        self.z3: Any = z3
        self.context = z3.Context()
        # What is made of the context goes before it: to find what is left of a context takes longer than most proofs.
        _CONTEXTS[id(self.context)] = self.context
        weakref.finalize(self, _CONTEXTS.pop, id(self.context))
        self.true: Term = z3.BoolVal(True, self.context)
        self.false: Term = z3.BoolVal(False, self.context)
        self._steps = 0
        self._sorts = {
            "truth": z3.BoolSort(self.context),
            "integer": z3.IntSort(self.context),
            "real": z3.RealSort(self.context),
            "text": z3.StringSort(self.context),
            CODE: z3.DeclareSort(CODE, self.context),
        }

    def truth(self, name: str) -> Term:
        """A truth that is not known."""
        return self.z3.Bool(name, self.context)

    def integer(self, name: str) -> Term:
        """An integer that is not known."""
        return self.z3.Int(name, self.context)

    def real(self, name: str) -> Term:
        """A real number that is not known."""
        return self.z3.Real(name, self.context)

    def text(self, name: str) -> Term:
        """A text that is not known."""
        return self.z3.String(name, self.context)

    def code(self, name: str) -> Term:
        """Something of which only equality is known."""
        return self.z3.Const(name, self._sorts[CODE])

    def distinct(self, terms: Sequence[Term]) -> Term:
        """Whether no two of them are equal."""
        return self.z3.Distinct(*terms) if len(terms) > 1 else self.true

    def number(self, term: Term) -> Fraction | None:
        """The number that a term is, if it is written."""
        if self.z3.is_int_value(term):
            return Fraction(term.as_long())
        return Fraction(term.as_fraction()) if self.z3.is_rational_value(term) else None

    def known(self, value: bool | int | Fraction | str) -> Term:
        """A constant; a fraction is a real number."""
        if isinstance(value, bool):
            return self.true if value else self.false
        if isinstance(value, int):
            return self.z3.IntVal(value, self.context)
        if isinstance(value, str):
            written = "".join(
                char if " " <= char <= "~" and char != "\\" else f"\\u{{{ord(char):x}}}" for char in value
            )
            return self.z3.StringVal(written, self.context)
        return self.z3.RealVal(f"{value.numerator}/{value.denominator}", self.context)

    def function(self, name: str, *sorts: str) -> Any:
        """A function of which nothing is known, from and to `truth`, `integer`, `real`, `text` or `CODE`."""
        return self.z3.Function(name, *(self._sorts[sort] for sort in sorts))

    def all_of(self, *terms: Term) -> Term:
        """Whether all of them hold."""
        kept = []
        for term in terms:
            if term is self.false:
                return term
            if term is not self.true:
                kept.append(term)
        return self.true if not kept else kept[0] if len(kept) == 1 else self._joined(self.z3.Z3_mk_and, kept)

    def any_of(self, *terms: Term) -> Term:
        """Whether one of them holds."""
        kept = []
        for term in terms:
            if term is self.true:
                return term
            if term is not self.false:
                kept.append(term)
        return self.false if not kept else kept[0] if len(kept) == 1 else self._joined(self.z3.Z3_mk_or, kept)

    def _joined(self, make: Any, terms: list[Term]) -> Term:
        # The package's own `And` looks at each term anew, which takes longer than the proof.
        items = (self.z3.Ast * len(terms))(*(term.ast for term in terms))
        return self.z3.BoolRef(make(self.context.ref(), len(terms), items), self.context)

    def not_(self, term: Term) -> Term:
        """Whether it does not hold."""
        if term is self.true:
            return self.false
        if term is self.false:
            return self.true
        return self.z3.BoolRef(self.z3.Z3_mk_not(self.context.ref(), term.ast), self.context)

    def implies(self, condition: Term, term: Term) -> Term:
        """Whether `term` holds where `condition` does."""
        return self.any_of(self.not_(condition), term)

    def choose(self, condition: Term, then: Term, otherwise: Term) -> Term:
        """One of two terms."""
        if condition is self.true:
            return then
        return otherwise if condition is self.false else self.z3.If(condition, then, otherwise)

    def equal(self, left: Term, right: Term) -> Term:
        """Whether two terms of one sort are equal."""
        return self.true if left.eq(right) else left == right

    def sum(self, terms: Sequence[Term]) -> Term:
        """The sum of integers."""
        return self.known(0) if not terms else terms[0] if len(terms) == 1 else self.z3.Sum(list(terms))

    def as_real(self, term: Term) -> Term:
        """An integer as a real number."""
        return self.z3.ToReal(term)

    def quotient(self, left: Term, right: Term) -> tuple[Term, Term]:
        """The quotient of two integers, cut towards zero, and the remainder that belongs to it."""
        z3, whole = self.z3, left / right
        exact = left == whole * right
        up = z3.And(left < 0, z3.Not(exact))
        cut = z3.If(up, z3.If(right > 0, whole + 1, whole - 1), whole)
        return cut, left - cut * right

    def solve(self, terms: Iterable[Term], *, steps: int) -> Answer:
        """Whether the terms can hold together; unknown after so many steps of the solver."""
        # The other one looks for theories in all terms first, which takes longer than most proofs.
        solver = self.z3.SimpleSolver(ctx=self.context)
        solver.set("rlimit", steps)
        solver.add(*[term for term in terms if term is not self.true])
        found = solver.check()
        # The count is that of the context.
        before, self._steps = self._steps, int(solver.statistics().get_key_value("rlimit count"))
        taken = self._steps - before
        if found == self.z3.sat:
            return Answer("holds", solver.model(), taken)
        return Answer("never" if found == self.z3.unsat else "unknown", steps=taken)


def _written(char: str) -> str:
    return char if " " <= char <= "~" and char != "\\" else f"\\u{{{ord(char):x}}}"
