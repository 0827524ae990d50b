"""JSON values as CEL source that both engines read alike.

literal({"limit": [1, -2]})                             # '{"limit": [1, (-2)]}'
"""

from __future__ import annotations

import json
import re

_ESCAPE = re.compile(r"\\(.)")
_PORTABLE = {"b": "\\u0008", "f": "\\u000c"}


def literal(value: object) -> str:
    """A JSON value as CEL source that both engines read alike; a NUL is written as expressions see it, as U+FFFD."""
    if isinstance(value, str):
        text = json.dumps(value.replace("\0", "\ufffd"), ensure_ascii=False)
        return _ESCAPE.sub(lambda found: _PORTABLE.get(found[1], found[0]), text)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(literal, value)) + "]"
    text = json.dumps(value)
    return f"({text})" if text.startswith("-") else text
