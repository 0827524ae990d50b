"""Frozen values: `dataclasses.dataclass`, whose methods are made when they are first called.

    @dataclass(frozen=True, slots=True)
    class Message:
        role: str
        content: str = ""

To make the methods of a frozen class takes some 0.4 ms, which a run would pay two hundred times for values that it
never compares, hashes or prints. A value behaves as the standard library's: `fields`, `replace`, `copy` and `pickle`
take it, and it is as frozen. What has bases, or methods of its own in the place of these, is left to the standard
library, and so is a class that is not both frozen and with slots.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

_OURS = frozenset(("__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__getstate__"))
_OPTIONS = frozenset(("frozen", "slots", "eq", "kw_only"))


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(kind: type | None = None, /, **options: bool) -> Any:
        """As `dataclasses.dataclass`, see above."""
        if kind is None:
            return lambda kind: dataclass(kind, **options)
        plain = kind.__bases__ == (object,) and _OURS.isdisjoint(vars(kind)) and _OPTIONS.issuperset(options)
        if plain and options.get("frozen") and options.get("slots"):
            return _frozen(kind, eq=options.get("eq", True), kw_only=options.get("kw_only", False))
        return dataclasses.dataclass(kind, **options)


def _frozen(kind: Any, *, eq: bool, kw_only: bool) -> type:
    kind.__setattr__, kind.__delattr__, kind.__getstate__, kind.__setstate__ = _set, _delete, _state, _restore
    kind = dataclasses.dataclass(kind, init=False, repr=False, eq=False, slots=True, kw_only=kw_only)
    stated = kind.__dataclass_params__
    stated.init = stated.repr = stated.frozen = True
    stated.eq = eq
    _defer(kind, ("__init__",), _init)
    _defer(kind, ("__repr__", "__eq__", "__hash__") if eq else ("__repr__",), _others)
    return kind  # type: ignore[no-any-return]


def _defer(kind: Any, names: tuple[str, ...], make: Callable[[Any], Any]) -> None:
    """Methods that put those which `make` gives in their places once one of them is called."""

    def deferred(name: str) -> Callable[..., Any]:
        def method(*args: Any, **named: Any) -> Any:
            made = vars(make(kind))
            for each in names:
                setattr(kind, each, made[each])
            return made[name](*args, **named)

        return method

    for name in names:
        setattr(kind, name, deferred(name))


def _others(kind: Any) -> type:
    """A class that has the methods of `dataclasses` for these fields."""
    fields = [(item.name, item.type, item) for item in dataclasses.fields(kind)]
    return dataclasses.make_dataclass(kind.__name__, fields, init=False, frozen=True)


def _init(kind: Any) -> type:
    """A class that has the `__init__` of a kind, which makes a value at a quarter of the cost.

    `dataclasses` sets each field of a frozen value by a call. Here the value is of a class with the same slots that is
    not frozen while its fields are set, and of its own before anybody sees it.
    """
    fields = dataclasses.fields(kind)
    missing = dataclasses.MISSING
    names: dict[str, Any] = {"Frozen": kind, "Open": opened(kind), "missing": missing}
    names |= {"become": object.__dict__["__class__"].__set__, "slowly": _fill}
    takes, named = ["self"], ["*"]
    # A class below it has another layout.
    sets = [" try: become(self, Open)", " except TypeError: return slowly(self, locals())"]
    for item in fields:
        name = item.name
        names[f"default_{name}"] = item.default
        names[f"make_{name}"] = item.default_factory
        made = item.default_factory is not missing
        default = "=missing" if made else "" if item.default is missing else f"=default_{name}"
        if item.init:
            (named if item.kw_only else takes).append(name + default)
            sets.append(f" self.{name} = " + (f"make_{name}() if {name} is missing else {name}" if made else name))
        elif default:
            sets.append(f" self.{name} = " + (f"make_{name}()" if made else f"default_{name}"))
    sets += [" self.__class__ = Frozen", *([" self.__post_init__()"] if hasattr(kind, "__post_init__") else [])]
    parameters = ", ".join([*takes, *(named if len(named) > 1 else [])])
    exec("\n".join((f"def __init__({parameters}):", *sets)), names)  # noqa: S102  of the names of our own fields
    names["__init__"].__qualname__ = f"{kind.__qualname__}.__init__"
    return type(kind.__name__, (), {"__init__": names["__init__"]})


def opened(kind: Any) -> type:
    """A class with the slots of a frozen kind and fields that can be set: a value of it becomes one of the kind once
    its `__class__` is set."""
    return type(kind.__name__, (), {"__slots__": tuple(item.name for item in dataclasses.fields(kind))})


def _fill(self: Any, given: dict[str, Any]) -> None:
    """Set the fields of a value as `dataclasses` does."""
    for item in dataclasses.fields(self):
        if item.init or item.default is not dataclasses.MISSING or item.default_factory is not dataclasses.MISSING:
            value = given.get(item.name, item.default)
            if value is dataclasses.MISSING:
                value = cast("Callable[[], Any]", item.default_factory)()
            object.__setattr__(self, item.name, value)
    if hasattr(self, "__post_init__"):
        self.__post_init__()


def _set(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, item.name) for item in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for item, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, item.name, value)
