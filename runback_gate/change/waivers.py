"""What the head waives and the base does not.

In: the waivers of both. Out: their weakenings. What counts is the breach, the case and the last day; a waiver that has
another name or file and waives the same is none.

    tuple(weaker_waivers(base.waivers, head.waivers))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from runback_gate.change.model import MOST, Change, Files, changed, listed, loosened
from runback_gate.change.sides import WaiverSide
from runback_gate.documents import Pointer

_NamedBy = Mapping[str, frozenset[int]]
_NONE: frozenset[int] = frozenset()


def weaker_waivers(base: Sequence[WaiverSide], head: Sequence[WaiverSide]) -> Iterator[Change]:
    """Waivers of the head that are new, name more, or last longer."""
    known = {waiver.name: waiver for waiver in base}
    rules = _named_by(base, lambda waiver: waiver.rules)
    cases = _named_by(base, lambda waiver: waiver.cases)
    for waiver in head:
        more, until = _beyond(base, waiver, rules, cases)
        if more or until is not None:
            yield from _weaker(known.get(waiver.name), waiver, more, until)


def _named_by(base: Sequence[WaiverSide], names: Callable[[WaiverSide], Iterable[str]]) -> dict[str, frozenset[int]]:
    """For each id the waivers that name it, by their position."""
    found: dict[str, set[int]] = {}
    for position, waiver in enumerate(base):
        for name in names(waiver):
            found.setdefault(name, set()).add(position)
    return {name: frozenset(positions) for name, positions in found.items()}


def _beyond(
    base: Sequence[WaiverSide], new: WaiverSide, rules: _NamedBy, cases: _NamedBy
) -> tuple[list[tuple[str, str]], str | None]:
    """The first breaches that the base does not accept, and the first day from which it does not accept the others.

    A file may name more pairs of a rule and a case than memory holds. Ids that the same waivers name are compared once.
    """
    columns = {case: cases.get(case, _NONE) for case in new.cases}
    rows = {rule: rules.get(rule, _NONE) for rule in new.rules}
    open_rows, days = set(), set()
    for row in set(rows.values()):
        for column in set(columns.values()):
            both = row & column
            if both:
                days.add(max(base[position].expires for position in both))
            else:
                open_rows.add(row)
    more = (
        (rule, case)
        for rule, row in rows.items()
        if row in open_rows
        for case, column in columns.items()
        if not row & column
    )
    return list(islice(more, MOST + 1)), min((day for day in days if day < new.expires), default=None)


def _weaker(
    old: WaiverSide | None, new: WaiverSide, more: list[tuple[str, str]], until: str | None
) -> Iterator[Change]:
    if old is None:
        message = f"a breach of {listed(new.rules)} in {listed(new.cases)} is accepted until {new.expires}"
        place = new.document.key_mark(("metadata", "name"))
        until = f"{listed(new.rules)} until {new.expires}"
        yield Change("waiver-added", loosened("waiver-added"), new.name, "", until, place, "head", message=message)
        return
    files = Files(old.document, new.document)
    if more:
        rule, case = more[0]
        pointer: Pointer = ("spec", "cases", new.cases.index(case))
        if rule not in old.rules:
            pointer = ("spec", "policies", new.rules.index(rule))
        breaches = listed([f"{rule} in {case}" for rule, case in more])
        yield files.loosened("waiver-broadened", new.name, f"more breaches are accepted: {breaches}", pointer)
    if until is not None:
        message = changed("expires", until, new.expires, "a breach is accepted for longer")
        yield files.loosened("waiver-extended", new.name, message, ("spec", "expires"))
