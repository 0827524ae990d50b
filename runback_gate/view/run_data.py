"""What the page of a run shows, as JSON whose size grows with what was said, not with its square.

In: a `Run`, and what rules say of its steps. Out: a `dict`: texts once each, and steps that point at them.

    run_data(run, {9: (finding,)}, judged=True)["steps"][9]["mark"]   # "fail"

A step keeps `keep` messages of the step before it and adds `add`, as places in `texts`; `[5, 9]` stands for 5 to 9.
What steps have in common, such as model, instructions and tools, stands once in `settings`, and who says a text in
`speakers`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from runback_gate.canonical import digest_bytes
from runback_gate.policy.finding import Finding
from runback_gate.step import Message, Run, Step, Tool, ToolRun, shared_start, to_json
from runback_gate.view.plain import answer_text, message_text, speaker

MAX_TEXT: Final = 20 << 20
"""Bytes of all texts of a page; those beyond stand there by digest and size."""
_SHORT: Final = 100
_JSON = json.JSONEncoder(ensure_ascii=False).encode

T = TypeVar("T")
_Setting = tuple[str, str, str, str, int, int]
"""Agent, model, grade, parameters with what else the request says; where instructions and tools stand."""
Findings = Mapping[int, Sequence[Finding]]
"""What rules say, by step from 0."""


class _Texts:
    """Texts, each once, within the bound of a page."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self.speakers: dict[str, int] = {}
        self.who: list[int] = []
        """Who says each text, as a place in `speakers`."""
        self.lengths: dict[int, int] = {}
        """Of texts that are left out: their characters."""
        self.full = False
        """Whether something was left out."""
        self._places: dict[tuple[str, str], int] = {}
        self._known: dict[int, tuple[object, int]] = {}
        self._left = MAX_TEXT

    def place(self, who: str, text: str) -> int:
        """Where the text stands; what no longer fits stands there by its digest."""
        key = (who, text)
        if key not in self._places:
            data = text.encode("utf-8", "replace")
            place = self._places[key] = len(self.all)
            self.who.append(self.speakers.setdefault(who, len(self.speakers)))
            # A text that is no longer than what would stand for it takes no room.
            if len(data) <= max(self._left, _SHORT):
                self._left -= len(data)
                self.all.append(text)
            else:
                self.full = True
                self.all.append(f"[left out: {len(data):,} bytes, {digest_bytes(data)}]")
                self.lengths[place] = len(text)
        return self._places[key]

    def of(self, item: T, write: Callable[[T], tuple[str, str]]) -> int:
        """Where the text of a value stands, which is written once however many steps hold the value."""
        # The value is kept beside its place: another object could get its id.
        found = self._known.get(id(item))
        if found is None:
            found = self._known[id(item)] = (item, self.place(*write(item)))
        return found[1]


def run_data(run: Run, found: Findings, *, judged: bool) -> dict[str, Any]:
    """The run as its page needs it; `judged` says whether rules were asked at all."""
    texts = _Texts()
    data = _data(run, found, texts, judged=judged)
    if texts.full and run.steps:
        # What the page opens on is there whole, if it fits: its texts come before those of the steps before it.
        steps, texts = data["steps"], _Texts()
        marks = [step.get("mark") for step in steps]
        first = next((marks.index(mark) for mark in ("fail", "error") if mark in marks), len(marks) - 1)
        _place_step(run.steps[first], texts)
        data = _data(run, found, texts, judged=judged)
    return data


def _place_step(step: Step, texts: _Texts) -> None:
    """The texts of a step, the newest first."""
    texts.place("agent", answer_text(step.response))
    _setting(step, texts)
    for message in reversed(step.request.messages):
        texts.of(message, _message)


def _data(run: Run, found: Findings, texts: _Texts, *, judged: bool) -> dict[str, Any]:
    ran: dict[int, list[ToolRun]] = {}
    for tool in run.tool_runs:
        ran.setdefault(tool.step, []).append(tool)
    steps: list[dict[str, Any]] = []
    settings: dict[_Setting, int] = {}
    before: Sequence[Message] = ()
    for index, step in enumerate(run.steps):
        entry = _step(step, before, texts, found.get(index, ()), ran.get(index, ()))
        entry["setting"] = settings.setdefault(_setting(step, texts), len(settings))
        steps.append(entry)
        before = step.request.messages
    return {
        "id": run.id,
        "agent": run.agent,
        "at": run.at or next((step.source.at for step in run.steps if step.source.at), ""),
        "status": run.status or "end not recorded",
        "error": run.error or "",
        "redaction": str(run.redaction.get("level", "not recorded")),
        "redacted": sum(run.redaction.get("counts", {}).values()),
        "judged": judged,
        "texts": texts.all,
        "speakers": list(texts.speakers),
        "who": texts.who,
        "lengths": texts.lengths,
        "settings": [
            {"agent": one[0], "model": one[1], "grade": one[2], "parameters": one[3], "system": one[4], "tools": one[5]}
            for one in settings
        ],
        "steps": steps,
    }


def _step(
    step: Step, before: Sequence[Message], texts: _Texts, found: Sequence[Finding], ran: Sequence[ToolRun]
) -> dict[str, Any]:
    request, response = step.request, step.response
    keep = shared_start(before, request.messages)
    entry: dict[str, Any] = {
        "keep": keep,
        "add": list(_ranges([texts.of(item, _message) for item in request.messages[keep:]])),
        "answer": texts.place("agent", answer_text(response)),
    }
    mark, usage = _mark(step, found, ran), response.usage
    facts = {"mark": None if mark == "ok" else mark, "ms": response.latency_ms, "usd": response.cost_usd}
    facts |= {"in": usage.input_tokens, "out": usage.output_tokens}
    entry |= {name: value for name, value in facts.items() if value is not None}
    if found:
        entry["rules"] = [_rule(item) for item in found]
    if ran:
        entry["ran"] = [texts.place(f"tool {tool.name}", tool.error or tool.result or "no result seen") for tool in ran]
    return entry


def _setting(step: Step, texts: _Texts) -> _Setting:
    """What a step mostly has in common with the steps around it."""
    request = step.request
    system, tools = texts.place("instructions", request.system or ""), texts.of(request.tools, _tools)
    parameters = _JSON({**request.extra, **request.parameters})
    return step.agent, request.model or "", step.source.grade, parameters, system, tools


def _ranges(places: Sequence[int]) -> Iterator[int | list[int]]:
    """Places, with three and more that follow one another as first and last."""
    start = 0
    for end in range(1, len(places) + 1):
        if end < len(places) and places[end] == places[end - 1] + 1:
            continue
        if end - start > 2:
            yield [places[start], places[end - 1]]
        else:
            yield from places[start:end]
        start = end


def _message(item: Message) -> tuple[str, str]:
    return speaker(item), message_text(item)


def _tools(tools: Sequence[Tool]) -> tuple[str, str]:
    return "tools", json.dumps([to_json(tool) for tool in tools], ensure_ascii=False, indent=2) if tools else ""


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
