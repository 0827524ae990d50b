"""Takes secrets and personal data out of JSON values.

In: a level, a key, JSON values. Out: the same values with pseudonyms, and how many values were replaced, by rule.

    redactor = Redactor("standard", key=key)
    redactor.redact({"to": "jane@example.org"})       # ({"to": "<email:3f9a1c07be21>"}, {"email": 1})

Texts, keys of mappings and numbers are searched. A text that is JSON is read, redacted and written again only if
something in it was replaced. Ids, amounts, dates, booleans and what no rule describes stay. To redact twice is to
redact once. What is raised means that nothing was redacted: the caller withholds the value.
"""

from __future__ import annotations

import json
import marshal
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, cast

from runback_gate.canonical import JsonValue
from runback_gate.errors import RunbackError
from runback_gate.redact.find import NAMED, SHORTEST, Finder, Span
from runback_gate.redact.names import hides, placeholder, strength
from runback_gate.redact.project import NO_PROJECT, ProjectRules
from runback_gate.redact.pseudonym import PSEUDONYM, key_id, masked, parse_key, pseudonym
from runback_gate.redact.rule import Level, load_rules, ruleset_digest
from runback_gate.standard_json import MAX_DEPTH

MAX_MEMO: Final = 16 << 20
"""Characters of texts that one half of the memo remembers."""
MAX_ENTRIES: Final = 4 << 20
"""Bytes of entries of bodies that one half of the memo remembers."""
MAX_FIELDS: Final = 1 << 14
"""Keys of mappings that are remembered."""
_ROUNDS: Final = 8

Counts = dict[str, int]
_NONE: Final[Counts] = {}
_SHORT: Final = ("", _NONE)


@lru_cache(maxsize=8)
def _compiled(level: Level, project: ProjectRules) -> tuple[str, Finder]:
    rules = (*project.at(level), *load_rules(level))
    return ruleset_digest(rules, level, project.keep), Finder(rules, project.keeps if project.keep else None)


class Redactor:
    """Redacts values at one level, under one key. Not to be used by two threads at once."""

    def __init__(self, level: Level, *, key: bytes, own_key: bool = True, project: ProjectRules = NO_PROJECT) -> None:
        found = None if level == "off" else _compiled(level, project)
        self.level = level
        self.ruleset = found[0] if found else None
        """Digest of the rules; None when there are none."""
        self.key_id = key_id(key) if own_key and found else None
        """What names the project's key; None when the key, and so each pseudonym, holds for one process alone."""
        self._keeps = project.keeps if project.keep else None
        self._finder = found[1] if found else None
        self._key = key
        self._memo: dict[str | tuple[str, str], tuple[str, Counts]] = {}
        self._older: dict[str | tuple[str, str], tuple[str, Counts]] = {}
        self._fields: dict[str, tuple[str, str | None]] = {}
        self._held = 0
        self._known: dict[bytes, tuple[Any, Counts]] = {}
        self._known_before: dict[bytes, tuple[Any, Counts]] = {}
        self._met: dict[int, tuple[Any, tuple[Any, Counts]]] = {}
        """The entries of these by the object that was given, which stays referred to."""
        self._held_entries = 0

    @classmethod
    def under(
        cls, level: Level, key: str | None, random: Callable[[int], bytes], project: ProjectRules = NO_PROJECT
    ) -> Redactor:
        """One under the project's key as somebody wrote it, or under one of its own where there is none.

        Raises:
            InputError: the key is too short.
        """
        return cls(level, key=parse_key(key) if key else random(32), own_key=bool(key), project=project)

    def redact(self, value: JsonValue) -> tuple[JsonValue, Counts]:
        """The value without what the rules find, and how many values were replaced, by rule.

        Raises:
            RunbackError: the value is nested too deep, or two keys of a mapping became one.
        """
        if self._finder is None:
            return value, {}
        counts: Counter[str] = Counter()
        return self._value(value, None, counts, 0), dict(counts)

    def redact_again(self, value: JsonValue) -> tuple[JsonValue, Counts]:
        """As `redact`, for bodies that mostly repeat those before: entries of their lists are known at one look.

        What is given may hold objects that were given before, so nobody may change it.
        """
        if self._finder is None or type(value) is not dict:
            return self.redact(value)
        counts: Counter[str] = Counter()
        return self._mapping(value, None, counts, 0, self._entries), dict(counts)

    def find(self, text: str) -> list[tuple[Span, str]]:
        """Where a text holds something, and the pseudonym of it."""
        spans = self._finder.spans(text) if self._finder else []
        return [(span, pseudonym(self._key, span.rule, text[span.start : span.end])) for span in spans]

    def text(self, text: str) -> tuple[str, Counts]:
        """As `redact`, for one text."""
        redacted, counts = self.redact(text)
        return cast("str", redacted), counts

    def _value(self, value: Any, name: str | None, counts: Counter[str], depth: int) -> Any:
        kind = type(value)
        if kind is str:
            if name is None and len(value) < SHORTEST:
                return value
            return self._remembered(value, name, counts, depth)
        if value is None or kind is bool:
            return value
        if depth > MAX_DEPTH:
            raise RunbackError(f"nesting deeper than {MAX_DEPTH} levels")
        if kind is dict:
            return self._mapping(value, name, counts, depth)
        if kind is list or kind is tuple:
            return [self._value(item, name, counts, depth + 1) for item in value]
        return self._number(value, name, counts)

    def _entries(self, value: Any, name: str | None, counts: Counter[str], depth: int) -> Any:
        """As `_value`, of a field of a body: the entries of a list, such as messages, as they were given before."""
        if type(value) is not list or name is not None:
            return self._value(value, name, counts, depth)
        met = self._met.get
        # What was given before, and held nothing, needs no call.
        return [
            known[1][0] if (known := met(id(item))) and not known[1][1] else self._entry(item, counts, depth + 1)
            for item in value
        ]

    def _entry(self, value: Any, counts: Counter[str], depth: int) -> Any:
        if type(value) is not dict:
            return self._value(value, None, counts, depth)
        met = self._met.get(id(value))
        known = self._equal(value, depth) if met is None else met[1]
        if known[1]:
            counts.update(known[1])
        return known[0]

    def _equal(self, value: dict[str, Any], depth: int) -> tuple[Any, Counts]:
        """What an entry of equal JSON became."""
        try:
            # Of version 2: without references, so that equal JSON has equal bytes; 1, 1.0 and true differ.
            place = marshal.dumps(value, 2)
        except ValueError:  # no JSON
            place = b""
        known = self._known.get(place) or self._known_before.get(place)
        if known is None:
            own: Counter[str] = Counter()
            known = self._value(value, None, own, depth), dict(own)
        if place:
            self._held_entries += len(place)
            if self._held_entries > MAX_ENTRIES:
                self._known_before, self._known, self._met, self._held_entries = self._known, {}, {}, len(place)
            self._known[place] = known
            self._met[id(value)] = value, known
        return known

    def _mapping(
        self,
        value: dict[str, Any],
        name: str | None,
        counts: Counter[str],
        depth: int,
        each: Callable[[Any, str | None, Counter[str], int], Any] | None = None,
    ) -> dict[str, Any]:
        each = each or self._value
        paired = "value" in value
        pair = self._pair(value) if paired else None
        fields, memo = self._fields, self._memo
        result = {}
        for field, item in value.items():
            key, own = fields.get(field) or self._field(field, counts, depth)
            if paired and field in ("name", "key", "value"):
                own = pair if field == "value" else None
            elif own is None and name is not None and field.endswith("Value"):
                own = name
            # Most fields say nothing, or what was looked at before.
            if own is None and type(item) is str:
                known = _SHORT if len(item) < SHORTEST else memo.get(item)
                result[key] = item if known and not known[1] else each(item, own, counts, depth + 1)
            else:
                result[key] = item if item is None or type(item) is bool else each(item, own, counts, depth + 1)
        if len(result) != len(value):
            raise RunbackError("two keys of a mapping became one")
        return result

    def _field(self, field: str, counts: Counter[str], depth: int) -> tuple[str, str | None]:
        """The key of a field as it is written, and what names a secret in it."""
        key = self._remembered(field, None, counts, depth)
        name = masked(key)
        found = key, name if strength(name) else None
        if key == field and len(self._fields) < MAX_FIELDS:
            self._fields[field] = found
        return found

    def _pair(self, value: dict[str, Any]) -> str | None:
        """The name of a mapping that is one named value, as a header is or an attribute in OpenTelemetry."""
        name = value.get("name", value.get("key"))
        if not isinstance(name, str):
            return None
        name = masked(self._remembered(name, None, Counter(), 0))
        return name if strength(name) else None

    def _number(self, value: float, name: str | None, counts: Counter[str]) -> Any:
        if name is None and (type(value) is float or (type(value) is int and -(10**7) < value < 10**8)):
            return value
        text = str(value)
        if name and strength(name) == "strong" and len(text) >= 4 and not (self._keeps and self._keeps(text)):
            counts[NAMED] += 1
            return pseudonym(self._key, NAMED, text)
        if len(text) < 9 or isinstance(value, float):
            return value
        redacted, found = self._plain(text)
        counts.update(found)
        return value if redacted == text else redacted

    def _remembered(self, text: str, name: str | None, counts: Counter[str], depth: int) -> str:
        place = text if name is None else (name, text)
        known = self._memo.get(place)
        if known is None:
            known = self._older.get(place) or self._text(text, name, depth)
            self._held += len(text) + 64
            if self._held > MAX_MEMO:
                self._older, self._memo, self._held = self._memo, {}, len(text)
            self._memo[place] = known
        if known[1]:
            counts.update(known[1])
        return known[0]

    def _text(self, text: str, name: str | None, depth: int) -> tuple[str, Counts]:
        if name and not PSEUDONYM.fullmatch(text) and hides(name, text):
            return (text, _NONE) if self._keeps and self._keeps(text) else self._hidden(text)
        inner = _json(text) if text[:1] in ("{", "[") or text[:1].isspace() else None
        if inner is not None:
            counts: Counter[str] = Counter()
            redacted = self._value(inner, None, counts, depth + 1)
            return (_written(redacted), dict(counts)) if counts else (text, _NONE)
        return self._plain(text)

    def _hidden(self, text: str) -> tuple[str, Counts]:
        """A value that its name hides, but for the pseudonyms in it."""
        parts, counts, place = [], 0, 0
        for match in (*PSEUDONYM.finditer(text), None):
            part = text[place : match.start() if match else len(text)]
            if (part.strip() and not placeholder(part)) or part == text:
                part, counts = pseudonym(self._key, NAMED, part), counts + 1
            parts += [part, match[0] if match else ""]
            place = match.end() if match else place
        return "".join(parts), {NAMED: counts} if counts else _NONE

    def _plain(self, text: str) -> tuple[str, Counts]:
        """Replace what is found until nothing is: what stands beside a pseudonym may be found only then."""
        total: Counts = {}
        for _ in range(_ROUNDS):
            spans = self._finder.spans(text) if self._finder else []
            if not spans:
                break
            parts, place = [], 0
            for span in spans:
                found = text[span.start : span.end]
                parts += [text[place : span.start], pseudonym(self._key, span.rule, found)]
                place, total[span.rule] = span.end, total.get(span.rule, 0) + 1
            text = "".join(parts) + text[place:]
        else:
            raise RunbackError("a text in which something is found again and again")
        return text, total or _NONE


def _json(text: str) -> Any:
    """The list or mapping that a text is; None when it is none, or holds a key twice."""
    if text.strip()[-1:] not in ("}", "]"):
        return None
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key appears twice")
    return value


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
