"""Plain scalars: whatever another reader of YAML takes for a value is an error, and nothing else is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.documents import cut, is_text, parse_document
from runback_gate.documents.scalars import ScalarError, plain_value
from runback_gate.errors import DocumentError

DIGITS = st.text("0123456789", min_size=1, max_size=6)
SEPARATED = st.from_regex(r"[0-9]+(_[0-9]+)+", fullmatch=True) | st.from_regex(
    r"[1-9][0-9]{0,2}(,[0-9]{3})+", fullmatch=True
)
SIGNED = st.sampled_from(["", "+", "-", "\u2212"])
EXPONENT = st.sampled_from(["", "e5", "E+2", "e-3"])


def _cases(word: str) -> st.SearchStrategy[str]:
    return st.tuples(*(st.sampled_from([letter.lower(), letter.upper()]) for letter in word)).map("".join)


NUMBERS = st.one_of(
    st.builds("{}{}{}".format, SIGNED, SEPARATED, EXPONENT),
    st.builds("+{}{}".format, DIGITS, EXPONENT),
    st.builds("{}0{}".format, SIGNED, DIGITS),
    st.builds("{}.{}{}".format, SIGNED, DIGITS, EXPONENT),
    st.builds("{}{}.{}".format, SIGNED, DIGITS, EXPONENT),
    st.builds("{}0{}{}".format, SIGNED, st.sampled_from("xX"), st.text("0123456789abcdefABCDEF_", min_size=1)),
    st.builds("{}0{}{}".format, SIGNED, st.sampled_from("oO"), st.text("01234567_", min_size=1)),
    st.builds("{}0{}{}".format, SIGNED, st.sampled_from("bB"), st.text("01_", min_size=1)),
    st.builds("{}0x{:x}.{:x}p{}".format, SIGNED, st.integers(0, 255), st.integers(0, 255), st.integers(-9, 9)),
    st.builds("{}{}{}{:03}".format, SIGNED, DIGITS, st.sampled_from(["'", "\u2019"]), st.integers(0, 999)),
    st.builds("{}{}:{:02}".format, SIGNED, DIGITS, st.integers(0, 59)),
    st.builds("{}:{}:{:02}.5".format, DIGITS, st.integers(0, 59), st.integers(0, 59)),
    st.builds(
        "{}{}{}".format, SIGNED, st.sampled_from(["", "."]), st.sampled_from(["inf", "nan", "infinity"]).flatmap(_cases)
    ),
    st.sampled_from(["\u0661\u0662", "\uff11", "-0777", "1.e5", "0b", "5."]).filter(lambda text: text != "0b"),
)
BOOLEANS = st.sampled_from(["true", "false", "yes", "no", "on", "off"]).flatmap(_cases)
NULLS = _cases("null")
DATES = st.builds(
    "{:04}-{:0{}}-{:0{}}{}".format,
    st.integers(1000, 9999),
    st.integers(1, 12),
    st.integers(1, 2),
    st.integers(1, 31),
    st.integers(1, 2),
    st.sampled_from(["", "T10:00:00Z", "t1:00:00.25", " 10:00:00 +02:00", " 10:00", "T10:00:00-05", "T10:00:00Z"]),
)
LOOKALIKES = NUMBERS | BOOLEANS | NULLS | DATES


@given(LOOKALIKES)
def test_a_lookalike_is_a_value_or_an_error(text: str) -> None:
    """In any place it is JSON's own spelling with JSON's value, or an error at its place; in quotes it is text."""
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ScalarError, match="looks like"):
            plain_value(text)
        assert not is_text(text)
        if "," not in text:
            with pytest.raises(DocumentError) as caught:
                parse_document(f"a:\n  - b: [x, {text}]", "a.yaml")
            assert str(caught.value).startswith(f"a.yaml:2:12: `{cut(text, 40)}` looks like ")
    else:
        assert plain_value(text) == expected
    assert parse_document(f'a: "{text}"', "a.yaml").value == {"a": text}


@given(LOOKALIKES | st.text(max_size=12) | st.from_regex(re.compile(r"[-+.\w:,]{1,12}", re.ASCII), fullmatch=True))
def test_text_is_text_to_other_readers_too(text: str) -> None:
    """What we take for text, PyYAML's resolver of YAML 1.1 takes for text as well."""
    loader: Any = yaml.SafeLoader("")
    if is_text(text) and text not in ("=", "<<"):
        assert loader.resolve(yaml.ScalarNode, text, (True, False)) == "tag:yaml.org,2002:str"


WORDS = """gpt-4o-2024-08-06 1.2.3 127.0.0.1 1-2 v1 n Y nope once infra e5 0xZZ - + 8080:80 2026-11 10% none nano
openai/gpt-4o sha256:12 ... --"""


@pytest.mark.parametrize("text", [*WORDS.split(), "3 days", "2026-11-23 was fine", "1 2"])
def test_words_that_hold_digits_are_text(text: str) -> None:
    """Versions, addresses, model names and ranges need no quotes."""
    assert plain_value(text) == text
