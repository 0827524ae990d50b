"""Keys are kept out of what is stored and shown, in whatever form they come back."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.replay.providers.key_guard import KeyGuard

KEY = 'sk-Zm9v/YmFy+c2V&jcmV0"a2V5'
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "slashes": lambda text: text.replace("/", "\\/"),
    "escapes": lambda text: "".join(f"\\u{ord(letter):04X}" for letter in text),
    "json": lambda text: json.dumps(text)[1:-1],
    "json in json": lambda text: json.dumps(json.dumps({"key": text})),
    "percent": lambda text: quote(text, safe=""),
    "html": lambda text: html.escape(text),
    "hex": lambda text: "".join(f"\\x{ord(letter):02x}" for letter in text),
}


@pytest.mark.parametrize("form", FORMS)
@given(
    before=st.text(max_size=5),
    after=st.text(max_size=5),
    key=st.just(KEY) | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8),
)
def test_a_key_is_found_in_every_form(form: str, before: str, after: str, key: str) -> None:
    """In the text of an answer, in the name of a field, and in an error, which is shown without it."""
    guard = KeyGuard(key)
    text = f"{before} {FORMS[form](key)} {after}"
    assert guard.holds({"a": [text]})
    assert guard.holds({text: 1})
    assert not guard.holds(guard.hide(text))


@given(st.text())
def test_other_text_is_left_alone(text: str) -> None:
    """What holds no key is shown as it is."""
    assert KeyGuard(KEY).hide(text) == text
    assert KeyGuard(None).hide(text) == text
    assert not KeyGuard(None, "").holds({"a": text})
