"""YAML text to JSON values, strictly.

In: the bytes of a file. Out: a `Document`, or a `DocumentError` with line, column and hint, and nothing else.

    parse_document(b"spec: {limit: 100}", "policies/refunds.yaml").value      # {"spec": {"limit": 100}}

YAML is read as JSON in another spelling: no anchors, aliases, tags or merge keys, no duplicate keys, one
document. A plain scalar is `true`, `false`, `null`, `~`, empty, a JSON number or text; what other readers take for a
number, a boolean, null or a date, such as `012`, `no` and `12:30`, is an error (`scalars`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, NoReturn, cast

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from runback_gate.canonical import JsonValue
from runback_gate.documents.document import Document
from runback_gate.documents.names import quoted
from runback_gate.documents.scalars import ScalarError, plain_value
from runback_gate.errors import DocumentError, Location
from runback_gate.standard_json import decoded, place_behind

MAX_BYTES = 1 << 20
"""Largest file, in bytes."""
MAX_DEPTH = 64
"""Largest number of lists and mappings that may lie inside each other."""
MAX_EVENTS = 200_000
"""Largest number of scalars, keys, and ends of lists and mappings."""
MAX_DIRECTIVES = 16
"""Largest number of lines that begin with `%`."""

_MAX_LINES, _MAX_LINE = 64, 4096

# Control characters, surrogates, byte order marks, and every line end but LF and CRLF: libyaml counts lines by them,
# editors do not, and a reviewer does not see them.
_STRANGE = re.compile(
    "[^\\t\\n\\r -~\\u00a0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]|\\r(?!\\n)"
)
_COMMON = b"\t\n" + bytes(range(0x20, 0x7F))
_DIRECTIVE = re.compile("^%", re.MULTILINE)
_KEY = re.compile(r"""(?:^|[ \t{,])["']?([A-Za-z]\w*)["']?:[ \t]+(?![|>])""")
_EXPRESSIONS = ("expression", "messageExpression", "cel")
_REMEDIES = {
    "\ufeff": "save the file as UTF-8 without a byte order mark",
    "\r": "end lines with LF or CRLF",
}


class _RefusedError(Exception):
    """An event that is no part of our YAML."""

    def __init__(self, message: str, hint: str, mark: Any) -> None:
        super().__init__(message)
        self.hint = hint
        self.mark = mark


def parse_document(text: str | bytes, path: str) -> Document:
    """Read YAML text; `path` names it in errors.

    Raises:
        DocumentError: with line and column, for whatever is no JSON value in plain YAML, is empty, is larger than
            1 MiB, is nested deeper than 64 levels, or has more than 200,000 parts.
    """
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    if len(data) > MAX_BYTES:
        raise DocumentError(f"larger than {MAX_BYTES:,} bytes", hint="split the file", location=Location(path))
    text = text if isinstance(text, str) else decoded(data, path)
    if data.translate(None, _COMMON) and (strange := _STRANGE.search(text)):
        place, code = place_behind(text[: strange.start()], path), ord(strange[0])
        written = f'in double quotes it is written "\\u{code:04x}"' if not 0xD800 <= code < 0xE000 else "write it whole"
        hint = _REMEDIES.get(strange[0], written)
        raise DocumentError(f"the character U+{code:04X} may not stand in YAML", hint=hint, location=place)
    # libyaml holds each directive against all earlier ones before it says a word.
    many = text.count("\n%") >= MAX_DIRECTIVES
    if many and (directive := next(islice(_DIRECTIVE.finditer(text), MAX_DIRECTIVES, None), None)):
        place = place_behind(text[: directive.start()], path)
        raise DocumentError(
            f"more than {MAX_DIRECTIVES} directives", hint="remove them: these files need no directive", location=place
        )
    events: list[Any] = []
    try:
        value = _compose(events, yaml.parse(text, yaml.CSafeLoader), path)
    except yaml.MarkedYAMLError as error:
        mark = cast("Any", error.problem_mark or error.context_mark)
        problem = error.problem or "it cannot be read"
        remedy = _expression_hint(text, mark) or _hint(problem, text[mark.index : mark.index + 1])
        raise _fault(f"not valid YAML: {problem}", mark, path, remedy) from error
    except _RefusedError as refused:
        hint = _expression_hint(text, refused.mark) or refused.hint
        raise _fault(str(refused), refused.mark, path, hint) from refused
    if value is None:
        raise DocumentError("the file is empty", hint="begin with apiVersion and kind", location=Location(path))
    return Document(path, data, value, events, parse_document)


def _compose(kept: list[Any], events: Iterable[Any], path: str) -> JsonValue:
    """Build the value in one pass over the events, so that a limit stops libyaml before it has read on.

    Each event is kept for whoever asks where something stands.
    """
    root: list[Any] = []
    here: Any = root
    around: list[Any] = []
    key: str | None = None
    for number, event in enumerate(events):
        kept.append(event)
        kind = type(event)
        if kind is ScalarEvent:
            value = event.value
            if event.tag is not None or event.anchor is not None or number > MAX_EVENTS:
                _refuse(event, number)
            if key is None and type(here) is dict:
                key = _key(event, here, path)
                continue
            if not event.style:
                try:
                    value = plain_value(value)
                except ScalarError as error:
                    raise _fault(str(error), event.start_mark, path, error.hint) from error
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            value = {} if kind is MappingStartEvent else []
            is_key = key is None and type(here) is dict
            if event.tag is not None or event.anchor is not None or is_key or len(around) >= MAX_DEPTH:
                _refuse(event, number, is_key=is_key)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            here = around.pop()
            if number > MAX_EVENTS:
                _refuse(event, number)
            continue
        elif kind is AliasEvent or (kind is DocumentStartEvent and root):
            _refuse(event, number)
        else:
            continue
        if key is None:
            here.append(value)
        else:
            here[key] = value
            key = None
        if kind is not ScalarEvent:
            around.append(here)
            here = value
    return cast("JsonValue", root[0]) if root else None


def _key(event: Any, here: dict[str, Any], path: str) -> str:
    key: str = event.value
    if key in here:
        raise _fault(f"duplicate key {quoted(key)}", event.start_mark, path, "keep one of them")
    if not event.style and key == "<<":
        raise _fault("merge keys are not allowed", event.start_mark, path, "write the fields out")
    if not event.style and not key:
        raise _fault("a key is missing", event.start_mark, path, "write the name in front of the colon")
    return key


def _refuse(event: Any, number: int, *, is_key: bool = False) -> NoReturn:
    """Say which rule an event broke."""
    if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
        message, hint = "anchors and aliases are not allowed", "put text that begins with & or * in quotes"
    elif isinstance(event, DocumentStartEvent):
        message, hint = "more than one document in the file", "write one document per file"
    elif getattr(event, "tag", None) is not None:
        message, hint = "tags are not allowed", "put text that begins with ! in quotes"
    elif is_key:
        message, hint = "a key must be text", "put text that begins with { or [ in quotes"
    elif number > MAX_EVENTS:
        message, hint = f"more than {MAX_EVENTS:,} parts", "split the file"
    else:
        message, hint = f"nested deeper than {MAX_DEPTH} levels", "flatten it"
    raise _RefusedError(message, hint, event.start_mark)


def _expression_hint(text: str, mark: Any) -> str | None:
    """The hint where what YAML stumbled over is a CEL expression."""
    lines = text[: mark.index].split("\n")[-_MAX_LINES:]
    lines[-1] += text[mark.index :].split("\n", 1)[0]
    for line in reversed(lines):
        if keys := _KEY.findall(line[:_MAX_LINE]):
            name = next((key for key in keys if key in _EXPRESSIONS), None)
            hint = f"this is CEL: write `{name}: |` and the expression on the next line, or the whole of it in quotes"
            return hint if name else None
    return None


def _hint(problem: str, character: str) -> str | None:
    if character == "\t" or "tab character" in problem:
        return "indent with spaces"
    if "mapping values" in problem:
        return "text that holds `: ` stands in quotes"
    if "cannot start any token" in problem or "alphabetic or numeric" in problem:
        return "text that begins with a sign stands in quotes"
    return None


def _fault(message: str, mark: Any, path: str, hint: str | None) -> DocumentError:
    return DocumentError(message, hint=hint, location=Location(path, mark.line + 1, mark.column + 1))
