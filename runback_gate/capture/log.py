"""One run while it is recorded: takes events in order, redacts them, chains them, appends them to its file.

In: calls of a model API, tool runs, notes, the end. Out: `runs/<run id>.jsonl`.

    log = RunLog(Run("support-1", "support", ()), Path("runs"), Redaction("off", …))
    log.take(seen)
    log.end(Run("support-1", "support", (), status="ok"))

Only the writer thread calls it. Content whose redaction failed is not stored: a `withheld` event says so. What the disk
does not take waits, up to a limit; what is lost is counted in a `dropped` event.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from runback_gate.canonical import JsonValue
from runback_gate.capture.bodies import Bodies
from runback_gate.capture.exchange import Redact, RunPlace, Seen, read_exchange
from runback_gate.capture.open_calls import OpenCalls
from runback_gate.capture.outside import RunFile, complain, new_id, now, random_bytes
from runback_gate.capture.runs.blobs import bounded
from runback_gate.capture.runs.turns import Conversations
from runback_gate.capture.runs.writer import RunWriter, stock
from runback_gate.errors import DocumentError, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.step import Note, Run, ToolRun

MAX_PENDING: Final = 64 << 20
"""Bytes that wait for a disk that takes none."""
_REMEMBERED: Final = 64
"""Rendered prompts that a step may still be sent with."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is applied before anything is stored."""

    level: str
    apply: Redact
    ruleset: str | None = None
    key: str | None = None

    def header(self) -> dict[str, Any]:
        """What the run says of it."""
        fields = {"level": self.level, "ruleset": self.ruleset, "key": self.key}
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that was rendered."""

    template: str
    variables: dict[str, Any]
    rendered: str


Event = Seen | ToolRun | Note | Prompt


class RunLog:
    """Appends to one run file; to the next one, a run of its own, where a file has grown beyond a limit."""

    def __init__(
        self, run: Run, folder: Path, redaction: Redaction, *, lazy: bool = False, rotate: int | None = None
    ) -> None:
        self.folder = folder
        self.redaction = redaction
        self.lost = 0
        """Events that were lost since the last `dropped` event."""
        self.reasons: set[str] = set()
        self._prompts: dict[str, dict[str, Any]] = {}
        self._bodies = Bodies()
        self._lazy = lazy
        """Whether a run in which nothing happened leaves no file."""
        self.rotate = rotate
        """Bytes after which the next event begins another file; None for one file."""
        self._open(run)

    def _open(self, run: Run) -> None:
        self.run = replace(run, redaction=self.redaction.header())
        self._file = RunFile(self.folder / f"{run.id}.jsonl")
        self._size = 0
        self._writer = RunWriter(stock(random_bytes))
        self._conversations = Conversations()
        self._counts: dict[str, int] = {}
        self._calls = OpenCalls()
        self._begun = False

    def take(self, event: Event) -> None:
        """Store an event."""
        if len(self._file.pending) > MAX_PENDING:
            self.drop(1, "the disk takes nothing")
            return
        if self.rotate is not None and self._size >= self.rotate:
            self._next()
        self._begin()
        try:
            lines = self._lines(event)
        except DocumentError:
            # The message may quote what was not redacted.
            lines = self._withheld(event, "not JSON, or without a canonical form")
        except Exception as error:  # noqa: BLE001  whatever is raised, nothing unredacted is stored
            lines = self._withheld(event, _reason(error))
        self._append(lines)

    def _next(self) -> None:
        """Close this file and begin another run, whose parent is this one; nobody knows yet how they end."""
        following = replace(self.run, id=new_id(self.run.agent), parent=self.run.id, at=now(), redaction={})
        self._begin()
        self._append(self._writer.note(Note("note", 0, {"text": "continued in another file", "run": following.id})))
        self.end(Run(self.run.id, self.run.agent, ()))
        self._open(following)

    def drop(self, number: int, reason: str) -> None:
        """Note that events were lost."""
        self.lost += number
        self.reasons.add(reason)

    def end(self, run: Run) -> None:
        """Store how the run ended, and close the file."""
        if self._lazy and not self._begun and not self.lost:
            return
        self._begin()
        redacted = run
        try:
            error, output = self._clean(run.error), self._clean(run.output)
            redacted = replace(run, error=cast("str | None", error), output=output)
            lines = self._writer.end(replace(redacted, redaction={"counts": self._counts}))
        except Exception as error:  # noqa: BLE001  as above
            lines = self._writer.note(Note("withheld", 0, {"event": "run.end", "reason": _reason(error)}))
            lines += self._writer.end(replace(run, error=None, output=None, redaction={"counts": self._counts}))
        self._append(lines)
        try:
            self._file.close()
        except OSError as error:
            waiting = len(self._file.pending)
            complain(f"run {self.run.id} is not whole: {error.strerror}, {waiting:,} bytes are lost")

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            try:
                labels = cast("dict[str, Any]", self._clean(self.run.labels))
            except Exception as error:  # noqa: BLE001  as above
                labels = {}
                self.drop(0, f"labels: {_reason(error)}")
            self._append(self._writer.start(replace(self.run, labels=labels)))
        if self.lost or self.reasons:
            value: dict[str, Any] = {"events": self.lost, "reasons": sorted(self.reasons)}
            self.lost, self.reasons = 0, set()
            self._append(self._writer.note(Note("dropped", 0, value)))

    def _append(self, lines: bytes) -> None:
        self._size += len(lines)
        try:
            self._file.append(lines)
        except OSError as error:
            # Bytes wait in the file object; the next event tries again.
            self.reasons.add(f"the disk: {error.strerror}")

    def _lines(self, event: Event) -> bytes:
        if isinstance(event, Seen):
            return self._step(event)
        if isinstance(event, ToolRun):
            return self._tool(event)
        if isinstance(event, Prompt):
            value = {"template": event.template, "variables": event.variables}
            found = cast("dict[str, Any]", self._clean(cast("JsonValue", value)))
            rendered = cast("str", self._clean(event.rendered))
            self._prompts[rendered] = found["variables"]
            if len(self._prompts) > _REMEMBERED:
                self._prompts.pop(next(iter(self._prompts)))
            return self._writer.note(Note("prompt", 0, found))
        return self._writer.note(replace(event, value=cast("dict[str, Any]", self._clean(event.value))))

    def _step(self, seen: Seen) -> bytes:
        ruleset, number = self.redaction.ruleset, self._writer.steps
        place = RunPlace(self.run.agent, self.run.id, number, self.redaction.level, ruleset)
        found = read_exchange(seen, place, self._redact, self._bodies)
        if found is None:
            return b""
        step, counts = bounded(found[0]), found[1]
        for rule, many in counts.items():
            self._counts[rule] = self._counts.get(rule, 0) + many
        if (variables := self._prompts.get(step.request.system or "")) is not None:
            step = replace(step, variables=variables)
        try:
            lines = self._writer.turn(self._conversations.turn(step))
        except RunbackError:
            self._conversations = Conversations(first=number)
            raise
        self._calls.answered(number, step.response)
        return lines

    def _tool(self, run: ToolRun) -> bytes:
        fields: Any = {name: self._clean(getattr(run, name)) for name in ("arguments", "result", "error")}
        return self._writer.tool(self._calls.paired(replace(run, **fields)))

    def _clean(self, value: JsonValue) -> JsonValue:
        if value is None or value in ("", {}):
            return value
        found, counts = self._redact(value)
        for rule, many in counts.items():
            self._counts[rule] = self._counts.get(rule, 0) + many
        return found

    def _redact(self, value: JsonValue) -> tuple[JsonValue, dict[str, int]]:
        try:
            return self.redaction.apply(value)
        except Exception as error:
            raise RedactionFailedError(type(error).__name__) from error

    def _withheld(self, event: Event, reason: str) -> bytes:
        kind = {Seen: "model", ToolRun: "tool", Prompt: "prompt"}.get(type(event), "note")
        return self._writer.note(Note("withheld", 0, {"event": kind, "reason": reason}))


class RedactionFailedError(Exception):
    """The redactor raised; the message is the type of what it raised, since its words may quote what is private."""


def _reason(error: Exception) -> str:
    if isinstance(error, RedactionFailedError):
        return f"redaction failed: {error}"
    return f"the recorder failed: {type(error).__name__}"


def off(value: JsonValue) -> tuple[JsonValue, dict[str, int]]:
    """Redacts nothing."""
    return value, {}
