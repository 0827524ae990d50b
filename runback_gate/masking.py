"""Secrets taken out of text that someone else wrote: what a service answers may name the token that it was asked with.

In: a text, and the secrets that must not stand in it. Out: the text with `[secret]` in their place.

    masked('{"message": "no access with ghs_0123456789abcdef"}', ["ghs_0123456789abcdef"])

A secret is found as it is and in every encoding that a reader of text decodes: JSON and C escapes, percent-encoding,
references of HTML, base64 inside something longer. A part of it of twelve characters counts as well: a service may
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

_ESCAPE: Final = r"""\\u(?P<unicode>[0-9a-fA-F]{4})|\\x(?P<byte>[0-9a-fA-F]{2})|\\(?P<quoted>["'\\/])"""
_PERCENT: Final = "%(?P<percent>[0-9a-fA-F]{2})"
_CHARACTER_REFERENCE: Final = "(?P<reference>&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|lt|gt|amp|quot|apos);)"
_READINGS: Final = tuple(
    re.compile("|".join((*encodings, ".")), re.DOTALL)
    for encodings in ((_ESCAPE, _PERCENT, _CHARACTER_REFERENCE), (_ESCAPE,), (_PERCENT,), (_CHARACTER_REFERENCE,), ())
)
"""What a reader may decode: all of it, one encoding alone (the rest may be part of the secret), nothing."""
_SECRET_NAME: Final = re.compile(r"(?:TOKEN|SECRET|PASSWORD|PASSWD|(?:^|_)KEY)$", re.IGNORECASE)
_REFERENCE: Final = "env:"


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets."""
    parts = frozenset(part for secret in secrets if len(secret) >= SHORTEST for part in _parts(secret))
    if not parts or not text:
        return text
    hidden, sizes = bytearray(len(text)), {len(part) for part in parts}
    for (characters, places), size in itertools.product((_decoded(text, reading) for reading in _READINGS), sizes):
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


def _decoded(text: str, reading: re.Pattern[str]) -> tuple[str, Sequence[int]]:
    """The characters that a reader makes of the text, and where each begins in it; the end as the last place."""
    characters, places = [], []
    for match in reading.finditer(text):
        places.append(match.start())
        # Some references stand for no character.
        characters.append(_character(match) or "\ufffd")
    return "".join(characters), [*places, len(text)]


def _character(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind is None:
        return match[0]
    if kind in ("quoted", "reference"):
        return html.unescape(match[kind]) if kind == "reference" else match[kind]
    return chr(int(match[kind], 16))
