"""Secrets taken out of text that somebody else wrote: what a service answers may name the token that it was asked with.

In: a text, and the secrets that must not stand in it. Out: the text with `[secret]` in their place.

    masked('{"message": "no access with ghs_0123456789abcdef"}', ["ghs_0123456789abcdef"])

A secret is found as it is and in every encoding that a reader of text decodes: JSON and C escapes, percent-encoding,
references of HTML, base64 inside of something longer. A part of it of twelve characters counts as well: a service may
have cut it. Mask before you cut: afterwards shorter parts could be left.
"""

from __future__ import annotations

import base64
import html
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

MASK: Final = "[secret]"
PART: Final = 12
"""Characters of a secret that count as much as all of it."""
SHORTEST: Final = 6
"""What is shorter is no secret: it would be found everywhere."""

_CHARACTER: Final = re.compile(
    r"""\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})|\\(["'\\/])"""
    r"|(&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|lt|gt|amp|quot|apos);)|.",
    re.DOTALL,
)
_SECRET_NAME: Final = re.compile(r"(?:TOKEN|SECRET|PASSWORD|PASSWD|(?:^|_)KEY)$", re.IGNORECASE)
_REFERENCE: Final = "env:"


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets."""
    parts = frozenset(part for secret in secrets if len(secret) >= SHORTEST for part in _parts(secret))
    if not parts or not text:
        return text
    hidden, sizes = bytearray(len(text)), {len(part) for part in parts}
    for (characters, places), size in itertools.product((_decoded(text), (text, range(len(text) + 1))), sizes):
        for start in range(len(characters) - size + 1):
            if characters[start : start + size] in parts:
                first, last = places[start], places[start + size]
                hidden[first:last] = b"\1" * (last - first)
    return _without(text, hidden)


def secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The values of variables whose names say that they hold a secret; `env:NAME` only says where one is."""
    return tuple(
        value
        for name, value in environment.items()
        if _SECRET_NAME.search(name) and len(value) >= PART and not value.startswith(_REFERENCE)
    )


def _parts(secret: str) -> Iterator[str]:
    """Every part of a secret that gives it away, plain and in base64."""
    for form in (secret, *_base64_forms(secret)):
        size = min(PART, len(form))
        yield from (form[start : start + size] for start in range(len(form) - size + 1))


def _base64_forms(secret: str) -> Iterator[str]:
    """The secret in base64 behind 0, 1 and 2 other bytes, without the characters that its neighbours have a part in."""
    data = secret.encode("utf-8", "surrogateescape")
    for before in range(3):
        size = (before + len(data)) // 3 * 4
        text = base64.b64encode(b"\0" * before + data).decode()[4 if before else 0 : size]
        yield from {text, text.translate({43: 45, 47: 95})} if len(text) >= PART else ()


def _without(text: str, hidden: bytearray) -> str:
    """The text with a mask for every run of hidden characters."""
    groups = itertools.groupby(range(len(text)), key=hidden.__getitem__)
    return "".join(MASK if hide else "".join(text[place] for place in places) for hide, places in groups)


def _decoded(text: str) -> tuple[str, Sequence[int]]:
    """The characters that a reader makes of the text, and where each begins in it; the end as the last place."""
    characters, places = [], []
    for match in _CHARACTER.finditer(text):
        places.append(match.start())
        digits = match[1] or match[2] or match[3]
        character = chr(int(digits, 16)) if digits else match[4] or html.unescape(match[5] or match[0])
        # Some references stand for no character.
        characters.append(character or "\ufffd")
    return "".join(characters), [*places, len(text)]
