"""Where secrets and personal data stand in a file: in its text, and in what a reader of JSON makes of it.

In: bytes and the name of their file. Out: rule, line and, in JSON, the path of each value; never the value.

    scan_bytes(data, "cases.yaml", Redactor("standard", key=key))      # [Found("cases.yaml", 12, "email", …)]

A file of JSON, or of a JSON value a line, is read first: what is escaped there is found as well, and so is what only
the name of a field tells of.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from runback_gate.errors import DocumentError, Location
from runback_gate.frozen import dataclass
from runback_gate.redact.pseudonym import PSEUDONYM
from runback_gate.redact.redactor import Redactor


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """One place of one value."""

    path: str
    line: int
    """From 1."""
    rule: str
    pseudonym: str
    """Equal for equal values of one scan."""
    pointer: str = ""
    """In JSON the path of the value, as `messages[2].content`."""

    @property
    def location(self) -> Location:
        """The place in the file."""
        return Location(self.path, self.line)


def scan_bytes(data: bytes, path: str, redactor: Redactor) -> list[Found]:
    """Each place once, in the order of the file.

    Raises:
        DocumentError: the file is no text in UTF-8.
        RunbackError: as `Redactor.redact`.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError("not text in UTF-8", location=Location(path)) from error
    if "\0" in text:
        raise DocumentError("not text: it holds NUL", location=Location(path))
    values = _values(text) if text.lstrip()[:1] in ("[", "{", '"') else None
    if values is None:
        return list(_in_text(text, path, redactor))
    found = (item for line, value in values for item in _in_value(value, path, line, text, redactor))
    return list(dict.fromkeys(found))


def _values(text: str) -> list[tuple[int, Any]] | None:
    """The values of JSON or of JSON lines, each with its line; None for any other text."""
    try:
        return [(1, json.loads(text))]
    except (ValueError, RecursionError):
        pass
    try:
        lines = enumerate(text.split("\n"), 1)
        return [(number, json.loads(line)) for number, line in lines if line.strip()]
    except (ValueError, RecursionError):
        return None


def _in_text(text: str, path: str, redactor: Redactor) -> Iterator[Found]:
    for span, name in redactor.find(text):
        yield Found(path, text.count("\n", 0, span.start) + 1, span.rule, name)


def _in_value(value: Any, path: str, line: int, text: str, redactor: Redactor) -> Iterator[Found]:
    redacted, counts = redactor.redact(value)
    if not counts:
        return
    many = line == 1 and "\n" in text.strip()
    for pointer, before, after in _differences(value, redacted, ""):
        kept = set(PSEUDONYM.findall(str(before)))
        where = _line(text, before) if many else line
        for name in PSEUDONYM.findall(after):
            if name not in kept:
                yield Found(path, where, name[1 : name.index(":")], name, pointer)


def _differences(before: Any, after: Any, pointer: str) -> Iterator[tuple[str, Any, str]]:
    """The texts and numbers that were replaced, each with its path."""
    if isinstance(before, dict) and isinstance(after, dict):
        for (key, inner), (new, other) in zip(before.items(), after.items(), strict=True):
            if key != new:
                yield f"{pointer}.<key>".lstrip("."), key, new
            yield from _differences(inner, other, f"{pointer}.{new}".lstrip("."))
    elif isinstance(before, list) and isinstance(after, list):
        for number, (inner, other) in enumerate(zip(before, after, strict=True)):
            yield from _differences(inner, other, f"{pointer}[{number}]")
    elif isinstance(after, str) and before != after:
        yield pointer, before, after


def _line(text: str, value: Any) -> int:
    """The line where a value of pretty-printed JSON first stands."""
    for form in (json.dumps(value, ensure_ascii=False), json.dumps(value)):
        if (place := text.find(form)) >= 0:
            return text.count("\n", 0, place) + 1
    return 1
