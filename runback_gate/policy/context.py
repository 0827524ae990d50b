"""What an expression sees: one plain JSON object for each answer, the same for both engines.

In: the request and answer that are judged, the recorded answer, the case and the agent. Out: the values of
`engine.ROOTS`.

    data = bindings(request, response, baseline=step.response, case=case_facts("refunds", "c1", ("refund",)),
    agent=agent_facts("support"))

Unknown values are absent, so `has()` tells and an unguarded use is an error; they are never 0. Arguments and results
that are JSON are parsed; any other text stays text. Time is never read: `case.now` is when the step was recorded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import lru_cache
from typing import cast

from runback_gate.canonical import JsonValue, parse_json
from runback_gate.cel.environment import MESSAGES, SCOPES
from runback_gate.cel.projection import Needs
from runback_gate.errors import RunbackError
from runback_gate.step import Message, Part, Request, Response, Step, Tool, ToolCall

EVERYTHING: Mapping[str, Needs] = dict.fromkeys(SCOPES["step"])
"""All that a rule over steps can read."""
REQUEST = frozenset(MESSAGES["Request"])
"""The fields of `request`."""

_INT64 = 1 << 63
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
    fields = REQUEST - set(unknown)
    found: dict[str, JsonValue] = {}
    for root, wanted in layout.needs.items():
        if root == "request":
            found[root] = layout.request(request, fields)
        elif root == "response" or (root == "baseline" and baseline is not None):
            answer = response if root == "response" or baseline is None else baseline
            found[root] = pruned(answer_facts(answer), wanted)
        elif root == "history":
            found[root] = pruned(history(request.messages), wanted)
        else:
            found[root] = {"case": case, "agent": agent}.get(root, {})
    return found


class Layout:
    """What is laid out of steps. Messages and tools that steps share are laid out once, while they are among the last.

    Args:
        needs: by root what rules read of it.
    """

    def __init__(self, needs: Mapping[str, Needs]) -> None:
        self.needs = needs
        self._messages: dict[int, tuple[Message, JsonValue]] = {}
        self._tools: tuple[Sequence[Tool], JsonValue] = ((), [])

    def request(self, request: Request, fields: Set[str]) -> JsonValue:
        """What is laid out of a request, of these fields."""
        wanted = self.needs["request"]
        names = fields if wanted is None else fields & wanted.keys()
        found = request_facts(request, names - {"messages", "tools"})
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


def pruned(value: JsonValue, wanted: Needs) -> JsonValue:
    """A value with the fields that are wanted."""
    if wanted is None:
        return value
    if isinstance(value, list):
        inner = wanted["*"]
        return value if inner is None else [pruned(item, inner) for item in value]
    if isinstance(value, dict):
        return {name: pruned(value[name], below) for name, below in wanted.items() if name in value}
    return value


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


def answer_facts(response: Response) -> dict[str, JsonValue]:
    """`response` and `baseline`: one answer."""
    facts: dict[str, JsonValue] = {"text": response.text, "tool_calls": [_call(call) for call in response.tool_calls]}
    usage = {"input_tokens": response.usage.input_tokens, "output_tokens": response.usage.output_tokens}
    optional: dict[str, JsonValue] = {
        "parts": _parts(response.parts),
        "reasoning": response.reasoning or None,
        "refusal": response.refusal or None,
        "finish_reason": response.finish_reason,
        "model": response.model,
        "error": response.error,
        "latency_ms": response.latency_ms,
        "cost_usd": None if response.cost_usd is None else float(response.cost_usd),
        "usage": {key: value for key, value in usage.items() if value is not None} or None,
    }
    return facts | {key: value for key, value in optional.items() if value is not None}


def history(messages: Sequence[Message]) -> list[JsonValue]:
    """The tool calls of a conversation with their results, oldest first; a call without a result yet has none."""
    entries: list[dict[str, JsonValue]] = []
    waiting: dict[str, dict[str, JsonValue]] = {}
    unnamed = Unnamed(())
    for message in messages:
        if message.tool_calls:
            made: list[dict[str, JsonValue]] = [
                {"name": call.name, "arguments": arguments(call)} for call in message.tool_calls
            ]
            entries += made
            waiting.update(zip((call.id for call in message.tool_calls), made, strict=True))
            unnamed = Unnamed(entry for call, entry in zip(message.tool_calls, made, strict=True) if not call.id)
        if message.role == "tool":
            answered = waiting.pop(message.tool_call_id, None) if message.tool_call_id else unnamed.take(message.name)
            # A result without an open call still happened: it stands alone, under its own name.
            if answered is None:
                answered = {"name": message.name or "", "arguments": {}}
                entries.append(answered)
            answered["result"] = read_json(message.content)
            if message.error is not None:
                answered["error"] = message.error
    return cast("list[JsonValue]", entries)


class Unnamed:
    """The calls of the latest answer whose source kept no ids, in order."""

    def __init__(self, calls: Iterable[dict[str, JsonValue]]) -> None:
        self._calls = dict(enumerate(calls))
        self._by_name: dict[object, deque[int]] = {}
        for number, call in self._calls.items():
            self._by_name.setdefault(call["name"], deque()).append(number)

    def take(self, name: str | None) -> dict[str, JsonValue] | None:
        """Take the first call that a result without an id can belong to: one of that name, or any when it has none."""
        if name is None:
            return self._calls.pop(next(iter(self._calls)), None) if self._calls else None
        numbers = self._by_name.get(name, deque())
        # A result without a name may have taken some of them.
        while numbers:
            if (call := self._calls.pop(numbers.popleft(), None)) is not None:
                return call
        return None


def arguments(call: ToolCall) -> JsonValue:
    """The arguments of a call: the value of their JSON, or the text; models write nothing for no arguments."""
    return read_json(call.arguments) if call.arguments.strip() else {}


@lru_cache(maxsize=1024)
def read_json(text: str) -> JsonValue:
    """The value of JSON text, or the text itself when it is none, repeats a key, or does not fit 64 bits.

    The value is shared: nobody may change it.
    """
    try:
        value = parse_json(text, path="")
    except RunbackError:
        return text
    return value if fits(value) else text


def fits(value: JsonValue) -> bool:
    """Whether every integer of a value fits 64 bits, which is all that an engine keeps."""
    if isinstance(value, dict):
        return all(map(fits, value.values()))
    if isinstance(value, list):
        return all(map(fits, value))
    return not isinstance(value, int) or -_INT64 <= value < _INT64


def _call(call: ToolCall) -> JsonValue:
    return {"id": call.id, "name": call.name, "arguments": arguments(call)}


def request_facts(
    request: Request, fields: Set[str] = REQUEST, facts: Callable[[Message], JsonValue] | None = None
) -> dict[str, JsonValue]:
    """`request`: what the model was asked, as far as `fields` names it; `facts` makes those of one message."""
    found: dict[str, JsonValue] = {}
    if "messages" in fields:
        found["messages"] = list(map(facts or message_facts, request.messages))
    if "tools" in fields:
        found["tools"] = [_tool(tool) for tool in request.tools]
    if "parameters" in fields:
        found["parameters"] = request.parameters
    optional = {"model": request.model, "system": request.system}
    return found | {key: value for key, value in optional.items() if value is not None and key in fields}


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


def _tool(tool: Tool) -> JsonValue:
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
