"""Bodies that repeat each other are read as any other, and what they share is the same object."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.canonical import parse_json
from runback_gate.capture.bodies import Bodies
from runback_gate.errors import DocumentError

LIMIT = 1 << 20
HEADS = [
    '{"messages":',
    '{"n":1, "input" : ',
    '{"x\\"messages":[1],"messages":',
    '{"o":{"messages":[1,2]},"contents":\n',
]
ENTRIES = ["1", "12", '{"role":"user","content":"[,]\\""}', '{"a":{"b":[1.5,{}]}}', "[]", '"\\ud83d\\ude00é"', "null"]
TAILS = ["]}", '],"model":"m"}', ' ] , "tools":[{"name":"f"}]}', '],"messages":1}']
BROKEN = ["NaN", "1e999", '"\\ud800"', '{"a":1,"a":2}', "[" * 130 + "]" * 130, "[1", "}", "1[2", ""]
bodies = st.builds(
    lambda head, entries, gap, tail: head + "[" + gap.join(entries) + tail,
    st.sampled_from(HEADS),
    st.lists(st.sampled_from(ENTRIES * 4 + BROKEN), max_size=5),
    st.sampled_from([",", " ,\n"]),
    st.sampled_from(TAILS),
)


def outcome(read: Callable[[], Any]) -> str:
    """What is read, numbers by their type and keys by their order; or the words of the error."""
    try:
        return repr(read())
    except DocumentError as error:
        return f"refused: {error}"


@given(st.lists(bodies, min_size=2, max_size=6))
@settings(max_examples=60)
def test_bodies_are_read_as_each_is_alone(texts: list[str]) -> None:
    """Whatever came before: the same value to the last key, the same error with its place."""
    known = Bodies()
    for text in texts:
        data = text.encode()
        read = functools.partial(known.read, data, LIMIT)
        assert outcome(read) == outcome(functools.partial(parse_json, data, path="body"))


@pytest.mark.parametrize("head", HEADS[:2])
@pytest.mark.parametrize("tail", TAILS[:3])
def test_what_was_said_before_is_the_same_object(head: str, tail: str) -> None:
    """A conversation that grows, or whose last entry is another one, beside one that begins alike."""
    known, field = Bodies(), "messages" if "messages" in head else "input"

    def said(*words: str) -> list[Any]:
        entries = ",".join(json.dumps({"role": "user", "content": word}) for word in words)
        value: Any = known.read(f"{head}[{entries}{tail}".encode(), LIMIT)
        assert [entry["content"] for entry in value[field]] == list(words)
        return list(value[field])

    first, other = said("a", "b"), said("a", "x", "y")
    longer, changed = said("a", "b", "c"), said("a", "x", "z")
    assert longer[0] is first[0] is other[0]
    assert (longer[1], changed[1]) == (first[1], other[1])
    assert longer[1] is first[1]
    assert changed[1] is other[1]


def test_a_body_that_is_no_text_is_refused_beside_one_that_looks_like_it() -> None:
    """A byte that is no UTF-8 is not taken for the character that stands for such bytes."""
    known = Bodies()
    body = '{"messages":["\ufffd","a"]}'
    for _ in range(2):
        known.read(body.encode(), LIMIT)
    with pytest.raises(DocumentError, match="UTF-8"):
        known.read(body.encode().replace("\ufffd".encode(), b"\xff"), LIMIT)


def test_a_body_beyond_the_limit_is_refused_whatever_is_known_of_it() -> None:
    """The limit holds for the whole body."""
    known = Bodies()
    known.read(b'{"messages":[1,2]}', 18)
    with pytest.raises(DocumentError, match="larger"):
        known.read(b'{"messages":[1,2,3]}', 18)
