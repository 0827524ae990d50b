"""Messages written like those of OpenAI's chat completions, which many dialects are.

In: `{"role": …, "content": …}`. Out: an `Entry`.

    read_message({"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "look"}}]}, place, reader)

Also as SDKs dump them, with fields that are null; with the old `function_call`; with arguments as an object (Ollama);
with flat calls (tau2); and with those of Inspect and AgentDojo, where `function` is the name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runback_gate.capture.formats.model import Entry, entry_of, finish_reason, token_usage
from runback_gate.capture.formats.reader import Reader
from runback_gate.step import Message, Part, Response, Role, ToolCall
from runback_gate.wire.faults import NotUnderstoodError
from runback_gate.wire.fields import argument_text, mapping, optional_list, optional_string
from runback_gate.wire.openai_chat_parts import read_beside, read_part

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_KNOWN = frozenset(
    "role content tool_calls tool_call_id name error is_error isError refusal annotations audio images function_call "
    "reasoning reasoning_content reasoning_details thinking thinking_blocks function usage finish_reason stop_reason "
    "model timestamp status additional_kwargs".split()
)
_PLAIN = frozenset("role content tool_calls tool_call_id name".split())
"""Fields of most messages: one that has no other needs no look for what is rare."""
_OF_TOOLS = _KNOWN | {"tool_call", "id", "requestor"}
_SAYS = frozenset("content tool_calls function_call refusal audio error images reasoning_content".split())
"""Fields of which a message has one."""
_TEXTS = frozenset("text input_text output_text".split())
_WORDS = ("text", "value", "content")
_THOUGHTS = ("reasoning", "thinking", "value", "text", "content")
ARGUMENTS = ("arguments", "args", "input", "parameters", "kwargs")
"""Where the arguments of a call stand, the most frequent first."""
_OF_CALLS = frozenset(ARGUMENTS) | frozenset(
    "id type index function custom name function_name tool_name call_id tool_call_id".split()
)


def read_message(wire: dict[str, Any], place: str, reader: Reader) -> Entry:
    """The entry of a message.

    Raises:
        NotUnderstoodError: it holds what is not known.
    """
    role = wire.get("role")
    role = ROLES.get(role if type(role) is str else str(role))
    if role is None:
        raise NotUnderstoodError(f"{place}.role", f"unknown role {str(wire.get('role'))[:40]!r}")
    plain, content = _PLAIN.issuperset(wire), wire.get("content")
    if plain and type(content) is str and not wire.get("tool_calls"):
        if role == "assistant":
            return Entry((Message(role, content, name=_name(wire, role)),), Response(content))
        answers = _answers(wire, place) if role == "tool" else None
        return Entry((Message(role, content, (), answers, _name(wire, role)),))
    if not plain:
        reader.leave(wire, _OF_TOOLS if role == "tool" else _KNOWN)
    if _SAYS.isdisjoint(wire):
        raise NotUnderstoodError(f"{place}.content", "a message without content")
    text, parts, calls = read_content(content, f"{place}.content", reader)
    if role == "assistant":
        if wire.get("tool_calls") or not plain:
            found = [*_calls(wire if plain else _with_kwargs(wire), place)]
            calls = merged(calls, found) if calls else found
    elif wire.get("tool_calls"):
        raise NotUnderstoodError(f"{place}.tool_calls", "calls of somebody else than the assistant")
    elif wire.get("refusal"):
        raise NotUnderstoodError(f"{place}.refusal", "a refusal of somebody else than the assistant")
    if not plain:
        text, parts = _with_beside(wire, role, text, parts, place)
    message = Message(
        role,
        text,
        tuple(calls),
        _answers(wire, place) if role == "tool" else None,
        _name(wire, role),
        tool_error(wire, text) if role == "tool" and not plain else None,
        parts=parts,
    )
    if plain:
        return entry_of(message)
    at = wire.get("timestamp")
    known = _answered(wire) if role == "assistant" else {}
    return entry_of(message, at if isinstance(at, str) else None, **known)


def _with_beside(
    wire: dict[str, Any], role: Role, text: str, parts: tuple[Part, ...], place: str
) -> tuple[str, tuple[Part, ...]]:
    """Text and parts of a message with what stands beside its content: reasoning, a refusal, sound and images."""
    beside = [part for part in read_beside(wire) if part.kind != "text"]
    if role == "assistant":
        beside += _thoughts(wire, beside)
        if any(part.kind == "refusal" for part in beside) and (text or any(part.text for part in parts)):
            raise NotUnderstoodError(f"{place}.refusal", "a refusal beside words")
        beside += _media(wire, place)
    if not beside:
        return text, parts
    words = parts or ((Part("text", text),) if text else ())
    thoughts = (part for part in beside if part.kind == "reasoning")
    return "", (*thoughts, *words, *(part for part in beside if part.kind != "reasoning"))


def _answers(wire: Mapping[str, Any], place: str) -> str | None:
    """The id of the call that a result answers; AgentDojo repeats the whole call."""
    call = wire.get("tool_call")
    identity = wire.get("tool_call_id") or (call.get("id") if isinstance(call, dict) else None)
    return optional_string(identity, f"{place}.tool_call_id")


def _name(wire: Mapping[str, Any], role: Role) -> str | None:
    name = wire.get("name") or (wire.get("function") if role == "tool" else None)
    return name if isinstance(name, str) else None


def _answered(wire: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if reason := finish_reason(wire.get("finish_reason") or wire.get("stop_reason")):
        found["finish_reason"] = reason
    if isinstance(wire.get("usage"), dict):
        found["usage"] = token_usage(wire["usage"])
    if isinstance(wire.get("model"), str):
        found["model"] = wire["model"]
    error = wire.get("error")
    if error:
        found["error"] = error if isinstance(error, str) else error_text(error)
    return found


def tool_error(wire: Mapping[str, Any], text: str) -> str | None:
    """What went wrong, by any of the fields in which a source says so."""
    if error := wire.get("error"):
        if error is True or str(error).lower() == "true":
            return text or "error"
        if str(error).lower() != "false":
            return error if isinstance(error, str) else error_text(error)
    flag = wire.get("is_error", wire.get("isError"))
    if flag is True or str(flag).lower() == "true" or wire.get("status") == "error":
        return text or "error"
    return None


def error_text(error: Any) -> str:
    """The words of an error that is an object, or its JSON."""
    words = error.get("message") if isinstance(error, dict) else None
    return words if isinstance(words, str) and words else json.dumps(error, ensure_ascii=False)


def _thoughts(wire: Mapping[str, Any], found: Sequence[Part]) -> Iterator[Part]:
    """Reasoning in the fields that only some servers use, where it is not in the usual ones."""
    if any(part.kind == "reasoning" for part in found):
        return
    if isinstance(wire.get("thinking"), str) and wire["thinking"]:
        yield Part("reasoning", wire["thinking"])
    for name in ("reasoning_details", "thinking_blocks"):
        blocks = wire.get(name)
        texts = [_first(block, ("text", "summary", "thinking")) for block in blocks] if isinstance(blocks, list) else []
        if any(texts):
            yield Part("reasoning", "\n".join(text for text in texts if text))
            return


def _media(wire: Mapping[str, Any], place: str) -> Iterator[Part]:
    if isinstance(audio := wire.get("audio"), dict):
        words, data = _first(audio, ("transcript",)), _first(audio, ("data",))
        if not words and not data and audio.get("id") is None:
            raise NotUnderstoodError(f"{place}.audio", "sound without a transcript")
        yield Part("audio", words or "", data=data)
    for at, item in optional_list(wire.get("images"), f"{place}.images"):
        yield read_part(item, at) if isinstance(item, dict) else Part("image", data=str(item))


def _first(value: Any, names: Sequence[str]) -> str | None:
    found = (value.get(name) for name in names) if isinstance(value, dict) else ()
    return next((text for text in found if isinstance(text, str) and text), None)


def read_content(content: Any, place: str, reader: Reader) -> tuple[str, tuple[Part, ...], list[ToolCall]]:
    """Text, parts (where it is more than one plain text), and the calls that some put among the parts."""
    if content is None or isinstance(content, str):
        return content or "", (), []
    parts: list[Part] = []
    calls: list[ToolCall] = []
    for at, item in optional_list([content] if isinstance(content, dict) else content, place):
        if isinstance(item, str):
            parts.append(Part("text", item))
        elif item.get("type") in ("tool_call", "tool_use") if isinstance(item, dict) else False:
            calls.append(read_call(_call_value(item, at), at))
            parts.append(Part("call"))
        else:
            parts.append(_part(mapping(item, at), at, reader))
    parts = [part for part in parts if part.kind != "text" or part.text]
    words = [part for part in parts if part.kind != "call"]
    if len(words) <= 1 and parts[: len(words)] == words and all(part == Part("text", part.text) for part in words):
        return words[0].text if words else "", (), calls
    return "", tuple(parts), calls


def _call_value(item: dict[str, Any], place: str) -> Any:
    """LLaMA-Factory writes a call as a text of JSON in `value`."""
    if not isinstance(item.get("value"), str):
        return item
    try:
        return json.loads(item["value"])
    except ValueError:
        raise NotUnderstoodError(f"{place}.value", "a call that is no JSON") from None


def _part(item: dict[str, Any], place: str, reader: Reader) -> Part:
    kind = item.get("type")
    if kind in _TEXTS or (kind is None and isinstance(item.get("text"), str)):
        text = next((item[name] for name in _WORDS if isinstance(item.get(name), str)), None)
        if text is None and any(item.get(name) is not None for name in _WORDS):
            raise NotUnderstoodError(f"{place}.text", "a text was expected")
        reader.leave(item, ("type", *_WORDS))
        return Part("text", text or "")
    if kind in ("reasoning", "thinking", "redacted_thinking"):
        thought = _first(item, _THOUGHTS)
        if thought is None and isinstance(item.get("thinking"), list):
            return read_part(item, place)
        return Part("reasoning", thought or "", signature=_first(item, ("signature",)))
    if kind == "image" and isinstance(item.get("image"), str):
        return read_part({"type": "image_url", "image_url": {"url": item["image"]}}, place)
    if kind == "image_url" and isinstance(item.get("image_url"), str):
        return read_part({"type": "image_url", "image_url": {"url": item["image_url"]}}, place)
    part = read_part(item, place)
    if part.kind == "other":
        raise NotUnderstoodError(f"{place}.type", f"unknown part {str(kind)[:40]!r}")
    reader.leave(item, ("type", str(kind)))
    return part


def merged(first: Sequence[ToolCall], second: Sequence[ToolCall]) -> list[ToolCall]:
    """Calls of two places, each once: some sources write them among the parts and beside the content."""
    known = {call.id for call in first if call.id}
    return [*first, *(call for call in second if call.id not in known)]


def _with_kwargs(wire: Mapping[str, Any]) -> Mapping[str, Any]:
    """A message with the calls that LangChain keeps in `additional_kwargs`, where it has none of its own."""
    more = wire.get("additional_kwargs")
    if wire.get("tool_calls") or not isinstance(more, dict):
        return wire
    return {**wire, **{name: more[name] for name in ("tool_calls", "function_call") if more.get(name)}}


def _calls(wire: Mapping[str, Any], place: str) -> Iterator[ToolCall]:
    for at, item in optional_list(wire.get("tool_calls"), f"{place}.tool_calls"):
        yield read_call(item, at)
    if (legacy := wire.get("function_call")) is not None:
        if wire.get("tool_calls"):
            raise NotUnderstoodError(f"{place}.function_call", "a call beside tool_calls")
        yield read_call(legacy, f"{place}.function_call")


def read_call(value: Any, place: str) -> ToolCall:
    """A call: `{id, function: {name, arguments}}`, flat, or with the name of the function as `function`.

    Raises:
        NotUnderstoodError: it has no name, or arguments in no place that is known.
    """
    wire = mapping(value, place)
    inner = wire.get("function")
    inner = inner if isinstance(inner, dict) else wire.get("custom")
    holder: dict[str, Any] = inner if isinstance(inner, dict) else wire
    name = holder.get("name")
    if not name or not isinstance(name, str):
        names = map(holder.get, ("function", "function_name", "tool_name"))
        name = next((item for item in names if isinstance(item, str) and item), None)
    if name is None:
        raise NotUnderstoodError(f"{place}.function.name", "a call without a name")
    arguments = holder.get(ARGUMENTS[0])
    if type(arguments) is not str:
        arguments = _arguments(holder, place)
    identity = wire.get("id") or wire.get("call_id") or wire.get("tool_call_id")
    if type(identity) is not str:
        identity = optional_string(identity, f"{place}.id") or ""
    if holder is wire or _OF_CALLS.issuperset(wire):
        return ToolCall(identity, name, arguments)
    # What stands beside the function, such as a thought signature, has to go back as it came.
    beside = {key: item for key, item in wire.items() if key not in _OF_CALLS and item is not None}
    return ToolCall(identity, name, arguments, beside)


def _arguments(holder: dict[str, Any], place: str) -> str:
    """The argument text of a call, in any of the fields where it may stand."""
    field = next((field for field in ARGUMENTS if holder.get(field) is not None), None)
    if field is None and (odd := next((item for item in holder if item not in _OF_CALLS and holder[item]), None)):
        raise NotUnderstoodError(f"{place}.{odd}", "arguments were expected as `arguments`")
    return argument_text(holder.get(field) if field else None, f"{place}.function.{field}")
