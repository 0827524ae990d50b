"""The keys of a provider, kept out of all that is stored and shown.

In: keys, and what came from a server. Out: whether a key is in it, and texts without it.

    guard = KeyGuard("sk-…")
    guard.holds({"text": "Bearer sk-…"})                    # True
    guard.hide("no such key: sk-…")                         # "no such key: [key]"

A key is looked for in decoded values, and in what a reader would decode once more: JSON inside a text, escapes,
percent-encoding, entities of HTML. Servers echo what they were sent, and some escape it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_LEVELS = 3
"""Times that a text is decoded: JSON in JSON in JSON."""
_WITHHELD = "[withheld: it holds the key]"


class KeyGuard:
    """What must not leave."""

    def __init__(self, *keys: str | None) -> None:
        self._keys = tuple(key for key in keys if key)

    def holds(self, value: Any) -> bool:
        """Whether a key is in a JSON value: in a text or in the name of a field."""
        if not self._keys:
            return False
        waiting: list[Any] = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                if self._in_text(item):
                    return True
            elif isinstance(item, dict):
                waiting += item.keys()
                waiting += item.values()
            elif isinstance(item, (list, tuple)):
                waiting += item
        return False

    def hide(self, text: str) -> str:
        """The text without keys; nothing of it where a key is in it in another form."""
        for key in self._keys:
            text = text.replace(key, "[key]")
        return _WITHHELD if self._in_text(text) else text

    def _in_text(self, text: str) -> bool:
        return any(key in form for form in _forms(text) for key in self._keys)


def _forms(text: str) -> Iterator[str]:
    """A text as it is, and as each reader would decode it."""
    yield text
    for _ in range(_LEVELS):
        decoded = _ESCAPE.sub(_unescaped, text) if "\\" in text else text
        decoded = unquote(decoded, errors="replace") if "%" in decoded else decoded
        decoded = html.unescape(decoded) if "&" in decoded else decoded
        if decoded == text:
            return
        text = decoded
        yield text


def _unescaped(found: re.Match[str]) -> str:
    digits = found[1] or found[2]
    return chr(int(digits, 16)) if digits else found[3]
