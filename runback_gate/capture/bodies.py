"""Bodies of requests that mostly repeat those before: what was read once is not read again.

In: the bytes of one body after another. Out: the JSON of each, in which entries that stood in an earlier body are the
same objects.

    bodies = Bodies()
    bodies.read(b'{"messages":[{"role":"user","content":"Hello"}],"model":"m"}', 1 << 20)

A body is a head, the entries of its conversation, and a tail. Where one begins with the head and the first entries of
an earlier one, the others alone are read, as strictly as a whole body. Nobody may change what is given.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any, Final

from runback_gate.canonical import JsonValue, parse_json
from runback_gate.errors import DocumentError
from runback_gate.frozen import dataclass

_LONGEST: Final = 2 << 20
"""Bytes of the longest body that is remembered."""
_RECENT: Final = 4
"""Conversations that are remembered."""

_LIST = re.compile(r'"(messages|input|contents)"[ \t\n\r]*:[ \t\n\r]*(?=\[)')
_NEXT = re.compile(r"[ \t\n\r]*([\[,\]])[ \t\n\r]*")
_value_at = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class _Parts:
    """The text of a body in parts."""

    name: str
    """The field of the list."""
    head: str
    entries: list[str]
    """Each with the bracket or the comma before it."""
    tail: str

    def shared(self, text: str) -> tuple[int, int]:
        """How many of the entries a text begins with, behind the head, and where they end."""
        place = len(self.head)
        if not text.startswith(self.head):
            return 0, place
        for count, entry in enumerate(self.entries):
            if not text.startswith(entry, place):
                return count, place
            place += len(entry)
        return len(self.entries), place


class _Body:
    """A body that was read; it is taken apart once another may continue it."""

    def __init__(self, text: str, value: Any, parts: _Parts | None = None) -> None:
        self._text, self.value = text, value
        if parts is not None:
            self.parts = parts

    @cached_property
    def parts(self) -> _Parts | None:
        """Its parts; None where it has no list of entries."""
        text, self._text = self._text, ""
        found = _LIST.search(text)
        if found is None:
            return None
        head = text[: found.end()]
        try:
            name = next(reversed(json.loads(head + "[]}")))
        except ValueError:  # the list is a part of something else
            return None
        entries = _entries(text, len(head))
        if not entries or name != found[1]:
            return None
        return _Parts(name, head, entries, text[len(head) + sum(map(len, entries)) :])


class Bodies:
    """Remembers the bodies of one run."""

    def __init__(self) -> None:
        self._recent: list[_Body] = []

    def read(self, data: bytes, max_bytes: int) -> JsonValue:
        """The JSON of a body.

        Raises:
            DocumentError: as `parse_json`.
        """
        try:
            text = data.decode() if len(data) <= min(_LONGEST, max_bytes) else ""
        except UnicodeDecodeError:
            text = ""
        body = self._continued(text) or _Body(text, parse_json(data, path="body", max_bytes=max_bytes))
        self._recent.insert(0, body)
        del self._recent[_RECENT:]
        value: JsonValue = body.value
        return value

    def _continued(self, text: str) -> _Body | None:
        """The body of a text that continues one that was read; None where it is to be read from its beginning."""
        before, most, place = None, 0, 0
        for body in self._recent:
            count, end = (0, 0) if body.parts is None else body.parts.shared(text)
            if count > most:
                before, most, place = body, count, end
                if body.parts is not None and count >= len(body.parts.entries) - 1:
                    break
        if before is None or before.parts is None:
            return None
        parts, entries = before.parts, _entries(text, place)
        if entries is None:
            return None
        tail = text[place + sum(map(len, entries)) :]
        try:
            # An entry of no meaning stands for those that are known.
            if tail == parts.tail:
                value: Any = parse_json(f'{{"":[0{"".join(entries)}]}}', path="body")
                value = {**before.value, parts.name: value[""]}
            else:
                value = parse_json(f"{parts.head}[0{''.join(entries)}{tail}", path="body")
        except DocumentError:  # whose place is another one in the whole
            return None
        value[parts.name] = [*before.value[parts.name][:most], *value[parts.name][1:]]
        if most == len(parts.entries):
            self._recent.remove(before)
        return _Body("", value, _Parts(parts.name, parts.head, [*parts.entries[:most], *entries], tail))


def _entries(text: str, place: int) -> list[str] | None:
    """The entries that follow in a list, to its end; None for what is no JSON."""
    found = []
    while (mark := _NEXT.match(text, place)) is not None and mark[1] != "]":
        try:
            end = _value_at(text, mark.end())[1]
        except (ValueError, RecursionError):
            return None
        found.append(text[place:end])
        place = end
    return None if mark is None else found
