"""A message is read once, and what is not the same message is read for itself."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import exact_bytes
from runback_gate.wire import remembered as room
from runback_gate.wire.remembered import remembered

TEXTS = st.dictionaries(st.sampled_from("xy"), st.sampled_from(["a", "b", "\ud800"]))
ATOMS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 1.5]) | st.sampled_from("ab")
JSON = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xy"), inner))


@given(st.lists(JSON | TEXTS, max_size=20))
def test_what_is_read_is_what_was_given(values: list[Any]) -> None:
    """Also where Python says that two are equal: 1, 1.0 and true are three messages."""
    reader = remembered(lambda wire, _place: exact_bytes(wire))
    assert [reader(value, "$") for value in values] == [exact_bytes(value) for value in values]
    assert remembered(lambda wire, place: (place, exact_bytes(wire))).each(values, "$")[:1] == [
        ("$[0]", exact_bytes(value)) for value in values[:1]
    ]
    assert reader.each(values, "$") == [exact_bytes(value) for value in values]


def test_the_same_message_is_read_once() -> None:
    """Wherever it stands; a new object that says the same is the same."""
    places: list[str] = []

    @remembered
    def reader(_wire: Any, place: str) -> list[str]:
        places.append(place)
        return [place]

    assert reader({"a": [1]}, "$[0]") is reader({"a": [1]}, "$[7]")
    assert places == ["$[0]"]


def test_what_is_kept_is_bounded() -> None:
    """Of many messages the last are known, and a long one never is."""
    read: list[int] = []

    @remembered
    def reader(wire: Any, _place: str) -> int:
        read.append(len(wire))
        return len(wire)

    size, many = room.MAX_MESSAGE - 100, 2 * room.MAX_REMEMBERED // room.MAX_MESSAGE + 2
    for number in range(many):
        reader(f"{number:08}".ljust(size), "$")
    assert len(read) == many
    reader(f"{many - 1:08}".ljust(size), "$")
    assert len(read) == many
    reader(f"{0:08}".ljust(size), "$")
    assert len(read) == many + 1
    for _ in range(2):
        reader("x" * (room.MAX_MESSAGE + 1), "$")
    assert len(read) == many + 3


def test_an_error_is_not_kept() -> None:
    """It names the place of its own message."""

    def refuse(_wire: Any, place: str) -> str:
        raise ValueError(place)

    reader = remembered(refuse)
    found = []
    for place in ("$[0]", "$[1]"):
        try:
            reader({}, place)
        except ValueError as error:
            found.append(str(error))
    assert found == ["$[0]", "$[1]"]
