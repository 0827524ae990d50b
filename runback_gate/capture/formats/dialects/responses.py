"""Items of OpenAI's Responses, of the Agents SDK and of Codex.

In: `{"type": "function_call", …}`, `{"role": "user", …}`. Out: an `Entry` each; those of one answer are joined.

https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from runback_gate.capture.formats.answers import message_of
from runback_gate.capture.formats.model import Entry, Located, answer_of
from runback_gate.capture.formats.native import read_native
from runback_gate.capture.formats.reader import Reader
from runback_gate.step import Api, Message, Part
from runback_gate.wire import format_of
from runback_gate.wire.faults import NotUnderstoodError
from runback_gate.wire.fields import mapping

NAME: Final = "openai-responses"
API: Final[Api] = "openai.responses"

_ITEMS = frozenset(
    "function_call function_call_output reasoning custom_tool_call custom_tool_call_output item_reference compaction "
    "mcp_list_tools mcp_approval_request mcp_approval_response".split()
)
_PARTS = frozenset("input_text output_text input_image input_file".split())
_MESSAGES = ("function_call", "custom_tool_call", "reasoning", "function_call_output", "custom_tool_call_output")


def marks(item: Mapping[str, Any]) -> bool:
    """Whether no other dialect writes so."""
    kind = item.get("type")
    if isinstance(kind, str) and kind != "message":
        return kind in _ITEMS or (kind.endswith(("_call", "_call_output")) and "role" not in item)
    content = item.get("content")
    if kind == "message" and "role" in item and "tool_calls" not in item:
        return True
    return isinstance(content, list) and any(isinstance(part, dict) and part.get("type") in _PARTS for part in content)


def fits(item: Mapping[str, Any]) -> bool:
    """Whether it can be read."""
    plain = item.get("role") in ("user", "assistant", "system", "developer") and "parts" not in item
    return marks(item) or (plain and "type" not in item and "tool_calls" not in item)


def read(items: Sequence[Located], reader: Reader) -> Iterator[Entry]:
    """The entries."""
    before: Entry | None = None
    for item in items:
        entry = _entry(item, reader)
        if before is not None and before.response is not None and entry.response is not None:
            first, *rest = entry.messages
            entry = replace(entry, messages=(replace(first, joined=True), *rest))
        yield entry
        before = entry


def _entry(item: Located, reader: Reader) -> Entry:
    wire = mapping(item.value, item.place)
    kind = wire.get("type", "message")
    if kind == "message" and wire.get("role") in ("system", "developer", "user"):
        return _said(wire, item, reader)
    if kind == "message":
        entry = read_native(API, "input", item, reader)
        messages = tuple(replace(message, extra={}) for message in entry.messages)
        return Entry(messages, answer_of(messages))
    if kind in _MESSAGES:
        return read_native(API, "input", item, reader)
    if wire.get("role") in ("user", "developer", "system"):
        return Entry((Message(wire["role"], parts=(Part("other", extra={"$item": True, **wire}),)),))
    if str(kind).endswith("_output") or kind in ("mcp_approval_response", "item_reference"):
        return Entry((Message("tool", parts=(Part("other", extra={"$item": True, **wire}),)),))
    try:
        response = format_of(API).read_answer({"output": [wire]})
    except NotUnderstoodError as error:
        place = error.place.replace("$.output[0]", item.place, 1)
        raise NotUnderstoodError(place, "an answer was not understood: " + str(kind)[:80]) from None
    return Entry((message_of(response),), response)


def _said(wire: dict[str, Any], item: Located, reader: Reader) -> Entry:
    """A message that is no answer; the reader of bodies takes instructions at the start for its own."""
    role = wire["role"]
    (message,) = read_native(API, "input", Located(item.place, item.line, {**wire, "role": "user"}), reader).messages
    return Entry((replace(message, role=role, extra={}),))
