"""Rules as data: the files in `redact/rules`, and rules that a project adds in the same form.

In: JSON. Out: `Rule`s, and one digest that names a whole set.

    rules = load_rules("standard")
    rules[0].id                             # 'github-token'

A rule has an `id`, one of `formats` (layouts of `formats.py`) or `pattern` (of `re`), perhaps a `check` (`checks.py`),
an `example` that it finds, a `counter` that it does not, and as `origin` the page that publishes the format. `hints`
are texts of which one must stand in what it finds, `hint` a pattern for the same purpose: what is searched first.
"""

from __future__ import annotations

import dataclasses
import json
import pkgutil
import re
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import Any, Final, Literal, cast

from runback_gate.canonical import JsonValue, digest
from runback_gate.errors import DocumentError
from runback_gate.frozen import dataclass
from runback_gate.redact.checks import CHECKS, Check
from runback_gate.redact.formats import literals, pattern
from runback_gate.redact.linear import linear_pattern

Level = Literal["off", "standard", "strict"]
LEVELS: Final[tuple[Level, ...]] = ("off", "standard", "strict")
"""From the weakest; each finds what the one before it finds."""

RULES_VARIABLE: Final = "RUNBACK_REDACT_RULES"
"""Environment variable that names a file with rules of a project's own."""
MAX_RULES: Final = 1 << 20
"""Bytes of such a file."""
_FILES: Final = ("tokens", "context", "personal")
_AROUND: Final = 96
"""Characters before and after a match that a check may see."""
_INNER: Final = re.compile(r"[.-][0-9]")
_ID: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_FIELDS: Final = {
    "id",
    "level",
    "formats",
    "pattern",
    "hints",
    "hint",
    "folded",
    "linear",
    "check",
    "example",
    "counter",
    "origin",
}


@dataclass(frozen=True)
class Rule:
    """What one kind of secret or personal datum looks like."""

    id: str
    """In pseudonyms, counts and findings: lower-case words with hyphens."""
    pattern: str
    """Of `re`. A group named `value` is what is replaced, else all of it."""
    hints: tuple[str, ...] = ()
    """Texts of which one stands in everything that it finds; none if `hint` says what to search first."""
    hint: str | None = None
    """A pattern that `re` and RE2 read in the same way, and that is found wherever the rule finds something."""
    folded: bool = False
    """Whether the hints are in lower case and meet texts of any case."""
    linear: bool = False
    """Whether the pattern is RE2 syntax: it is searched in linear time, whoever wrote it, and needs no hint."""
    check: str | None = None
    level: Level = "standard"
    """The weakest level that looks for it."""
    example: str = ""
    counter: str = ""
    origin: str = ""

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The compiled pattern; made when it is first needed, since most rules of a set never are."""
        return linear_pattern(self.pattern) if self.linear else re.compile(self.pattern)

    @property
    def searched(self) -> str:
        """The pattern that says whether the rule is worth a try."""
        texts = "|".join(map(re.escape, self.hints))
        return self.hint or (f"(?i:{texts})" if self.folded else texts)


def load_rules(level: Level) -> tuple[Rule, ...]:
    """The rules of a level, in the order in which they win where two find the same place."""
    if level not in LEVELS:
        raise ValueError(f"no level of redaction: {level!r}; there are {', '.join(LEVELS)}")
    return tuple(rule for rule in _built_in() if LEVELS.index(rule.level) <= LEVELS.index(level))


def parse_rules(data: JsonValue, *, path: str) -> tuple[Rule, ...]:
    """Rules that somebody wrote; `path` names their file in errors.

    Raises:
        DocumentError: a field that is missing, wrong or unknown; an example that is not found; a counter that is.
    """
    if not isinstance(data, list):
        raise DocumentError(f"{path}: rules of redaction are a list")
    found = []
    for number, item in enumerate(data):
        try:
            found.append(parse_rule(cast("dict[str, Any]", item) if isinstance(item, dict) else {"": item}))
        except ValueError as error:
            raise DocumentError(f"{path}: rule {number}: {error}") from error
    return tuple(found)


def ruleset_digest(rules: Sequence[Rule], level: str, keep: Sequence[str] = ()) -> str:
    """Name what a set of rules finds, and which values stay, by its content."""
    content: list[JsonValue] = [[rule.id, rule.pattern, rule.check, list(rule.hints), rule.hint] for rule in rules]
    named: dict[str, JsonValue] = {"level": level, "names": _names(), "rules": content, "version": 1}
    return digest({**named, "keep": list(keep)} if keep else named)


def read_data(name: str) -> Any:
    """One of the files beside this module."""
    return json.loads(pkgutil.get_data("runback_gate.redact", f"rules/{name}.json") or b"")


def matches(rule: Rule, text: str) -> Iterator[tuple[int, int]]:
    """Where a rule finds something. A match that its check refuses is tried shorter, then from its next word."""
    check, regex, place = CHECKS[rule.check] if rule.check else None, rule.regex, 0
    group = regex.groupindex.get("value", 0)
    if rule.linear:
        yield from _each_match(regex, group, check, text)
        return
    while match := regex.search(text, place):
        start, end = match.span(group)
        place = max(match.end(), match.start() + 1)
        if not _begins(text, start):
            place = match.start() + 1
            continue
        if check is not None:
            before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
            ends = (stop for stop in _ends(text, start, end) if check(text[start:stop], before, after))
            stop = next(ends, None)
            if stop is None:
                place = start + 1
                while place < end and text[place - 1].isalnum():
                    place += 1
                continue
            end = place = stop
        yield start, end


def _each_match(regex: re.Pattern[str], group: int, check: Check | None, text: str) -> Iterator[tuple[int, int]]:
    """The matches of a pattern that its check takes, in one pass: a second look at a place could cost the square."""
    for match in regex.finditer(text):
        start, end = match.span(group)
        around = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
        if start < end and (check is None or check(text[start:end], *around)):
            yield start, end


def _begins(text: str, start: int) -> bool:
    """Whether no word goes on here; a letter before it may belong to an escape such as `\\n` or `%3D`."""
    if start == 0 or not (text[start].isalnum() and text[start - 1].isalnum()):
        return True
    return re.search(r"(?:\\[nrt]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4})\Z", text[max(0, start - 6) : start]) is not None


def _ends(text: str, start: int, end: int) -> Iterator[int]:
    """The end of a match, and before it each end of a word."""
    yield end
    for place in range(end - 1, start + 6, -1):
        if text[place - 1].isalnum() and not text[place].isalnum() and not _INNER.match(text, place):
            yield place


@cache
def _built_in() -> tuple[Rule, ...]:
    return tuple(_rule(item) for name in _FILES for item in read_data(name))


@cache
def _names() -> JsonValue:
    return cast("JsonValue", read_data("names"))


def parse_rule(item: dict[str, Any]) -> Rule:
    """A rule that somebody wrote, tried on its example and its counter-example.

    Raises:
        ValueError: a field is missing, wrong or unknown; the example is not found; the counter-example is.
    """
    if not item.keys() <= _FIELDS:
        raise ValueError(f"a mapping with the fields {', '.join(sorted(_FIELDS))}")
    if not isinstance(item.get("id"), str) or not _ID.fullmatch(str(item["id"])):
        raise ValueError("id: lower-case words with hyphens")
    if item.get("check") not in (None, *CHECKS):
        raise ValueError(f"check: one of {', '.join(sorted(CHECKS))}")
    if item.get("level", "standard") not in LEVELS[1:]:
        raise ValueError("level: standard or strict")
    try:
        rule = _rule(item)
        _ = rule.regex, re.compile(rule.searched)
    except (KeyError, TypeError, re.error) as error:
        raise ValueError(str(error)) from error
    if not (rule.searched or rule.linear):
        raise ValueError("hints or a hint: what is searched first")
    for name, found in (("example", True), ("counter", False)):
        if bool(list(matches(rule, getattr(rule, name)))) is not found:
            raise ValueError(f"{name}: {'not found' if found else 'found'} by the rule")
    return rule


def rule_json(rule: Rule) -> dict[str, Any]:
    """A rule as JSON that `parse_rules` reads."""
    fields = {field.name: getattr(rule, field.name) for field in dataclasses.fields(rule)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def _rule(item: dict[str, Any]) -> Rule:
    layouts = item.get("formats")
    if layouts:
        found = tuple(text for layout in layouts for text in literals(layout))
        item = {**item, "pattern": "|".join(map(pattern, layouts)), "hints": item.get("hints", found)}
    fields = {name: value for name, value in item.items() if name != "formats"}
    fields["example"] = "".join(fields.get("example", ""))
    return Rule(**{**fields, "hints": tuple(fields.get("hints", ()))})
