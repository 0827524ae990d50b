"""Facts about the words of CEL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.cel.tokens import line_column, tokenize
from runback_gate.errors import ExpressionError


def values(source: str) -> list[object]:
    return [token.value for token in tokenize(source)[:-1]]


def test_words_know_their_place() -> None:
    """Tokens carry the offsets of the text that they were read from; blanks and comments are no tokens."""
    source = "size(a) // of a\n\t>= 0x1F"
    found = [(token.kind, token.text) for token in tokenize(source)]
    assert [source[token.start : token.end] for token in tokenize(source)] == [text for _, text in found]
    assert found == [
        ("name", "size"),
        ("operator", "("),
        ("name", "a"),
        ("operator", ")"),
        ("operator", ">="),
        ("int", "0x1F"),
        ("end", ""),
    ]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("007", 7),
        ("0x1F", 31),
        ("0xffffffffffffffffu", 2**64 - 1),
        ("9223372036854775807", 2**63 - 1),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("2.5e-1", 0.25),
        ('"a\'b"', "a'b"),
        (r'"\n\r\t\\\"\'\x41\101\u00e9\U0001F600"', "\n\r\t\\\"'AAé😀"),
        (r'r"\d+\n"', r"\d+\n"),
        (r'R"a\\"', r"a\\"),
        ('"""a"b"""', 'a"b'),
        ("'''it's'''", "it's"),
        ('""', ""),
        ('"\u2028é😀"', "\u2028é😀"),
    ],
)
def test_literals_have_values(source: str, value: object) -> None:
    """Numbers and strings stand for what both engines read in them."""
    assert values(source) == [value]


@pytest.mark.parametrize(
    ("source", "message", "column"),
    [
        ('"a', "the string does not end", 1),
        ('"a\\', "unknown escape in the string", 3),
        (r'"\q"', "unknown escape in the string", 2),
        (r'"\ud800"', "the escape names no character", 2),
        (r'"\U00110000"', "the escape names no character", 2),
        ('"a\nb"', "a string may not span lines", 3),
        ('"\ud800"', "a lone surrogate is not text", 2),
        (r'r"a\"', "a raw string may not end in a backslash", 4),
        ('"a\0"', "U+0000 is not supported", 3),
        (r'"\u0000"', "U+0000 is not supported", 2),
        (r'"\x00"', "U+0000 is not supported", 2),
        (r'"\000"', "U+0000 is not supported", 2),
        ('b"a"', "bytes are not supported", 1),
        ('Br"a"', "bytes are not supported", 1),
        ("`a`", "names in back-quotes are not portable", 1),
        ("a = 1", "unexpected `=`", 3),
        ("a & b", "unexpected `&`", 3),
        ("a # b", "unexpected character '#'", 3),
        ("a\u00a0", "unexpected character '\\xa0'", 2),
        ("1.", "malformed number starting with `1`", 1),
        ("1.a", "malformed number starting with `1`", 1),
        ("1x", "malformed number starting with `1`", 1),
        ("1e400", "number out of range", 1),
        ("9223372036854775809", "integer does not fit 64 bits", 1),
        ("18446744073709551616u", "integer does not fit 64 bits", 1),
        ("9" * 3000, "integer does not fit 64 bits", 1),
    ],
)
def test_what_engines_read_differently_is_refused(source: str, message: str, column: int) -> None:
    """A word that one engine cannot read, or reads as something else, is an error at its place."""
    with pytest.raises(ExpressionError) as caught:
        tokenize(source)
    assert (caught.value.message, str(caught.value.location)) == (message, f":{1}:{column}")


def test_lines_and_columns_count_characters() -> None:
    """Lines and columns start at 1 and count characters, whatever their width; offsets outside are moved inside."""
    source = "😀é\n  x"
    assert [line_column(source, offset) for offset in (-1, 0, 1, 2, 3, 5, 99)] == [
        (1, 1),
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 1),
        (2, 3),
        (2, 4),
    ]


@given(st.text(st.characters(), max_size=60))
def test_any_text_is_words_or_an_error(source: str) -> None:
    """Whatever is written, there are tokens that lie in order, or one ExpressionError with a place."""
    try:
        tokens = tokenize(source)
    except ExpressionError as error:
        assert error.location is not None
        assert error.location.line
    else:
        offsets = [offset for token in tokens for offset in (token.start, token.end)]
        assert offsets == sorted(offsets)
        assert tokens[-1].kind == "end"
