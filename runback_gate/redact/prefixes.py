"""Tokens that name themselves: a few words, then random characters, as in `acme_live_q7Zx8Qv2Lr7Tn4…`.

In: a text without white space. Out: whether it is such a token.

    prefixed("acme_pat_q7Zx8Qv2Lr7Tn4Kp1W")     # True: `pat` tells of a secret
    prefixed("call_q7Zx8Qv2Lr7Tn4Kp1W3s")       # False: what begins so is an id

Vendors agree on the layout, not on a list of prefixes: https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats.
A word that tells of a secret asks for less of what follows than a word that nobody knows; words of ids ask in vain.
"""

from __future__ import annotations

import re
from typing import Final

from runback_gate.redact.randomness import is_uuid, opaque
from runback_gate.redact.rule import read_data

_DATA: Final[dict[str, str]] = read_data("names")
_PIECE: Final = re.compile(r"[_.~+/-]+")
_WORD: Final = re.compile(r"[A-Za-z]{1,12}\d{0,2}|[A-Za-z][A-Za-z0-9]{1,5}|\d{1,2}")
_TELLING: Final = frozenset(_DATA["prefixes"].split())
_SECRETS: Final = frozenset("sec secret sk pat tok token apikey".split())
"""Words by which even a UUID is a secret."""
_ENDS: Final = re.compile(r"(?:key|tok|tkn|token|secret|pat|apikey|sec)\Z|\A[a-z]?[spark]k\Z")
_IDS: Final = frozenset(_DATA["ids"].split())
"""Words that ids begin with."""
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_SUFFIX: Final = re.compile(
    r"\.(?:js|mjs|cjs|css|map|json|ts|tsx|jsx|html?|png|jpe?g|gif|svg|webp|woff2?|whl|gz|zip|py|md|txt)\Z"
)


def prefixed(text: str) -> bool:
    """Whether a text is a secret by its first words and by how the rest was drawn."""
    words, body = _parted(text)
    if not words or not body or _SUFFIX.search(text):
        return False
    known = [word.lower().rstrip("0123456789") for word in words]
    if known[0] in _IDS or known[-1] in _IDS:
        return False
    bare = _PIECE.sub("", body)
    if not _TELLING.isdisjoint(known) or any(_ENDS.search(word) for word in known):
        return not _SECRETS.isdisjoint(known) if is_uuid(body) else len(bare) >= 16 and opaque(bare, 16)
    if len(known) > 2 or any(len(word) > 8 for word in known):
        return False
    if _HEX.fullmatch(bare):
        return len(known) == 1 and len(known[0]) <= 5 and len(bare) >= (32 if words[0].isupper() else 40)
    mixed = any(letter.isupper() for letter in bare) and any(letter.islower() for letter in bare)
    digits = sum(letter.isdigit() for letter in bare)
    return len(bare) >= (28 if mixed else 36) and digits >= 3 and opaque(bare, 28)


def _parted(text: str) -> tuple[list[str], str]:
    """The words in front, and what follows them as it stands."""
    words: list[str] = []
    place = 0
    for separator in _PIECE.finditer(text):
        word = text[place : separator.start()]
        if len(words) == 4 or not _WORD.fullmatch(word):
            break
        words.append(word)
        place = separator.end()
    return words, text[place:]
