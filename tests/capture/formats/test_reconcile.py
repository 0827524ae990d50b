"""Nothing that may decide is passed over: wherever it stands in a file, it is used, or the file is refused there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from runback_gate.capture.formats import Defaults, read_transcripts
from runback_gate.errors import RunbackError
from runback_gate.step import Run
from tests.capture.formats.dialects import CASES, CHAT
from tests.capture.formats.real_files import EXPECTED, FOLDER

WORDS = "what was planted"
PLANTS: tuple[tuple[str, Any], ...] = (
    ("tool_results", [{"content": WORDS}]),
    ("function_call", {"name": "planted", "arguments": json.dumps({"x": WORDS})}),
    ("error", WORDS),
    ("refusal", WORDS),
    ("output", WORDS),
)
BESIDE = {
    "events": "what happened once more (inspect)",
    "transcript": "what happened once more (inspect)",
    "results": "scores (inspect)",
    "reductions": "scores (inspect)",
    "metadata": "of langfuse: what a library sent beside",
    "toolUseResult": "a result once more (claude-code)",
    "contenst": "a damaged message (claude-code)",
    "trajectory": "of swe-agent: the history once more",
    "extra": "of mini-swe-agent: the answer once more",
}
"""Fields that a format has beside the conversation, whatever they say."""
LARGE = 40_000


def objects(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Every object of a value, with its path."""
    if isinstance(value, dict):
        yield path, value
        for name, item in value.items():
            yield from objects(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from objects(item, (*path, index))


def shape(path: tuple[str | int, ...], item: dict[str, Any]) -> tuple[Any, ...]:
    """What tells one kind of object of a file from another."""
    names = tuple(step for step in path if isinstance(step, str))
    return (*names, *(str(item.get(name)) for name in ("type", "role", "source", "action", "observation")))


def around(value: Any, path: tuple[str | int, ...]) -> bool:
    """Whether a path leads into what a trace, a copy or a span around generations went in with or came out with."""
    if "trace" not in path and "observations" not in path:
        return False
    holder = value
    for step in path[1:]:
        if step in ("input", "output"):
            return "trace" in path or holder.get("type") != "GENERATION"
        holder = holder[step] if isinstance(step, int) else holder.get(step)
    return False


def silent(values: list[Any], *, lines: bool) -> Iterator[tuple[Any, ...]]:
    """Where something can be planted that is neither used nor refused; each kind of object is tried once."""
    seen = set()
    for number, (path, item) in enumerate([*objects(values)]):
        field, planted = PLANTS[number % len(PLANTS)]
        kind = shape(path, item)
        if kind in seen or item.get(field) or BESIDE.keys() & set(path) or around(values[0], (*path, field)):
            continue
        seen.add(kind)
        before = dict(item)
        item[field] = planted
        data = "\n".join(map(json.dumps, values)) if lines else json.dumps(values[0])
        try:
            found = read_transcripts(data.encode(), "x.json", Defaults())
        except RunbackError:
            found = None
        if found is not None and not found.faults and not any(map(tells, found.runs)):
            yield (*path, field)
        item.clear()
        item.update(before)


def tells(run: Run) -> bool:
    """Whether what was planted was used; a view-only step is judged by nobody."""
    return WORDS in repr((run, *run.steps)) or any(step.source.grade == "view-only" for step in run.steps)


@pytest.mark.parametrize(("name", "value"), CASES)
def test_in_each_format(name: str, value: Any) -> None:
    """A result, a call, an error, a refusal or an output in any object of a file is used or refused."""
    del name
    copy = json.loads(json.dumps(value))
    lines = isinstance(copy, list) and not read_one(copy)
    assert [*silent(copy if lines else [copy], lines=lines)] == []


def read_one(value: Any) -> bool:
    """Whether this is a file as one JSON text."""
    return bool(read_transcripts(json.dumps(value).encode(), "x.json", Defaults()).runs)


def check_real_file(name: str) -> None:
    """The same of a real file; of long ones, of the first records."""
    data = (FOLDER / name).read_bytes()
    try:
        values, lines = [json.loads(data)], False
        if isinstance(values[0], list) and len(data) > LARGE and "role" not in values[0][0]:
            values = [values[0][:3]]
    except ValueError:
        values, lines = [json.loads(line) for line in data.splitlines() if line.strip()], True
        values = values[:6] if len(data) > LARGE else values
    assert [*silent(values, lines=lines)] == []


def readable(*, large: bool) -> list[str]:
    """Files of which runs are read, by size."""
    names = [name for name, expected in EXPECTED.items() if expected["runs"] and not name.startswith("17-otlp")]
    return [name for name in names if ((FOLDER / name).stat().st_size > LARGE) == large]


@pytest.mark.parametrize("name", readable(large=False))
def test_in_each_real_file(name: str) -> None:
    """Real files have fields that no sample of ours has."""
    check_real_file(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", readable(large=True))
def test_in_each_large_real_file(name: str) -> None:
    """The same of those that take their time."""
    check_real_file(name)


@pytest.mark.parametrize("field", ["completion", "responses", "outputs", "history"])
def test_what_stands_twice_is_read_once(field: str) -> None:
    """A source that keeps what was said a second time is read."""
    twice = {"messages": CHAT, field: json.loads(json.dumps(CHAT[-1:]))}
    found = read_transcripts(json.dumps(twice).encode(), "x.json", Defaults())
    assert len(found.runs) == 1
    assert found.faults == []


@pytest.mark.parametrize("value", [True, "true", "yes"])
def test_a_flag_belongs_to_an_error(value: object) -> None:
    """That something failed is used, or refused."""
    odd = json.loads(json.dumps(CHAT))
    odd[0]["is_error"] = value
    found = read_transcripts(json.dumps(odd).encode(), "x.json", Defaults())
    assert "[0].is_error: what may decide something" in str(found.faults)
