"""Frozen values are those of `dataclasses`, made later."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import field
from typing import Any

import pytest

from runback_gate import frozen


@frozen.dataclass(frozen=True, slots=True)
class Value:
    """Something with a place of its own in this module, so that it can be pickled."""

    first: int
    second: list[int] = field(default_factory=list)


def thing(make: Any, **options: Any) -> Any:
    """A class with fields of all sorts."""

    class Thing:
        first: int
        second: str = field(default="two", repr=False)
        third: dict[str, int] = field(default_factory=dict, compare=False)
        fourth: int = field(default=4, kw_only=True)
        fifth: int = field(default=5, init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "second", self.second * 2)

    return make(Thing, frozen=True, slots=True, **options)


@pytest.mark.parametrize("options", [{}, {"eq": False}, {"kw_only": True}], ids=str)
def test_a_value_is_what_dataclasses_makes(options: dict[str, Any]) -> None:
    """Fields, parameters, texts, hashes, comparisons, copies and refusals are the same."""
    ours, theirs = thing(frozen.dataclass, **options), thing(dataclasses.dataclass, **options)
    given: Any = {"first": 1, "fourth": 3}
    one, two = ours(**given), theirs(**given)
    assert repr(one) == repr(two) == "thing.<locals>.Thing(first=1, third={}, fourth=3, fifth=5)"
    assert dataclasses.asdict(one) == dataclasses.asdict(two)
    assert (one == ours(**given)) is (two == theirs(**given)) is (options != {"eq": False})
    assert one != ours(first=2)
    assert (hash(one) == hash(ours(**given))) is (hash(two) == hash(theirs(**given)))
    assert repr(ours.__dataclass_params__) == repr(theirs.__dataclass_params__)
    assert ours.__match_args__ == theirs.__match_args__
    assert list(inspect.signature(ours.__init__).parameters) == list(inspect.signature(theirs.__init__).parameters)
    for value in (one, two):
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'first'"):
            value.first = 2
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'first'"):
            del value.first


def test_what_is_missing_or_unknown_is_an_error() -> None:
    """The first call of a class says so as every other does."""
    for _ in range(2):
        with pytest.raises(TypeError, match=r"Value\.__init__\(\) missing 1 required positional argument: 'first'"):
            Value()  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="mood"):
            Value(1, mood="calm")  # type: ignore[call-arg]


def test_a_value_is_copied_and_pickled() -> None:
    """The copy is equal, of the same class and as frozen."""
    value = Value(1, [2])
    for same in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert type(same) is Value
        assert same == value
        with pytest.raises(dataclasses.FrozenInstanceError):
            same.first = 2  # type: ignore[misc]
    assert dataclasses.replace(value, first=7) == Value(7, [2])
    assert Value(1).second is not Value(1).second


def test_methods_of_its_own_stay() -> None:
    """What states such a method, has bases or can be changed is as `dataclasses` makes it; so is a class below."""

    @frozen.dataclass(frozen=True, slots=True)
    class Own:
        first: int

        def __repr__(self) -> str:
            return "own"

    @frozen.dataclass(frozen=True, slots=True)
    class Below(Value):
        third: int = 3

    @frozen.dataclass(slots=True)
    class Open:
        first: int

    class Under(Value):
        pass

    assert repr(Own(1)) == "own"
    assert (type(Under(1)), Under(1), Under(1).second) == (Under, Under(1), [])
    assert Under(1) != Value(1)
    assert Below(1) == Below(1, [], 3)
    assert Below(1) != Value(1)
    changed = Open(1)
    changed.first = 2
    assert changed == Open(2)
