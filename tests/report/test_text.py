"""Text that a model wrote is inert in every medium, and never longer than its limit."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from runback_gate.report.text import (
    command_data,
    command_property,
    cut,
    json_log,
    line,
    log,
    markdown,
    markdown_code,
    markup_log,
    safe_terminal,
    short,
    visible,
)

SPECIAL = st.sampled_from(
    [*"|`\\*_~[]()<>@#:&$!%,.=-{}\"' \n\r\t\x00\x1b\x85\x9b\u2028\u202e\u200b\ufeff", "www.", "gh-1"]
)
TEXT = st.one_of(st.text(), st.lists(SPECIAL, max_size=30).map("".join), st.text(st.characters(codec=None)))
GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def inline(source: str) -> list[Token]:
    """The inline tokens of one cell of a table."""
    tokens = GFM.parse(f"| a | b |\n|---|---|\n| {source} | end |\n")
    cells = [token for token in tokens if token.type == "inline"]
    assert [cell.content for cell in cells[:2]] == ["a", "b"]
    assert (len(cells), cells[3].content) == (4, "end")
    return cells[2].children or []


def shown(tokens: list[Token]) -> str:
    """What a reader sees."""
    return "".join(token.content for token in tokens if token.type in ("text", "text_special", "code_inline"))


@given(TEXT)
def test_visible_leaves_nothing_hidden(text: str) -> None:
    """No control, surrogate, bidi mark or zero-width character is left, save line breaks and tabs."""
    result = visible(text)
    assert not [char for char in result if unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t"]
    assert not set(result) & {*"\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff\u00ad\u061c"}
    assert visible(result) == result


@given(TEXT)
def test_visible_is_xml(text: str) -> None:
    """The result is character data of XML 1.0, and survives it."""
    element = ET.Element("e")
    element.text = visible(text)
    assert (ET.fromstring(ET.tostring(element)).text or "") == visible(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u202eb", "a\\u202eb"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("lone\ud800", "lone\\ud800"),
        ("héllo 日本語 🙂 ❤️", "héllo 日本語 🙂 ❤️"),
    ],
)
def test_visible_spells(text: str, expected: str) -> None:
    """What cannot be seen is spelled; what can be seen stays."""
    assert visible(text) == expected


@given(TEXT)
def test_line_is_one_line(text: str) -> None:
    """Whatever counts as a line break somewhere is gone."""
    assert len(line(text).splitlines()) <= 1
    assert line(text) == line(line(text))


def test_line_folds() -> None:
    """White space of every kind becomes one space."""
    assert line("  a\r\n\t b\u2028c\x85\x0bd  ") == "a b c d"


@given(TEXT, st.integers(0, 80))
def test_cut_by_bytes(text: str, limit: int) -> None:
    """The result fits in bytes, is whole when it can be, and is a beginning of the text otherwise."""
    clean = visible(text)
    result = cut(clean, limit)
    assert len(result.encode()) <= limit
    assert clean.startswith(result.removesuffix("…"))
    if len(clean.encode()) <= limit:
        assert result == clean


@pytest.mark.parametrize(
    ("limit", "expected"), [(9, "🙂🙂"), (8, "🙂🙂"), (7, "🙂…"), (6, "…"), (3, "…"), (2, ""), (0, "")]
)
def test_cut_at_a_character(limit: int, expected: str) -> None:
    """No character is ever halved."""
    assert cut("🙂🙂", limit) == expected


@given(TEXT, st.integers(3, 80))
def test_short_is_a_cut_line(text: str, limit: int) -> None:
    """`short` fits, and is the line itself whenever that fits."""
    result = short(text, limit)
    assert len(result.encode()) <= limit
    if len(text) <= 4 * limit and len(line(text).encode()) <= limit:
        assert result == line(text)


def test_short_says_that_it_cut() -> None:
    """Text beyond the limit is marked even when the part that was looked at folds to little."""
    assert short(" " * 1000 + "end", 20) == "…"
    assert short("x" * 100_000, 10) == "xxxxxxx…"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("##[add-mask]x", "##\\[add-mask]x"),
        ("a ##vso[task.complete]x", "a ##vso\\[task.complete]x"),
        ("##teamcity[x]", "##teamcity\\[x]"),
        ("###[x]", "###\\[x]"),
        ("## [x] #[y]", "## [x] #[y]"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\n::error::", "a ::error::"),
        (" ::error::b", "\\::error::b"),
        ("section_start:1:a\r\x1b[0Kb", "\\section_start:1:a \\x1b[0Kb"),
    ],
)
def test_terminal(text: str, expected: str) -> None:
    """No escape sequence and no command of a service that runs jobs is left."""
    assert safe_terminal(text) == log(expected) == expected


COMMANDS = re.compile(r"##[\w.-]*\[|^\s*(?:::|section_(?:start|end):)", re.MULTILINE)
PIECES = st.lists(
    st.one_of(
        st.sampled_from(["#", "##", "[", "vso", "::", "section_start:", " ", "\u3000", "\n", "\r", "\t", "\x1b"]),
        st.text(),
    )
).map("".join)


@given(PIECES)
def test_no_service_finds_a_command(text: str) -> None:
    """However a text is put together: laid out for a log, as JSON, and as HTML or XML, whose values stay the same."""
    for form in (log(text), safe_terminal(text), json_log(json.dumps(text)), markup_log(html.escape(visible(text)))):
        assert not COMMANDS.search(form)
    assert log(log(text)) == log(text)
    assert json.loads(json_log(json.dumps(text))) == text
    assert html.unescape(markup_log(html.escape(text))) == text


@given(TEXT)
def test_markdown_is_plain_text(text: str) -> None:
    """Rendered, prose reads as it was, and holds no element but the span of a dollar sign."""
    tokens = inline(markdown(text))
    assert {token.type for token in tokens} <= {"text", "text_special", "html_inline"}
    assert {token.content for token in tokens if token.type == "html_inline"} <= {"<span>", "</span>"}
    # Markdown drops white space of every kind at the ends.
    assert shown(tokens).replace("\u200b", "").strip() == line(text).strip()


@given(TEXT)
def test_markdown_has_no_reference(text: str) -> None:
    """In the rendered prose nothing looks like a mention, an issue or a link, where GitHub would search for it."""
    rendered = html.unescape(shown(inline(markdown(text))))
    assert not re.search(r"@\w|#\d|(?i:\bgh-\d)", rendered)
    assert not re.search(r"://|(?i:www\.)", markdown(text))


@given(TEXT)
def test_markdown_code_is_code(text: str) -> None:
    """Rendered, code reads as it was, inside exactly one code element."""
    tokens = inline(markdown_code(text))
    if not line(text):
        assert tokens == []
    elif tokens[0].type == "code_inline":
        assert [token.content for token in tokens] == [line(text)]
    else:
        assert [tokens[0].content, tokens[-1].content] == ["<code>", "</code>"]
        assert {token.type for token in tokens[1:-1]} <= {"text", "text_special"}
        assert shown(tokens) == line(text)


@given(TEXT)
def test_workflow_command_is_one_line(text: str) -> None:
    """A message and a property keep a command on one line, and read back as what was shown."""
    data, prop = command_data(text), command_property(text)
    assert len(data.splitlines()) <= 1
    assert len(prop.splitlines()) <= 1
    assert ":" not in prop
    assert "," not in prop
    assert data.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%") == visible(text)
    assert prop.replace("%3A", ":").replace("%2C", ",").replace("%25", "%") == line(text)
