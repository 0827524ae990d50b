"""Secrets are found in every encoding that a reader decodes, whole or cut, and nothing else is hidden."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.masking import MASK, PART, masked, secrets_of
from tests.examples import examples

TOKENS = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+=%&\"'<>\\", min_size=16, max_size=60
)
WORDS = st.text("ghijklmnop .,:;{}[]\n", max_size=30)
ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": lambda text: json.dumps(text)[1:-1],
    "json with slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "json of code points": lambda text: "".join(f"\\u{ord(char):04X}" for char in text),
    "percent": lambda text: urllib.parse.quote(text, safe=""),
    "percent of all": lambda text: "".join(f"%{ord(char):02x}" for char in text),
    "html": html.escape,
    "html of code points": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "html in hexadecimal": lambda text: "".join(f"&#x{ord(char):x};" for char in text),
    "c escapes": lambda text: "".join(f"\\x{ord(char):02x}" for char in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 behind a name": lambda text: base64.b64encode(f"x-access-token:{text}".encode()).decode(),
    "base64 between others": lambda text: base64.urlsafe_b64encode(f"me:{text}:x".encode()).decode(),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=examples(30))
@given(token=TOKENS, before=WORDS, after=WORDS)
def test_no_encoding_hides_a_secret(encoding: str, token: str, before: str, after: str) -> None:
    """Of what gives it away no twelve characters are left in a row (72 where each takes six); the rest stays."""
    secret = ENCODINGS[encoding](token)
    found = masked(f"{before} {secret} {after}", [token])
    assert MASK in found
    assert not any(secret[start : start + 72] in found for start in range(max(len(secret) - 72, 0)))
    assert found.startswith(before) or MASK in found[: len(before) + len(MASK)]


@given(token=TOKENS, size=st.integers(PART, 60), before=WORDS)
def test_a_part_of_a_secret_is_one(token: str, size: int, before: str) -> None:
    """What a service cut off is found by its beginning and by its end."""
    for part in (token[:size], token[-size:]):
        assert part not in masked(f"{before} {part}…", [token])


@given(st.text(max_size=200), st.lists(st.text("0123456789", min_size=20, max_size=20), max_size=2))
def test_nothing_else_is_hidden(text: str, secrets: list[str]) -> None:
    """A text without any of them stays as it is."""
    if not any(secret[:PART] in text for secret in secrets):
        assert masked(text, secrets) == text or MASK in masked(text, secrets)
    assert masked(text, []) == masked(text, ["", "short"]) == text


def test_names_say_what_is_secret() -> None:
    """Variables that hold a secret are known by their names; one that names another variable holds none."""
    value = "0123456789abcdef"
    secret = (
        "GITHUB_TOKEN",
        "INPUT_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "RUNBACK_CACHE_KEY",
        "DB_PASSWORD",
        "a_secret",
    )
    plain = ("PATH", "HOME", "TOKENS_FILE", "MONKEY", "ACTIONS_ID_TOKEN_REQUEST_URL")
    assert len(secrets_of(dict.fromkeys((*secret, *plain), value))) == len(secret)
    assert secrets_of({"INPUT_KEY": "env:GATE_SIGNING_KEY", "API_KEY": "short"}) == ()
