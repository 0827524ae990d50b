"""The cause of what a step does, as its page shows it: the parts that matter, and the rest.

In: the request that was asked, what came of the search, and what is said of it. Out: a `dict` for the page.

    cause_data(9, step.request, cause, [("with", "these parts alone it goes wrong in 10 of 10")])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from runback_gate.replay.cause import Cause
from runback_gate.replay.parts import ContextPart
from runback_gate.step import Request
from runback_gate.view.plain import answer_text


def cause_data(index: int, request: Request, cause: Cause, facts: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Pieces of the prompt and messages of step `index`, each with whether it matters; `facts` are label and text."""
    chosen = [cause.parts[place] for place in cause.cause] if cause.verdict in ("cause", "enough") else []
    return {
        "step": index,
        "facts": [list(fact) for fact in facts],
        "found": bool(chosen),
        "system": [list(piece) for piece in _pieces(request.system or "", chosen)],
        "messages": sorted({place for part in chosen if part.kind != "paragraph" for place in (part.begin, part.end)}),
        "answer": "" if cause.answer is None or not chosen else answer_text(cause.answer),
    }


def _pieces(system: str, chosen: Iterable[ContextPart]) -> Iterator[tuple[str, bool]]:
    """The prompt in pieces; true where a paragraph matters."""
    begin = 0
    for part in sorted((part for part in chosen if part.kind == "paragraph"), key=lambda part: part.begin):
        yield system[begin : part.begin], False
        yield system[part.begin : part.end], True
        begin = part.end
    yield system[begin:], False
