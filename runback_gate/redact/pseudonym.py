"""What stands in the place of a value: `<rule:twelve digits>`, equal for equal values under one key.

In: a key, a rule, a value. Out: a pseudonym. Without the key nobody can find the value by trying.

    pseudonym(key, "email", "jane@example.org")       # '<email:3f9a1c07be21>'
"""

from __future__ import annotations

import re
from typing import Final

from runback_gate.canonical import seal
from runback_gate.errors import InputError

PSEUDONYM: Final = re.compile(r"<[a-z][a-z0-9]*(?:-[a-z0-9]+)*:[0-9a-f]{12}>")
"""The form of every pseudonym."""
KEY_VARIABLE: Final = "RUNBACK_REDACT_KEY"
"""Where the project's key lies in the environment; whoever reads it hands it down."""
SHORTEST_KEY: Final = 16
_START: Final = len("hmac-sha256:")


def pseudonym(key: bytes, rule: str, value: str) -> str:
    """The pseudonym of a value: 12 hexadecimal digits of HMAC-SHA-256 over the rule, NUL and the value."""
    told = f"{rule}\0{value}".encode("utf-8", "surrogatepass")
    return f"<{rule}:{seal(key, told)[_START : _START + 12]}>"


def masked(text: str) -> str:
    """A text of the same length in which pseudonyms hold no word, so that none tells of what stands beside it."""
    if "<" not in text or ":" not in text:
        return text
    return PSEUDONYM.sub(lambda match: f"<{' ' * (len(match[0]) - 2)}>", text)


def parse_key(text: str) -> bytes:
    """The key of the pseudonyms as somebody wrote it.

    Raises:
        InputError: it is so short that it could be found by trying.
    """
    if len(text) < SHORTEST_KEY:
        hint = "make one with: openssl rand -hex 32"
        raise InputError(f"{KEY_VARIABLE} has fewer than {SHORTEST_KEY} characters", hint=hint)
    return text.encode("utf-8", "surrogateescape")


def key_id(key: bytes) -> str:
    """What names a key without giving it away, 12 hexadecimal digits."""
    return seal(key, b"runback-gate key of pseudonyms")[_START : _START + 12]
