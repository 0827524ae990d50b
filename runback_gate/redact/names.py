"""Values that are secret by the name that stands before them: `api_key = …`, `"password": "…"`, `acme token …`.

In: the name of a field and its value, or a text. Out: whether it is secret, or where the secret values stand.

    hides("client_secret", "hunter2!")              # True
    list(named_values("API_KEY=q7Zx8Qv2Lr7Tn4Kp1W"))   # [(8, 26)]

A strong name (`password`) hides whatever it holds. A weak one (`key`, or that of a vendor) hides what a machine drew. A
name that ends in what no secret is called by (`token_count`, `key_id`) hides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal

from runback_gate.redact.randomness import is_uuid, opaque
from runback_gate.redact.rule import read_data

Strength = Literal["strong", "weak"]

_DATA: Final[dict[str, str]] = read_data("names")
_STRONG: Final = tuple(tuple(name.split("_")) for name in _DATA["strong"].split())
_WEAK: Final = frozenset(_DATA["weak"].split())
_KEPT: Final = frozenset(_DATA["kept"].split())
_PLACEHOLDERS: Final = frozenset(_DATA["placeholders"].split())
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

KEYWORDS: Final = (
    r"passw|passphrase|passcode|pwd|secret|token|key|cred|auth|cookie|bearer"
    r"|connection.?string|dsn|jwt|webhook|sid|pat\b|pin\b"
)
"""What stands in every name of a secret, in lower case."""
_KEYWORD: Final = re.compile(KEYWORDS)
_BEFORE: Final = re.compile(r"[A-Za-z0-9_$-]{0,48}\Z")
_DIRECT: Final = re.compile(
    r"""(?P<name>[\w-]{0,40})(?:\\?["'`\])*]){0,3}\s{0,8}
        (?:=>|:=|={1,3}|:{1,2}|->|\bis\b:?|\bwas\b|,(?=\s?\\?["'])|>(?!\s|<))\s{0,8}
        (?:(?:bearer|basic|token)\s{1,2})?
        (?:(?P<quote>\\?["'`])(?P<quoted>[^"'`\n\\]{1,512})(?P=quote)|(?P<bare>[^\s"'`<>,;(){}\[\]\\]{4,512}))""",
    re.VERBOSE | re.IGNORECASE,
)
_NEAR: Final = re.compile(r"(?<![A-Za-z0-9_+/=.~-])[A-Za-z0-9_+/=.~-]{16,512}")
_NEAR_CHARACTERS: Final = 48
_REFERENCE: Final = re.compile(
    r"[$%<{*.?(\[]|env[:.]|process\.env|os\.environ|getenv|vault:|secrets?\.|config\.|settings\.|self\.|args\."
    r"|your[_-]|my[_-]|x{3,}|\.\.\.",
    re.I,
)
_MIXED: Final = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9!@#$%^&*+=?~])|(?=.*[a-z])(?=.*[A-Z]).*[A-Z][a-z]*[A-Z]|[0-9]{4,}$")


@lru_cache(maxsize=4096)
def strength(name: str) -> Strength | None:
    """How much a name says that its value is secret."""
    words = tuple(word.lower() for word in _WORDS.findall(name))
    if not words or len(name) > 128:
        return None
    while words and words[-1].isdigit():
        words = words[:-1]
    if words and words[-1] in _KEPT:
        return None
    joined = "".join(words)
    if any(words[-len(parts) :] == parts or joined == "".join(parts) for parts in _STRONG):
        return "strong"
    if _KEPT.intersection(words) - {"public", "user", "tool", "request", "event", "message", "output", "model"}:
        return None
    return "weak" if any(word in _WEAK for word in words) or _KEYWORD.search(joined) else None


def hides(name: str, value: str) -> bool:
    """Whether a field of this name and value holds a secret."""
    strong = strength(name)
    if strong is None or placeholder(value):
        return False
    return strong == "strong" or opaque(value, 12)


def placeholder(value: str) -> bool:
    """Whether this only says where a value belongs, or comes from."""
    return (
        len(value) < 3 or value.lower() in _PLACEHOLDERS or len(set(value)) < 3 or _REFERENCE.match(value) is not None
    )


def named_values(text: str) -> Iterator[tuple[int, int]]:
    """Where secret values stand in a text, by the names before them: start and end of each."""
    done = 0
    for keyword in _KEYWORD.finditer(text.lower() if len(text.lower()) == len(text) else text):
        if keyword.start() < done:
            continue
        found = _after(text, keyword.start(), keyword.end())
        if found:
            done = found[1]
            yield found


def _after(text: str, start: int, end: int) -> tuple[int, int] | None:
    before = _BEFORE.search(text, max(0, start - 48), start)
    direct = _DIRECT.match(text, end)
    rest = direct["name"] if direct else re.match(r"[\w-]{0,40}", text[end : end + 40])[0]  # type: ignore[index]
    name = (before[0] if before else "") + text[start:end] + rest
    strong = strength(name)
    if strong is None:
        return None
    if direct:
        group = "quoted" if direct["quoted"] is not None else "bare"
        if _secret(direct[group], strong, quoted=group == "quoted"):
            return direct.span(group)
    for near in _NEAR.finditer(text, end + len(rest), end + len(rest) + _NEAR_CHARACTERS + 16):
        whole = _NEAR.match(text, near.start())
        if whole and opaque(whole[0].rstrip(".="), 20):
            return whole.span()
    return None


def _secret(value: str, strong: Strength, *, quoted: bool) -> bool:
    if placeholder(value):
        return False
    if strong == "strong":
        if is_uuid(value) or opaque(value, 8):
            return True
        return " " not in value and (len(value) >= 6 if quoted else len(value) >= 6 and _MIXED.match(value) is not None)
    return opaque(value, 12)
