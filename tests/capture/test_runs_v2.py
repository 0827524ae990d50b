"""Run files of version 2: what they hold beside steps, their size, and runs whose recorder was killed."""

from __future__ import annotations

import base64
import itertools
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import digest_bytes, parse_canonical
from runback_gate.capture.runs import Conversations, Turn, Turns, read_run, write_run, writer
from runback_gate.capture.runs.blobs import INLINE
from runback_gate.chain import append, tombstone
from runback_gate.errors import InputError, IntegrityError, RunbackError
from runback_gate.step import Message, Note, Part, Request, Response, Run, Source, Step, Tool, ToolCall, ToolRun

SPECIMENS = Path(__file__).parent.parent / "specimens"


def salt(size: int) -> bytes:
    """Salt without chance."""
    return b"s" * size


def step(*messages: Message, number: int = 0, agent: str = "a", answer: Response | None = None) -> Step:
    return Step(agent, Request("m", "long prompt", messages), answer or Response("ok"), Source("r", number, "exact"))


def everything() -> Run:
    """A run in which every field of every event says something."""
    picture = base64.b64encode(b"\0" * INLINE).decode()
    shown = Message("user", parts=(Part("text", "see"), Part("image", media_type="image/png", data=picture)))
    instructions = Message("developer", "long prompt", extra={"cache_control": {"type": "ephemeral"}})
    request = Request(
        "m",
        "long prompt",
        (shown,),
        parameters={"seed": 7},
        system_message=instructions,
        extra={"stream": True},
        api="openai.chat",
    )
    call = ToolCall("c1", "lookup", '{"id": 7}')
    steps = (
        Step("a", request, Response("", (call,)), Source("r", 0, "exact", api="openai.chat"), {"name": "Ann"}),
        step(Message("user", "sub"), number=1, agent="b", answer=Response(parts=(Part("image", data=picture),))),
    )
    return Run(
        "r",
        "a",
        steps,
        {"task": 5},
        parent="p",
        tool_runs=(
            ToolRun(0, 0, "lookup", '{"id": 7}', "c1", "found", None, "2026-01-31T12:00:00Z", 12),
            ToolRun(-1, 0, "own", error="late"),
        ),
        notes=(Note("prompt", 0, {"template": "Hi {name}"}), Note("dropped", 1, {"events": 3}), Note("note", 2)),
        status="error",
        error="ValueError in agent.py:12",
        output={"done": False},
        at="2026-01-31T12:00:00Z",
        redaction={"level": "standard", "ruleset": "sha256:5", "key": "k", "counts": {"email": 2}},
    )


def test_every_field_is_read_back() -> None:
    """Steps of two agents, tool runs, notes, how it ended: value for value."""
    assert read_run(write_run(everything(), salt), "r.jsonl") == everything()


def test_the_specimen_is_read() -> None:
    """What this version writes is the specimen, byte for byte."""
    data = (SPECIMENS / "v2" / "run.jsonl").read_bytes()
    assert read_run(data, "run.jsonl") == everything()
    assert write_run(everything(), salt) == data


def test_large_parts_are_stored_once() -> None:
    """The bytes of a picture stand in one value line, whoever shows it."""
    data = write_run(everything(), salt)
    assert data.count(base64.b64encode(b"\0" * INLINE)) == 1


def test_values_are_told_apart_by_their_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python gives all values the same hash, none is taken for another."""
    monkeypatch.setattr(writer, "hash", lambda _data: 1, raising=False)
    assert read_run(write_run(everything(), salt), "r.jsonl") == everything()


def test_bytes_of_another_picture_are_found() -> None:
    """An event that names other bytes for a digest is refused."""
    lines = write_run(everything(), salt).splitlines(keepends=True)
    other = digest_bytes(b"\1").encode()
    real = digest_bytes(b"\0" * INLINE).encode()
    written, head = [], None
    for line in lines:
        if not line.startswith(b'{"id":'):
            event: Any = parse_canonical(line[:-1])
            del event["prev"]
            if "blobs" in event:
                name = next(iter(event["blobs"].values()))
                event["blobs"] = {real.decode(): event["response"], other.decode(): name}
            line, head = append(head, event)
        written.append(line)
    with pytest.raises(RunbackError, match=r"^r\.jsonl"):
        read_run(b"".join(written), "r.jsonl")


def test_an_erased_picture_makes_its_steps_unjudged() -> None:
    """Its message stays, without the bytes."""
    lines = write_run(everything(), salt).splitlines(keepends=True)
    data = b"".join(
        tombstone(line[7:78].decode()) if line.startswith(b'{"id"') and b'"value":"AAAA' in line else line
        for line in lines
    )
    run = read_run(data, "r.jsonl")
    assert {item.source.grade for item in run.steps} == {"view-only"}
    assert run.steps[0].request.messages[0].parts[1].size == INLINE


def talk(turns: int) -> Turns:
    """A conversation of so many turns, each with a question and an answer."""
    said = [Message(role, f"{role} {number}") for number in range(turns) for role in ("user", "assistant")]
    return Turns(
        Turn(step(*said[2 * n - (n > 0) : 2 * n + 1], number=n), n - 1 if n else None, 2 * n - 1 if n else 0)
        for n in range(turns)
    )


def test_a_step_that_continues_keeps_every_field() -> None:
    """Its request is made anew with the whole conversation, and nothing else of it becomes another."""
    first = step(Message("user", "1"))
    marks: dict[str, Any] = {item.name: object() for item in (*fields(Request), *fields(Step))}
    request = Request(
        **{item.name: marks[item.name] for item in fields(Request)} | {"messages": (Message("user", "2"),)}
    )
    full = Step(**{item.name: marks[item.name] for item in fields(Step)} | {"request": request})
    found = Turns([Turn(first), Turn(full, 0, 1)])[1]
    assert found.request == replace(request, messages=(*first.request.messages, *request.messages))
    assert found == replace(full, request=found.request)


def test_what_differs_from_the_step_before_is_written() -> None:
    """A step that has all but one field from the step before it, as the same objects, is read back as it was."""
    tools = (Tool("lookup"),)
    asked = Request("m", "long prompt", (), tools, {"seed": 7}, None, {"stream": True}, "openai.chat")
    first = Step("a", asked, Response("ok"), Source("r", 0, "exact", api="openai.chat"), {"name": "Ann"})
    other: dict[str, Any] = {
        "model": "n",
        "system": "short prompt",
        "messages": (Message("user", "1"),),
        "tools": (),
        "parameters": {"seed": True},
        "system_message": Message("developer", "long prompt"),
        "extra": {},
    }
    assert other.keys() == {item.name for item in fields(Request)} - {"api"}
    requests = (replace(first, request=replace(asked, **{name: value})) for name, value in other.items())
    changed = (*requests, replace(first, agent="b"), replace(first, variables=None), replace(first, variables={}))
    for step in changed:
        run = Run("r", "a", (first, step, first))
        assert read_run(write_run(run, salt), "r.jsonl") == run


def test_the_size_is_linear() -> None:
    """Ten times the turns are ten times the bytes, and the last step still has the whole conversation."""
    few, many = (write_run(Run("r", "a", talk(turns)), salt) for turns in (100, 1000))
    assert len(many) < 10.5 * len(few)
    assert len(read_run(many, "r.jsonl").steps[-1].request.messages) == 1999


def test_turns_are_found_in_plain_steps() -> None:
    """Steps with whole conversations are written as the turns that they are."""
    turns = talk(30)
    assert write_run(Run("r", "a", tuple(turns)), salt) == write_run(Run("r", "a", turns), salt)


SAID = st.lists(st.sampled_from([Message("user", str(number)) for number in range(3)]), max_size=5)


@given(st.lists(SAID, max_size=8))
def test_any_order_of_conversations_is_found_again(said: list[list[Message]]) -> None:
    """Retries, branches, agents that take turns: each step has its own conversation, in any order of asking."""
    steps = tuple(step(*messages, number=number) for number, messages in enumerate(said))
    conversations = Conversations()
    turns = Turns(conversations.turn(item) for item in steps)
    assert turns == steps
    assert tuple(turns[number] for number in reversed(range(len(steps)))) == steps[::-1]
    assert turns[1:3] == steps[1:3]
    kept = sum(turn.keep for turn in turns.turns)
    texts = [tuple(message.content for message in messages) for messages in said]
    stored = {words[: end + 1] for words in texts for end in range(len(words))}
    assert kept == sum(map(len, said)) - len(stored)


@given(st.integers(0, 400))
def test_a_killed_run_is_read_to_its_last_whole_event(cut: int) -> None:
    """Wherever the file ends, the events before it count where the caller allows it, and nowhere else."""
    whole = write_run(Run("r", "a", talk(5)), salt)
    data = whole[: len(whole) * cut // 401]
    if not any(line.startswith(b'{"agent"') and line.endswith(b"\n") for line in data.splitlines(keepends=True)):
        return
    run = read_run(data, "r.jsonl", truncated=True)
    assert run.status == "truncated"
    assert tuple(run.steps) == tuple(talk(5))[: len(run.steps)]
    assert len(run.steps) == data.count(b'"type":"model"}\n')
    with pytest.raises(IntegrityError):
        read_run(data, "r.jsonl")


def test_a_killed_run_stays_one() -> None:
    """Written again, as by an import, it still says that its recorder was killed."""
    data = write_run(Run("r", "a", talk(2), status="truncated"), salt)
    with pytest.raises(IntegrityError, match="truncated"):
        read_run(data, "r.jsonl")
    assert read_run(data, "r.jsonl", truncated=True).status == "truncated"


@pytest.mark.parametrize(("continues", "keep"), [(1, 0), (5, 0), (-1, 0), (0, 2), (0, -1), (None, 1)])
def test_turns_continue_what_came_before(continues: int | None, keep: int) -> None:
    """Nothing is made up: a turn names an earlier step, and keeps no more than it has."""
    with pytest.raises(InputError):
        Turns([Turn(step(Message("user", "1"))), Turn(step(), continues, keep)])


def test_version_1_is_read() -> None:
    """It names whole conversations and passes over events that it does not know; its steps share their messages."""
    said = [Message("user", str(number)) for number in range(4)]
    run = Run("r", "a", tuple(step(*said[: n + 1], number=n) for n in range(4)))
    written, head, whole = [], None, iter(run.steps)
    ids: list[list[str]] = []
    for line in write_run(run, salt).splitlines(keepends=True):
        if not line.startswith(b'{"id":'):
            event: Any = parse_canonical(line[:-1])
            del event["prev"]
            if event["type"] == "model":
                ids.append([*itertools.chain(ids[-1] if ids else []), *event["messages"]])
                event = {**event, "messages": ids[-1]}
                event.pop("continues", None)
                assert len(ids[-1]) == len(next(whole).request.messages)
            event |= {"format": "runback.run/v1"} if "format" in event else {}
            line, head = append(head, event)
            if event["type"] == "run.start":
                more, head = append(head, {"type": "note"})
                line += more
        written.append(line)
    found = read_run(b"".join(written), "r.jsonl")
    assert found == run
    assert isinstance(found.steps, Turns)
    assert [len(turn.step.request.messages) for turn in found.steps.turns] == [1, 1, 1, 1]
