"""Whether a text looks random: a key or a token, rather than a word, a name, a number or a path.

In: a text without white space. Out: yes or no.

    opaque("Zx8Qv2Lr7Tn4Kp1W")       # True
    opaque("customer-support-agent") # False
"""

from __future__ import annotations

import re
from math import log2
from typing import Final

_TOKEN: Final = re.compile(r"[A-Za-z0-9+/=_.~:!@#$%^&*-]+")
_SPLIT: Final = re.compile(r"[-_./=+~:]+")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TURN: Final = re.compile(r"[a-z](?=[A-Z0-9])|[A-Z](?=[0-9])|[0-9](?=[A-Za-z])|[A-Z](?=[a-z])")
_VOWELLESS: Final = re.compile(r"[b-df-hj-np-tv-xz]{5}", re.IGNORECASE)
_DIGIT: Final = re.compile(r"[0-9]")
_LETTER: Final = re.compile(r"[A-Za-z]")
_TIME: Final = re.compile(r"\d{4}-?\d\d-?\d\d[T ]?[\d:.]*Z?")


def entropy(text: str) -> float:
    """Shannon's entropy of the characters of a text, in bits for each character."""
    size = len(text)
    return -sum(text.count(letter) / size * log2(text.count(letter) / size) for letter in set(text)) if size else 0.0


def is_uuid(text: str) -> bool:
    """Whether this is a UUID in its usual form (RFC 9562)."""
    return _UUID.fullmatch(text) is not None


def opaque(text: str, least: int = 16) -> bool:
    """Whether a text of at least `least` characters looks drawn by a machine; a UUID and a time do not."""
    if len(text) < least or not _TOKEN.fullmatch(text) or is_uuid(text) or _TIME.fullmatch(text):
        return False
    if len(set(text)) < min(6, least):
        return False
    joined = _SPLIT.sub("", text)
    return any(map(_drawn, _SPLIT.split(text))) or (not joined.isalpha() and _drawn(joined, share=0.3))


def mixed(text: str, least: int = 12) -> bool:
    """Whether letters and digits stand in one piece that is longer than a word with a number is: `a1b2c3d4e5f6`."""
    if not _TOKEN.fullmatch(text) or is_uuid(text) or _TIME.fullmatch(text) or len(set(text)) < 6:
        return False
    return len(text) >= least and any(
        len(part) >= 10 and len(_DIGIT.findall(part)) >= 2 and len(_LETTER.findall(part)) >= 2
        for part in _SPLIT.split(text)
    )


def _drawn(part: str, share: float = 0.2) -> bool:
    """Whether one part between separators is no word: it changes between cases and digits more often than words do."""
    size = len(part)
    if size < 8 or part.isdigit():
        return False
    if part.isalpha() and (part.islower() or part.isupper()):
        return size >= 16 and (_VOWELLESS.search(part) is not None or (size >= 20 and entropy(part) > 3.7))
    return len(_TURN.findall(part)) >= share * size and entropy(part) >= 2.5
