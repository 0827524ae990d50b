"""A step as values of the terms that stand for all steps: whether what an engine says of it is among what is encoded.

In: an expression and a step. Out: whether the encoding allows what the engine says. A proof is about every value that
the terms may have, so it is sound if each real step is one of them, with the outcome that it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from runback_gate.analysis.proof.encode import Encoder
from runback_gate.analysis.proof.encoding import Truth
from runback_gate.analysis.proof.example import Example, seen
from runback_gate.analysis.proof.form import Form
from runback_gate.analysis.proof.search import Limits, Question, Search
from runback_gate.analysis.proof.smt import Term
from runback_gate.analysis.proof.values import DATA_KINDS, Kind, Unknown, World
from runback_gate.cel.engine import Engine, ParsedExpression, kind
from runback_gate.cel.functions import parse_json
from runback_gate.cel.parser import read
from runback_gate.cel.write import write

ABSENT = object()


class Encoded:
    """An expression over all steps, in one of the ways in which proofs look at them."""

    def __init__(self, form: Form, *, bounded: bool = False, exact: bool = False) -> None:
        self.truths: list[Truth] = []

        def goals(encoder: Encoder) -> Mapping[str, Term]:
            self.truths.append(encoder.truth(form.rule))
            return {}

        search = Search(goals, lambda *_: "", Limits())
        self.question: Question | None
        if bounded:
            self.question = search.encode({"response.tool_calls": 3, "history": 3}, 2, exact=exact, unlimited=False)
        else:
            self.question = search.question("every length", exact=exact)

    def allows(self, step: Example, verdict: str) -> bool | None:
        """Whether the step may have this verdict; None where it has more elements than are looked at."""
        if self.question is None:
            return None
        world, truth = self.question.world, self.truths[-1]
        smt = world.smt
        data = seen(step)
        known = len(world.known)
        try:
            pins = [pin for name in data if name in world.values for pin in pinned(world.values[name], data[name])]
            pins += [pin for path in world.parsed for pin in _parsed(world, path, data)]
        except BeyondError:
            return None
        finally:
            facts = list(world.known)
            del world.known[known:]
        said = [truth.error if verdict == "error" else smt.not_(truth.error)]
        said.append(truth.holds if verdict == "true" else smt.not_(truth.holds))
        answer = smt.solve([*facts, *world.texts.facts(), *pins, *said], steps=5_000_000)
        return None if answer.status == "unknown" else answer.status == "holds"


class BeyondError(Exception):
    """A list has more elements than are looked at."""


def pinned(unknown: Unknown, value: Any) -> Iterator[Term]:
    """That a value of all steps is this one."""
    smt = unknown.smt
    if value is ABSENT:
        yield smt.not_(unknown.present)
        for child in (*unknown.children.values(), *(entry for _, entry in unknown.entries)):
            yield from pinned(child, ABSENT)
        return
    found: Kind = kind(value)  # type: ignore[assignment]
    assert found in DATA_KINDS
    yield unknown.present
    yield unknown.is_(found)
    if found == "list":
        yield from _listed(unknown, value)
    elif found == "map":
        yield from _mapped(unknown, value)
    elif found != "null":
        term = unknown.term(found)
        yield smt.equal(term, unknown.world.texts.literal(value) if found == "string" else _number(smt, value))
    if found != "map":
        for child in (*unknown.children.values(), *(entry for _, entry in unknown.entries)):
            yield from pinned(child, ABSENT)


def _number(smt: Any, value: Any) -> Term:
    return smt.known(Fraction(value) if isinstance(value, float) else value)


def _listed(unknown: Unknown, value: list[Any]) -> Iterator[Term]:
    smt = unknown.smt
    if "list" in unknown.terms:
        yield smt.equal(unknown.term("list"), smt.known(len(value)))
    if unknown.items and len(value) > len(unknown.items):
        raise BeyondError
    for index, item in enumerate(unknown.items):
        if index < len(value):
            yield from pinned(item, value[index])


def _mapped(unknown: Unknown, value: dict[str, Any]) -> Iterator[Term]:
    smt, world = unknown.smt, unknown.world
    if "map" in unknown.terms:
        yield smt.equal(unknown.term("map"), smt.known(len(value)))
    for name, child in unknown.children.items():
        yield from pinned(child, value.get(name, ABSENT))
    for key, entry in unknown.entries:
        names = {name: smt.equal(key, world.texts.literal(name)) for name in value}
        for name, same in names.items():
            yield smt.implies(same, smt.all_of(*pinned(entry, value[name])))
        yield smt.implies(smt.not_(smt.any_of(*names.values())), smt.not_(entry.present))
    keys = world.values.get(f"{unknown.path}<keys>")
    if keys is not None:
        yield from pinned(keys, sorted(value))


def _parsed(world: World, path: str, data: Mapping[str, Any]) -> Iterator[Term]:
    """What `parse_json` gives of a text of the step."""
    source: Any = data
    for name in world.parsed[path].path.replace("[", ".[").split("."):
        try:
            source = source[int(name[1:-1])] if name.startswith("[") else source[name]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(source, str):
        try:
            yield from pinned(world.values[path], parse_json(source))
        except ValueError:
            yield from pinned(world.values[path], ABSENT)


def verdict(form: Form, step: Example, engine: Engine) -> str:
    """What an engine says of the rule."""
    text = write(form.rule).text
    return engine.compile(ParsedExpression(text, read(text), text)).evaluate(engine.bind(seen(step))).verdict
