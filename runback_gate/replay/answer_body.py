"""A recorded answer in the form in which its API sends it, plain and streamed.

In: an API, a `Response`. Out: JSON, or the bytes of server-sent events.

    answer_body("openai.chat", response, "gpt-5")
    answer_events("openai.chat", response, "gpt-5")

What was recorded is what was understood of an answer, so ids and times that nobody kept are made up, always the same.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

from runback_gate.errors import InputError
from runback_gate.step import Api, Message, Part, Request, Response
from runback_gate.wire import format_of

_ID = "recorded"
_REASONS: dict[Api, dict[str, str]] = {
    "anthropic.messages": {
        "stop": "end_turn",
        "tool_calls": "tool_use",
        "length": "max_tokens",
        "content_filter": "refusal",
    },
    "google.generate": {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"},
    "bedrock.converse": {
        "stop": "end_turn",
        "tool_calls": "tool_use",
        "length": "max_tokens",
        "content_filter": "content_filtered",
    },
}


def answer_body(api: Api, response: Response, model: str | None) -> dict[str, Any]:
    """The JSON of a plain answer."""
    return _PLAIN[api](response, response.model or model or "")


def answer_events(api: Api, response: Response, model: str | None) -> bytes:
    """The same answer as server-sent events.

    Raises:
        InputError: the API streams in another form.
    """
    if api not in _STREAMED:
        raise InputError(f"a streamed answer of {api} cannot be served", hint="ask for an answer that is not streamed")
    events = _STREAMED[api](answer_body(api, response, model))
    return "".join(f"{name}data: {json.dumps(event) if event else '[DONE]'}\n\n" for name, event in events).encode()


def answer_messages(api: Api | None, response: Response) -> tuple[Message, ...]:
    """The answer as the conversation after it has it."""
    message = Message("assistant", "" if response.parts else response.text, response.tool_calls, parts=response.parts)
    return tuple(_items(message)) if api == "openai.responses" else (message,)


def _said(api: Api, response: Response) -> dict[str, Any]:
    """The body of a request in which the assistant said this: the form of its words and calls is that of an answer."""
    return format_of(api).write_request(Request(messages=answer_messages(api, response), api=api), None)


def _items(message: Message) -> Iterator[Message]:
    """The message as OpenAI's Responses have it, where words and each call are items of their own."""
    words = (Part("text", message.content),) if message.content and not message.parts else message.parts
    calls = iter(message.tool_calls)
    for part in words:
        if part.kind == "call":
            yield Message("assistant", tool_calls=tuple(itertools.islice(calls, 1)))
        else:
            yield Message("assistant", parts=(part,))
    for call in calls:
        yield Message("assistant", tool_calls=(call,))


def _chat(response: Response, model: str) -> dict[str, Any]:
    usage = response.usage
    counts = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens}
    message = _said("openai.chat", response)["messages"][0]
    choice = {"index": 0, "message": message, "finish_reason": response.finish_reason or "stop"}
    top = {"id": response.extra.get("id", _ID), "object": "chat.completion", "created": 0, "model": model}
    return {**top, "choices": [choice], "usage": _counts(counts, "total_tokens")}


def _chat_events(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    choice = body["choices"][0]
    top = {**body, "object": "chat.completion.chunk"}
    delta = {name: value for name, value in choice["message"].items() if value is not None}
    delta |= {"tool_calls": [{"index": number, **call} for number, call in enumerate(delta.get("tool_calls", ()))]}
    delta = {name: value for name, value in delta.items() if value != []}
    usage = top.pop("usage")
    for piece, reason in ((delta, None), ({}, choice["finish_reason"])):
        yield "", {**top, "choices": [{"index": 0, "delta": piece, "finish_reason": reason}]}
    yield "", {**top, "choices": [], "usage": usage}
    yield "", None


def _anthropic(response: Response, model: str) -> dict[str, Any]:
    content = _said("anthropic.messages", response)["messages"][0]["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    usage = {"input_tokens": response.usage.input_tokens or 0, "output_tokens": response.usage.output_tokens or 0}
    top = {"id": response.extra.get("id", _ID), "type": "message", "role": "assistant", "model": model}
    return {
        **top,
        "content": blocks,
        "stop_reason": _reason("anthropic.messages", response),
        "stop_sequence": None,
        "usage": usage,
    }


def _anthropic_events(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**body, "content": [], "stop_reason": None}},
    ]
    for index, block in enumerate(body["content"]):
        start, delta = _block(block)
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": piece} for piece in delta]
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": body["stop_reason"], "stop_sequence": None}
    events += [{"type": "message_delta", "delta": end, "usage": body["usage"]}, {"type": "message_stop"}]
    for event in events:
        yield f"event: {event['type']}\n", event


def _block(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    kind = block.get("type")
    if kind == "text":
        return {**block, "text": ""}, [{"type": "text_delta", "text": block["text"]}]
    if kind == "thinking":
        start = {**block, "thinking": "", "signature": ""}
        pieces = [{"type": "thinking_delta", "thinking": block["thinking"]}]
        return start, [*pieces, {"type": "signature_delta", "signature": block.get("signature", "")}]
    if kind == "tool_use":
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    return block, []


def _responses(response: Response, model: str) -> dict[str, Any]:
    items = _said("openai.responses", response)["input"]
    output = [_item(item, number) for number, item in enumerate(items)]
    usage = {"input_tokens": response.usage.input_tokens, "output_tokens": response.usage.output_tokens}
    status: dict[str, Any] = {"status": "completed", "incomplete_details": None}
    if response.finish_reason in ("length", "content_filter"):
        reason = "max_output_tokens" if response.finish_reason == "length" else "content_filter"
        status = {"status": "incomplete", "incomplete_details": {"reason": reason}}
    top = {
        "id": response.extra.get("id", f"resp_{_ID}"),
        "object": "response",
        "created_at": 0,
        "model": model,
        "error": None,
    }
    fixed = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    return {**top, **fixed, **status, "output": output, "usage": _counts(usage, "total_tokens")}


def _item(item: dict[str, Any], number: int) -> dict[str, Any]:
    """An item of the input as one of the output."""
    if item.get("type", "message") != "message":
        return {"id": f"item_{number}", **item}
    content = item["content"]
    parts = [{"type": "output_text", "text": content}] if isinstance(content, str) else content
    parts = [
        {**part, "annotations": part.get("annotations", [])} if part.get("type") == "output_text" else part
        for part in parts
    ]
    return {"id": f"item_{number}", "status": "completed", **item, "type": "message", "content": parts}


def _responses_events(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**body, "status": "in_progress", "output": []}}
    ]
    for index, item in enumerate(body["output"]):
        place = {"output_index": index, "item_id": item["id"]}
        begun = {**item, "content": []} if item.get("type") == "message" else item
        events.append({"type": "response.output_item.added", "output_index": index, "item": begun})
        for number, part in enumerate(item.get("content") or ()) if item.get("type") == "message" else ():
            text = {**place, "content_index": number}
            if part.get("type") == "output_text":
                events.append({"type": "response.content_part.added", **text, "part": {**part, "text": ""}})
                events.append({"type": "response.output_text.delta", **text, "delta": part["text"], "logprobs": []})
                events.append({"type": "response.output_text.done", **text, "text": part["text"], "logprobs": []})
                events.append({"type": "response.content_part.done", **text, "part": part})
        if item.get("type") == "function_call":
            events.append({"type": "response.function_call_arguments.delta", **place, "delta": item["arguments"]})
            events.append({"type": "response.function_call_arguments.done", **place, "arguments": item["arguments"]})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": f"response.{body['status']}", "response": body})
    for number, event in enumerate(events):
        yield f"event: {event['type']}\n", {**event, "sequence_number": number}


def _google(response: Response, model: str) -> dict[str, Any]:
    content = _said("google.generate", response)["contents"][0]
    usage = {"promptTokenCount": response.usage.input_tokens, "candidatesTokenCount": response.usage.output_tokens}
    candidate = {"content": content, "finishReason": _reason("google.generate", response), "index": 0}
    return {"candidates": [candidate], "modelVersion": model, "usageMetadata": _counts(usage, "totalTokenCount")}


def _google_events(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "", body


def _bedrock(response: Response, _model: str) -> dict[str, Any]:
    message = _said("bedrock.converse", response)["messages"][0]
    usage = {"inputTokens": response.usage.input_tokens or 0, "outputTokens": response.usage.output_tokens or 0}
    return {
        "output": {"message": message},
        "stopReason": _reason("bedrock.converse", response),
        "usage": _counts(usage, "totalTokens"),
    }


def _reason(api: Api, response: Response) -> str:
    return _REASONS[api][response.finish_reason or "stop"]


def _counts(counts: dict[str, Any], total: str) -> dict[str, Any] | None:
    known = [count for count in counts.values() if count is not None]
    return {**counts, total: sum(known)} if len(known) == len(counts) else None


_PLAIN: dict[Api, Callable[[Response, str], dict[str, Any]]] = {
    "openai.chat": _chat,
    "openai.responses": _responses,
    "anthropic.messages": _anthropic,
    "google.generate": _google,
    "bedrock.converse": _bedrock,
}
_STREAMED: dict[Api, Callable[[dict[str, Any]], Iterator[tuple[str, Any]]]] = {
    "openai.chat": _chat_events,
    "openai.responses": _responses_events,
    "anthropic.messages": _anthropic_events,
    "google.generate": _google_events,
}
