"""The frame of an audit record: its own lines, what stands for each line in the tree, and the signed statement.

In: the lines that a record carries, one by one. Out: index lines when they are due, and at the end the statement.

    frame = Frame()
    for line in carried:
        frame.add(entry_of(line))
        if frame.due:
            out.write(frame.index())

Export and verification use the same frame: a record is valid when the lines that it carries give its own lines again,
byte for byte (docs/formats/audit-record.md).
"""

from __future__ import annotations

from typing import Any, Final, cast

from runback_gate.audit.checkpoint import Checkpoint, parse_checkpoint
from runback_gate.canonical import JsonValue, canonical_bytes, digest_bytes, parse_canonical, sha256
from runback_gate.dsse import STATEMENT_TYPE
from runback_gate.errors import DocumentError, IntegrityError
from runback_gate.frozen import dataclass
from runback_gate.merkle import Tree, leaf_hash

FORMAT: Final = "runback.audit/v1"
PREDICATE: Final = "https://runback.dev/audit-record/v1"
BLOCK: Final = 64
"""Lines that one index line stands for."""

OWN: Final = b'{"audit":"'
"""How the lines begin that a record adds to those that it carries."""
INDEX: Final = b'{"audit":"index",'
RUN: Final = b'{"audit":"run",'
REPORT: Final = b'{"audit":"report",'
INPUT: Final = b'{"audit":"input",'
STATEMENT_LINE: Final = b'{"audit":"statement","statement":'
SIGNATURE_LINE: Final = b'{"audit":"signature","bundle":'


@dataclass(frozen=True, slots=True)
class Counts:
    """What a record carries."""

    runs: int = 0
    reports: int = 0
    events: int = 0
    """Event lines of all runs."""
    held: int = 0
    """Values that can be read."""
    erased: int = 0
    """Values that a tombstone stands for."""
    withheld: int = 0
    """Values that the reader does not get."""

    @property
    def values(self) -> int:
        """All values, in whatever state."""
        return self.held + self.erased + self.withheld


@dataclass(frozen=True, slots=True)
class RecordStatement:
    """What is signed: all that is shown of a record."""

    checkpoint: Checkpoint
    index: str
    """Digest of all index lines, one after the other."""
    counts: Counts
    """At the time of signing: a value may be erased or withheld afterwards."""
    created: str
    """RFC 3339 time, as the exporter's clock said."""
    tool: str
    """Name and version of the program that wrote the record."""

    def payload(self) -> bytes:
        """The in-toto statement, in canonical JSON."""
        counts = {name: getattr(self.counts, name) for name in Counts.__slots__}
        return canonical_bytes(
            {
                "_type": STATEMENT_TYPE,
                "predicateType": PREDICATE,
                "predicate": {
                    "checkpoint": self.checkpoint.text,
                    "counts": counts,
                    "created": self.created,
                    "index": self.index,
                    "tool": self.tool,
                },
                "subject": [
                    {
                        "name": "checkpoint",
                        "digest": {"sha256": digest_bytes(self.checkpoint.text.encode()).removeprefix("sha256:")},
                    }
                ],
            }
        )


def read_statement(payload: bytes) -> RecordStatement:
    """Read a statement; anything but the exact bytes that `RecordStatement.payload` gives is refused.

    Raises:
        IntegrityError: other bytes.
    """
    try:
        value = cast("dict[str, Any]", parse_canonical(payload))
        predicate = value["predicate"]
        counts = Counts(**predicate["counts"])
        found = RecordStatement(
            parse_checkpoint(predicate["checkpoint"]),
            predicate["index"],
            counts,
            predicate["created"],
            predicate["tool"],
        )
        numbers = all(type(getattr(counts, name)) is int for name in Counts.__slots__)
        texts = all(isinstance(text, str) for text in (found.index, found.created, found.tool))
        if numbers and texts and found.payload() == payload:
            return found
    except (DocumentError, KeyError, TypeError, AttributeError):
        pass
    raise IntegrityError("not the statement of an audit record")


class Frame:
    """What the lines so far give: the tree, and the lines that no index line stands for yet."""

    def __init__(self) -> None:
        self.tree = Tree()
        self.entries: list[str] = []
        """One entry for each line since the last index line."""
        self.erased: dict[str, str] = {}
        """Of the tombstones among them the digests, by position."""
        self.blocks = 0
        """Number of index lines so far."""
        self._digest = sha256()

    def add(self, entry: str) -> None:
        """Take a line by its entry; those of own lines are no leaves."""
        self.entries.append(entry)
        if not entry.startswith("own:"):
            self.tree.append(leaf_hash(entry.encode()))

    def add_erased(self, entry: str, line: bytes) -> None:
        """Take a value that was erased, by its entry and its tombstone."""
        self.erased[str(len(self.entries))] = line_entry(line)
        self.add(entry)

    @property
    def due(self) -> bool:
        """Whether an index line comes next."""
        return len(self.entries) >= BLOCK

    def render(self) -> bytes:
        """The index line for the lines since the last one."""
        erasures = b'"erased":%b,' % canonical_bytes(cast("JsonValue", self.erased)) if self.erased else b""
        names = '","'.join(self.entries).encode()
        return b'{"audit":"index","block":%d,%b"lines":["%b"]}\n' % (self.blocks, erasures, names)

    def index(self) -> bytes:
        """The same line, with which the next block begins."""
        line = self.render()
        self._digest.update(line)
        self.blocks += 1
        self.entries, self.erased = [], {}
        return line

    @property
    def index_digest(self) -> str:
        """Digest of the index lines so far."""
        return "sha256:" + self._digest.hexdigest()


def line_entry(line: bytes) -> str:
    """What stands for a line that a record carries as it is: its SHA-256 in hexadecimal digits."""
    return sha256(line).hexdigest()


def own_line(kind: str, fields: dict[str, JsonValue]) -> bytes:
    """An own line of a record."""
    return canonical_bytes({"audit": kind, **fields}) + b"\n"


def header(origin: str, *, signed: bool) -> bytes:
    """The first line of a record."""
    return own_line("record", {"format": FORMAT, "origin": origin, "signed": signed})


def statement_line(payload: bytes) -> bytes:
    """The line that holds the statement as it is signed."""
    return STATEMENT_LINE + payload + b"}\n"
