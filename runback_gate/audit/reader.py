"""Reads an audit record line by line, and writes its own lines again beside it.

In: the lines of a record. Out: the first fault that they show by themselves, and what the statement is to be held
against: the tree, the digest of the index lines as they lie and as they should be, the counts.

    reader = Reader(None)
    for line in lines:
        reader.read(line)
    reader.close()
    reader.fault, reader.frame.tree.root

One block of lines is held at a time, however long the record is.
"""

from __future__ import annotations

from typing import Final

from runback_gate.audit.content import Content, LineFault
from runback_gate.audit.frame import BLOCK, INDEX, SIGNATURE_LINE, STATEMENT_LINE, Frame
from runback_gate.audit.locate import Fault, Item, block_fault, byte_range, read_index
from runback_gate.canonical import sha256

_CLOSING: Final = (INDEX, STATEMENT_LINE, SIGNATURE_LINE)
_MANY: Final = 4 * BLOCK
_KEPT: Final = 64 << 10
"""Bytes that are kept of a line, so that long lines do not fill the memory."""


class Reader:
    """Reads a record line by line, and writes its own lines again beside it."""

    def __init__(self, snapshot: int | None) -> None:
        self.frame = Frame()
        self.content = Content()
        self.digest_as_read = sha256()
        self.number = self.end = self.blocks = self.signed_erasures = 0
        self.fault: Fault | None = None
        """The first fault of a line, if the index lines are right."""
        self.index_fault: Fault | None = None
        """The same fault, if the lines are right."""
        self.statement: tuple[int, int, bytes] | None = None
        """Number, offset and bytes of the line."""
        self.signature: tuple[int, int, bytes] | None = None
        self.first = self.last = b""
        self.root = b""
        self._snapshot = snapshot
        self._items: list[tuple[int, int, int, bytes, str, str | None, int]] = []
        self._odd: tuple[Item, LineFault] | None = None
        self._late = False
        self._ended = False
        """Whether the last index line stood for less than a whole block, as only the last one of a record does."""

    def read(self, line: bytes) -> None:
        """Take the next line."""
        self.number += 1
        start, self.end, self.last = self.end, self.end + len(line), line
        if self.statement is None and not line.startswith(_CLOSING):
            self._carried(start, line)
        elif line.startswith(INDEX) and self.statement is None:
            self._index(start, line)
        else:
            self._closing(start, line)

    def _carried(self, start: int, line: bytes) -> None:
        self.first = self.first or line
        entry, event, odd = self.content.take(line)
        frame = self.frame
        if frame.due:
            self._late = True
            frame.index()
        if self.content.erased:
            frame.add_erased(entry, line)
        else:
            frame.add(entry)
        if frame.tree.size == self._snapshot and not entry.startswith("own:"):
            self.root = frame.tree.root
        if self.fault is None:
            run = self.content.run if event >= 0 else None
            self._items.append((self.number, start, self.end, line[:_KEPT], entry, run, event))
            if odd is not None and self._odd is None:
                self._odd = Item(*self._items[-1]), odd
            if len(self._items) > _MANY:
                self._found(Item(*self._items[BLOCK]).fault("missing", "the index line before it is gone"))

    def _index(self, start: int, line: bytes) -> None:
        """An index line: it must be the one that the lines before it give."""
        self.digest_as_read.update(line)
        frame = self.frame
        index = read_index(line) if frame.erased or self._late else None
        erased = frame.erased
        if erased and index is not None:
            # A value that was erased after signing has a tombstone that the index does not know of.
            frame.erased = {place: digest for place, digest in erased.items() if place in index.erased}
        erasures = len(frame.erased)
        ours = frame.render() if frame.entries else b""
        if ours != line:
            frame.erased = erased
        if self.fault is None:
            if ours != line or self._late:
                self._differs(start, line, ours)
            elif self._odd is not None:
                self._found(self._odd[0].fault(*self._odd[1]))
            self._items.clear()
        self.blocks += 1
        self._ended = ours == line and not frame.due
        if frame.due or ours == line:
            frame.index()
            self.signed_erasures += erasures

    def _differs(self, start: int, line: bytes, ours: bytes) -> None:
        """Of a block and its index line one is wrong. Which, is known when the statement was read."""
        if not ours:
            self._found(Fault("inserted", self.number, start, self.end, "an index line with nothing to stand for"))
            return
        first, last = byte_range(line, ours)
        blamed = Fault("changed", self.number, start + first, start + last, "the index line was changed")
        index, items = read_index(line), [Item(*item) for item in self._items]
        fault = None if index is None else block_fault(items, index, self.blocks)
        if self._odd is not None and (fault is None or self._odd[0].number < fault.line):
            fault = self._odd[0].fault(*self._odd[1])
        # Where index lines are gone, it is not this one that is wrong.
        gone = index is not None and index.block > self.blocks
        self._found(fault or blamed, fault if gone else blamed)

    def _closing(self, start: int, line: bytes) -> None:
        """A statement, a signature, or what stands behind them."""
        place = (self.number, start, line)
        if self._items and self.fault is None:
            self._found(self._unindexed(line, start))
        if line.startswith(STATEMENT_LINE) and self.statement is self.signature is None:
            if self.frame.entries:
                self.frame.index()
            self.statement = place
        elif line.startswith(SIGNATURE_LINE) and self.signature is None:
            if self.statement is None:
                self._found(Fault("missing", self.number, start, start, "the statement before it is gone"))
            self.signature = place
        else:
            self._found(Fault("inserted", self.number, start, self.end, "it stands behind the end of the record"))

    def _unindexed(self, line: bytes, start: int) -> Fault:
        """Lines without an index line, and the end of the record: what was to stand before it?"""
        last = Item(*self._items[-1])
        if INDEX in last.line[1:]:
            return last.fault("changed", "the line was joined with the next one")
        first = Item(*self._items[0])
        if self._odd is not None and (self._odd[0] == first or not self._ended):
            return self._odd[0].fault(*self._odd[1])
        if self._ended:
            return first.fault("inserted", "it stands behind the last index line")
        if line.startswith(SIGNATURE_LINE):
            return Fault("missing", self.number, start, start, "the statement before it is gone")
        return Fault("missing", self.number, start, start, "the index line before it is gone")

    def _found(self, fault: Fault, blamed: Fault | None = None) -> None:
        if self.fault is None:
            self.fault, self.index_fault = fault, blamed
            self._items.clear()

    def close(self) -> None:
        """The file ends here."""
        start = self.end - len(self.last)
        if not self.last.endswith(b"\n"):
            cut = Fault("truncated", self.number, start, self.end, "the line is torn: the file ends inside it")
        elif self.statement is None and self.signature is None:
            cut = Fault("truncated", self.number, self.end, self.end, "the record ends behind this line")
        else:
            return
        if self._odd is not None and self._odd[0].number < self.number:
            self._found(self._odd[0].fault(*self._odd[1]))
        if self.fault is None or self.fault.line >= self.number:
            self.fault, self.index_fault = cut, None
