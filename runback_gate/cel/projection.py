"""The fields of a step that a rule reads, so that no others are prepared for it.

In: the tree of an expression, with params and variables put in. Out: paths into the roots, `*` for the elements of a
list; what stands at a path is read whole. `needs` makes of many paths what is to be laid out.

    paths(parse('response.text != "" && history.exists(h, h.name == "pay")'))
    # {"response.text", "history.*.name"}
    needs(["response.text", "history.*.name"])
    # {"response": {"text": None}, "history": {"*": {"name": None}}}

A field that nobody reads may be absent: no outcome, no error and no message is another one for it. `reads` says which
fields of its steps a rule over runs reads: the conversation of each step repeats that of the step before, so a run of N
turns that is laid out whole is of the size N².
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from runback_gate.cel.environment import MESSAGES, ROOT_TYPES
from runback_gate.cel.parser import LOOPS, Node

Needs: TypeAlias = "Mapping[str, Needs] | None"
"""The fields that are read; None where the whole is."""

_LIST = "list of "
_EACH = "*"
_GIVE_ON = ("filter", "before", "after")
"""Loops that give elements of what they go over."""

ALL = frozenset(
    [name for name in MESSAGES["Step"] if name != "request"] + [f"request.{name}" for name in MESSAGES["Request"]]
)
"""Every field of a step."""
_WHOLE = ("run", "run.steps", "run.steps.*.request")
_STEP = "run.steps.*."

_Path = tuple[str, ...]
_Places = tuple[_Path, ...]
_Names = Mapping[str, _Places]


def paths(tree: Node) -> frozenset[str]:
    """The paths that an expression reads."""
    reader = _Reader()
    reader.read(reader.places(tree, {name: ((name,),) for name in ROOT_TYPES}))
    return frozenset(map(".".join, reader.found))


def needs(of: Iterable[str]) -> Mapping[str, Needs]:
    """What is to be laid out for these paths, by root."""
    found: dict[str, Needs] = {}
    for path in sorted(of, key=len):
        *above, last = path.split(".")
        inner = found
        for part in above:
            below = inner.setdefault(part, {})
            if below is None:
                break
            inner = below  # type: ignore[assignment]
        else:
            # An element without a field is its place in the list alone.
            inner.setdefault(last, {} if last == _EACH else None)
    return found


def pruned(value: Any, wanted: Needs) -> Any:
    """A value with what is wanted of it. What is of another kind than its place says stays whole."""
    if wanted is None:
        return value
    if isinstance(value, list):
        inner = wanted.get(_EACH)
        return value if inner is None else [pruned(item, inner) for item in value]
    if isinstance(value, dict) and _EACH not in wanted:
        return {name: pruned(value[name], below) for name, below in wanted.items() if name in value}
    return value


def _kind(path: _Path) -> str:
    """The type of what stands at a path, in the words of `environment`."""
    kind = ROOT_TYPES[path[0]]
    for part in path[1:]:
        kind = kind.removeprefix(_LIST) if part == _EACH else MESSAGES[kind][part]
    return kind


def _field(place: _Path, name: str) -> _Path:
    """The place of a field; where no such field is known, what it would stand in, as a whole."""
    if name in MESSAGES.get(_kind(place), {}):
        return (*place, name)
    return _whole(place)


def _whole(place: _Path) -> _Path:
    """What is read where all of a place is: a path that ends in an element says that elements are counted."""
    return place[:-1] if place[-1] == _EACH else place


def _element(place: _Path) -> _Path:
    return (*place, _EACH) if _kind(place).startswith(_LIST) else place


class _Reader:
    """Notes what one expression reads."""

    def __init__(self) -> None:
        self.found: set[_Path] = set()

    def read(self, places: _Places) -> None:
        """Note that what stands at the places is used whole. Who uses an element whole uses its list so."""
        self.found.update(map(_whole, places))

    def places(self, node: Node, names: _Names) -> _Places:
        """Note what a node reads; give the places whose value it may be, which whoever uses it reads."""
        match node.kind, node.name:
            case "ident", name:
                return names.get(name, ())
            case "select", name:
                return tuple(_field(place, name) for place in self.places(node.children[0], names))
            case "index", _:
                return self._index(node, names)
            case "conditional", _:
                self.read(self.places(node.children[0], names))
                return (*self.places(node.children[1], names), *self.places(node.children[2], names))
            case "macro", "bind":
                held = self.places(node.children[0], names)
                return self.places(node.children[1], {**names, node.variable: held})
            case "macro", name if node.variable:
                return self._loop(node, name, names)
            case "call", ("size" | "calls" | "matchesSchema") if node.children:
                return self._call(node, names)
        for child in node.children:
            self.read(self.places(child, names))
        return ()

    def _index(self, node: Node, names: _Names) -> _Places:
        held, key = self.places(node.children[0], names), node.children[1]
        if key.kind == "literal" and isinstance(key.value, str):
            return tuple(_field(place, key.value) for place in held)
        self.read(self.places(key, names))
        self._touch(held)
        return tuple(map(_element, held))

    def _loop(self, node: Node, name: str, names: _Names) -> _Places:
        held = self.places(node.children[0], names)
        self._touch(held)
        if name not in LOOPS:
            self.read(held)
        self.read(self.places(node.children[1], {**names, node.variable: tuple(map(_element, held))}))
        return held if name in _GIVE_ON else ()

    def _call(self, node: Node, names: _Names) -> _Places:
        first, *others = (self.places(child, names) for child in node.children)
        for places in others:
            self.read(places)
        if node.name == "size":
            self._touch(first)
            return ()
        if node.name == "matchesSchema":
            self.read((("request", "tools"), *first))
            return ()
        held = tuple(_field(place, "tool_calls") for place in first)
        self.read(tuple(_field(_element(place), "name") for place in held))
        return held

    def _touch(self, places: _Places) -> None:
        """Note that the elements of a list are counted; what is no list is read whole."""
        for place in places:
            element = _element(place)
            if element == place:
                self.read((place,))
            else:
                self.found.add(element)


def reads(tree: Node) -> frozenset[str]:
    """The fields of steps that an expression reads."""
    return frozenset[str]().union(*map(_fields, paths(tree)))


def _fields(path: str) -> frozenset[str]:
    """The fields of steps that are read where this path is."""
    if path in _WHOLE:
        return ALL
    # `matchesSchema` reads the tools of each step, and `projection` names them as a rule over steps sees them.
    field = path.removeprefix(_STEP) if path.startswith(_STEP) else path if path == "request.tools" else ""
    return ALL & {field.partition(".")[0], ".".join(field.split(".")[:2])}
