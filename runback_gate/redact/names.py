"""Values that are secret by the name that stands before them: `api_key = …`, `"password": "…"`, `acme token …`.

In: the name of a field and its value, or a text. Out: whether it is secret, or where the secret values stand.

    hides("client_secret", "hunter2!")                  # True
    list(drawn_values("API_KEY=q7Zx8Qv2Lr7Tn4Kp1W"))    # [(8, 26)]

A strong name (`password`) hides whatever it holds. A weak one (`key`, or that of a vendor) hides what a machine drew. A
name that ends in what no secret is called by (`token_count`, `key_id`) hides nothing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal

from runback_gate.redact.prefixes import prefixed
from runback_gate.redact.randomness import is_uuid, mixed, opaque
from runback_gate.redact.rule import read_data

Strength = Literal["strong", "weak"]

_DATA: Final[dict[str, str]] = read_data("names")
_STRONG: Final = tuple(tuple(name.split("_")) for name in _DATA["strong"].split())
_WEAK: Final = frozenset(_DATA["weak"].split())
_VENDORS: Final = frozenset(_DATA["vendors"].split())
_KEPT: Final = frozenset(_DATA["kept"].split())
_PLACEHOLDERS: Final = frozenset(_DATA["placeholders"].split())
_MILD: Final = frozenset("public user tool request event message output model url host time user".split())
"""Words that a name of a secret may hold, only not as its last."""
_TELLING: Final = frozenset("api secret access auth token client private license app password credential".split())
"""Words beside `key` by which even a UUID is a secret."""
_NO_VENDORS: Final = frozenset(_DATA["nouns"].split())
"""Words before `key` or `token` by which a UUID is no secret: `object_key`, `continuation_token`."""
_PLAIN: Final = frozenset("key token secret password passwd apikey credential credentials bearer auth jwt".split())
"""Words that tell of a secret from some way off."""

_KEYS: Final = (("key",), ("apikey",), ("token",))

KEYWORDS: Final = tuple(_DATA["keywords"].split())
"""Texts of which one stands in the name of every secret, in lower case."""
LONG: Final = r"[A-Za-z0-9_+/.~-]{16}"
"""What is found wherever a machine drew a value of some length."""

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_KEYWORD: Final = re.compile("|".join(map(re.escape, KEYWORDS)))
_NAMED: Final = re.compile("|".join(word for word in KEYWORDS if word not in ("pass", "cred", "connection")))
_BEFORE: Final = re.compile(r"[A-Za-z0-9_$-]{0,48}\Z")
_DIRECT: Final = re.compile(
    r"""(?P<name>[\w-]{0,40})(?:\\?["'`\])*]){0,3}\s{0,8}
        (?:=>|:=|={1,3}|:{1,2}|->|\bis\b:?|\bwas\b|,(?=\s?\\?["'])|>(?!\s|<))\s{0,8}
        (?:(?:bearer|basic|token)\s{1,2})?
        (?:(?P<quote>\\?["'`])(?P<quoted>(?:(?!(?P=quote))[^\n\\]){1,512})(?P=quote)|(?P<bare>[^\s"'`<>,;(){}\[\]\\]{4,512}))""",
    re.VERBOSE | re.IGNORECASE,
)
_DRAWN: Final = re.compile(r"(?<![A-Za-z0-9_+/.~-])[A-Za-z0-9_+/.~-]{16,512}={0,2}")
_WINDOW: Final = 64
_ASSIGNED: Final = re.compile(
    r"""([A-Za-z][\w.-]*)(?:\\?["'`\])]){0,3}\s{0,8}(=>|:=|={1,3}|:{1,2}|->|,|\bis\b:?|>|(?<=\w)\s)\s{0,8}
        (?:\\?["'`(\[{]){0,3}\s{0,8}(?:(?:bearer|basic|token|bot|key|apikey)\s+)?\Z""",
    re.VERBOSE | re.IGNORECASE,
)
_REFERENCE: Final = re.compile(
    r"[$%<{*.?(\[]|env[:.]|process\.env|os\.environ|getenv|vault:|secrets?\.|config\.|settings\.|self\.|args\."
    r"|your|my[_-]|x{3,}|\.\.\.|[A-Z]+(?:_[A-Z]+)+\Z",
    re.IGNORECASE,
)
_UPPER: Final = re.compile(r"[A-Z]+(?:_[A-Z]+)+")
_MIXED: Final = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9!@#$%^&*+=?~])|(?=.*[a-z])(?=.*[A-Z]).*[A-Z][a-z]*[A-Z]|[0-9]{4,}$")


@lru_cache(maxsize=4096)
def strength(name: str) -> Strength | None:
    """How much a name says that its value is secret."""
    words = _words(name)
    if not words or len(name) > 128 or words[-1] in _KEPT:
        return None
    joined = "".join(words)
    if any(words[-len(parts) :] == parts or joined == "".join(parts) for parts in _STRONG):
        return "strong"
    if (_KEPT - _MILD).intersection(words):
        return None
    return "weak" if _weak(words) else None


def hides(name: str, value: str) -> bool:
    """Whether a field of this name and value holds a secret."""
    found = strength(name)
    if found is None or placeholder(value):
        return False
    return found == "strong" or _secret(value, name)


def placeholder(value: str) -> bool:
    """Whether this only says where a value belongs, or comes from."""
    if len(value) < 3 or len(set(value)) < 3 or value.lower() in _PLACEHOLDERS or _UPPER.fullmatch(value):
        return True
    return _REFERENCE.match(value) is not None and not opaque(value, 24)


def passwords(text: str) -> Iterator[tuple[int, int]]:
    """Where values stand directly behind a name of a secret: start and end of each."""
    folded, done = text.lower(), 0
    for keyword in _KEYWORD.finditer(folded if len(folded) == len(text) else text):
        start, end = keyword.span()
        direct = _DIRECT.match(text, end) if start >= done else None
        if not direct:
            continue
        before = _BEFORE.search(text, max(0, start - 48), start)
        name = (before[0] if before else "") + text[start:end] + direct["name"]
        group = "bare" if direct["quoted"] is None else "quoted"
        value = direct[group]
        if group == "bare":
            value = value.rstrip(".:")
        if _told(name, value, quoted=group == "quoted"):
            done = direct.start(group) + len(value)
            yield direct.start(group), done


def drawn_values(text: str) -> Iterator[tuple[int, int]]:
    """Where values stand that a machine drew, and that a name before them says to be secret."""
    for match in _DRAWN.finditer(text):
        value = match[0].rstrip(".")
        if not (mixed(value) or is_uuid(value)):
            continue
        start = match.start()
        if prefixed(value):
            yield start, start + len(value)
            continue
        window = text[max(0, start - _WINDOW) : start]
        named = _ASSIGNED.search(window)
        words = _words(named[1] if named else window[-24:])
        if named and not named[2].strip() and words[-1:] and words[-1] not in _PLAIN:
            # Unless a word stood between them: `acme api key 123e…`
            named = named if _words(window)[-1:] in _KEYS else None
        if not words or words[-1] in _KEPT or (_KEPT - _MILD).intersection(words[-2:]):
            continue
        near = _words(window)
        around = frozenset((*near, *map("".join, itertools.pairwise(near))))
        direct = named is not None and (_weak(words) or not _VENDORS.isdisjoint(around))
        if (direct and _secret(value, window)) or (not _PLAIN.isdisjoint(around) and opaque(value, 20)):
            yield start, start + len(value)


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[str, ...]:
    """The words of a name or a text in lower case, without the numbers at its end."""
    words = [word.lower() for word in _WORDS.findall(name)]
    while words and words[-1].isdigit():
        words.pop()
    return tuple(words)


def _weak(words: tuple[str, ...]) -> bool:
    pairs = map("".join, itertools.pairwise(words))
    joined = "".join(words)
    return not (_WEAK | _VENDORS).isdisjoint((*words, *pairs, joined)) or _NAMED.search(joined) is not None


def _secret(value: str, told: str) -> bool:
    """Whether a value behind a weak name is one that a machine drew; a UUID, if the name tells of a key for an API."""
    if is_uuid(value):
        said = _words(told)
        words = frozenset((*said, *map("".join, itertools.pairwise(said))))
        if not _TELLING.isdisjoint(words) or not _VENDORS.isdisjoint(words):
            return True
        return said[-1:] in (("key",), ("token",)) and len(said) == 2 and said[0] not in _NO_VENDORS
    return mixed(value) or opaque(value, 12)


def _told(name: str, value: str, *, quoted: bool) -> bool:
    found = strength(name)
    if found is None or placeholder(value):
        return False
    if found == "weak":
        return _secret(value, name)
    if is_uuid(value) or opaque(value, 8):
        return True
    return " " not in value and len(value) >= 6 and (quoted or _MIXED.match(value) is not None)
