"""Run files: what is written is read, and one changed byte is found."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.canonical import canonical_bytes, digest_bytes, parse_canonical, unmarked
from runback_gate.capture.runs import read_run, write_run
from runback_gate.capture.runs.writer import stock
from runback_gate.chain import START, append, check_value_line, is_value_line, locate, tombstone, verify, withheld
from runback_gate.errors import InputError, IntegrityError, Location, RunbackError
from runback_gate.step import Message, Request, Response, Run, Source, Step, Tool, ToolCall, Usage
from tests.examples import examples


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


@settings(max_examples=examples(200))
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
    other = write_run(dataclasses.replace(conversation(), steps=()), salt).replace(b"runback.run/v2", b"runback.run/v9")
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


def rewritten(change: dict[tuple[int, str], Any], *, drop: tuple[int, str] | None = None) -> bytes:
    """The conversation with fields of its events changed, and chained anew: as another program could have written it.

    `change` maps the number of an event and a field to its new value; `drop` names a field to leave out.
    """
    lines = write_run(conversation(), salt).splitlines(keepends=True)
    written, head, number = [], None, 0
    for line in lines:
        if line.startswith(b'{"id":'):
            written.append(line)
            continue
        event: Any = parse_canonical(line[:-1])
        del event["prev"]
        event |= {field: value for (at, field), value in change.items() if at == number}
        if drop is not None and drop[0] == number:
            del event[drop[1]]
        line, head = append(head, event)
        written.append(line)
        number += 1
    return b"".join(written)


def test_rewriting_changes_nothing_by_itself() -> None:
    """Chaining the same events again gives the same bytes."""
    assert rewritten({}) == write_run(conversation(), salt)


@pytest.mark.parametrize("change", [{(3, "type"): "decision"}, {(3, "colour"): 1}, {(0, "colour"): 1}], ids=str)
def test_what_is_not_known_is_refused(change: dict[tuple[int, str], Any]) -> None:
    """An event or field of a newer version may decide something: it is not passed over."""
    with pytest.raises(InputError, match="unknown"):
        read_run(rewritten(change), "r.jsonl")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((0, "run"), 5),
        ((0, "agent"), ["a"]),
        ((0, "labels"), {}),
        ((0, "parent"), 5),
        ((0, "redaction"), 5),
        ((2, "continues"), 5),
        ((2, "continues"), {"step": 0, "keep": True}),
        ((2, "continues"), {"step": 0, "keep": 2}),
        ((2, "continues"), {"step": 1, "keep": 1}),
        ((2, "continues"), {"step": -1, "keep": 0}),
        ((2, "blobs"), {"sha256:5": 5}),
        ((10, "status"), "fine"),
        ((10, "redacted"), 5),
        ((1, "model"), 5),
        ((1, "system"), []),
        ((1, "messages"), 5),
        ((1, "messages"), [5]),
        ((1, "response"), {}),
        ((1, "source"), []),
        ((1, "variables"), 5),
    ],
    ids=str,
)
def test_foreign_types_are_refused(place: tuple[int, str], value: object) -> None:
    """A chain that holds proves nothing about the types: one error that names the file."""
    with pytest.raises(RunbackError, match=r"^r\.jsonl"):
        read_run(rewritten({place: value}), "r.jsonl")


def test_values_of_another_kind_are_refused() -> None:
    """An event that names a value of another kind: a message as its system prompt, a prompt as its tools."""
    events: list[Any] = [json.loads(line) for line in rewritten({}).splitlines()]
    first = next(event for event in events if event.get("type") == "model")
    for field, name in (("system", first["messages"][0]), ("tools", first["system"]), ("parameters", first["system"])):
        with pytest.raises(InputError, match=r"^r\.jsonl"):
            read_run(rewritten({(1, field): name}), "r.jsonl")


@pytest.mark.parametrize("field", ["type", "messages", "response", "source"])
def test_missing_fields_are_found(field: str) -> None:
    """A model event without one of them is no step."""
    with pytest.raises(IntegrityError, match=r"^r\.jsonl: a value or field is missing"):
        read_run(rewritten({}, drop=(1, field)), "r.jsonl")


GONE = "[erased 2026-01-31T12:00:00Z: asked for]"


def without(*texts: bytes, line: Callable[[str], bytes] | None = None) -> Run:
    """The conversation, read from a file in which the values that hold a text are erased."""
    erase = line or partial(tombstone, at="2026-01-31T12:00:00Z", reason="asked for")
    lines = write_run(conversation(), salt).splitlines(keepends=True)
    return read_run(
        b"".join(erase(item[7:78].decode()) if any(text in item for text in texts) else item for item in lines),
        "r.jsonl",
    )


def test_a_step_with_an_erased_value_can_be_seen_and_not_judged() -> None:
    """It is view-only, and says when and why; the steps that do not name the value are as they were."""
    run, whole = without(b"message 3"), conversation()
    assert [step.source.grade for step in run.steps] == ["exact"] * 3 + ["view-only"] * 6
    assert run.steps[:3] == whole.steps[:3]
    assert run.steps[4].request.messages[3] == Message("user", GONE)
    assert run.steps[4].request.messages[:3] == whole.steps[4].request.messages[:3]


def test_what_is_gone_is_named_wherever_it_stood() -> None:
    """Prompt and answer as text; variables are unknown; a withheld value and an old tombstone say what they know."""
    assert {step.request.system for step in without(b"long prompt").steps} == {GONE}
    assert {step.response.text for step in without(b'"ok"').steps} == {GONE}
    assert {step.source.grade for step in without(b'{"v":1}').steps} == {"view-only"}
    assert without(b'{"v":1}').steps[0].variables is None
    assert without(b"long prompt", line=tombstone).steps[0].request.system == "[erased]"
    assert without(b"long prompt", line=withheld).steps[0].request.system == "[withheld]"


def test_erased_tools_parameters_and_labels_are_unknown() -> None:
    """Nothing is made up in their place."""
    step = Step("a", Request("m", tools=(Tool("t"),), parameters={"seed": 7}), Response(), Source("r", 0, "exact"))
    lines = write_run(Run("r", "a", (step,), {"task": 5}), salt).splitlines(keepends=True)
    data = b"".join(tombstone(line[7:78].decode()) if line.startswith(b'{"id"') else line for line in lines)
    run = read_run(data, "r.jsonl")
    assert (run.labels, run.steps[0].request.tools, run.steps[0].request.parameters) == ({}, (), {})
    assert run.steps[0].source.grade == "view-only"


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=3,
)
FIELDS = st.sampled_from(
    "run agent labels format type model system messages tools parameters variables response source steps".split()
)


@given(st.dictionaries(st.tuples(st.integers(0, 10), FIELDS), JSON, min_size=1, max_size=2))
def test_any_event_gives_a_run_or_our_error(change: dict[tuple[int, str], Any]) -> None:
    """Whatever another program chains, nothing but a run or an error that names the file comes out."""
    try:
        assert isinstance(read_run(rewritten(change), "r.jsonl"), Run)
    except RunbackError as error:
        assert str(error).startswith("r.jsonl")


LINES = write_run(conversation(), salt).splitlines(keepends=True)
FORMS: list[Callable[[bytes], bytes]] = [
    lambda line: line,
    lambda line: line.replace(b'":', b'": ', 1),
    lambda line: re.sub(rb'":(\d)', rb'":\1.0', line),
    lambda line: re.sub(rb'":(\d)', rb'":\1.5', line),
    lambda line: line.replace(b"e", b"\\u0065", 1),
    lambda line: line.replace(b"e", b"\xc3\xa9", 1),
    lambda line: line.replace(b"{", b'{"a":1,', 1),
    lambda line: line.replace(b"[", b"[" * 99 + b"1" + b"]" * 99 + b",[", 1),
    lambda line: line.replace(b"}\n", b',"type":"note"}\n'),
    lambda line: line.replace(b"\n", b"\r\n"),
    lambda line: line.replace(b"\n", b""),
    lambda line: line.replace(b'"prev"', b'"prey"'),
    lambda line: b"[" + line[:-1] + b"]\n",
    lambda line: line[:0],
]
"""How a line can be written otherwise, or wrongly."""


def chained(lines: list[bytes]) -> bytes:
    """The lines with each event naming the one before it, and each value line the salt and the bytes that it has."""
    found, prev, ids = [], START.encode(), dict[bytes, bytes]()
    for line in lines:
        for old, new in ids.items():
            line = line.replace(old, new)
        if is_value_line(line):
            old, new = line[7:78], digest_bytes(b"s" * 16 + line[130:-2]).encode()
            line, ids = line.replace(old, new, 1), {**ids, old: new}
        else:
            line = re.sub(rb'"prev":"[^"]*"', b'"prev":"' + prev + b'"', line)
            prev = digest_bytes(line).encode()
        found.append(line)
    return b"".join(found)


def read_twice(data: bytes) -> Run:
    """A run as `read_run` gives it, where the chain is verified first and every line is parsed by itself then."""
    lines = data.splitlines(keepends=True)
    verify(lines)
    for line in lines:
        value = check_value_line(line)[1] if line.startswith(b'{"id":') else orjson.loads(line)
        assert canonical_bytes(unmarked(value)) == (line[130:-2] if line.startswith(b'{"id":') else line[:-1])
    return read_run(data, "r.jsonl")


@settings(max_examples=examples(200))
@given(st.dictionaries(st.integers(0, len(LINES) - 1), st.sampled_from(FORMS), max_size=2), st.booleans())
def test_what_is_read_verifies_and_is_canonical(forms: dict[int, Callable[[bytes], bytes]], anew: bool) -> None:
    """No line is believed that the chain or its form speaks against, also where another program chained it so."""
    lines = [forms.get(number, FORMS[0])(line) for number, line in enumerate(LINES)]
    data = chained(lines) if anew else b"".join(lines)
    try:
        found = read_run(data, "r.jsonl")
    except RunbackError as error:
        broken = locate(data.splitlines(keepends=True))
        assert broken is None or (error.message, error.location) == (broken.message, Location("r.jsonl", broken.line))
        assert data != b"".join(LINES)
        return
    assert found == read_twice(data)


def test_no_random_byte_is_given_twice() -> None:
    """What is drawn at once is given piece by piece; a piece that is larger is drawn for itself."""
    draw = stock(os.urandom)
    sizes = [16] * 270 + [1000, 16, 5000, 16]
    given = [draw(size) for size in sizes]
    assert [len(piece) for piece in given] == sizes
    assert len({piece[:16] for piece in given}) == len(sizes)
