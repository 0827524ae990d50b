"""Whether Markdown shows a hostile text without obeying it."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.token import Token

GFM = MarkdownIt("commonmark").enable(["table", "strikethrough"])

OWN = {"<br>", "<code>", "</code>", "<span>", "</span>"}


def parts(text: str) -> list[Token]:
    """All tokens, those of the inline text included."""
    return [item for token in GFM.parse(text) for item in (token, *(token.children or ()))]


def rows(text: str) -> list[int]:
    """The number of cells of each row of the tables."""
    numbers: list[int] = []
    for token in GFM.parse(text):
        if token.type == "tr_open":
            numbers.append(0)
        elif token.type in ("td_open", "th_open"):
            numbers[-1] += 1
    return numbers


def assert_inert(text: str) -> None:
    """The page has our structure, and no element of anybody else."""
    tokens = parts(text)
    kinds = {token.type for token in tokens}
    assert not kinds & {
        "link_open",
        "image",
        "em_open",
        "strong_open",
        "s_open",
        "blockquote_open",
        "fence",
        "code_block",
        "hr",
    } - {"strong_open"}
    assert {token.content for token in tokens if token.type == "html_inline"} <= OWN
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h3"]
    assert set(rows(text)) <= {5}
    blocks = [token.content.strip() for token in tokens if token.type == "html_block"]
    assert all(block.startswith("<details><summary>") or block == "</details>" for block in blocks)
    bold = [tokens[index + 1].content for index, token in enumerate(tokens) if token.type == "strong_open"]
    assert set(bold) <= {"Notices"}
