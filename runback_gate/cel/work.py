"""The work that the expressions of one answer may cost together: counted, never timed, so the same everywhere.

In: the data of an answer, and what a tree does to it more than once (`costs`). Out: nothing, or ValueError beyond
`MAX_WORK`.

    work = Work({"response": {"text": "…"}})
    work.reserve(costs(parse("request.messages.map(m, m.content)")))      # before a program runs
    with work:
        spend(1_000)                                                       # within it, by functions

cel-cpp bounds how often loops run, but not what one turn costs, and its `map` and `filter` copy the list at each turn.
So what a tree reads within loops is multiplied before it runs: bytes of the data by the turns of the loops around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import Any, TypeAlias, cast

import orjson

from runback_gate.canonical import JsonValue
from runback_gate.cel.costs import COPY, TURNS, WORD, Cost, Costs, Path, Reference

MAX_WORK = 300_000_000
"""Units: about one byte read, or one instruction of a pattern on one character; some two seconds at worst."""
MAX_COPIED = 128 << 20
"""Bytes that one `map` or `filter` may take."""

_CONTAINERS = frozenset((dict, list))
_ATOMS = frozenset((bool, int, float, type(None)))
_TEXTS = frozenset((str,))
_POINTER = 16
_ELEMENT = 16
"""Units of one element that is compared, beyond its bytes."""
_NOTHING = 4 + _ELEMENT
"""Units of reading a value that is not there."""
_CHARACTER = 8
"""Units of one character that a function of ours reads."""
TOO_MUCH_MESSAGE = "the rules of this answer would take too long on data of this size"


State: TypeAlias = "tuple[int, int, list[tuple[Measured, Costs]], set[bytes]]"


class Budget:
    """Units that several evaluations share: those that judge an answer, those that explain one.

    On most data the units of a program cannot matter: as long as the most that they can be fits into what is left, they
    are owed, and counted only when that ends. The sum, and where it ends, are the same.
    """

    def __init__(self) -> None:
        self._left = MAX_WORK
        self._owed = 0
        """The most that the programs which are not counted yet can take."""
        self._uncounted: list[tuple[Measured, Costs]] = []
        self._prepared: set[bytes] = set()

    @property
    def left(self) -> int:
        """Units that nothing has taken."""
        self._count()
        return self._left

    @property
    def exhausted(self) -> bool:
        """Whether something was refused."""
        return self._left == 0

    @property
    def state(self) -> State:
        """All that was taken so far; to set it again takes back what was taken since."""
        return self._left, self._owed, self._uncounted.copy(), self._prepared.copy()

    @state.setter
    def state(self, state: State) -> None:
        self._left, self._owed, self._uncounted, self._prepared = state

    def spend(self, units: int) -> None:
        """Take units. Raises ValueError when there are too few left."""
        if units + self._owed > self._left:
            self._count()
            if units > self._left:
                self._left = 0
                raise ValueError(TOO_MUCH_MESSAGE)
        self._left -= units

    def prepare(self, name: bytes, units: int) -> None:
        """Take units for what is made once, whoever needs it again. Raises ValueError when there are too few left."""
        if name not in self._prepared:
            self._prepared.add(name)
            self.spend(units)

    def reserve(self, data: Measured, costs: Costs) -> None:
        """Take what a program may cost at most on data. Raises ValueError when there is too little left."""
        most = data.most(costs)
        if self._owed + most <= self._left:
            self._owed += most
            self._uncounted.append((data, costs))
            return
        for part in costs.parts:
            self.spend(data.units(part))

    def _count(self) -> None:
        """Take what is owed, which is no more than what is left."""
        uncounted, self._uncounted, self._owed = self._uncounted, [], 0
        self._left -= sum(data.units(part) for data, costs in uncounted for part in costs.parts)


class Work:
    """What programs may cost on one answer. Entered while a program runs."""

    def __init__(self, data: Mapping[str, JsonValue], budget: Budget | None = None) -> None:
        """With a budget, binding the data is taken from it. Raises ValueError when there is too little left."""
        self.data = Measured(data)
        self.budget = budget or Budget()
        self._tokens: list[Token[Work | None]] = []
        if budget is not None:
            budget.spend(self.data.size)

    def __enter__(self) -> None:
        self._tokens.append(_current.set(self))

    def __exit__(self, *_: object) -> None:
        _current.reset(self._tokens.pop())

    def reserve(self, costs: Costs) -> None:
        """Take what a program may cost at most. Raises ValueError when there is too little left."""
        if costs.parts:
            self.budget.reserve(self.data, costs)


class Measured:
    """The data of an answer and its sizes, each found once."""

    def __init__(self, data: Mapping[str, JsonValue]) -> None:
        self.values = data
        self._lengths: dict[tuple[Path, bool, tuple[type, ...]], int] = {}
        self._sizes: dict[Path, int] = {}
        text, is_json = _text(data)
        commas = text.count(b",")
        self.size = _units(text, commas)
        """Units of reading the whole."""
        # From the right: many times faster for a needle that ends in zeros.
        self.may_hold_nul = not is_json or text.rfind(b"\\u0000") >= 0
        """Whether a text or a key within it may hold U+0000."""
        longest = commas + 1 if is_json else MAX_WORK
        # No value takes less than `null`, and nothing has more elements than there are commas.
        self._rounded = _rounded(max(self.size, _NOTHING)), _rounded(longest)

    def most(self, costs: Costs) -> int:
        """A bound of what a program takes, found in no time; beyond all that there is where only counting can tell."""
        found = costs.known.get(self._rounded)
        if found is None:
            size, longest = self._rounded
            too_long = longest * longest * _POINTER > MAX_COPIED
            found = costs.known[self._rounded] = MAX_WORK + 1 if too_long else costs.most(size, longest)
        return found

    def units(self, part: Cost) -> int:
        """Units of what a part of a program does. Raises ValueError for a list that is too long to be copied."""
        if part.kind in ("copy", "keys"):
            length = self._length(part.places, keys=part.kind == "keys")
            if length * length * _POINTER > MAX_COPIED:
                raise ValueError(TOO_MUCH_MESSAGE)
            return COPY * length * length * self._turns(part, frozenset())
        if part.kind == "scan":
            both = (*part.places, *part.beside)
            units = sum(self._size(place.path) for place in part.places)
            units *= sum(self._size(place.path) for place in part.beside)
            own = frozenset(number for place in both for number in place.loops)
            return units // WORD * self._turns(part, own)
        return part.weight * sum(self._size(place.path) * self._turns(part, place.loops) for place in part.places)

    def _turns(self, part: Cost, own: frozenset[int]) -> int:
        turns = 1
        for number, over in part.around:
            turns *= 1 if number in own else max(self._length(over), 1)
        return min(turns, TURNS)

    def _length(self, places: tuple[Reference, ...], *, keys: bool = False) -> int:
        """Elements of what a loop goes over, at most; of maps alone where it is about keys."""
        kinds = (dict,) if keys else (dict, list)
        return max((self._elements(place, kinds) for place in places), default=0)

    def _elements(self, place: Reference, kinds: tuple[type, ...]) -> int:
        key = (place.path, bool(place.loops), kinds)
        if key not in self._lengths:
            value = self._value(place.path)
            self._lengths[key] = _inside(value, kinds) if place.loops else _length(value, kinds)
        return self._lengths[key]

    def _value(self, path: Path) -> object:
        value: object = self.values
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
            text, _ = _text(self._value(path))
            self._sizes[path] = _units(text, text.count(b","))
        return self._sizes[path]


def _text(value: object) -> tuple[bytes, bool]:
    """What a value is measured by, and whether that is its JSON; integers beyond 64 bits have none here."""
    try:
        return orjson.dumps(value), True
    except TypeError:
        return str(value).encode("utf-8", "replace"), False


def _rounded(number: int) -> int:
    """The number, or one that is larger by an eighth at most."""
    shift = max(number.bit_length() - 4, 0)
    return (number >> shift) + 1 << shift


def _units(text: bytes, commas: int) -> int:
    return len(text) + _ELEMENT * (commas + 1)


def _length(value: object, kinds: tuple[type, ...]) -> int:
    return len(value) if isinstance(value, kinds) and isinstance(value, (list, dict)) else 0


def _inside(value: object, kinds: tuple[type, ...]) -> int:
    """The most elements that anything within a value has."""
    longest = 0
    values: list[Any] = [value] if type(value) in _CONTAINERS else []
    # Level by level and by type: it is what judging data of this size costs most.
    while values:
        values = [
            item
            for value in values
            for item in (value.values() if type(value) is dict else value)
            if type(item) in _CONTAINERS
        ]
        longest = max(longest, max([len(item) for item in values if type(item) in kinds], default=0))
    return longest


_current: ContextVar[Work | None] = ContextVar("work", default=None)


def spend(units: int) -> None:
    """Take units from the answer that is being judged; outside of one, nothing. Raises ValueError as `Budget.spend`."""
    work = _current.get()
    if work is not None:
        work.budget.spend(units)


def current_work() -> Work | None:
    """What the program that runs now may cost, and the data that it judges; None outside of one."""
    return _current.get()


def weight(value: object) -> int:
    """Units of handing a value to a function of ours."""
    units, level = 0, [value]
    while level:
        if _TEXTS.issuperset(map(type, level)):
            return units + _CHARACTER * sum(map(len, cast("list[str]", level)))
        below: list[object] = []
        for item in level:
            if isinstance(item, str):
                units += _CHARACTER * len(item)
                continue
            units += _ELEMENT
            if type(item) in _ATOMS:
                continue
            if isinstance(item, (list, tuple, dict)):
                below += item
            if isinstance(item, dict):
                below += item.values()
        level = below
    return units
