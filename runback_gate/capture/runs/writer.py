"""Writes run files: the lines of each event as it comes, the values that it names before it.

In: a run, or its steps, tool runs and notes one by one. Out: the bytes to append.

    writer = RunWriter(secrets.token_bytes)
    file.write(writer.start(Run("r1", "support", ())))
    file.write(writer.turn(conversations.turn(step)))
    file.write(writer.end(Run("r1", "support", (), status="ok")))

A file that was cut after any line is whole before it: what an event names stands above it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import fields, replace
from operator import attrgetter, is_
from typing import Any, Final, cast

from runback_gate.canonical import JsonValue, canonical_bytes, made_bytes
from runback_gate.capture.runs.blobs import take_out
from runback_gate.capture.runs.turns import Turn, turns_of
from runback_gate.chain import SALT_BYTES, VALUE_END, append, value_head
from runback_gate.step import Message, Note, Response, Run, Source, Step, ToolRun, to_canonical, to_json

FORMAT: Final = "runback.run/v2"
FORMAT_V1: Final = "runback.run/v1"

Salt = Callable[[int], bytes]
"""Gives n random bytes; without it a short value could be guessed from its id."""


_OWN: Final[dict[str, Any]] = {"event": 0, "at": None, "redacted": None}
"""What each step has of its own in its source; and nothing, in place of it."""
_SETTLED = attrgetter(*(item.name for item in fields(Source) if item.name not in _OWN))

_DRAWN = 4096
"""Bytes that are drawn at once."""


def stock(random: Salt) -> Salt:
    """The same chance in blocks of many salts: to ask the system for each costs half as much as its digest.

    The system is asked without Python's lock, for which a thread then waits. No byte is given twice.
    """
    drawn = _drawn(random)
    next(drawn)
    return drawn.send


def _drawn(random: Salt) -> Generator[bytes, int, None]:
    data, place, size = b"", 0, 0
    while True:
        if place + size > len(data):
            data, place = random(max(size, _DRAWN)), 0
        place += size
        size = yield data[place - size : place]


class RunWriter:
    """The lines of one run. The same value in the same run is stored once."""

    def __init__(self, salt: Salt) -> None:
        self._salt = salt
        self._known: dict[int, tuple[bytes, str]] = {}
        """Salt and id of each value, by the hash that Python gives its bytes; the id says whether it is the same."""
        self._values: list[bytes] = []
        """Lines of values in pieces, to be written before the event that names them."""
        self._shared: tuple[tuple[object, ...], dict[str, Any]] = ((), {})
        """What the turns of a run mostly have in common, as objects, and the fields of their events for it."""
        self._settled: tuple[object, dict[str, JsonValue]] = (None, {})
        """The same of their sources: all but what each step has of its own, and the JSON of it."""
        self._head: str | None = None
        self._agent = ""
        self.steps = 0
        """How many steps were written."""

    def start(self, run: Run) -> bytes:
        """The first event; of the run it takes what is known at its start."""
        self._agent = run.agent
        redaction = {key: item for key, item in run.redaction.items() if key != "counts"}
        return self._event(
            "run.start",
            format=FORMAT,
            run=run.id,
            agent=run.agent,
            at=run.at,
            parent=run.parent,
            labels=self._store(run.labels or None),
            redaction=redaction or None,
        )

    def turn(self, turn: Turn) -> bytes:
        """A model event."""
        step, request = turn.step, turn.step.request
        blobs: dict[str, str] = {}
        messages = [self._said(message, blobs) for message in request.messages]
        event = {**self._common(step, blobs), "messages": messages, "response": self._said(step.response, blobs)}
        event["source"], event["type"] = self._source(step.source), "model"
        if turn.continues is not None:
            event["continues"] = {"keep": turn.keep, "step": turn.continues}
        if blobs:
            event["blobs"] = blobs
        lines = self._lines(event, made_bytes)
        self.steps += 1
        return lines

    def _common(self, step: Step, blobs: dict[str, str]) -> dict[str, Any]:
        """What an event says beside its conversation and its answer; looked at where the last step had another."""
        request, message = step.request, step.request.system_message
        given = request.parameters or None, request.extra or None, step.variables
        held = (step.agent, request.model, request.system, message, request.tools, *given)
        if message is None or not message.parts:
            known, fields = self._shared
            if len(known) == len(held) and all(map(is_, known, held)):
                return fields
        said = None if message is not None and message.content == request.system else request.system
        found = {
            "agent": None if step.agent == self._agent else step.agent,
            "model": request.model,
            "system": self._store(said),
            "system_message": None if message is None else self._said(message, blobs),
            "tools": self._store(to_json(request.tools) if request.tools else None),
            "parameters": self._store(request.parameters or None),
            "extra": self._store(request.extra or None),
            "variables": self._store(step.variables),
        }
        fields = {name: item for name, item in found.items() if item is not None}
        self._shared = held, fields
        return fields

    def _source(self, source: Source) -> dict[str, JsonValue]:
        """The source of a step, of which most is that of the step before."""
        settled = _SETTLED(source)
        if settled != self._settled[0]:
            self._settled = settled, cast("dict[str, JsonValue]", to_json(replace(source, **_OWN)))
        own = {name: item for name in _OWN if (item := getattr(source, name)) is not None}
        return {**self._settled[1], **own}

    def tool(self, run: ToolRun) -> bytes:
        """A tool event."""
        return self._event(
            "tool",
            step=run.step,
            call=run.call,
            name=run.name,
            call_id=run.id or None,
            arguments=self._store(run.arguments or None),
            result=self._store(run.result),
            error=self._store(run.error),
            at=run.at,
            duration_ms=run.duration_ms,
        )

    def note(self, note: Note) -> bytes:
        """An event of the kind of the note, where it comes."""
        return self._event(note.kind, value=self._id(note.value))

    def end(self, run: Run) -> bytes:
        """The last event; of the run it takes what is known at its end."""
        return self._event(
            "run.end",
            steps=self.steps,
            status=run.status,
            error=self._store(run.error),
            output=self._store(run.output),
            redacted=run.redaction.get("counts") or None,
        )

    def _event(self, kind: str, **fields: Any) -> bytes:
        event = {name: item for name, item in fields.items() if item is not None}
        return self._lines({**event, "type": kind}, canonical_bytes)

    def _lines(self, event: dict[str, Any], write: Callable[[JsonValue], bytes]) -> bytes:
        line, self._head = append(self._head, event, write)
        if not self._values:
            return line
        values, self._values = self._values, []
        values.append(line)
        return b"".join(values)

    def _store(self, value: JsonValue) -> str | None:
        return None if value is None else self._id(value)

    def _said(self, value: Message | Response, blobs: dict[str, str]) -> str:
        """The id of a message or an answer; its large parts are values of their own."""
        if value.parts:
            return self._id(take_out(to_json(value), self._id, blobs))
        return self._named(to_canonical(value))

    def _id(self, value: JsonValue) -> str:
        return self._named(made_bytes(value) if type(value) is str else canonical_bytes(value))

    def _named(self, data: bytes) -> str:
        known = self._known.get(place := hash(data))
        if known is not None and value_head(known[0], data)[1] == known[1]:
            return known[1]
        salt = self._salt(SALT_BYTES)
        head, name = value_head(salt, data)
        self._known[place] = salt, name
        self._values += head, data, VALUE_END
        return name


def write_run(run: Run, salt: Salt) -> bytes:
    """The bytes of a run file."""
    writer = RunWriter(salt)
    lines = [writer.start(run)]
    tools, notes = iter(run.tool_runs), iter(run.notes)
    tool, note = next(tools, None), next(notes, None)
    for turn in (*turns_of(run.steps), None):
        while note is not None and (turn is None or note.step <= writer.steps):
            lines.append(writer.note(note))
            note = next(notes, None)
        while tool is not None and (turn is None or tool.step < writer.steps):
            lines.append(writer.tool(tool))
            tool = next(tools, None)
        lines.append(writer.end(run) if turn is None else writer.turn(turn))
    return b"".join(lines)
