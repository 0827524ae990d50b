"""Hostile text made inert: one function for each medium that a report is shown in.

In: any text, above all text that a model wrote. Out: text that cannot become markup, a command, a link or a control of
the medium. Cut first, then escape; every length is in UTF-8 bytes.

    markdown(short(finding.message, 400))
    safe_terminal("\\x1b[2J")                    # \\x1b[2J, readable and dead
"""

from __future__ import annotations

import re
from typing import Final

ELLIPSIS: Final = "…"

# Controls, surrogates, noncharacters and all that Unicode calls default-ignorable, save the two emoji presentation
# selectors. It covers every character that XML 1.0 forbids, and bidi overrides that make a reviewer read another text.
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)
_SPACE: Final = re.compile("[ \t-\r\x85\u2028\u2029]+")

_MARKDOWN: Final = re.compile(r"[\\`*_~\[\]<>&|#@$]|:(?=//)|(?<=www)\.|(?<=\bgh)-(?=\d)", re.IGNORECASE)
# A mention or a reference is found in the rendered text, where no escape is left: only a break inside it holds.
_BREAK: Final = "&#8203;"
_MARKDOWN_FORMS: Final = {
    "<": "&lt;",
    ">": "&gt;",
    "&": "&amp;",
    "|": "&#124;",
    ":": "&#58;",
    ".": "&#46;",
    "@": f"@{_BREAK}",
    "#": f"\\#{_BREAK}",
    "-": f"-{_BREAK}",
    # The documented way to keep a dollar sign from opening a formula.
    "$": "<span>$</span>",
}
_CODE_BREAKS: Final = re.compile(r"[`|\\]|##[\w.-]*\[|^::")
_CODE: Final = re.compile(r"[\\`*_~\[\]<>&|#@:$!.]")

# What the services that run jobs obey in a log. Anywhere in a line: `##[…]` (GitHub, Azure), `##vso[…]` (Azure),
# `##teamcity[…]`. At its start, after white space: `::…` (GitHub), and the sections of GitLab, which also need control
# characters that `visible` spells out.
_COMMAND: Final = re.compile(r"(##[\w.-]*)\[")
_COMMAND_START: Final = re.compile(r"^([^\S\n]*)(?=::|section_(?:start|end):)(.)", re.MULTILINE)
_COMMAND_MARK: Final = re.compile(r"##(?=[\w.-]*\[)")

_DATA: Final = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY: Final = {**_DATA, ":": "%3A", ",": "%2C"}


def _spell(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible(text: str) -> str:
    """Spell out every character that cannot be seen (`\\x1b`, `\\u202e`); line breaks and tabs stay.

    The result is also valid as XML 1.0 character data once `<`, `>` and `&` are escaped, and can always be encoded.
    """
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(_spell, text.replace("\r\n", "\n"))


def line(text: str) -> str:
    """The text as one visible line: white space and line breaks of every kind become one space."""
    return visible(_SPACE.sub(" ", text).strip(" "))


def cut(text: str, limit_bytes: int) -> str:
    """At most `limit_bytes` of the text in UTF-8, ended by an ellipsis where something was left out."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit_bytes:
        return text
    mark = ELLIPSIS if limit_bytes >= 3 else ""
    return data[: limit_bytes - 3 * len(mark)].decode("utf-8", "ignore") + mark


def short(text: str, limit_bytes: int) -> str:
    """`line` of at most `limit_bytes`; the work done is bounded by the limit, not by the text."""
    head = text[: 4 * limit_bytes]
    return cut(line(head) + (ELLIPSIS if len(head) < len(text) else ""), limit_bytes)


def safe_terminal(text: str) -> str:
    """One line for a terminal or the log of a job, in which no service finds a command."""
    return log(line(text))


def log(text: str) -> str:
    """Lines for a terminal or the log of a job, as they were laid out; what `safe_terminal` gave stays as it is."""
    return _COMMAND_START.sub(r"\1\\\2", _COMMAND.sub(r"\1\\[", visible(text)))


def in_log(form: str, text: str) -> str:
    """A report in a form of `report.FORMATS` for the log of a job: the same, in which no service finds a command.

    The table of the console is made inert by its renderer, and annotations are commands.
    """
    return {"markdown": log, "html": markup_log, "junit": markup_log, "sarif": json_log, "json": json_log}.get(
        form, str
    )(text)


def json_log(text: str) -> str:
    """JSON for the log of a job: the same value, in which no service finds a command."""
    return _COMMAND_MARK.sub(r"#\\u0023", text)


def markup_log(text: str) -> str:
    """HTML or XML for the log of a job: the same document, in which no service finds a command."""
    return _COMMAND_START.sub(lambda match: f"{match[1]}&#{ord(match[2])};", _COMMAND_MARK.sub("#&#35;", text))


def markdown(text: str) -> str:
    """One line of GitHub Markdown prose, in a table or not: no markup, mention, reference, link or formula."""
    return _MARKDOWN.sub(lambda match: _MARKDOWN_FORMS.get(match[0], f"\\{match[0]}"), line(text))


def markdown_code(text: str) -> str:
    """One line of GitHub Markdown as code; empty for empty text.

    A backtick span where nothing in the text could end it or split a table cell, else a `code` element of references.
    """
    content = line(text)
    if not content:
        return ""
    if not _CODE_BREAKS.search(content):
        return f"`{content}`"
    return f"<code>{_CODE.sub(lambda match: f'&#{ord(match[0])};', content)}</code>"


def command_data(text: str) -> str:
    """The message of a workflow command: it cannot end the line; its line breaks are kept."""
    return "".join(_DATA.get(char, char) for char in visible(text))


def command_property(text: str) -> str:
    """A property of a workflow command: it cannot end the line, the property or the list of properties."""
    return "".join(_PROPERTY.get(char, char) for char in line(text))
