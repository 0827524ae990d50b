"""Patterns of RE2 as regular expressions of the solver.

In: a pattern. Out: the texts in which it is found, as a term, or `Unreadable` for what is not translated: case folding,
word boundaries, classes by Unicode name, anchors in the middle.

    regular(smt, "^[a-z]+$")
"""

from __future__ import annotations

from typing import Any

from runback_gate.analysis.proof.smt import Smt, Term

MAX_REPEAT = 64
"""Highest number of repeats that is translated."""

TOP = "\U0002ff00"
"""The solver has no character above U+2FFFF: the last of them stand for all those beyond, so no pattern and no literal
may tell them apart."""

Ranges = list[tuple[str, str]]

_LAST = "\U0002ffff"
_CLASSES: dict[str, Ranges] = {
    "d": [("0", "9")],
    "w": [("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")],
    "s": [("\t", "\n"), ("\f", "\r"), (" ", " ")],
}
_POSIX: dict[str, Ranges] = {
    "alnum": [("0", "9"), ("A", "Z"), ("a", "z")],
    "alpha": [("A", "Z"), ("a", "z")],
    "digit": _CLASSES["d"],
    "lower": [("a", "z")],
    "space": [("\t", "\r"), (" ", " ")],
    "upper": [("A", "Z")],
    "word": _CLASSES["w"],
}
_CONTROL = {"t": "\t", "n": "\n", "f": "\f", "r": "\r", "v": "\v"}
_META = "\\^$.|?*+()[]{}"


class Unreadable(Exception):  # noqa: N818  not an error: the pattern is understood in another way
    """A pattern that is not translated."""


def regular(smt: Smt, pattern: str) -> Term:
    """The texts in which a pattern is found. Raises Unreadable."""
    return _Reader(smt, pattern).whole()


class _Reader:
    def __init__(self, smt: Smt, pattern: str) -> None:
        self.smt = smt
        self.z3 = smt.z3
        self.pattern = pattern
        self.at = 0
        self.any: Term = self.z3.AllChar(self.z3.ReSort(self.z3.StringSort(smt.context)), smt.context)

    def whole(self) -> Term:
        """Each alternative with whatever may stand before and behind it."""
        found = [self.alternative()]
        while self.take("|"):
            found.append(self.alternative())
        if self.at < len(self.pattern):
            raise Unreadable(self.pattern)
        return self.one_of(found)

    def alternative(self) -> Term:
        opens = self.take("^") or self.take("\\A")
        parts = [] if opens else [self.z3.Star(self.any)]
        parts.append(self.sequence())
        if not (self.take("$") or self.take("\\z")):
            parts.append(self.z3.Star(self.any))
        return self.joined(parts)

    def sequence(self) -> Term:
        parts = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)$" and not self.next_is("\\z"):
            parts.append(self.repeated(self.atom()))
        return self.joined(parts)

    def repeated(self, item: Term) -> Term:
        if self.take("*"):
            item = self.z3.Star(item)
        elif self.take("+"):
            item = self.z3.Plus(item)
        elif self.take("?"):
            item = self.z3.Option(item)
        elif self.take("{"):
            item = self.counted(item)
        else:
            return item
        self.take("?")
        if self.at < len(self.pattern) and self.pattern[self.at] in "*+?{":
            raise Unreadable(self.pattern)
        return item

    def counted(self, item: Term) -> Term:
        end = self.pattern.find("}", self.at)
        low, comma, high = self.pattern[self.at : end].partition(",")
        self.at = end + 1
        if end < 0 or not low.isdecimal() or not (high.isdecimal() or not high) or not (low + high).isascii():
            raise Unreadable(self.pattern)
        if max(int(low), int(high or 0)) > MAX_REPEAT:
            raise Unreadable(self.pattern)
        copies = [item] * int(low)
        if comma and not high:
            return self.joined([*copies, self.z3.Star(item)])
        return self.joined([*copies, *[self.z3.Option(item)] * (int(high or low) - int(low))])

    def atom(self) -> Term:
        if self.take("("):
            return self.group()
        if self.take("["):
            return self.of(self.char_class())
        if self.take("."):
            return self.of([("\0", "\t"), ("\v", _LAST)])
        if self.take("\\"):
            return self.of(self.escape())
        char = self.char()
        if char in _META:
            raise Unreadable(self.pattern)
        return self.of([(char, char)])

    def group(self) -> Term:
        if self.take("?") and not self.take(":"):
            raise Unreadable(self.pattern)
        found = [self.sequence()]
        while self.take("|"):
            found.append(self.sequence())
        if not self.take(")"):
            raise Unreadable(self.pattern)
        return self.one_of(found)

    def escape(self) -> Ranges:
        char = self.char()
        if char in _CLASSES:
            return _CLASSES[char]
        if char.lower() in _CLASSES:
            return _others(_CLASSES[char.lower()])
        if char in _CONTROL:
            char = _CONTROL[char]
        elif char.isalnum():
            raise Unreadable(self.pattern)
        return [(char, char)]

    def char_class(self) -> Ranges:
        negated = self.take("^")
        # Where it stands first, the bracket is one of the characters.
        found: Ranges = [("]", "]")] if self.take("]") else []
        while not self.take("]"):
            if self.take("[:"):
                end = self.pattern.find(":]", self.at)
                if end < 0 or self.pattern[self.at : end] not in _POSIX:
                    raise Unreadable(self.pattern)
                found += _POSIX[self.pattern[self.at : end]]
                self.at = end + 2
                continue
            first = self.escape() if self.take("\\") else [(self.char(),) * 2]
            if self.next_is("-") and not self.next_is("-]"):
                self.take("-")
                last = self.escape() if self.take("\\") else [(self.char(),) * 2]
                if len(first) > 1 or len(last) > 1 or first[0][0] != first[0][1] or first[0][0] > last[0][0]:
                    raise Unreadable(self.pattern)
                first = [(first[0][0], last[0][1])]
            found += first
        return _others(found) if negated else found

    def of(self, ranges: Ranges) -> Term:
        if any(last > _LAST for _, last in ranges):
            raise Unreadable(self.pattern)
        context = self.smt.context
        return self.one_of(
            [self.z3.Range(self.smt.known(first), self.smt.known(last), context) for first, last in ranges]
        )

    def one_of(self, items: list[Term]) -> Term:
        return items[0] if len(items) == 1 else self.z3.Union(*items)

    def joined(self, items: list[Term]) -> Term:
        if not items:
            return self.z3.Re(self.smt.known(""), self.smt.context)
        return items[0] if len(items) == 1 else self.z3.Concat(*items)

    def next_is(self, text: str) -> bool:
        return self.pattern.startswith(text, self.at)

    def take(self, text: str) -> bool:
        found = self.next_is(text)
        self.at += len(text) if found else 0
        return found

    def char(self) -> Any:
        if self.at >= len(self.pattern):
            raise Unreadable(self.pattern)
        self.at += 1
        char = self.pattern[self.at - 1]
        if char >= TOP:
            raise Unreadable(self.pattern)
        return char


def _others(ranges: Ranges) -> Ranges:
    """The characters that are in none of the ranges."""
    found, start = [], 0
    for first, last in sorted(ranges):
        if ord(first) > start:
            found.append((chr(start), chr(ord(first) - 1)))
        start = max(start, ord(last) + 1)
    if start <= ord(_LAST):
        found.append((chr(start), _LAST))
    if not found:
        raise Unreadable("no character")
    return found
