"""A bisection and a cause, as lines and as JSON: what `bisect` and `cause` say.

"\\n".join(cause_lines(find(subject, breaks, live), width=100))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from runback_gate.app.investigate import Bisected, FoundCause
from runback_gate.gate.trials import wilson
from runback_gate.plural import many
from runback_gate.replay.bisect import most_probes
from runback_gate.replay.cause import Cause, Rate
from runback_gate.replay.parts import ContextPart
from runback_gate.report.columns import field
from runback_gate.report.spent import amounts
from runback_gate.report.text import line, short
from runback_gate.step import to_json
from runback_gate.summary import summarize

_SHOWN_BYTES = 400
"""Of the text of a part."""


def bisect_lines(found: Bisected, width: int) -> Iterator[str]:
    """What was asked, in the order of the versions, then the first that goes wrong."""
    result, names = found.found, [version.name for version in found.versions]
    yield line(f"{found.subject.title} · {many(len(names), 'version')} · at most {most_probes(len(names))} are asked")
    for probe in sorted(result.probes, key=lambda item: item.version):
        answer = "" if probe.answer is None else summarize(probe.answer)
        mark = "✗" if probe.shows else "✓"
        yield field(
            f"{mark} {probe.shown}/{probe.trials}", f"{probe.version + 1}. {names[probe.version]}   {answer}", width
        )
    yield field("first", _first(found), width)
    yield field("spent", " · ".join(amounts(found.spend)), width)


def _first(found: Bisected) -> str:
    result = found.found
    if result.why:
        return f"could not be told: {result.why}"
    if result.first is None:
        return "none: the newest version does not go wrong"
    name = found.versions[result.first].name
    return f"{result.first + 1}. {name}" + ("" if result.first else ": it is the oldest, so it may have begun before")


def bisect_json(found: Bisected) -> dict[str, Any]:
    """The same for a program."""
    return {
        "versions": [version.name for version in found.versions],
        "first": found.found.first,
        "why": found.found.why,
        "probes": [to_json(probe) for probe in found.found.probes],
        "spend": to_json(found.spend),
    }


def cause_lines(found: FoundCause, width: int) -> Iterator[str]:
    """How many parts there are, what was found with its rates, and what it took."""
    yield line(f"{found.subject.title} · {_counted(found.cause.parts)}")
    for label, text in cause_facts(found):
        yield field(label, text, width)
    yield field("spent", " · ".join(amounts(found.spend)), width)


def cause_facts(found: FoundCause) -> Iterator[tuple[str, str]]:
    """What was found with its rates: labels, of which those that go on are empty, and texts."""
    cause = found.cause
    if cause.whole.trials:
        yield "whole", f"goes wrong in {_rate(cause.whole)}; without any part in {_rate(cause.bare)}"
    if not found.shown:
        yield cause.verdict, cause.why + _seen(cause)
        return
    yield "with", f"these parts alone it goes wrong in {_rate(cause.alone)}"
    for place in cause.cause:
        part = cause.parts[place]
        yield "", f"{part.place}   {short(part.text, _SHOWN_BYTES)}"
    yield "without", f"them in {_rate(cause.without)}"
    rest = many(len(cause.parts) - len(cause.cause), "other part")
    same = f"the {rest} make no difference that {cause.alone.trials} trials can see"
    also = f"the {rest} do it too: more than one cause is there, and this one is enough"
    yield "", same if cause.verdict == "cause" else also


def _seen(cause: Cause) -> str:
    return f": {_rate(cause.alone)} with, {_rate(cause.without)} without" if cause.alone.trials else ""


def _counted(parts: Sequence[ContextPart]) -> str:
    kinds: Counter[str] = Counter(part.kind for part in parts)
    named = (("paragraph", "paragraph"), ("message", "message"), ("result", "tool result"))
    counts = ", ".join(many(kinds[kind], noun) for kind, noun in named if kinds[kind])
    return f"{many(len(parts), 'part')}: {counts}" if counts else "no part"


def _rate(rate: Rate) -> str:
    """`9 of 10 (95 % interval 0.5958 to 0.9821)`."""
    interval = wilson(rate.shown, rate.trials) if rate.trials > 1 else None
    bounds = f" (95 % interval {interval.low} to {interval.high})" if interval else ""
    return f"{rate.shown} of {rate.trials}{bounds}"


def cause_json(found: FoundCause) -> dict[str, Any]:
    """The same for a program, with the smallest request."""
    cause = found.cause
    rates = {name: to_json(getattr(cause, name)) for name in ("whole", "bare", "alone", "without")}
    return {
        "verdict": cause.verdict,
        "why": cause.why,
        "parts": len(cause.parts),
        "cause": [to_json(cause.parts[place]) for place in cause.cause],
        **rates,
        "asked": cause.asked,
        "smallest": None if cause.smallest is None else to_json(cause.smallest),
        "answer": None if cause.answer is None else to_json(cause.answer),
        "spend": to_json(found.spend),
    }
