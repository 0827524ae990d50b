"""What the head waives and the base does not.

In: the waivers of both. Out: their weakenings. What counts is the breach, the case and the last day; a waiver that has
another name or file and waives the same is none.

    tuple(weaker_waivers(base.waivers, head.waivers))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product

from runback_gate.change.model import MOST, Change, Files, change, listed, loosened
from runback_gate.change.sides import WaiverSide
from runback_gate.documents import Pointer


def weaker_waivers(base: Sequence[WaiverSide], head: Sequence[WaiverSide]) -> Iterator[Change]:
    """Waivers of the head that are new, name more, or last longer."""
    allowed: dict[tuple[str, str], str] = {}
    for waiver in base:
        for pair in product(waiver.rules, waiver.cases):
            allowed[pair] = max(allowed.get(pair, ""), waiver.expires)
    known = {waiver.name: waiver for waiver in base}
    for waiver in head:
        # Not all pairs of a hostile file: those that the base does not allow come after at most as many as it allows.
        more = list(islice((pair for pair in product(waiver.rules, waiver.cases) if pair not in allowed), MOST + 1))
        rules, cases = set(waiver.rules), set(waiver.cases)
        days = [day for (rule, case), day in allowed.items() if rule in rules and case in cases]
        until = min((day for day in days if day < waiver.expires), default=None)
        if more or until is not None:
            yield from _weaker(known.get(waiver.name), waiver, more, until)


def _weaker(
    old: WaiverSide | None, new: WaiverSide, more: list[tuple[str, str]], until: str | None
) -> Iterator[Change]:
    if old is None:
        message = f"a breach is accepted: {listed(new.rules)} in {listed(new.cases)} until {new.expires}"
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
        message = f"a breach is accepted for longer: expires {change(until, new.expires)}"
        yield files.loosened("waiver-extended", new.name, message, ("spec", "expires"))
