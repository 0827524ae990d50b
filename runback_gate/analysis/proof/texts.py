"""Texts for the solver: compared for equality alone, or modelled character by character.

In: a solver. Out: a `Codes` or a `Texts`, with the same methods.

Of `Codes` the solver knows which are equal, and a place for each in an order; what else is asked of a text is a
predicate of which it knows the value on the literals of both rules alone. That is quick, and what is proved of all such
things, orders and predicates holds for texts. `Texts` is the solver's own theory, slow and exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

from runback_gate.analysis.proof.regular import TOP, Unreadable, regular
from runback_gate.analysis.proof.smt import CODE, Answer, Smt, Term
from runback_gate.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Predicate:
    """A question to one text that the solver need not understand."""

    name: str
    holds: Callable[[str], bool]


def beyond(text: str) -> bool:
    """Whether a text has a character that the solver does not have."""
    return any(char >= TOP for char in text)


class Codes:
    """Texts as things that are equal or not."""

    sort = CODE

    def __init__(self, smt: Smt) -> None:
        self.smt = smt
        self.literals: dict[str, Term] = {}
        self.predicates: dict[str, tuple[Predicate, Any]] = {}
        self.lengths: Any = None
        self.places: Any = None
        """The order of texts, where it is asked for."""
        self.asked: dict[int, Term] = {}
        """Texts of which more was asked than equality and order, by their names."""
        self.open = False
        """Whether the solver's own theory of texts would know more."""

    def unknown(self, name: str) -> Term:
        """A text that is not known."""
        return self.smt.code(name)

    def literal(self, value: str) -> Term:
        """A text that is known."""
        if value not in self.literals:
            self.literals[value] = self.smt.code(f"literal {len(self.literals)}")
        return self.literals[value]

    def value_of(self, text: Term) -> str | None:
        """The literal that a term is, if it is one."""
        return next((value for value, term in self.literals.items() if term.eq(text)), None)

    def less(self, left: Term, right: Term, *, strict: bool) -> Term:
        """Whether one text stands before the other."""
        if not strict:
            return self.smt.any_of(self.smt.equal(left, right), self.less(left, right, strict=True))
        if self.places is None:
            self.places = self.smt.function("place", CODE, "real")
        return self.places(left) < self.places(right)

    def holds(self, predicate: Predicate, text: Term, *, known: bool = False) -> Term:
        """A predicate of a text; `known` to the solver's own theory of texts."""
        self.open |= known
        if predicate.name not in self.predicates:
            function = self.smt.function(predicate.name, CODE, "truth")
            self.predicates[predicate.name] = (predicate, function)
        self.asked[text.get_id()] = text
        return self.predicates[predicate.name][1](text)

    def starts(self, text: Term, part: str) -> Term:
        """Whether a text starts so."""
        return self.holds(Predicate(f"starts {part}", lambda value: value.startswith(part)), text, known=True)

    def ends(self, text: Term, part: str) -> Term:
        """Whether a text ends so."""
        return self.holds(Predicate(f"ends {part}", lambda value: value.endswith(part)), text, known=True)

    def contains(self, text: Term, part: str) -> Term:
        """Whether a text has a part."""
        return self.holds(Predicate(f"contains {part}", lambda value: part in value), text, known=True)

    def matches(self, text: Term, predicate: Predicate, pattern: str) -> Term:  # noqa: ARG002
        """Whether a pattern is found in a text."""
        return self.holds(predicate, text, known=True)

    def length(self, text: Term) -> Term:
        """The characters of a text."""
        self.open = True
        if self.lengths is None:
            self.lengths = self.smt.function("length", CODE, "integer")
        self.asked[text.get_id()] = text
        return self.lengths(text)

    def joined(self, left: Term, right: Term) -> Term | None:  # noqa: ARG002
        """Two texts in one, where it can be said."""
        self.open = True
        return None

    def facts(self) -> Iterator[Term]:
        """What is known of the literals, once all of them are."""
        ordered = sorted(self.literals)
        terms = [self.literals[value] for value in ordered]
        yield self.smt.distinct(terms)
        if self.places is not None:
            yield from (self.places(left) < self.places(right) for left, right in pairwise(terms))
        for value, term in self.literals.items():
            for predicate, function in self.predicates.values():
                yield function(term) if predicate.holds(value) else self.smt.not_(function(term))
            if self.lengths is not None:
                yield self.lengths(term) == len(value)
        if self.lengths is not None:
            yield from (self.lengths(term) >= 0 for term in self.asked.values())

    def wishes(self) -> Iterator[Term]:
        """What makes a model easy to write down: of what is asked of a text, only literals are an example."""
        known = list(self.literals.values())
        for text in self.asked.values():
            same = [text == term for term in known]
            for _, function in self.predicates.values():
                yield self.smt.any_of(*same, self.smt.not_(function(text)))
            if self.lengths is not None:
                yield self.smt.any_of(*same)

    def reading(self, answer: Answer, texts: Iterable[Term]) -> Callable[[Term], str]:
        """What texts are in a model; between two literals one that stands there."""
        found = {answer.value(term): value for value, term in self.literals.items()}
        ordered: list[tuple[object, Term]] = [(self._place(answer, text), text) for text in texts]
        known = {self._place(answer, term): value for value, term in self.literals.items()}
        last = "~" if self.places is None else "!"
        for place, text in sorted(ordered, key=lambda item: item[0] if isinstance(item[0], Fraction) else 0):
            code = answer.value(text)
            if code not in found:
                below = [value for at, value in known.items() if isinstance(place, Fraction) and at < place]
                last = max([last, *below]) + "!"
                found[code] = last
        return lambda text: found[answer.value(text)]

    def _place(self, answer: Answer, text: Term) -> Fraction:
        value = 0 if self.places is None else answer.value(self.places(text))
        return value if isinstance(value, Fraction) else Fraction(0)


class Texts(Codes):
    """Texts as they are."""

    sort = "text"

    def unknown(self, name: str) -> Term:
        """A text that is not known."""
        return self.smt.text(name)

    def literal(self, value: str) -> Term:
        """A text that is known."""
        if beyond(value):
            return self.smt.text(f"beyond {value!a}")
        if value not in self.literals:
            self.literals[value] = self.smt.known(value)
        return self.literals[value]

    def less(self, left: Term, right: Term, *, strict: bool) -> Term:
        """Whether one text stands before the other."""
        return left < right if strict else left <= right

    def holds(self, predicate: Predicate, text: Term, *, known: bool = False) -> Term:  # noqa: ARG002
        """A predicate of a text."""
        if predicate.name not in self.predicates:
            function = self.smt.function(predicate.name, "text", "truth")
            self.predicates[predicate.name] = (predicate, function)
        self.asked[text.get_id()] = text
        return self.predicates[predicate.name][1](text)

    def starts(self, text: Term, part: str) -> Term:
        """Whether a text starts so."""
        return self.smt.z3.PrefixOf(self.literal(part), text)

    def ends(self, text: Term, part: str) -> Term:
        """Whether a text ends so."""
        return self.smt.z3.SuffixOf(self.literal(part), text)

    def contains(self, text: Term, part: str) -> Term:
        """Whether a text has a part."""
        return self.smt.z3.Contains(text, self.literal(part))

    def matches(self, text: Term, predicate: Predicate, pattern: str) -> Term:
        """Whether a pattern is found in a text."""
        try:
            return self.smt.z3.InRe(text, regular(self.smt, pattern))
        except Unreadable:
            return self.holds(predicate, text)

    def length(self, text: Term) -> Term:
        """The characters of a text."""
        return self.smt.z3.Length(text)

    def joined(self, left: Term, right: Term) -> Term | None:
        """Two texts in one."""
        return self.smt.z3.Concat(left, right)

    def facts(self) -> Iterator[Term]:
        """What is known of the literals, once all of them are."""
        for value, term in self.literals.items():
            for predicate, function in self.predicates.values():
                yield function(term) if predicate.holds(value) else self.smt.not_(function(term))

    def reading(self, answer: Answer, texts: Iterable[Term]) -> Callable[[Term], str]:  # noqa: ARG002
        """What texts are in a model."""
        return lambda text: str(answer.value(text))
