"""Audit records: runs and reports byte for byte in one file, under one tree, one checkpoint and one signature.

In: the lines of run and report files. Out: the lines of the record (docs/formats/audit-record.md).

    runs = [Part("run", "sample", lambda: open("runs/sample.jsonl", "rb"))]
    for line in export(runs, origin="acme.example/support", created=now, tool="runback-gate 0.1.0", sign=sign):
        out.write(line)

Lines are passed on as they are read, so a record may be larger than the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Literal

from runback_gate.audit.checkpoint import Checkpoint, is_origin
from runback_gate.audit.conversation import Conversations
from runback_gate.audit.frame import (
    OWN,
    Counts,
    Frame,
    RecordStatement,
    header,
    line_entry,
    own_line,
    statement_line,
)
from runback_gate.canonical import JsonValue, parse_canonical, sha256
from runback_gate.chain import VALUE_PREFIX, ValueLine, is_value_line, verify, withheld
from runback_gate.dsse import IN_TOTO
from runback_gate.errors import InputError, Location
from runback_gate.frozen import dataclass

Sign = Callable[[str, bytes], dict[str, JsonValue]]
"""Signs a payload of a media type and gives the bundle."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file that a record carries."""

    kind: Literal["run", "report"]
    name: str
    """Id of the run, or file name of the report."""
    lines: Callable[[], Iterable[bytes]]
    """Opens the file and gives its lines, each with its line end; called twice."""
    disclosed: Collection[int] | None = None
    """Of a run: numbers of the events whose values are given, from 0; None for all."""


def export(parts: Iterable[Part], *, origin: str, created: str, tool: str, sign: Sign | None = None) -> Iterator[bytes]:
    """Give the lines of a record.

    Args:
        parts: what it carries, in this order; a later record extends this one when it begins with the same.
        origin: name of the log, 1 to 200 printable ASCII characters.
        created: RFC 3339 time of now.
        tool: name and version of the program.
        sign: signs the statement; without it the record is never more than `unverified`.

    Raises:
        IntegrityError: a run does not verify. What was given so far is no record.
        InputError: a file that no record can carry, or nothing to carry.
    """
    if not is_origin(origin):
        raise InputError("an origin has 1 to 200 printable ASCII characters", hint="such as acme.example/support")
    writer = _Writer()
    yield from writer.own(header(origin, signed=sign is not None))
    for part in parts:
        yield from writer.run(part) if part.kind == "run" else writer.report(part)
    if not writer.tally["runs"] + writer.tally["reports"]:
        raise InputError("nothing to export", hint="name runs or reports")
    if writer.frame.entries:
        yield writer.frame.index()
    checkpoint = Checkpoint(origin, writer.frame.tree.size, writer.frame.tree.root)
    counts = Counts(**writer.tally)
    payload = RecordStatement(checkpoint, writer.frame.index_digest, counts, created, tool).payload()
    yield statement_line(payload)
    if sign is not None:
        yield own_line("signature", {"bundle": sign(IN_TOTO, payload)})


class _Writer:
    """Puts own lines between the lines that are carried."""

    def __init__(self) -> None:
        self.frame = Frame()
        self.tally = dict.fromkeys(Counts.__slots__, 0)

    def own(self, line: bytes) -> Iterator[bytes]:
        self.frame.add(f"own:{line_entry(line)}")
        yield from self._with_index(line)

    def run(self, part: Part) -> Iterator[bytes]:
        """A run, verified before a line of it is passed on."""
        verified = verify(part.lines(), path=part.name)
        yield from self._leaf(own_line("run", {"name": part.name}))
        wanted = None if part.disclosed is None else _named(part)
        digest, values = sha256(), 0
        for line in part.lines():
            digest.update(line)
            if is_value_line(line):
                values += 1
                yield from self._value(line, wanted)
            else:
                _carried(line, part)
                self.tally["events"] += 1
                yield from self._leaf(line)
        self.tally["runs"] += 1
        name = f"sha256:{digest.hexdigest()}"
        yield from self.own(run_input(part.name, name, verified.events, verified.head, values))

    def _value(self, line: bytes, wanted: frozenset[str] | None) -> Iterator[bytes]:
        value = ValueLine(line)
        name, state = value.id, value.state
        if state == "held" and wanted is not None and name not in wanted:
            line, state = withheld(name), "withheld"
        self.tally[str(state)] += 1
        if state == "erased":
            self.frame.add_erased(f"id:{value.digits}", line)
        else:
            self.frame.add(f"id:{value.digits}")
        yield from self._with_index(line)

    def report(self, part: Part) -> Iterator[bytes]:
        """A report, line by line."""
        yield from self._leaf(own_line("report", {"name": part.name}))
        digest, count = sha256(), 0
        for line in part.lines():
            _carried(line, part)
            digest.update(line)
            count += 1
            yield from self._leaf(line)
        self.tally["reports"] += 1
        yield from self.own(report_input(part.name, f"sha256:{digest.hexdigest()}", count))

    def _leaf(self, line: bytes) -> Iterator[bytes]:
        self.frame.add(line_entry(line))
        yield from self._with_index(line)

    def _with_index(self, line: bytes) -> Iterator[bytes]:
        yield line
        if self.frame.due:
            yield self.frame.index()


def run_input(name: str, digest: str, events: int, head: str, values: int) -> bytes:
    """The line that closes a run."""
    return own_line("input", {"run": name, "digest": digest, "events": events, "head": head, "values": values})


def report_input(name: str, digest: str, lines: int) -> bytes:
    """The line that closes a report."""
    return own_line("input", {"report": name, "digest": digest, "lines": lines})


def _carried(line: bytes, part: Part) -> None:
    if line.startswith((OWN, VALUE_PREFIX)) or not line.endswith(b"\n"):
        message = "a line that reads as one of the record itself, or a last line without line end"
        raise InputError(message, hint="no record can carry it", location=Location(part.name))


def _named(part: Part) -> frozenset[str]:
    """The ids that the disclosed events of a run name, and those of the conversation that each continues.

    What an event names is a text in it.
    """
    found: set[str] = set()
    wanted, number, steps = set(part.disclosed or ()), 0, 0
    conversations = Conversations()
    for line in part.lines():
        if not is_value_line(line):
            event = parse_canonical(line[:-1])
            if isinstance(event, dict) and event.get("type") == "model":
                conversations.add(event)
                found.update(conversations.ids(steps) if number in wanted else ())
                steps += 1
            if number in wanted:
                found.update(texts(event))
                wanted.discard(number)
            number += 1
    if wanted:
        raise InputError(f"run {part.name} has no event {min(wanted)}", hint=f"its events are 0 to {number - 1}")
    return frozenset(found)


def texts(value: JsonValue) -> Iterator[str]:
    """Every text in a JSON value, keys and the link of a chain left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key != "prev":
                yield from texts(item)
