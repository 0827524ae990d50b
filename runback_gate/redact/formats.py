r"""The layout of a token as its vendor publishes it, and the regular expression that finds it.

In: literal text with holes, `{alphabet:length}`. Out: a pattern of `re`, and texts of which
one stands in every such token.

    pattern("ghp_{alnum:36}")        # 'ghp_[0-9A-Za-z]{36}(?![0-9A-Za-z])'
    literals("ghp_{alnum:36}")       # ('ghp_',)

A length is `36`, `20-40` or `20+`. Square brackets hold a choice of literals:
`sk_[live|test]_{alnum:24+}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

ALPHABETS: Final = {
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "alpha": "A-Za-z",
    "hex": "0-9a-f",
    "HEX": "0-9A-Fa-f",
    "lownum": "0-9a-z",
    "upnum": "0-9A-Z",
    "alnum": "0-9A-Za-z",
    "word": "0-9A-Za-z_",
    "url": "0-9A-Za-z_-",
    "base32": "A-Z2-7",
    "base58": "1-9A-HJ-NP-Za-km-z",
    "base64": "0-9A-Za-z+/=",
    "dots": "0-9A-Za-z_.-",
    "tilde": "0-9A-Za-z_.~-",
    "any": "!-~",
}
"""Names of alphabets, and the inside of their character class."""
_PIECE: Final = re.compile(r"\{(\w+):(\d+)(?:(\+)|-(\d+))?\}|\[([^\]]+)\]|([^{\[]+)")


def pattern(layout: str) -> str:
    """The regular expression of a layout; a last hole of a fixed length ends where its alphabet does.

    Raises:
        ValueError: the layout names no alphabet of ours, or is none.
    """
    made, end = "", ""
    for hole, least, more, most, choice, text in _pieces(layout):
        end = ""
        if hole:
            letters = ALPHABETS[hole]
            made += f"[{letters}]{{{least}{',' if more else ''}{',' + most if most else ''}}}"
            end = "" if more else f"(?![{letters if hole != 'any' else '!-~'}])"
        elif choice:
            made += f"(?:{'|'.join(map(re.escape, choice.split('|')))})"
        else:
            made += re.escape(text)
    return made + end


def literal(layout: str) -> str:
    """The text that a layout begins with; empty when it begins with a hole or a choice."""
    first = _PIECE.match(layout)
    return first[6] if first and first[6] else ""


def literals(layout: str) -> tuple[str, ...]:
    """Texts of which every token of the layout holds one: its beginning, or its longest text."""
    pieces = list(_pieces(layout))
    texts = [text for *_, text in pieces if text]
    if literal(layout):
        start, choice = pieces[0][5], pieces[1][4] if len(pieces) > 1 else ""
        return tuple(start + word for word in choice.split("|")) if choice else (start,)
    if pieces[0][4]:
        after = pieces[1][5] if len(pieces) > 1 else ""
        return tuple(word + after for word in pieces[0][4].split("|"))
    return (max(texts, key=len),) if texts else ()


def _pieces(layout: str) -> Iterator[tuple[str, str, str, str, str, str]]:
    end = 0
    for match in _PIECE.finditer(layout):
        if match.start() != end or (match[1] and match[1] not in ALPHABETS):
            break
        end = match.end()
        yield tuple(group or "" for group in match.groups())  # type: ignore[misc]
    if end != len(layout):
        raise ValueError(f"not the layout of a token, at character {end}: {layout}")
