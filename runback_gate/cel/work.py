"""The work that the expressions of one answer may cost together: counted, never timed, so the same everywhere.

In: the data of an answer, and what a tree does to it more than once. Out: nothing, or ValueError beyond `MAX_WORK`.

    work = Work({"response": {"text": "…"}})
    work.reserve(costs(parse("request.messages.map(m, m.content)")))      # before a program runs
    with work:
        spend(1_000)                                                       # within it, by functions

cel-cpp bounds how often loops run, but not what one turn costs, and its `map` and `filter` copy the list at each turn.
So what a tree reads within loops is multiplied before it runs: bytes of the data by the turns of the loops around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from runback_gate.canonical import JsonValue
from runback_gate.cel.parser import BIND, Node

MAX_WORK = 300_000_000
"""Units: about one byte read, or one instruction of a pattern on one character; some two seconds at worst."""
MAX_COPIED = 128 << 20
"""Bytes that one `map` or `filter` may take."""

_TURNS = 10_000
_CONTAINERS = frozenset((dict, list))
_POINTER = 16
_COPY = 6
"""Units of one element that `map` or `filter` copies."""
_ELEMENT = 16
"""Units of one element that is compared, beyond its bytes."""
_NOTHING = 4 + _ELEMENT
"""Units of reading a value that is not there."""
_CHARACTER = 8
"""Units of one character that a function of ours reads."""
_WORD = 64
"""Bytes that a comparison of two texts does in a unit."""
_TOO_MUCH = "the rules of this answer would take too long on data of this size"
_COMPARED = ("==", "!=", "<", "<=", ">", ">=", "in")
_JOIN = 2
_READING = {
    **dict.fromkeys(("size", "contains", "startsWith", "endsWith", "string"), 1),
    # They are handed a copy.
    **dict.fromkeys(("matches", "mentions", "includes", "parse_json"), 8),
}
"""Functions that read the whole of their operands, and the units of a byte."""

Path = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A place in the data, and the loops that go over it: all their turns together read it once."""

    path: Path
    loops: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Cost:
    """What a part of a tree does more than once."""

    kind: Literal["read", "copy", "keys", "scan"]
    """It reads its places at each turn; copies a list, or the keys of what is a map; looks for one text in another."""
    places: tuple[Reference, ...]
    around: tuple[tuple[int, tuple[Reference, ...]], ...]
    """The loops around it: the number of each, and what it goes over."""
    weight: int = 1
    """Units of a byte that it reads."""
    beside: tuple[Reference, ...] = ()
    """What it looks for in its places."""


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of a program."""

    parts: tuple[Cost, ...]
    depth: int
    """Loops around the innermost of them."""
    copies: tuple[int, ...]
    """Of each part that copies: how many loops are around it."""
    reads: tuple[tuple[int, int], ...]
    """Of each part that reads: units of a byte, and how many loops are around it."""
    scans: tuple[tuple[int, int], ...]
    """Of each part that looks for texts in others: how many pairs, and how many loops are around it."""

    def most(self, size: int, longest: int) -> int:
        """Units that the parts take at most on data of `size` units in lists and maps of at most `longest` elements."""
        turns = [1]
        while len(turns) <= self.depth:
            turns.append(min(turns[-1] * max(longest, 1), _TURNS))
        units = sum(_COPY * longest * longest * turns[loops] for loops in self.copies)
        units += sum(weight * size * turns[loops] for weight, loops in self.reads)
        return units + sum(pairs * size * size * turns[loops] for pairs, loops in self.scans) // _WORD


class Budget:
    """Units that several evaluations share: those that judge an answer, those that explain one."""

    def __init__(self) -> None:
        self.left = MAX_WORK

    def spend(self, units: int) -> None:
        """Take units. Raises ValueError when there are too few left."""
        if units > self.left:
            self.left = 0
            raise ValueError(_TOO_MUCH)
        self.left -= units


class Work:
    """What programs may cost on one answer. Entered while a program runs.

    On most data the units of a program cannot matter: as long as the most that they can be fits into what is left, they
    are owed, and counted only when that ends. The sum is the same. A budget that is shared is taken from at once.
    """

    def __init__(self, data: Mapping[str, JsonValue], budget: Budget | None = None) -> None:
        """With a budget, binding the data is taken from it. Raises ValueError when there is too little left."""
        self._budget = budget or Budget()
        self._shared = budget is not None
        self._owed = 0
        """The most that the programs which are not counted yet can take."""
        self._uncounted: list[Costs] = []
        self._bounds: tuple[int, int] | None = None
        self._data = data
        self._sizes: dict[Path, int] = {}
        self._lengths: dict[tuple[Path, bool, tuple[type, ...]], int] = {}
        self._tokens: list[Token[Work | None]] = []
        if budget is not None:
            self.spend(self._size(()))

    @property
    def left(self) -> int:
        """Units."""
        self._count()
        return self._budget.left

    def __enter__(self) -> None:
        self._tokens.append(_current.set(self))

    def __exit__(self, *_: object) -> None:
        _current.reset(self._tokens.pop())

    def spend(self, units: int) -> None:
        """Take units; errors as `Budget.spend`."""
        if units + self._owed > self._budget.left:
            self._count()
        self._budget.spend(units)

    def reserve(self, costs: Costs) -> None:
        """Take what a program may cost at most. Raises ValueError when there is too little left."""
        if not costs.parts:
            return
        if not self._shared and self._owed + (most := self._most(costs)) <= self._budget.left:
            self._owed += most
            self._uncounted.append(costs)
            return
        self._count()
        self._take(costs)

    def _take(self, costs: Costs) -> None:
        for part in costs.parts:
            self._budget.spend(self._units(part))

    def _count(self) -> None:
        """Take what is owed, which is no more than what is left."""
        uncounted, self._uncounted, self._owed = self._uncounted, [], 0
        for costs in uncounted:
            self._take(costs)

    def _most(self, costs: Costs) -> int:
        """A bound of what a program takes; beyond all that is left where only counting can tell."""
        if self._bounds is None:
            try:
                text = orjson.dumps(self._data)
            except TypeError:
                self._bounds = (MAX_WORK, MAX_WORK)
            else:
                # No value takes less than `null`.
                size = max(len(text) + _ELEMENT * (text.count(b",") + 1), _NOTHING)
                self._bounds = (size, max(map(_longest_inside, self._data.values()), default=0))
        size, longest = self._bounds
        return MAX_WORK + 1 if longest * longest * _POINTER > MAX_COPIED else costs.most(size, longest)

    def _units(self, part: Cost) -> int:
        if part.kind in ("copy", "keys"):
            length = self._length(part.places, keys=part.kind == "keys")
            if length * length * _POINTER > MAX_COPIED:
                raise ValueError(_TOO_MUCH)
            return _COPY * length * length * self._turns(part, frozenset())
        if part.kind == "scan":
            both = (*part.places, *part.beside)
            units = sum(self._size(place.path) for place in part.places)
            units *= sum(self._size(place.path) for place in part.beside)
            own = frozenset(number for place in both for number in place.loops)
            return units // _WORD * self._turns(part, own)
        return part.weight * sum(self._size(place.path) * self._turns(part, place.loops) for place in part.places)

    def _turns(self, part: Cost, own: frozenset[int]) -> int:
        turns = 1
        for number, over in part.around:
            turns *= 1 if number in own else max(self._length(over), 1)
        return min(turns, _TURNS)

    def _length(self, places: tuple[Reference, ...], *, keys: bool = False) -> int:
        """Elements of what a loop goes over, at most; of maps alone where it is about keys."""
        kinds = (dict,) if keys else (dict, list)
        return max((self._longest(place, kinds) for place in places), default=0)

    def _longest(self, place: Reference, kinds: tuple[type, ...]) -> int:
        key = (place.path, bool(place.loops), kinds)
        if key not in self._lengths:
            value = self._value(place.path)
            self._lengths[key] = _inside(value, kinds) if place.loops else _length(value, kinds)
        return self._lengths[key]

    def _value(self, path: Path) -> object:
        value: object = self._data
        for key in path:
            if isinstance(value, dict):
                value = value.get(key)
            elif isinstance(value, list) and isinstance(key, int):
                value = value[key] if -len(value) <= key < len(value) else None
            else:
                value = None
        return value

    def _size(self, path: Path) -> int:
        """Units of reading the value at a path."""
        if path not in self._sizes:
            value = self._value(path)
            try:
                text = orjson.dumps(value)
            except TypeError:
                text = str(value).encode("utf-8", "replace")
            self._sizes[path] = len(text) + _ELEMENT * (text.count(b",") + 1)
        return self._sizes[path]


def _length(value: object, kinds: tuple[type, ...]) -> int:
    return len(value) if isinstance(value, kinds) and isinstance(value, (list, dict)) else 0


def _longest_inside(value: JsonValue) -> int:
    """The most elements that a value has, or anything within it."""
    longest = 0
    waiting: list[Any] = [value] if type(value) in _CONTAINERS else []
    while waiting:
        item = waiting.pop()
        if len(item) > longest:
            longest = len(item)
        # By type, not by isinstance: this is the whole cost of judging small data.
        waiting += [each for each in (item.values() if type(item) is dict else item) if type(each) in _CONTAINERS]
    return longest


def _inside(value: object, kinds: tuple[type, ...]) -> int:
    """The most elements that anything within a value has."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max((max(_length(item, kinds), _inside(item, kinds)) for item in inner), default=0)


_current: ContextVar[Work | None] = ContextVar("work", default=None)


def spend(units: int) -> None:
    """Take units from the answer that is being judged; outside of one, nothing. Raises ValueError as `Work.spend`."""
    work = _current.get()
    if work is not None:
        work.spend(units)


def weight(value: object) -> int:
    """Units of handing a value to a function of ours."""
    if isinstance(value, str):
        return _CHARACTER * len(value)
    inner = (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return _ELEMENT + sum(map(weight, inner))


def costs(tree: Node) -> Costs:
    """What a tree does more than once; nothing for most."""
    parts = tuple(_costs(tree, {}, ()))
    return Costs(
        parts,
        depth=max((len(part.around) for part in parts), default=0),
        copies=tuple(len(part.around) for part in parts if part.kind in ("copy", "keys")),
        reads=tuple((part.weight * len(part.places), len(part.around)) for part in parts if part.kind == "read"),
        scans=tuple((len(part.places) * len(part.beside), len(part.around)) for part in parts if part.kind == "scan"),
    )


Scope = Mapping[str, tuple[Reference, ...]]
Around = tuple[tuple[int, tuple[Reference, ...]], ...]


def _costs(node: Node, scope: Scope, around: Around) -> Iterator[Cost]:
    if not node.variable:
        yield from _own(node, scope, around)
        for child in node.children:
            yield from _costs(child, scope, around)
        return
    yield from _costs(node.children[0], scope, around)
    over = _references(node.children[0], scope)
    if node.name == BIND:
        yield from _costs(node.children[1], {**scope, node.variable: over}, around)
        return
    yield Cost("copy" if node.name in ("map", "filter") else "keys", over, around)
    number = len(around)
    items = tuple(Reference(place.path, place.loops | {number}) for place in over)
    yield from _costs(node.children[1], {**scope, node.variable: items}, (*around, (number, over)))


def _own(node: Node, scope: Scope, around: Around) -> Iterator[Cost]:
    operands = [_references(child, scope) for child in node.children]
    if node.kind == "call" and node.name == "contains" and all(operands):
        yield Cost("scan", operands[0], around, beside=operands[-1])
    if node.kind == "call" and node.name == "calls":
        held = tuple(place if place.loops else Reference((*place.path, "tool_calls")) for place in operands[0])
        yield Cost("copy", held, around)
    if not around:
        return
    if node.kind == "binary":
        # Beside a constant no more is read than the constant is long.
        compared = node.name in _COMPARED and all(operands[-1:] if node.name == "in" else operands)
        factor = _JOIN if node.name == "+" else int(compared)
    else:
        factor = _READING.get(node.name, 0) if node.kind == "call" else 0
    if factor:
        yield Cost("read", tuple(place for operand in operands for place in operand), around, factor)


def _references(node: Node, scope: Scope) -> tuple[Reference, ...]:
    """The places in the data that the value of a node can hold."""
    if node.kind in ("ident", "literal"):
        named = scope.get(node.name, (Reference((node.name,)),))
        return named if node.kind == "ident" else ()
    if node.variable and node.name == BIND:
        held = _references(node.children[0], scope)
        return _references(node.children[1], {**scope, node.variable: held})
    if node.variable:
        return _references(node.children[0], scope)
    if node.kind == "select" or (node.kind == "index" and node.children[1].kind == "literal"):
        key = node.name if node.kind == "select" else node.children[1].value
        held = _references(node.children[0], scope)
        return tuple(place if place.loops else Reference((*place.path, key)) for place in held)
    return tuple(place for child in node.children for place in _references(child, scope))
