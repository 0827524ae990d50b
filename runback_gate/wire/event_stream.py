"""AWS event streams (application/vnd.amazon.eventstream), cut anywhere.

In: bytes as they come. Out: the name and the payload of each whole message.

    stream = EventStream()
    for name, payload in stream.feed(piece): ...            # ("contentBlockDelta", b'{"delta":…}')

A message is: length, length of its headers, CRC of these two, headers, payload, CRC of all before. Only the headers
that name a message are read. https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import struct
import zlib

from runback_gate.wire.faults import ErrorAnswerError, NotUnderstoodError

_MAX_BYTES = 24 << 20
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type; types 6 and 7 state theirs."""


class EventStream:
    """The state between two pieces."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, piece: bytes) -> list[tuple[str, bytes]]:
        """Take the next bytes; the messages that end in them.

        Raises:
            NotUnderstoodError: no event stream, or a damaged one.
            ErrorAnswerError: a message is an exception.
        """
        self._rest += piece
        found = []
        while len(self._rest) >= 12:
            size, head, checksum = struct.unpack_from(">III", self._rest)
            if not 16 + head <= size <= _MAX_BYTES or zlib.crc32(self._rest[:8]) != checksum:
                raise NotUnderstoodError("event stream", "no message begins here")
            if len(self._rest) < size:
                break
            message = bytes(self._rest[:size])
            del self._rest[:size]
            if zlib.crc32(message[:-4]) != int.from_bytes(message[-4:]):
                raise NotUnderstoodError("event stream", "a damaged message")
            found.append(_named(_headers(message[12 : 12 + head]), message[12 + head : -4]))
        return found


def _named(headers: dict[str, str], payload: bytes) -> tuple[str, bytes]:
    if headers.get(":message-type", "event") != "event":
        kind = headers.get(":exception-type") or headers.get(":error-code") or "error"
        words = payload.decode("utf-8", "replace") or headers.get(":error-message", "")
        raise ErrorAnswerError("event stream", {"type": kind, "message": words})
    return headers.get(":event-type", ""), payload


def _headers(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            name = data[at + 1 : at + 1 + data[at]].decode()
            at += 1 + data[at]
            kind = data[at]
            size = int.from_bytes(data[at + 1 : at + 3]) if kind in (6, 7) else _SIZES[kind]
            at += 3 if kind in (6, 7) else 1
            if kind == 7:
                found[name] = data[at : at + size].decode()
            at += size
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise NotUnderstoodError("event stream", "headers that cannot be read") from error
    return found
