"""Server-sent events (HTML standard, 9.2.6), cut anywhere.

In: bytes as they come. Out: the data of each whole event.

    events = ServerSentEvents()
    for data in events.feed(piece): ...

Events end at a blank line; lines end with LF, CR or CRLF. What has no data, such as a comment, is no event. The name of
an event is not given: every API repeats it in the data.
"""

from __future__ import annotations

import re

_LINE = re.compile(rb"\r\n|\n|\r")


class ServerSentEvents:
    """The state between two pieces."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next bytes; the events that end in them."""
        self._rest += piece
        # Looking through all that waits at each byte of a slow answer would take for ever.
        if b"\n" not in piece and b"\r" not in self._rest[-len(piece) - 1 :]:
            return []
        whole = bytes(self._rest)
        # A carriage return at the end may be the first half of a line end.
        end = len(whole) - whole.endswith(b"\r")
        lines = _LINE.split(whole[:end])
        self._rest = bytearray(lines.pop() + whole[end:])
        return [data for line in lines if (data := self._line(line)) is not None]

    def _line(self, line: bytes) -> bytes | None:
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        elif not line and self._data:
            data, self._data = b"\n".join(self._data), []
            return data
        return None
