"""What the page of a run shows, as JSON whose size grows with what was said, not with its square.

In: a `Run`, and what rules say of its steps. Out: a `dict`: texts once each, and steps that point at them.

    run_data(run, {9: (finding,)})["steps"][9]["mark"]     # "fail"

A step keeps `keep` messages of the step before it and adds `add`, both as places in `texts`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from runback_gate.canonical import digest_bytes
from runback_gate.policy.evaluate import Finding
from runback_gate.step import Message, Request, Run, Step, ToolRun, to_json
from runback_gate.summary import summarize
from runback_gate.view.plain import answer_text, message_text, speaker

MAX_TEXT: Final = 20 << 20
"""Bytes of all texts of a page; those beyond stand there by digest and size."""

Findings = Mapping[int, Sequence[Finding]]
"""What rules say, by step from 0."""


class _Texts:
    """Texts, each once, within the bound of a page."""

    def __init__(self) -> None:
        self.all: list[list[str]] = []
        self._places: dict[tuple[str, str], int] = {}
        self._left = MAX_TEXT

    def place(self, who: str, text: str) -> int:
        """Where the text stands; what no longer fits stands there by its digest."""
        key = (who, text)
        if key not in self._places:
            data = text.encode("utf-8", "replace")
            self._left -= len(data)
            shown = text if self._left >= 0 else f"[left out: {len(data):,} bytes, {digest_bytes(data)}]"
            self._places[key] = len(self.all)
            self.all.append([who, shown])
        return self._places[key]


def run_data(run: Run, found: Findings, *, judged: bool) -> dict[str, Any]:
    """The run as its page needs it; `judged` says whether rules were asked at all."""
    texts = _Texts()
    ran: dict[int, list[ToolRun]] = {}
    for tool in run.tool_runs:
        ran.setdefault(tool.step, []).append(tool)
    steps: list[dict[str, Any]] = []
    before: Sequence[Message] = ()
    for index, step in enumerate(run.steps):
        steps.append(_step(step, before, texts, found.get(index, ()), ran.get(index, ())))
        before = step.request.messages
    return {
        "id": run.id,
        "agent": run.agent,
        "status": run.status or "end not recorded",
        "error": run.error or "",
        "redaction": str(run.redaction.get("level", "not recorded")),
        "judged": judged,
        "texts": texts.all,
        "steps": steps,
    }


def _step(
    step: Step, before: Sequence[Message], texts: _Texts, found: Sequence[Finding], ran: Sequence[ToolRun]
) -> dict[str, Any]:
    request, response = step.request, step.response
    keep = _common(before, request.messages)
    usage = response.usage
    entry: dict[str, Any] = {
        "label": summarize(response),
        "keep": keep,
        "add": [texts.place(speaker(item), message_text(item)) for item in request.messages[keep:]],
        "answer": texts.place("agent", answer_text(response)),
        "system": texts.place("instructions", request.system or ""),
        "tools": texts.place("tools", _tools(request)),
        "model": " · ".join(filter(None, (request.model, step.source.grade))),
        "parameters": json.dumps(request.parameters, ensure_ascii=False),
        "mark": _mark(step, found, ran),
    }
    facts = {"agent": step.agent, "ms": response.latency_ms, "in": usage.input_tokens, "out": usage.output_tokens}
    entry |= {name: value for name, value in (facts | {"usd": response.cost_usd}).items() if value is not None}
    if found:
        entry["rules"] = [_rule(item) for item in found]
    if ran:
        entry["ran"] = [texts.place(f"tool {tool.name}", tool.error or tool.result or "no result seen") for tool in ran]
    return entry


def _common(before: Sequence[Message], now: Sequence[Message]) -> int:
    room = min(len(before), len(now))
    return next((at for at in range(room) if before[at] is not now[at] and before[at] != now[at]), room)


def _tools(request: Request) -> str:
    return json.dumps([to_json(tool) for tool in request.tools], ensure_ascii=False, indent=2) if request.tools else ""


def _mark(step: Step, found: Sequence[Finding], ran: Sequence[ToolRun]) -> str:
    """`fail`: a rule says no. `error`: no answer, a tool that failed, a rule that cannot tell. Else `ok`."""
    if any(item.outcome == "fail" and item.action == "Deny" for item in found):
        return "fail"
    broken = step.response.error is not None or any(tool.error for tool in ran)
    return "error" if broken or any(item.outcome == "error" for item in found) else "ok"


def _rule(item: Finding) -> dict[str, Any]:
    return {
        "rule": item.rule,
        "message": item.message,
        "outcome": item.outcome,
        "action": item.action,
        "place": str(item.location),
        "values": [list(pair) for pair in item.values],
    }


def divergence(left: Run, right: Run) -> int | None:
    """The first step whose answer differs, from 0; None where all that both have are the same."""
    for index, (one, other) in enumerate(zip(left.steps, right.steps, strict=False)):
        if answer_text(one.response) != answer_text(other.response):
            return index
    return None if len(left.steps) == len(right.steps) else min(len(left.steps), len(right.steps))
