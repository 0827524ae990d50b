"""Functions of CEL and of ours on terms.

In: a call. Out: a result. `calls`, `includes` with a map that is written, and questions to texts are modelled; of
`parse_json` only that the same text gives the same value; the others are values of which nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from runback_gate.analysis.proof.encoding import Encoding
from runback_gate.analysis.proof.identity import Scope
from runback_gate.analysis.proof.lists import Lists
from runback_gate.analysis.proof.smt import Term
from runback_gate.analysis.proof.texts import Predicate, beyond
from runback_gate.analysis.proof.values import Alternative, Element, Listing, Result, Unknown, result
from runback_gate.cel import functions as ours
from runback_gate.cel.parser import Node
from runback_gate.cel.pattern import compile_pattern

Handler = Callable[[Node, Scope], Result]


class Functions:
    """What calls come to."""

    def __init__(self, encoder: Encoding, lists: Lists) -> None:
        self.encoder = encoder
        self.lists = lists
        self.world = encoder.world
        self.smt = encoder.smt
        self.operators = encoder.operators

    def call(self, node: Node, scope: Scope) -> Result:
        """A call; of one that is not modelled nothing is known."""
        handlers: dict[tuple[str, int], Handler] = {
            ("size", 1): self._size,
            ("calls", 2): self._calls,
            ("mentions", 2): self._mentions,
            ("includes", 2): self._includes,
            ("parse_json", 1): self._parsed,
            ("startsWith", 2): self._part_of_text,
            ("endsWith", 2): self._part_of_text,
            ("contains", 2): self._part_of_text,
            ("matches", 2): self._matches,
            ("int", 1): self._converted,
            ("string", 1): self._converted,
            ("bool", 1): self._converted,
            ("double", 1): self._converted,
        }
        handler = handlers.get((node.name, len(node.children)))
        return self.operators.opaque(f"{node.name}() is not modelled") if handler is None else handler(node, scope)

    def _size(self, node: Node, scope: Scope) -> Result:
        value = self.encoder.result(node.children[0], scope)
        return self.lists.size(node, value)

    def _converted(self, node: Node, scope: Scope) -> Result:
        """A conversion to the kind that a value has already; of any other nothing is known."""
        value = self.encoder.result(node.children[0], scope)
        found = []
        for item in value.alternatives:
            if item.kind == node.name:
                found.append(item)
            else:
                found.append(Alternative(item.guard, "opaque", None))
        if any(item.kind == "opaque" for item in found):
            self.world.opaque[f"{node.name}() is not modelled"] = None
        return result(self.smt, value.error, found)

    def _calls(self, node: Node, scope: Scope) -> Result:
        """`calls(response, name)`: the list `tool_calls` without what is no map of this name."""
        smt = self.smt
        holder, name = (self.encoder.result(child, scope) for child in node.children)
        error, opaque = self.operators.strict(holder, name)
        key = self.encoder.identities.of(node, scope)
        known = [opaque]
        found = [] if opaque is smt.false else [Alternative(opaque, "opaque", None)]
        for one, wanted in product(holder.of("map"), name.of("string")):
            if not isinstance(one.value, Unknown):
                return self.operators.opaque("calls() of a map that is written is not modelled", error)
            calls = one.value.child("tool_calls")
            guard = smt.all_of(one.guard, wanted.guard, calls.is_("list"))
            known.append(guard)
            found.append(Alternative(guard, "list", self._named(calls, wanted.value, (key, calls.path))))
        return result(smt, smt.any_of(error, smt.not_(smt.any_of(*known))), found)

    def _named(self, calls: Unknown, name: Term, key: object) -> Listing:
        smt = self.smt
        kept: list[Element] = []

        def elements() -> list[Element]:
            if not kept:
                for call in calls.seen():
                    given = call.child("name")
                    same = smt.all_of(given.is_("string"), smt.equal(given.term("string"), name))
                    there = smt.all_of(call.present, call.is_("map"), same)
                    kept.append(Element(there, self.world.result(call), call.path))
            return kept

        def size() -> Term:
            return smt.sum([smt.choose(item.present, smt.known(1), smt.known(0)) for item in elements()])

        return Listing(elements, size, key, (calls,))

    def _mentions(self, node: Node, scope: Scope) -> Result:
        """`mentions(text, phrases)` with phrases that are written; each is a question to the text."""
        smt, texts = self.smt, self.world.texts
        value, phrases = (self.encoder.result(child, scope) for child in node.children)
        wanted = _written(node.children[1])
        if wanted is None:
            return self._mentions_of_step(value, phrases)
        error, opaque = self.operators.strict(value, phrases)
        strings = value.of("string")
        known = smt.any_of(opaque, *(item.guard for item in strings))
        try:
            ours.mentions("", wanted)
        except ValueError:
            return Result(smt.true, ())
        found = []
        for item in strings:
            for phrase in wanted:
                texts.literal(phrase)
                found.append(smt.all_of(item.guard, texts.holds(_mentioning(phrase), item.value)))
        return self.operators.truth(smt.any_of(error, smt.not_(known)), smt.any_of(*found), opaque)

    def _mentions_of_step(self, value: Result, phrases: Result) -> Result:
        """`mentions(text, phrase)` with a phrase of the step: only that it is the same for the same two texts."""
        smt, texts = self.smt, self.world.texts
        error, opaque = self.operators.strict(value, phrases)
        sort = texts.sort
        asked = smt.function("mentions", sort, sort, "truth")
        known, found, wrong = [opaque], [], []
        lists = smt.any_of(*(item.guard for item in phrases.of("list")))
        for guard, text, phrase in self.operators.pairs(value, phrases):
            if text.kind == phrase.kind == "string":
                known.append(guard)
                wrong.append(smt.all_of(guard, texts.holds(_EMPTY, phrase.value)))
                holds = asked(text.value, phrase.value)
                self.world.wishes.append(smt.equal(holds, smt.equal(text.value, phrase.value)))
                found.append(smt.all_of(guard, holds))
        if lists is not smt.false:
            self.world.opaque["mentions() with a list of the step is not modelled"] = None
            known.append(lists)
        error = smt.any_of(error, *wrong, smt.not_(smt.any_of(*known)))
        return self.operators.truth(error, smt.any_of(*found), smt.any_of(opaque, lists))

    def _includes(self, node: Node, scope: Scope) -> Result:
        """`includes(value, map)` with a map that is written."""
        smt = self.smt
        value = self.encoder.result(node.children[0], scope)
        expected = node.children[1]
        if expected.kind != "map":
            return self.operators.opaque("includes() with a map of the step is not modelled")
        parts = [self.encoder.result(part, scope) for part in _leaves(expected)]
        error, opaque = self.operators.strict(value, *parts)
        if any(part.of("uint") for part in parts):
            return self.operators.opaque("includes() with unsigned integers is not modelled")
        holds, unclear = self._includes_map(value, expected, scope)
        keys = [part for part in _keys(expected) if part.kind != "literal" or part.name != "string"]
        wrong = [self._no_text(self.encoder.result(part, scope)) for part in keys]
        twice = any(len(item.children) > 2 for item in _maps(expected) if set(map(id, item.children[::2])) & _ids(keys))
        if twice:
            return self.operators.opaque("maps with several keys of the step are not modelled")
        return self.operators.truth(error, holds, smt.any_of(opaque, unclear, *wrong))

    def _no_text(self, key: Result) -> Term:
        return self.smt.not_(self.smt.any_of(*(item.guard for item in key.of("string"))))

    def _includes_map(self, value: Result, expected: Node, scope: Scope) -> tuple[Term, Term]:
        """Whether a value holds what a written map asks, and when that is not known."""
        smt = self.smt
        found, unclear = [], []
        for item in value.of("map"):
            holds, open_ = [], []
            for key, wanted in zip(expected.children[::2], expected.children[1::2], strict=True):
                there, inner = self._under(item.value, key, scope)
                same, not_known = self._includes_value(inner, wanted, scope)
                holds += [there, same]
                open_.append(smt.all_of(there, not_known))
            found.append(smt.all_of(item.guard, *holds))
            unclear.append(smt.all_of(item.guard, smt.any_of(*open_)))
        return smt.any_of(*found), smt.any_of(*unclear)

    def _under(self, holder: Unknown | dict[str, Result], key: Node, scope: Scope) -> tuple[Term, Result]:
        """Whether a map has a key, and the value."""
        smt = self.smt
        there, found = [], []
        for name in self.encoder.result(key, scope).of("string"):
            if isinstance(holder, Unknown):
                child = self.lists.child(holder, name.value)
                guard, value = smt.all_of(name.guard, child.present), self.world.result(child)
                there.append(guard)
                found += [Alternative(smt.all_of(guard, it.guard), it.kind, it.held) for it in value.alternatives]
                continue
            for known, value in holder.items():
                guard = smt.all_of(name.guard, smt.equal(name.value, self.world.texts.literal(known)))
                there.append(guard)
                found += [Alternative(smt.all_of(guard, it.guard), it.kind, it.held) for it in value.alternatives]
        return smt.any_of(*there), result(smt, smt.false, found)

    def _includes_value(self, value: Result, wanted: Node, scope: Scope) -> tuple[Term, Term]:
        smt = self.smt
        if wanted.kind == "map":
            return self._includes_map(value, wanted, scope)
        expected = self.encoder.result(wanted, scope)
        found, unclear = [], []
        for guard, one, other in self.operators.pairs(value, expected):
            if other.kind == "map" and one.kind == "map":
                self.world.opaque["includes() with a map of the step is not modelled"] = None
                unclear.append(guard)
                self.world.wishes.append(smt.not_(guard))
            elif other.kind == "list" and one.kind == "list":
                self.world.opaque["includes() with a list is not modelled"] = None
                unclear.append(guard)
                self.world.wishes.append(smt.not_(guard))
            else:
                mine, theirs = (Result(smt.false, (Alternative(smt.true, it.kind, it.held),)) for it in (one, other))
                same, _ = self.operators.equal(mine, theirs, (), exact=True)
                found.append(smt.all_of(guard, same))
        return smt.any_of(*found), smt.any_of(*unclear)

    def _parsed(self, node: Node, scope: Scope) -> Result:
        """`parse_json(text)`: any value, the same for the same expression, or an error."""
        smt = self.smt
        value = self.encoder.result(node.children[0], scope)
        error, opaque = self.operators.strict(value)
        path = f"parse_json({self.encoder.identities.of(node.children[0], scope)})"
        parsed = self.world.values.get(path) or Unknown(self.world, path, "dyn")
        sources = [item.held for item in value.of("string") if isinstance(item.held, Unknown)]
        if len(sources) == 1:
            self.world.parsed[path] = sources[0]
        strings = smt.any_of(*(item.guard for item in value.of("string")))
        found = self.world.result(parsed)
        error = smt.any_of(error, smt.not_(strings), found.error)
        if opaque is not smt.false:
            return self.operators.opaque("parse_json() of what is not modelled", error)
        return Result(error, found.alternatives)

    def _part_of_text(self, node: Node, scope: Scope) -> Result:
        """`startsWith`, `endsWith`, `contains`."""
        texts = self.world.texts
        asked = {"startsWith": texts.starts, "endsWith": texts.ends, "contains": texts.contains}[node.name]
        part = node.children[1]
        if part.kind != "literal" or not isinstance(part.value, str) or beyond(part.value):
            return self.operators.opaque(f"{node.name}() of a text of the step is not modelled")
        text = part.value
        texts.literal(text)
        return self._asked(node, scope, lambda value: asked(value, text))

    def _matches(self, node: Node, scope: Scope) -> Result:
        part = node.children[1]
        if part.kind != "literal" or not isinstance(part.value, str):
            return self.operators.opaque("matches() with a pattern of the step is not modelled")
        pattern = part.value
        compiled = compile_pattern(pattern)
        predicate = Predicate(f"matches {pattern}", lambda text: compiled.search(text) is not None)
        return self._asked(node, scope, lambda value: self.world.texts.matches(value, predicate, pattern))

    def _asked(self, node: Node, scope: Scope, holds: Callable[[Term], Term]) -> Result:
        """A question to a text; an error for any other value."""
        smt = self.smt
        value = self.encoder.result(node.children[0], scope)
        error, opaque = self.operators.strict(value)
        strings = value.of("string")
        known = smt.any_of(opaque, *(item.guard for item in strings))
        found = [smt.all_of(item.guard, holds(item.value)) for item in strings]
        return self.operators.truth(smt.any_of(error, smt.not_(known)), smt.any_of(*found), opaque)


def _no_phrase(text: str) -> bool:
    try:
        ours.mentions("", text)
    except ValueError:
        return True
    return False


_EMPTY = Predicate("no phrase", _no_phrase)


def _mentioning(phrase: str) -> Predicate:
    return Predicate(f"mentions {phrase}", lambda text: ours.mentions(text, [phrase]))


def _written(node: Node) -> list[str] | None:
    """The texts that a literal or a list of literals holds."""
    parts = node.children if node.kind == "list" else (node,)
    values = [part.value for part in parts if part.kind == "literal" and isinstance(part.value, str)]
    return values if len(values) == len(parts) else None


def _maps(node: Node) -> list[Node]:
    """A written map and those in it."""
    return [node, *(item for child in node.children[1::2] if child.kind == "map" for item in _maps(child))]


def _keys(node: Node) -> list[Node]:
    return [key for item in _maps(node) for key in item.children[::2]]


def _leaves(node: Node) -> list[Node]:
    """The keys and values of a written map that are no maps."""
    values = [value for item in _maps(node) for value in item.children[1::2] if value.kind != "map"]
    return [*_keys(node), *values]


def _ids(nodes: list[Node]) -> set[int]:
    return {id(node) for node in nodes}
