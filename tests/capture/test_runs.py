"""Run files: what is written is read, and one changed byte is found."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.capture.runs import read_run, write_run
from runback_gate.errors import IntegrityError, RunbackError
from runback_gate.step import Message, Request, Response, Run, Source, Step, Tool, ToolCall, Usage


def salt(size: int) -> bytes:
    """Salt without chance."""
    return b"s" * size


TEXT = st.text(max_size=8)
CALLS = st.lists(st.builds(ToolCall, TEXT, TEXT, TEXT), max_size=2).map(tuple)
MESSAGES = st.builds(Message, st.sampled_from(["user", "assistant", "tool"]), TEXT, CALLS, st.none() | TEXT)
PARAMETERS = st.dictionaries(st.sampled_from(["seed", "temperature"]), st.integers(0, 9) | st.floats(0, 2))
REQUESTS = st.builds(
    Request,
    st.none() | TEXT,
    st.none() | TEXT,
    st.lists(MESSAGES, max_size=3).map(tuple),
    st.lists(st.builds(Tool, TEXT, TEXT, st.just({"minimum": 0.5})), max_size=2).map(tuple),
    PARAMETERS,
)
RESPONSES = st.builds(Response, TEXT, CALLS, st.none() | TEXT, usage=st.builds(Usage, st.none() | st.integers(0, 9)))
STEPS = st.builds(
    Step, st.just("a"), REQUESTS, RESPONSES, st.builds(Source, st.just("r"), st.integers(0, 3), st.just("semantic"))
)
RUNS = st.builds(
    Run, st.just("r"), st.just("a"), st.lists(STEPS, max_size=3).map(tuple), st.just({}) | st.just({"task": 1.5})
)


@given(RUNS)
def test_what_is_written_is_read(run: Run) -> None:
    """Reading gives the run back, value for value."""
    assert read_run(write_run(run, salt), "r.jsonl") == run


def conversation() -> Run:
    """A run whose steps repeat what was said."""
    said = tuple(Message("user", f"message {number}") for number in range(9))
    steps = tuple(
        Step("a", Request("m", "long prompt", said[: count + 1]), Response("ok"), Source("r", count, "exact"), {"v": 1})
        for count in range(9)
    )
    return Run("r", "a", steps)


def test_what_is_said_once_is_stored_once() -> None:
    """However many steps repeat a message, a prompt or an answer, the file holds it once."""
    data = write_run(conversation(), salt)
    assert [data.count(b'"message 3"'), data.count(b"long prompt"), data.count(b'"ok"')] == [1, 1, 1]


@settings(max_examples=200)
@given(st.data())
def test_one_changed_byte_is_found(data: st.DataObject) -> None:
    """Whatever byte is changed, the file is refused and the error names the file."""
    whole = write_run(conversation(), salt)
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[place]))
    with pytest.raises(RunbackError) as error:
        read_run(whole[:place] + bytes([byte]) + whole[place + 1 :], "r.jsonl")
    assert "r.jsonl" in str(error.value)


@given(st.data())
def test_every_cut_is_found(data: st.DataObject) -> None:
    """A file that ends early is refused."""
    whole = write_run(conversation(), salt)
    with pytest.raises(RunbackError):
        read_run(whole[: data.draw(st.integers(0, len(whole) - 1))], "r.jsonl")


def test_missing_values_are_found() -> None:
    """A value line that was taken out leaves its event without words."""
    lines = write_run(conversation(), salt).splitlines(keepends=True)
    kept = [line for line in lines if b"message 3" not in line]
    with pytest.raises(IntegrityError, match="missing"):
        read_run(b"".join(kept), "r.jsonl")


def test_other_files_are_refused() -> None:
    """An empty file, another chain, a run of another format."""
    other = write_run(dataclasses.replace(conversation(), steps=()), salt).replace(b"runback.run/v1", b"runback.run/v9")
    for data in (b"", b"\n", b"{}\n", json.dumps({"a": 1}).encode(), other):
        with pytest.raises(RunbackError):
            read_run(data, "r.jsonl")


def test_the_last_line_is_held_against_the_run() -> None:
    """Nothing follows the last line that would hash it, so it must say what the run says."""
    whole = write_run(conversation(), salt)
    assert whole.count(b'"steps":9') == 1
    for changed in (b'"steps":8', b'"steps":9,"more":1'):
        with pytest.raises(RunbackError):
            read_run(whole.replace(b'"steps":9', changed), "r.jsonl")
