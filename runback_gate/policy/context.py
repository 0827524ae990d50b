"""What an expression sees: one plain JSON object for each answer, the same for both engines.

In: the request and answer that are judged, the recorded answer, the case and the agent. Out: the values of
`engine.ROOTS`.

    data = bindings(request, response, baseline=step.response, case=case_facts("refunds", "c1", ("refund",)),
    agent=agent_facts("support"))

Unknown values are absent, so `has()` tells and an unguarded use is an error; they are never 0. Arguments and results
that are JSON are parsed; any other text stays text. Time is never read: `case.now` is when the step was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import cast

from runback_gate.canonical import JsonValue
from runback_gate.cel.environment import MESSAGES, SCOPES
from runback_gate.cel.projection import Needs, pruned
from runback_gate.policy.embedded_json import arguments
from runback_gate.policy.history import History
from runback_gate.step import Message, Part, Request, Response, Step, Tool, ToolCall

EVERYTHING: Mapping[str, Needs] = dict.fromkeys(SCOPES["step"])
"""All that a rule over steps can read."""
REQUEST = frozenset(MESSAGES["Request"])
"""The fields of `request`."""

_REMEMBERED = 4096
"""Messages that a layout remembers."""


def bindings(
    request: Request,
    response: Response,
    *,
    baseline: Response | None,
    case: dict[str, JsonValue],
    agent: dict[str, JsonValue],
    unknown: Sequence[str] = (),
    layout: Layout | None = None,
) -> dict[str, JsonValue]:
    """The roots that an expression sees. Values are shared between calls: nobody may change them.

    `unknown` names the fields of the request that nobody knows; they are absent. With a `layout` only what it says is
    laid out.
    """
    layout = layout or Layout(EVERYTHING)
    fields = REQUEST - set(unknown) if unknown else REQUEST
    found: dict[str, JsonValue] = {}
    for root, wanted in layout.needs.items():
        if root == "request":
            found[root] = layout.request(request, fields)
        elif root == "response" or (root == "baseline" and baseline is not None):
            answer = response if root == "response" or baseline is None else baseline
            found[root] = answer_facts(answer, wanted)
        elif root == "history":
            found[root] = layout.history.of(request.messages)
        else:
            found[root] = {"case": case, "agent": agent}.get(root, {})
    return found


class Layout:
    """What is laid out of steps. Messages, calls and tools that steps share are laid out once, while they are recent.

    Args:
        needs: by root what rules read of it.
    """

    def __init__(self, needs: Mapping[str, Needs]) -> None:
        self.needs = needs
        self._messages: dict[int, tuple[Message, JsonValue]] = {}
        calls = needs.get("history")
        self.history = History() if calls is None else History(lambda call: pruned(call, calls["*"]))
        self._tools: tuple[Sequence[Tool], JsonValue] = ((), [])

    def request(self, request: Request, fields: Set[str]) -> JsonValue:
        """What is laid out of a request, of these fields."""
        wanted = self.needs["request"]
        names = fields if wanted is None else fields & wanted.keys()
        found: dict[str, JsonValue] = {}
        if "parameters" in names:
            found["parameters"] = request.parameters
        if "model" in names and request.model is not None:
            found["model"] = request.model
        if "system" in names and request.system is not None:
            found["system"] = request.system
        if "messages" in names:
            inner = _each(wanted, "messages")
            found["messages"] = [self._message(message, inner) for message in request.messages]
        if "tools" in names:
            if self._tools[0] is not request.tools:
                self._tools = request.tools, pruned(list(map(_tool, request.tools)), {"*": _each(wanted, "tools")})
            found["tools"] = self._tools[1]
        return found

    def _message(self, message: Message, wanted: Needs) -> JsonValue:
        known = self._messages.get(id(message))
        if known is None:
            if len(self._messages) >= _REMEMBERED:
                self._messages.clear()
            # The message stays referred to: another object must not get its id.
            known = self._messages[id(message)] = message, pruned(message_facts(message), wanted)
        return known[1]


def _each(wanted: Needs, name: str) -> Needs:
    """What is wanted of each element of a list."""
    held = None if wanted is None else wanted[name]
    return None if held is None else held["*"]


def step_data(step: Step) -> dict[str, JsonValue]:
    """What expressions see of a recorded step, judged as it was."""
    return bindings(
        step.request,
        step.response,
        baseline=step.response,
        case=case_facts("", f"{step.source.run}/{step.source.event}", (), step.source.at),
        agent=agent_facts(step.agent),
        unknown=step.source.unknown,
    )


def case_facts(dataset: str, case: str, tags: Sequence[str] = (), now: str | None = None) -> dict[str, JsonValue]:
    """`case`: where the answer belongs, and the recorded time as RFC 3339 text when it is known."""
    facts: dict[str, JsonValue] = {"id": case, "dataset": dataset, "tags": list(tags)}
    return facts if now is None else {**facts, "now": now}


def agent_facts(name: str, labels: Mapping[str, str] | None = None) -> dict[str, JsonValue]:
    """`agent`: the agent config by name and labels."""
    return {"name": name, "labels": dict(labels or {})}


def answer_facts(response: Response, wanted: Needs = None) -> dict[str, JsonValue]:
    """`response` and `baseline`: one answer, as far as it is wanted."""
    found: dict[str, JsonValue] = {}
    for name in _ANSWER if wanted is None else wanted:
        value = _ANSWER[name](response)
        if value is not None:
            found[name] = value if wanted is None else pruned(value, wanted[name])
    return found


def _call(call: ToolCall) -> JsonValue:
    return {"id": call.id, "name": call.name, "arguments": arguments(call)}


def message_facts(message: Message) -> JsonValue:
    """One message of `request.messages`."""
    facts: dict[str, JsonValue] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        facts["tool_calls"] = [_call(call) for call in message.tool_calls]
    optional = {"tool_call_id": message.tool_call_id, "name": message.name, "parts": _parts(message.parts)}
    return facts | {key: value for key, value in optional.items() if value is not None}


def _parts(parts: Sequence[Part]) -> list[JsonValue] | None:
    """The parts in order, without bytes and signatures; None where there was one plain text."""
    return [_part(part) for part in parts] or None


def _part(part: Part) -> JsonValue:
    facts: dict[str, JsonValue] = {"kind": part.kind, "text": part.text}
    optional = {"media_type": part.media_type, "url": part.url}
    return facts | {key: value for key, value in optional.items() if value is not None}


def _usage(response: Response) -> JsonValue:
    usage = {"input_tokens": response.usage.input_tokens, "output_tokens": response.usage.output_tokens}
    return {key: value for key, value in usage.items() if value is not None} or None


_ANSWER: Mapping[str, Callable[[Response], JsonValue]] = {
    "text": lambda response: response.text,
    "tool_calls": lambda response: list(map(_call, response.tool_calls)),
    "parts": lambda response: cast("JsonValue", _parts(response.parts)),
    "reasoning": lambda response: response.reasoning or None,
    "refusal": lambda response: response.refusal or None,
    "finish_reason": lambda response: response.finish_reason,
    "model": lambda response: response.model,
    "error": lambda response: response.error,
    "latency_ms": lambda response: response.latency_ms,
    "cost_usd": lambda response: None if response.cost_usd is None else float(response.cost_usd),
    "usage": _usage,
}
"""The fields of an answer; what is None is unknown."""


def _tool(tool: Tool) -> JsonValue:
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
