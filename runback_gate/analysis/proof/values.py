"""What expressions see of any step, as terms of a solver.

In: a solver. Out: a `World`: the roots of `cel.environment` as `Unknown` values whose children are made when they are
first asked for, and what is known of all of them. `Result` is what an expression comes to: an error, or one of several
alternatives, each with the condition under which it is the one.

A list is seen through its first elements. `World.bound` says how many; `World.uses` notes what is asked of each list,
with how many of its elements are enough to keep the answer (see `witnesses` in `prove`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from typing import Any, Literal

from runback_gate.analysis.proof.smt import Smt, Term
from runback_gate.analysis.proof.texts import Codes
from runback_gate.cel.environment import MESSAGES, ROOT_TYPES
from runback_gate.frozen import dataclass

Kind = Literal["null", "bool", "int", "double", "string", "list", "map", "uint", "opaque"]
"""What a value is; `uint` is written in an expression only, `opaque` is a value of which nothing is known."""

DATA_KINDS: tuple[Kind, ...] = ("null", "bool", "int", "double", "string", "list", "map")
ROLES = ("user", "assistant", "tool")
"""Roles of messages that a step which is shown has."""
_RECORDS = frozenset(MESSAGES)
_INDEX = re.compile(r"\[\d+\]")
_REQUIRED = frozenset(
    "Response.text Response.tool_calls ToolCall.id ToolCall.name ToolCall.arguments PastCall.name PastCall.arguments "
    "Message.role Message.content Case.id Case.dataset Case.tags Agent.name Agent.labels".split()
)
"""Fields that every record of its kind has (`policy.context`)."""


MAX_WORK = 3_000
"""Evaluations, loops unrolled, and pairs of values that are compared: beyond that nothing is claimed."""


class TooLargeError(Exception):
    """The rule has more to look at than a proof takes."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One value that an expression may have."""

    guard: Term
    """Whether it is this one."""
    kind: Kind
    held: Any
    """Its value, or the unknown that it is."""

    @property
    def value(self) -> Any:
        """A term; of a list a `Listing`, of a map an `Unknown` or a dict of results by key."""
        if isinstance(self.held, Unknown) and self.kind != "map":
            return self.held.listing() if self.kind == "list" else self.held.term(self.kind)
        return self.held


@dataclass(frozen=True, slots=True)
class Result:
    """What an expression comes to: an error, else the alternative whose guard holds."""

    error: Term
    alternatives: tuple[Alternative, ...]

    def of(self, *kinds: Kind) -> list[Alternative]:
        """The alternatives of some kinds."""
        return [item for item in self.alternatives if item.kind in kinds]


def result(smt: Smt, error: Term, alternatives: Sequence[Alternative]) -> Result:
    """What an expression comes to, with one alternative for each kind that is no container."""
    if len(alternatives) < 2:
        return Result(error, tuple(alternatives))
    groups: dict[object, list[Alternative]] = {}
    for item in alternatives:
        if item.guard is not smt.false:
            scalar = item.kind not in ("list", "map")
            groups.setdefault(item.kind if scalar else (item.kind, id(item.held)), []).append(item)
    found = []
    for same in groups.values():
        last = same[-1]
        if len(same) == 1:
            found.append(last)
            continue
        value = last.held
        if last.kind not in ("null", "opaque", "list", "map"):
            value = last.value
            for item in same[-2::-1]:
                value = value if item.value.eq(value) else smt.choose(item.guard, item.value, value)
        found.append(Alternative(smt.any_of(*(item.guard for item in same)), last.kind, value))
    return Result(error, tuple(found))


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a list, where there is one."""

    present: Term
    value: Result
    key: object
    """What it is, for comparing: equal keys are equal elements."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list."""

    elements: Callable[[], Sequence[Element]]
    """Those that are seen."""
    size: Callable[[], Term]
    """How many it has."""
    key: object
    """What it is, for comparing."""
    bases: tuple[Unknown, ...] = ()
    """The lists of the step that it is made of."""
    fixed: bool = False
    """Whether it has all its elements in every step: a list that is written in the rule."""
    front: bool = False
    """Whether the elements that are there stand before those that are not."""
    errors: tuple[Term, ...] = ()
    """By element, whether it makes the whole list an error: a filter or a mapping that errs on it."""
    chained: bool = False
    """Whether it is several lists in one: its elements are not those of its base one for one."""

    @property
    def raw(self) -> bool:
        """Whether it is a list of the step as it is."""
        return len(self.bases) == 1 and self.key == self.bases[0].path


class Unknown:
    """A JSON value of the step."""

    def __init__(self, world: World, path: str, type_: str = "dyn", *, present: Term | None = None) -> None:
        self.world = world
        self.smt = world.smt
        self.path = path
        self.type = type_
        self.children: dict[str, Unknown] = {}
        self.entries: list[tuple[Term, Unknown]] = []
        """Values under keys that are no literals."""
        self.items: list[Unknown] = []
        self.terms: dict[str, Term] = {}
        self._bits: list[Term] = []
        only = _only_kind(type_)
        self.kinds: tuple[Kind, ...] = DATA_KINDS if only is None else (only,)
        if only is None:
            self._bits = [self.smt.truth(f"{path}?{bit}") for bit in range(3)]
            self.present = self.smt.not_(self.smt.all_of(*self._bits))
            if present is not None:
                world.know(self.smt.equal(self.present, present))
        else:
            self.present = self.smt.truth(f"{path}?") if present is None else present
        world.values[path] = self

    def is_(self, kind: Kind) -> Term:
        """Whether it is there and of this kind."""
        if kind not in self.kinds:
            return self.smt.false
        if not self._bits:
            return self.present
        name = f"is {kind}"
        if name not in self.terms:
            number = DATA_KINDS.index(kind)
            bits = [term if number >> bit & 1 else self.smt.not_(term) for bit, term in enumerate(self._bits)]
            self.terms[name] = self.smt.all_of(*bits)
        return self.terms[name]

    def term(self, kind: Kind) -> Term:
        """Its value, where it is of a kind that is no container; of a list or map the number of its elements."""
        if kind not in self.terms:
            name = f"{self.path}!{kind}"
            if kind == "bool":
                self.terms[kind] = self.smt.truth(name)
            elif kind in ("int", "list", "map"):
                self.terms[kind] = self._integer(kind, self.smt.integer(name))
            elif kind == "double":
                self.terms[kind] = self.smt.real(name)
            else:
                self.terms[kind] = self.world.texts.unknown(name)
                self.world.strings.append(self.terms[kind])
        return self.terms[kind]

    def _integer(self, kind: Kind, term: Term) -> Term:
        if kind == "int":
            self.world.know(self.smt.all_of(term >= -(2**63), term < 2**63))
        else:
            self.world.know(term >= 0)
        return term

    def child(self, name: str) -> Unknown:
        """What stands under a key, there only if it is a map."""
        found = self.children.get(name)
        if found is None:
            type_, required = "dyn", False
            if self.type in _RECORDS:
                field_name = f"{self.type}.{name}"
                type_, required = MESSAGES[self.type].get(name, "dyn"), field_name in _REQUIRED
                # A record declares `dyn` where it compares with both kinds of texts.
                type_ = "string" if field_name == "Message.content" else type_
            present = self.present if required and self.path != "baseline" else None
            found = self.children[name] = Unknown(self.world, f"{self.path}.{name}", type_, present=present)
            self.world.know(self.smt.implies(found.present, self.is_("map")))
            if self.type in _RECORDS and name not in MESSAGES[self.type]:
                self.world.know(self.smt.not_(found.present))
            if self.type == "Message" and name == "role":
                roles = [self.smt.equal(found.term("string"), self.world.texts.literal(role)) for role in ROLES]
                self.world.wishes.append(self.smt.implies(found.present, self.smt.any_of(*roles)))
            for key, entry in self.entries:
                self._same(self.smt.equal(key, self.world.texts.literal(name)), found, entry)
        return found

    def entry(self, key: Term) -> Unknown:
        """What stands under a key that is a text of the step."""
        for known, found in self.entries:
            if known.eq(key):
                return found
        entry = Unknown(self.world, f"{self.path}{{{len(self.entries)}}}", "dyn")
        self.world.know(self.smt.implies(entry.present, self.is_("map")))
        for name, found in self.children.items():
            self._same(self.smt.equal(key, self.world.texts.literal(name)), found, entry)
        for known, found in self.entries:
            self._same(self.smt.equal(known, key), found, entry)
        self.entries.append((key, entry))
        return entry

    def _same(self, condition: Term, left: Unknown, right: Unknown) -> None:
        """Where the condition holds they are one value; only of what is no container it is said which."""
        parts = [self.smt.equal(left.present, right.present)]
        parts += [self.smt.equal(left.is_(kind), right.is_(kind)) for kind in DATA_KINDS]
        scalars: tuple[Kind, ...] = ("bool", "int", "double", "string")
        parts += [
            self.smt.implies(left.is_(kind), self.smt.equal(left.term(kind), right.term(kind)))
            for kind in scalars
            if kind in left.kinds and kind in right.kinds
        ]
        self.world.know(self.smt.implies(condition, self.smt.all_of(*parts)))

    def seen(self) -> list[Unknown]:
        """The elements that are looked at; there are no more of them."""
        if not self.items:
            bound = self.world.bound(self)
            size = self.term("list")
            self.world.know(size <= bound)
            inner = self.type.removeprefix("list of ") if self.type.startswith("list of ") else "dyn"
            listed = self.is_("list")
            for index in range(bound):
                there = self.smt.all_of(listed, size > index)
                self.items.append(Unknown(self.world, f"{self.path}[{index}]", inner, present=there))
        return self.items

    def keys(self) -> Unknown:
        """The keys of a map, as the list that loops go over. How it belongs to the values is left open."""
        path = f"{self.path}<keys>"
        return self.world.values.get(path) or Unknown(self.world, path, "list of string", present=self.is_("map"))

    def listing(self) -> Listing:
        """It as a list, where it is one."""

        def elements() -> list[Element]:
            return [Element(item.present, self.world.result(item), item.path) for item in self.seen()]

        return Listing(elements, lambda: self.term("list"), self.path, (self,), front=True)


@dataclass(slots=True)
class World:
    """All steps."""

    smt: Smt
    texts: Codes
    limits: dict[str, int]
    """How many elements of a list are looked at, by the family of the list."""
    limit: int = 1
    """The same for any other list."""
    known: list[Term] = field(default_factory=list)
    wishes: list[Term] = field(default_factory=list)
    """What a step that is shown should fulfil: no value of which nothing is known."""
    values: dict[str, Unknown] = field(default_factory=dict)
    strings: list[Term] = field(default_factory=list)
    uses: dict[str, dict[object, int]] = field(default_factory=dict)
    """By path of a list: what is asked of it, with how many of its elements keep the answer."""
    deciders: dict[str, dict[object, Sequence[Sequence[Term]]]] = field(default_factory=dict)
    """By path of a list and question: by which element it is decided."""
    counted: set[str] = field(default_factory=set)
    """Lists of which the order or the number of elements matters."""
    parsed: dict[str, Unknown] = field(default_factory=dict)
    """By path of what `parse_json` gives: the text that it reads, where that is one of the step."""
    opaque: dict[str, None] = field(default_factory=dict)
    """Why something is not modelled."""
    work: int = 0
    """Evaluations and comparisons so far."""
    _results: dict[str, Result] = field(default_factory=dict)

    def spend(self) -> None:
        """Count an evaluation or a comparison. Raises TooLargeError."""
        self.work += 1
        if self.work > MAX_WORK:
            raise TooLargeError

    def know(self, term: Term) -> None:
        """Take a fact about all steps."""
        if term is not self.smt.true:
            self.known.append(term)

    def root(self, name: str) -> Unknown:
        """A root that expressions see."""
        return self.values.get(name) or Unknown(self, name, ROOT_TYPES[name], present=self.smt.true)

    def bound(self, unknown: Unknown) -> int:
        """How many elements of a list are looked at."""
        return self.limits.get(family(unknown.path), self.limit)

    def use(self, listing: Listing, key: object, weight: int) -> None:
        """Note what is asked of a list."""
        for base in listing.bases:
            asked = self.uses.setdefault(base.path, {})
            asked[key] = max(weight, asked.get(key, 0))
            self.counted.add(base.path)

    def decide(self, listing: Listing, key: object, deciding: Sequence[Sequence[Term]]) -> None:
        """Note a question to a list that one element decides.

        Args:
            listing: the list.
            key: the identity of the question.
            deciding: for each way to decide it, in the order of what counts, by which element.
        """
        for base in listing.bases:
            self.uses.setdefault(base.path, {}).setdefault(key, 1)
            if len(listing.bases) == 1 and not listing.chained:
                self.deciders.setdefault(base.path, {})[key] = (listing.errors, *deciding)

    def plain(self) -> Iterator[Term]:
        """What makes a step short: no list with two elements, and whole numbers."""
        for unknown in self.values.values():
            if "list" in unknown.terms:
                yield unknown.terms["list"] <= 1
            yield self.smt.not_(unknown.is_("double"))

    def slots(self) -> Iterator[Term]:
        """Each question has an element of its own that decides it, in lists of which order and number do not matter.

        Any step can be written so: an element may stand in a list twice.
        """
        for path, asked in self.uses.items():
            if path in self.counted:
                continue
            for slot, key in enumerate(asked):
                outweighed: list[Term] = []
                # An element on which the list itself errs outweighs all that is said of its elements.
                for way in self.deciders.get(path, {}).get(key, ()):
                    any_ = self.smt.any_of(*way)
                    if slot < len(way):
                        yield self.smt.implies(self.smt.all_of(any_, *outweighed), way[slot])
                    outweighed.append(self.smt.not_(any_))

    def result(self, unknown: Unknown) -> Result:
        """A value of the step as what an expression comes to; an error where it is not there."""
        if unknown.path not in self._results:
            found = tuple(Alternative(unknown.is_(kind), kind, unknown) for kind in unknown.kinds)
            self._results[unknown.path] = Result(self.smt.not_(unknown.present), found)
        return self._results[unknown.path]


def family(path: str) -> str:
    """All lists that stand at one place: `response.tool_calls[].arguments.flights`."""
    return _INDEX.sub("[]", path)


def _only_kind(type_: str) -> Kind | None:
    """The kind of a type of `cel.environment`; None for any."""
    if type_ == "string":
        return "string"
    if type_.startswith("list of "):
        return "list"
    return "map" if type_ == "map" or type_ in _RECORDS else None
