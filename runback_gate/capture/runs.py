"""Run files: chained event lines, and value lines that hold what was said once (design: `docs/formats/run.md`).

In: a `Run` and a source of salt. Out: the bytes of `runs/<run id>.jsonl`; and back, with the chain verified.

    data = write_run(run, salt=secrets.token_bytes)
    run = read_run(data, "runs/airline-0001.jsonl")

A step that names a value which was erased, or is withheld, is read as `view-only`: the rest can be seen, and nothing
judges it. What is gone stands as `[erased …]` with time and reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar, cast

from runback_gate.canonical import JsonValue, canonical_bytes, parse_canonical
from runback_gate.chain import append, check_value_line, erasure, locate, value_line, value_state, verify
from runback_gate.errors import InputError, IntegrityError, Location, RunbackError
from runback_gate.step import Message, Request, Response, Run, Source, Step, Tool, from_json, to_json

T = TypeVar("T")

FORMAT = "runback.run/v1"
MAX_RUN_BYTES = 256 << 20
SALT_BYTES = 16


def write_run(run: Run, salt: Callable[[int], bytes]) -> bytes:
    """The bytes of a run file; the same value in the same run is stored once.

    Args:
        run: the run.
        salt: gives n random bytes; without it a short value could be guessed from its id.
    """
    lines: list[bytes] = []
    ids: dict[bytes, str] = {}

    def store(value: JsonValue) -> str:
        key = canonical_bytes(value)
        if key not in ids:
            line, ids[key] = value_line(salt(SALT_BYTES), value)
            lines.append(line)
        return ids[key]

    head: str | None = None
    start: dict[str, Any] = {"type": "run.start", "format": FORMAT, "run": run.id, "agent": run.agent}
    if run.labels:
        start["labels"] = store(run.labels)
    for event in (start, *(_event(step, store) for step in run.steps), {"type": "run.end", "steps": len(run.steps)}):
        line, head = append(head, event)
        lines.append(line)
    return b"".join(lines)


def _event(step: Step, store: Callable[[JsonValue], str]) -> dict[str, JsonValue]:
    request = step.request
    event: dict[str, Any] = {
        "type": "model",
        "model": request.model,
        "system": None if request.system is None else store(request.system),
        "messages": [store(to_json(message)) for message in request.messages],
        "tools": store(to_json(request.tools)) if request.tools else None,
        "parameters": store(request.parameters) if request.parameters else None,
        "variables": None if step.variables is None else store(step.variables),
        "response": store(to_json(step.response)),
        "source": to_json(step.source),
    }
    return {key: value for key, value in event.items() if value is not None}


def read_run(data: bytes, path: str) -> Run:
    """Read a run file; every line is verified before anything is believed.

    Raises:
        IntegrityError: a line was changed, is missing, or the file was cut.
        InputError: not a run file.
    """
    lines = data.splitlines(keepends=True)
    chained = [line for line in lines if not _is_value(line)]
    try:
        verify(chained)
        values, gone = _values(line for line in lines if _is_value(line))
        events = [cast("dict[str, Any]", parse_canonical(line[:-1])) for line in chained]
        return _Reader(values, gone).run(events)
    except RunbackError as error:
        # Only now every line is looked at in its place: a file that verifies need not pay for it.
        found = locate(lines)
        if found is not None:
            hint = "restore the file, or record or import the run again"
            raise IntegrityError(found.message, hint=hint, location=Location(path, found.line)) from error
        raise type(error)(error.message, hint=error.hint, location=Location(path)) from error
    except KeyError as error:
        raise IntegrityError(f"a value or field is missing: {error}", location=Location(path)) from error
    except (TypeError, AttributeError) as error:
        # The chain holds, so another program wrote it.
        raise InputError(f"a field is of another type than {FORMAT} has", location=Location(path)) from error


def _is_value(line: bytes) -> bool:
    return line.startswith(b'{"id":')


def _values(lines: Iterable[bytes]) -> tuple[dict[str, JsonValue], dict[str, str]]:
    """The values by id, and of those that are gone what stands in their place."""
    values: dict[str, JsonValue] = {}
    gone: dict[str, str] = {}
    for line in lines:
        state = None if line.startswith(b'","salt":', 78) else value_state(line)
        if state is None:
            name, value = check_value_line(line)
            values[name] = value
        elif state == "withheld":
            gone[line[7:78].decode()] = "[withheld]"
        else:
            at, reason = erasure(line)
            gone[line[7:78].decode()] = "[erased]" if at is None else f"[erased {at}: {reason}]"
    return values, gone


def _checked(value: Any, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError(kind.__name__)
    return value


class _Reader:
    """Builds the steps of one run; each value is read once however many steps name it."""

    def __init__(self, values: dict[str, JsonValue], gone: dict[str, str]) -> None:
        self._values: dict[str, JsonValue] = {**values, **gone}
        self._gone = gone
        self._read: dict[tuple[type, str], Any] = {}

    def run(self, events: list[dict[str, Any]]) -> Run:
        start, *middle, end = events if len(events) > 1 else [{}, {}]
        if start.get("type") != "run.start" or start.get("format") != FORMAT or end.get("type") != "run.end":
            raise IntegrityError(f"not a whole {FORMAT} file", hint="it begins with run.start and ends with run.end")
        steps = tuple(self._steps(start, middle))
        # The chain says nothing of its last line, so the line itself says how long the run was.
        if end != {"type": "run.end", "steps": len(steps), "prev": end.get("prev")}:
            raise IntegrityError("the last line does not fit the run", hint="the file was changed")
        labels = self._mapping(start, "labels")
        return Run(_checked(start["run"], str), _checked(start["agent"], str), steps, labels or {})

    def _steps(self, start: dict[str, Any], events: list[dict[str, Any]]) -> Iterator[Step]:
        for event in events:
            if event["type"] == "model":
                request = Request(
                    model=_checked(event["model"], str) if "model" in event else None,
                    system=_checked(self._values[event["system"]], str) if "system" in event else None,
                    messages=tuple(self._value(Message, name) for name in event["messages"]),
                    tools=self._tools(event),
                    parameters=self._mapping(event, "parameters") or {},
                )
                source = from_json(Source, event["source"], "source")
                if self._gone and not self._gone.keys().isdisjoint(_ids(event)):
                    source = replace(source, grade="view-only")
                yield Step(
                    agent=start["agent"],
                    request=request,
                    response=self._value(Response, event["response"]),
                    source=source,
                    variables=self._mapping(event, "variables"),
                )

    def _mapping(self, event: dict[str, Any], field: str) -> dict[str, Any] | None:
        if event.get(field) in self._gone:
            return None
        return _checked(self._values[event[field]], dict) if field in event else None

    def _tools(self, event: dict[str, Any]) -> tuple[Tool, ...]:
        if "tools" not in event or event["tools"] in self._gone:
            return ()
        name = event["tools"]
        if (tuple, name) not in self._read:
            items = cast("list[JsonValue]", self._values[name])
            self._read[tuple, name] = tuple(from_json(Tool, item, "tool") for item in items)
        return cast("tuple[Tool, ...]", self._read[tuple, name])

    def _value(self, kind: type, name: str) -> Any:
        if (kind, name) not in self._read and name in self._gone:
            text = self._gone[name]
            self._read[kind, name] = Message("user", text) if kind is Message else Response(text)
        if (kind, name) not in self._read:
            self._read[kind, name] = from_json(kind, self._values[name], kind.__name__.lower())
        return self._read[kind, name]


def _ids(event: dict[str, Any]) -> Iterator[str]:
    """The values that a step names."""
    yield from event["messages"]
    yield from (event[name] for name in ("system", "tools", "parameters", "response", "variables") if name in event)
