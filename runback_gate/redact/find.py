"""Where secrets and personal data stand in a text.

In: a text. Out: spans, from left to right, none over another, none over a pseudonym.

    Finder(load_rules("standard")).spans("mail jane@example.org")       # [Span(5, 21, "email")]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from runback_gate.frozen import dataclass
from runback_gate.redact.names import KEYWORDS, LONG, drawn_values, passwords
from runback_gate.redact.prefilter import prefilter
from runback_gate.redact.pseudonym import PSEUDONYM, masked
from runback_gate.redact.rule import Rule, matches

NAMED: Final = "secret"
"""The rule of what is secret by its name."""
SHORTEST: Final = 6
"""Characters of the shortest text in which something may be found."""


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a text: from `start` to before `end`."""

    start: int
    end: int
    rule: str


class Finder:
    """Finds what a set of rules describes."""

    def __init__(self, rules: Sequence[Rule], keeps: Callable[[str], bool] | None = None) -> None:
        self._keeps = keeps
        self._rules = (*rules, Rule(NAMED, "", hints=KEYWORDS, folded=True), Rule(NAMED, "", hint=LONG))
        self._named = {len(rules): passwords, len(rules) + 1: drawn_values}
        self._candidates = prefilter(self._rules)

    def spans(self, text: str) -> list[Span]:
        """What is found; of two that overlap the one that begins first, then the longer one, then the first rule's."""
        if len(text) < SHORTEST:
            return []
        seen, found = masked(text), list[Span]()
        for number in sorted(self._candidates(seen)):
            rule, named = self._rules[number], self._named.get(number)
            places = named(seen) if named else matches(rule, seen)
            found += (Span(start, end, rule.id) for start, end in places if not self._kept(text, start, end))
        if found and seen is not text:
            found = list(_outside(found, [match.span() for match in PSEUDONYM.finditer(text)]))
        return _apart(found)

    def _kept(self, text: str, start: int, end: int) -> bool:
        return self._keeps is not None and self._keeps(text[start:end])


def _outside(spans: Sequence[Span], kept: Sequence[tuple[int, int]]) -> Iterator[Span]:
    """The parts of spans that are no pseudonym."""
    for span in spans:
        start = span.start
        for first, last in kept:
            if last <= start or first >= span.end:
                continue
            if first > start:
                yield Span(start, first, span.rule)
            start = max(start, last)
        if start < span.end:
            yield Span(start, span.end, span.rule)


def _apart(spans: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
        elif span.end > kept[-1].end:
            kept.append(Span(kept[-1].end, span.end, span.rule))
    return kept
