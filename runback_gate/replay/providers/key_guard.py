"""The keys of a provider, kept out of all that is stored and shown.

In: keys, and what came from a server. Out: whether a key is in it, and texts without it.

    guard = KeyGuard("sk-…")
    guard.holds({"text": "Bearer sk-…"})                    # True
    guard.hide("no such key: sk-…")                         # "no such key: [key]"

A key is looked for in decoded values, and as a reader would find it who decodes once more: with escapes of JSON, also
of JSON in JSON, percent-encoding, entities of HTML. Servers echo what they were sent, and some escape it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_MAX_BACKSLASHES = 8
"""Before one character: three levels of JSON in JSON have seven."""


class KeyGuard:
    """What must not leave."""

    def __init__(self, *keys: str | None) -> None:
        known = [key for key in keys if key]
        self._pattern = re.compile("|".join(map(_in_any_form, known))) if known else None

    def holds(self, value: Any) -> bool:
        """Whether a key is in a JSON value: in a text or in the name of a field."""
        if self._pattern is None:
            return False
        waiting: list[Any] = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                if self._pattern.search(item):
                    return True
            elif isinstance(item, dict):
                waiting += item.keys()
                waiting += item.values()
            elif isinstance(item, (list, tuple)):
                waiting += item
        return False

    def hide(self, text: str) -> str:
        """The text without keys."""
        return text if self._pattern is None else self._pattern.sub("[key]", text)


def _in_any_form(key: str) -> str:
    return "".join(map(_letter, key))


def _letter(letter: str) -> str:
    """A pattern of one character as it is or encoded."""
    code = ord(letter)
    forms = [
        rf"(?i:u{code:04x}|x{code:02x})",
        rf"(?i:%(?:25)*{code:02x})",
        rf"(?i:&#0*{code};|&#x0*{code:x};)",
        *(f"&{name}" for name in _entities().get(letter, ())),
        re.escape(letter),
    ]
    return rf"(?:\\{{0,{_MAX_BACKSLASHES}}}(?:{'|'.join(forms)}))"


@cache
def _entities() -> dict[str, list[str]]:
    """The names of HTML for each text that has some."""
    # Imported here: a server that takes no key does not pay for 2,000 names.
    from html.entities import html5  # noqa: PLC0415

    found: dict[str, list[str]] = {}
    for name, value in html5.items():
        if name.endswith(";"):
            found.setdefault(value, []).append(name)
    return found
