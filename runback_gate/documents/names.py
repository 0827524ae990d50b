"""Names that a document may use: its kind, and the nearest known name where one is misspelled.

In: a `Document` or a word, and the names that are known. Out: the kind, or an error whose hint names the nearest.

    check_kind(document, ("Policy", "PolicyTest"))          # "Policy"
    nearest("expresion", ["expression", "message"])         # "expression"
"""

from __future__ import annotations

import difflib
from collections.abc import Collection

from runback_gate.documents.document import Document
from runback_gate.errors import DocumentError

API_VERSION = "runback.dev/v1"
"""What every document states as its `apiVersion`."""

_MAX_SHOWN = 60
_MAX_COMPARED = 64
_MAX_LISTED = 8


def check_kind(document: Document, kinds: Collection[str]) -> str:
    """Give the kind of a document, which must be one of `kinds`.

    Raises:
        DocumentError: no mapping, another `apiVersion`, or another kind.
    """
    value = document.value
    if not isinstance(value, dict):
        hint = f"begin with `apiVersion: {API_VERSION}`"
        raise DocumentError("not a mapping with apiVersion and kind", hint=hint, location=document.mark(()))
    for field, known in (("apiVersion", [API_VERSION]), ("kind", sorted(kinds))):
        if field not in value:
            raise DocumentError(f"{field} is missing", hint=_listing(known), location=document.mark(()))
        found = value[field]
        if not isinstance(found, str):
            raise DocumentError(f"{field} is not text", hint=_listing(known), location=document.mark((field,)))
        if found not in known:
            message = f"unknown {field} {quoted(found)}"
            raise DocumentError(message, hint=suggestion(found, known), location=document.mark((field,)))
    return str(value["kind"])


def nearest(word: str, words: Collection[str]) -> str | None:
    """Give the known word that is spelled most like this one, if one is alike at all."""
    if len(word) > _MAX_COMPARED:
        return None
    lowered = {known.lower(): known for known in words if len(known) <= _MAX_COMPARED}
    close = difflib.get_close_matches(word.lower(), lowered, 1)
    return lowered[close[0]] if close else None


def suggestion(word: str, words: Collection[str]) -> str | None:
    """Give the hint for an unknown word: the nearest known one, else the known ones where they are few."""
    close = nearest(word, words)
    return f"did you mean {quoted(close)}?" if close is not None else _listing(words)


def quoted(text: str) -> str:
    """Give text in quotes for one line of a message: cut at 60 characters, what cannot be printed escaped."""
    return repr(text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…")


def cut(text: str, length: int) -> str:
    """At most `length` characters, an ellipsis in place of what is left out."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _listing(words: Collection[str]) -> str | None:
    return f"known: {', '.join(sorted(words))}" if 0 < len(words) <= _MAX_LISTED else None
