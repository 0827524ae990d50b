"""Reads run files of both versions; every line is verified before anything is believed.

In: the bytes of a run file. Out: its `Run`, whose steps are made when they are asked for.

    run = read_run(data, "runs/airline-0001.jsonl")

A step that names a value which was erased, or is withheld, is read as `view-only`: the rest can be seen, and nothing
judges it. What is gone stands as `[erased …]` with time and reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeVar, cast

from runback_gate.canonical import JsonValue, digest_bytes, parse_canonical
from runback_gate.capture.runs.blobs import put_back
from runback_gate.capture.runs.turns import Turn, Turns
from runback_gate.capture.runs.writer import FORMAT, FORMAT_V1
from runback_gate.chain import START, ValueLine, check_value_line, erasure, locate, value_state
from runback_gate.errors import InputError, IntegrityError, Location, RunbackError
from runback_gate.step import Message, Note, Request, Response, Run, Source, Step, Tool, ToolRun, from_json

T = TypeVar("T")

MAX_RUN_BYTES = 256 << 20

_VALUE: Final = b'{"id":'
_IDS: Final = ("system", "system_message", "tools", "parameters", "extra", "variables", "response")
"""The fields of a model event that name one value."""
_CALLED: Final[dict[type, str]] = {Message: "message", Response: "response", Tool: "tool"}
"""The kinds of values that events name, and how errors call them."""
_NOTES: Final = ("note", "prompt", "dropped", "withheld")
_EVERY: Final = ("type", "prev")
_FIELDS: Final = {
    "run.start": {"format", "run", "agent", "at", "parent", "labels", "redaction", *_EVERY},
    "model": {"agent", "model", "continues", "messages", "source", "blobs", *_IDS, *_EVERY},
    "tool": {"step", "call", "name", "call_id", "arguments", "result", "error", "at", "duration_ms", *_EVERY},
    **{kind: {"value", *_EVERY} for kind in _NOTES},
    "run.end": {"steps", "status", "error", "output", "redacted", *_EVERY},
}
"""The fields of each event of version 2."""


def read_run(data: bytes, path: str, *, truncated: bool = False) -> Run:
    """Read a run file.

    Args:
        data: its bytes.
        path: how errors name it.
        truncated: whether a run is read whose recorder did not get to its end, as after `kill -9`: all whole events
            count, and its status is `truncated`.

    Raises:
        IntegrityError: a line was changed or is missing, or the file was cut and `truncated` is not given.
        InputError: not a run file.
    """
    if truncated:
        data = data[: data.rfind(b"\n") + 1]
    try:
        values, gone, events = _parts(data)
        run = _Reader(values, gone).run(_events(events))
        if run.status == "truncated" and not truncated:
            hint = "its recorder was killed, or still runs; `runs show` reads it"
            raise IntegrityError("the run was truncated: it has no end", hint=hint)
    except RunbackError as error:
        # Only now every line is looked at in its place: a file that verifies need not pay for it.
        found = locate(_lines(data))
        if found is not None:
            hint = "restore the file, or record or import the run again"
            raise IntegrityError(found.message, hint=hint, location=Location(path, found.line)) from error
        raise type(error)(error.message, hint=error.hint, location=Location(path)) from error
    except KeyError as error:
        raise IntegrityError(f"a value or field is missing: {error}", location=Location(path)) from error
    except (TypeError, AttributeError, ValueError) as error:
        # The chain holds, so another program wrote it.
        raise InputError("a field is of another type than the format has", location=Location(path)) from error
    return run


def _lines(data: bytes) -> Iterator[bytes]:
    """The lines with their ends, as `splitlines` parts them, which takes five times as long."""
    if b"\r" in data:
        yield from data.splitlines(keepends=True)
        return
    at = 0
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        yield data[at:end]
        at = end


def _parts(data: bytes) -> tuple[dict[str, JsonValue], dict[str, str], list[bytes]]:
    """The values by id, of those that are gone what stands in their place, and the lines of the events."""
    values: dict[str, JsonValue] = {}
    gone: dict[str, str] = {}
    events: list[bytes] = []
    for line in _lines(data):
        if not line.startswith(_VALUE):
            events.append(line)
            continue
        try:
            name, value = check_value_line(line)
            values[name] = value
        except IntegrityError:
            state = value_state(line)
            if state == "withheld":
                gone[ValueLine(line).id] = "[withheld]"
            elif state == "erased":
                at, reason = erasure(line)
                gone[ValueLine(line).id] = "[erased]" if at is None else f"[erased {at}: {reason}]"
            else:
                raise
    return values, gone, events


def _events(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """The events, each of which names the line of the one before it: what is hashed and what is read are one."""
    events: list[dict[str, Any]] = []
    before = b""
    for line in lines:
        prev = digest_bytes(before) if events else START
        event: Any = parse_canonical(line[:-1])
        if not (isinstance(event, dict) and event.get("prev") == prev and line.endswith(b"\n")):
            raise IntegrityError("an event does not follow the one before it")
        events.append(event)
        before = line
    if not events:
        raise IntegrityError("no event line")
    return events


def _checked(value: Any, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError(kind.__name__)
    return value


_last_tools: list[tuple[JsonValue, tuple[Tool, ...]]] = [(None, ())]


def _tools(value: JsonValue) -> tuple[Tool, ...]:
    """The tools of a value; those of the value that was read last are the same ones."""
    known, tools = _last_tools[0]
    if known is not value:
        tools = tuple(from_json(Tool, item, _CALLED[Tool]) for item in cast("list[JsonValue]", value))
        _last_tools[0] = value, tools
    return tools


class _Reader:
    """Builds one run; each value is read once however many events name it."""

    def __init__(self, values: dict[str, JsonValue], gone: dict[str, str]) -> None:
        self._values: dict[str, JsonValue] = {**values, **gone}
        self._gone = gone
        self._read: dict[type, dict[str, Any]] = {kind: {} for kind in _CALLED}
        self._agent = ""
        self._turns: list[Turn] = []
        self._first_gone: list[float] = []
        """Of the conversation of each step: the first message that is gone."""
        self._before: list[str] = []
        """Version 1: the conversation of the last step, whole."""
        self._tools: list[ToolRun] = []
        self._notes: list[Note] = []

    def run(self, events: list[dict[str, Any]]) -> Run:
        start = events[0] if events else {}
        if start.get("type") != "run.start" or start.get("format") not in (FORMAT, FORMAT_V1):
            raise IntegrityError(f"not a {FORMAT} file", hint="a run file begins with run.start")
        self._agent = _checked(start["agent"], str)
        end = events[-1] if events[-1].get("type") == "run.end" else {"steps": None, "status": "truncated"}
        middle = events[1:-1] if "type" in end else events[1:]
        if start["format"] == FORMAT_V1:
            self._events_v1(middle)
        else:
            self._events(start, middle, end)
        # The chain says nothing of its last line, so the line itself says how long the run was.
        if end["steps"] not in (None, len(self._turns)) or (start["format"] == FORMAT_V1 and len(end) > 3):
            raise IntegrityError("the last line does not fit the run", hint="the file was changed")
        return self._whole(start, end)

    def _whole(self, start: dict[str, Any], end: dict[str, Any]) -> Run:
        if end.get("status") not in (None, "ok", "error", "truncated"):
            raise InputError(f"unknown status {str(end['status'])[:40]!r}")
        redaction = {**_checked(start.get("redaction", {}), dict)}
        if "redacted" in end:
            redaction["counts"] = _checked(end["redacted"], dict)
        return Run(
            _checked(start["run"], str),
            self._agent,
            Turns(self._turns),
            self._mapping(start, "labels") or {},
            parent=_checked(start.get("parent", ""), str) or None,
            tool_runs=tuple(self._tools),
            notes=tuple(self._notes),
            status=end.get("status"),
            error=self._text(end, "error"),
            output=self._values[end["output"]] if "output" in end else None,
            at=_checked(start.get("at", ""), str) or None,
            redaction=redaction,
        )

    def _events_v1(self, events: list[dict[str, Any]]) -> None:
        """Version 1 names the whole conversation in each event, and passes over the events that it does not know."""
        for event in events:
            if event["type"] == "model":
                messages, before = _checked(event["messages"], list), self._before
                self._before = messages
                if before and messages[: len(before)] == before:
                    more = messages[len(before) :]
                    continues = {"step": len(self._turns) - 1, "keep": len(before)}
                    event = {**event, "messages": more, "continues": continues}
                self._model(event)

    def _events(self, start: dict[str, Any], events: list[dict[str, Any]], end: dict[str, Any]) -> None:
        for event in (start, *events, *([end] if "type" in end else [])):
            kind = _checked(event["type"], str)
            # An event or field that is not known may decide something.
            if kind not in _FIELDS:
                raise InputError(f"unknown event {kind[:40]!r}", hint="a newer version wrote the file")
            if not _FIELDS[kind].issuperset(event):
                unknown = sorted(event.keys() - _FIELDS[kind])
                raise InputError(f"unknown field {unknown[0][:40]!r} of {kind}", hint="a newer version wrote the file")
        for event in events:
            kind = event["type"]
            if kind == "model":
                self._model(event)
            elif kind == "tool":
                self._tools.append(self._tool(event))
            elif kind in _NOTES:
                value = self._mapping(event, "value")
                value = {"gone": self._gone[event["value"]]} if value is None else value
                self._notes.append(Note(kind, len(self._turns), value))
            else:
                raise IntegrityError(f"{kind} stands inside of the run", hint="the file was changed")

    def _model(self, event: dict[str, Any]) -> None:
        texts: dict[str, str] = {}
        if "blobs" in event:
            named = event["blobs"].items()
            texts = {digest: _checked(self._values[name], str) for digest, name in named if name not in self._gone}
        continues, keep = _continues(event["continues"]) if "continues" in event else (None, 0)
        message = self._value(Message, event["system_message"], texts) if "system_message" in event else None
        source = from_json(Source, event["source"], "source")
        request = Request(
            _checked(event["model"], str) if "model" in event else None,
            self._text(event, "system") if message is None or "system" in event else message.content,
            tuple([self._value(Message, name, texts) for name in event["messages"]]),
            self._tool_list(event["tools"]) if "tools" in event else (),
            self._mapping(event, "parameters") or {} if "parameters" in event else {},
            message,
            self._mapping(event, "extra") or {} if "extra" in event else {},
            source.api,
        )
        if self._gone and self._misses(event, continues, keep):
            source = replace(source, grade="view-only")
        agent = _checked(event["agent"], str) if "agent" in event else self._agent
        response = self._value(Response, event["response"], texts)
        step = Step(agent, request, response, source, self._mapping(event, "variables"))
        self._turns.append(Turn(step, continues, keep))

    def _misses(self, event: dict[str, Any], continues: int | None, keep: int) -> bool:
        """Whether a value of the step is gone: one that its event names, or a message that it keeps."""
        kept = self._first_gone[continues] if continues is not None and 0 <= continues < len(self._turns) else keep
        first = next((keep + at for at, name in enumerate(event["messages"]) if name in self._gone), float("inf"))
        self._first_gone.append(kept if continues is not None and kept < keep else first)
        named = (*(event[field] for field in _IDS if field in event), *event.get("blobs", {}).values())
        return self._first_gone[-1] < float("inf") or any(name in self._gone for name in named)

    def _tool(self, event: dict[str, Any]) -> ToolRun:
        fields: dict[str, Any] = {
            key: event[key] for key in ("step", "call", "name", "at", "duration_ms") if key in event
        }
        fields |= {key: self._text(event, key) for key in ("arguments", "result", "error") if key in event}
        fields |= {"id": event["call_id"]} if "call_id" in event else {}
        return from_json(ToolRun, fields, "tool")

    def _text(self, event: dict[str, Any], field: str) -> str | None:
        return _checked(self._values[event[field]], str) if field in event else None

    def _mapping(self, event: dict[str, Any], field: str) -> dict[str, Any] | None:
        if event.get(field) in self._gone:
            return None
        return _checked(self._values[event[field]], dict) if field in event else None

    def _tool_list(self, name: str) -> tuple[Tool, ...]:
        known = self._read[Tool]
        if name not in known:
            known[name] = () if name in self._gone else _tools(self._values[name])
        return cast("tuple[Tool, ...]", known[name])

    def _value(self, kind: type, name: str, blobs: dict[str, str]) -> Any:
        known = self._read[kind]
        if name in known and not blobs:
            return known[name]
        if name in self._gone:
            text = self._gone[name]
            return Message("user", text) if kind is Message else Response(text)
        # Not kept with blobs: another event may have other bytes for the same digest only if it was tampered with.
        if blobs:
            return from_json(kind, put_back(self._values[name], blobs), _CALLED[kind])
        known[name] = from_json(kind, self._values[name], _CALLED[kind])
        return known[name]


def _continues(value: dict[str, Any]) -> tuple[int, int]:
    step, keep = value["step"], value["keep"]
    if type(step) is not int or type(keep) is not int or len(value) != 2:
        raise TypeError("continues")
    return step, keep
