"""What an audit record carries, line by line: runs with their chains, reports with their digests.

In: the lines between the index lines. Out: for each what stands for it in the index, and what is wrong with it itself.

    content = Content()
    entry, event, odd = content.take(line)

Nothing here looks at index, checkpoint or signature: a line that is odd here was either changed, or signed like this.
"""

from __future__ import annotations

from typing import Any, Final, cast

from runback_gate.audit.frame import FORMAT, INPUT, OWN, REPORT, RUN, Counts, line_entry, own_line
from runback_gate.audit.locate import Kind
from runback_gate.audit.record import report_input, run_input
from runback_gate.canonical import DIGEST, JsonValue, parse_canonical, sha256
from runback_gate.chain import START, ValueLine, follows, is_value_line
from runback_gate.errors import DocumentError

LineFault = tuple[Kind, str]
"""What is wrong with a line, in a word and in a sentence."""

RECORD: Final = b'{"audit":"record",'
_OUTSIDE: Final[LineFault] = ("inserted", "it stands outside of any run or report")


class Content:
    """The runs and reports so far."""

    def __init__(self) -> None:
        self.tally = dict.fromkeys(Counts.__slots__, 0)
        self.run: str | None = None
        """The run that the lines belong to."""
        self.erased = False
        """Whether the last line was a tombstone."""
        self.unended = 0
        """Runs that have no `run.end`: cut before they were exported, or still running then."""
        self._report: str | None = None
        self._begun = False
        self._prev = START.encode()
        self._events = self._values = self._lines = 0
        self._digest = sha256()
        self._last = b""

    @property
    def inside(self) -> bool:
        """Whether a run or report was begun and not closed."""
        return self.run is not None or self._report is not None

    def take(self, line: bytes) -> tuple[str, int, LineFault | None]:
        """Give the entry of the next line, the number of the event that it is in its run, or -1, and what is odd."""
        self.erased = False
        if is_value_line(line):
            return self._value(line)
        if line.startswith(OWN):
            return self._own(line)
        entry = line_entry(line)
        if self.run is not None:
            odd: LineFault | None = None
            if not follows(line, self._prev):
                odd = ("changed", "it does not follow the event before it")
            self._prev = b"sha256:" + entry.encode()
            self._events += 1
            self._last = line
            return entry, self._events - 1, odd
        self._digest.update(line)
        self._lines += 1
        return entry, -1, None if self._report is not None else _OUTSIDE

    def counts(self) -> Counts:
        """What was carried so far."""
        return Counts(**self.tally)

    def _value(self, line: bytes) -> tuple[str, int, LineFault | None]:
        self._values += 1
        value = ValueLine(line)
        state, entry = value.state, f"id:{value.digits}"
        if state is None:
            return entry, -1, ("changed", "it holds a value that does not match its id")
        self.tally[state] += 1
        self.erased = state == "erased"
        return entry, -1, None if self.run is not None else _OUTSIDE

    def _own(self, line: bytes) -> tuple[str, int, LineFault | None]:
        value = _fields(line)
        name = value.get("name")
        if line.startswith((RUN, REPORT)):
            kind = "run" if line.startswith(RUN) else "report"
            whole = isinstance(name, str) and line == own_line(kind, {"name": name})
            odd: LineFault | None = None if whole else ("changed", f"it does not begin a {kind}")
            if self.inside:
                odd = ("missing", "the line that closes the part before it is gone")
            self._open(str(name), kind)
            return line_entry(line), -1, odd
        return f"own:{line_entry(line)}", -1, self._closes(line, value) if self.inside else self._begins(line, value)

    def _begins(self, line: bytes, value: dict[str, Any]) -> LineFault | None:
        whole = line.startswith(RECORD) and value.get("format") == FORMAT
        odd: LineFault | None = None if whole and not self._begun else ("changed", "it is no line of a record")
        self._begun = True
        return odd

    def _closes(self, line: bytes, value: dict[str, Any]) -> LineFault | None:
        if not line.startswith(INPUT):
            return ("changed", "it is no line of a record")
        if self.run is not None:
            digest = value.get("digest")
            named = digest if isinstance(digest, str) and DIGEST.fullmatch(digest) else ""
            expected = run_input(self.run, named, self._events, self._prev.decode(), self._values)
            self.unended += b'"type":"run.end"' not in self._last
        else:
            expected = report_input(str(self._report), f"sha256:{self._digest.hexdigest()}", self._lines)
        self.tally["events"] += self._events
        self.tally["runs" if self.run is not None else "reports"] += 1
        self.run = self._report = None
        return None if line == expected else ("changed", "it does not say what stands before it")

    def _open(self, name: str, kind: str) -> None:
        self.run, self._report = (name, None) if kind == "run" else (None, name)
        self._prev, self._digest, self._last = START.encode(), sha256(), b""
        self._events = self._values = self._lines = 0


def _fields(line: bytes) -> dict[str, JsonValue]:
    try:
        value = parse_canonical(line[:-1])
    except DocumentError:
        return {}
    return cast("dict[str, JsonValue]", value)
