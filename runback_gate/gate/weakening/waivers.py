"""What the head waives and the base does not.

In: the waivers of both. Out: their weakenings. What counts is the breach, the case and the last day; a waiver that has
another name or file and waives the same is none.

    tuple(weaker_waivers(base.waivers, head.waivers))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runback_gate.documents import Pointer
from runback_gate.gate.waivers import Waiver
from runback_gate.gate.weakening.found import Files, Weakening, change, listed


def weaker_waivers(base: Sequence[Waiver], head: Sequence[Waiver]) -> Iterator[Weakening]:
    """Waivers of the head that are new, name more, or last longer."""
    allowed: dict[tuple[str, str], str] = {}
    for waiver in base:
        for rule in waiver.rules:
            for case in waiver.cases:
                allowed[rule, case] = max(allowed.get((rule, case), ""), waiver.expires)
    known = {waiver.name: waiver for waiver in base}
    for waiver in head:
        pairs = [(rule, case) for rule in waiver.rules for case in waiver.cases]
        more = [pair for pair in pairs if pair not in allowed]
        later = [pair for pair in pairs if pair in allowed and waiver.expires > allowed[pair]]
        if more or later:
            yield from _weaker(known.get(waiver.name), waiver, more, later, allowed)


def _weaker(
    old: Waiver | None,
    new: Waiver,
    more: list[tuple[str, str]],
    later: list[tuple[str, str]],
    allowed: dict[tuple[str, str], str],
) -> Iterator[Weakening]:
    files = Files((old or new).document, new.document)
    if old is None:
        message = f"a breach is accepted: {listed(new.rules)} in {listed(new.cases)} until {new.expires}"
        yield files.weakening("waiver-added", new.name, message, ("metadata", "name"))
        return
    if more:
        rule, case = more[0]
        pointer: Pointer = ("spec", "cases", new.cases.index(case))
        if rule not in old.rules:
            pointer = ("spec", "policies", new.rules.index(rule))
        breaches = listed([f"{rule} in {case}" for rule, case in more])
        yield files.weakening("waiver-broadened", new.name, f"more breaches are accepted: {breaches}", pointer)
    if later:
        until = change(min(allowed[pair] for pair in later), new.expires)
        message = f"a breach is accepted for longer: expires {until}"
        yield files.weakening("waiver-extended", new.name, message, ("spec", "expires"))
