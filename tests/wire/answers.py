"""Answers of every API but chat completions, plain and streamed, made of what they say; and some that are refused."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from runback_gate.step import Api

Said = tuple[str, str, list[tuple[str, str, Any]]]
"""What an answer says: its thought, its text, and its calls by id, name and arguments."""


def anthropic(said: Said, stop: str = "end_turn") -> dict[str, Any]:
    thought, text, calls = said
    content: list[Any] = [{"type": "thinking", "thinking": thought, "signature": "sig"}] if thought else []
    content += [{"type": "text", "text": text}] if text else []
    content += [{"type": "tool_use", "id": id_, "name": name, "input": value} for id_, name, value in calls]
    usage = {"input_tokens": 3, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 5, "output_tokens": 6}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "c", "stop_sequence": None}
    return {**message, "content": content, "stop_reason": "tool_use" if calls else stop, "usage": usage}


def sse(events: list[Any]) -> bytes:
    return b"".join(b"event: x\ndata: %s\n\n" % json.dumps(event).encode() for event in events)


def anthropic_stream(answer: dict[str, Any], size: int) -> bytes:
    usage = answer["usage"]
    start = {**answer, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    events: list[Any] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(answer["content"]):
        empty = {**block, **{name: "" for name in ("text", "thinking", "signature") if name in block}}
        empty = {**empty, "input": {}} if "input" in block else empty
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        fields = [("text", "text_delta", "text"), ("thinking", "thinking_delta", "thinking")]
        fields += [("signature", "signature_delta", "signature"), ("input", "input_json_delta", "partial_json")]
        for field, kind, name in fields:
            whole = json.dumps(block[field]) if field == "input" and field in block else block.get(field, "")
            for piece in pieces(whole, size):
                events.append({"type": "content_block_delta", "index": index, "delta": {"type": kind, name: piece}})
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage["output_tokens"]}})
    return sse([*events, {"type": "message_stop"}])


def pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def bedrock(said: Said, stop: str = "end_turn") -> dict[str, Any]:
    thought, text, calls = said
    words = {"text": thought, "signature": "sig"}
    content: list[Any] = [{"reasoningContent": {"reasoningText": words}}] if thought else []
    content += [{"text": text}] if text else []
    content += [{"toolUse": {"toolUseId": id_, "name": name, "input": value}} for id_, name, value in calls]
    usage = {"inputTokens": 12, "outputTokens": 6, "totalTokens": 18}
    message = {"role": "assistant", "content": content}
    return {"output": {"message": message}, "stopReason": "tool_use" if calls else stop, "usage": usage}


def frame(name: str, payload: Any, kind: str = "event") -> bytes:
    """A message of an event stream."""
    headers = b""
    for key, value in ((":message-type", kind), (f":{kind}-type", name), (":content-type", "application/json")):
        headers += bytes([len(key)]) + key.encode() + b"\7" + struct.pack(">H", len(value)) + value.encode()
    data = json.dumps(payload).encode()
    head = struct.pack(">II", 16 + len(headers) + len(data), len(headers))
    whole = head + struct.pack(">I", zlib.crc32(head)) + headers + data
    return whole + struct.pack(">I", zlib.crc32(whole))


def bedrock_stream(answer: dict[str, Any], size: int) -> bytes:
    events: list[tuple[str, Any]] = [("messageStart", {"role": "assistant"})]
    for index, block in enumerate(answer["output"]["message"]["content"]):
        deltas: list[Any] = [{"text": piece} for piece in pieces(block.get("text", ""), size)]
        if "toolUse" in block:
            start = {name: block["toolUse"][name] for name in ("toolUseId", "name")}
            events.append(("contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": start}}))
            text = json.dumps(block["toolUse"]["input"])
            deltas = [{"toolUse": {"input": piece}} for piece in pieces(text, size)]
        if "reasoningContent" in block:
            words = block["reasoningContent"]["reasoningText"]
            deltas = [{"reasoningContent": {"text": piece}} for piece in pieces(words["text"], size)]
            deltas.append({"reasoningContent": {"signature": words["signature"]}})
        events += [("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}) for delta in deltas]
        events.append(("contentBlockStop", {"contentBlockIndex": index}))
    events.append(("messageStop", {"stopReason": answer["stopReason"]}))
    events.append(("metadata", {"usage": answer["usage"]}))
    return b"".join(frame(*event) for event in events)


def google(said: Said, stop: str = "STOP") -> dict[str, Any]:
    thought, text, calls = said
    parts: list[Any] = [{"text": thought, "thought": True}] if thought else []
    parts += [{"text": text}] if text else []
    parts += [{"functionCall": {"id": id_, "name": name, "args": value}} for id_, name, value in calls]
    usage = {"promptTokenCount": 12, "candidatesTokenCount": 2, "thoughtsTokenCount": 4, "totalTokenCount": 18}
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": stop, "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "g"}


def google_stream(answer: dict[str, Any], size: int) -> bytes:
    candidate = answer["candidates"][0]
    events = []
    for part in candidate["content"]["parts"]:
        cut = [{**part, "text": piece} for piece in pieces(part["text"], size)] if "text" in part else [part]
        events += [{"candidates": [{"content": {"parts": [piece]}, "index": 0}]} for piece in cut]
    last = {**candidate, "content": {"parts": [{"text": ""}]}}
    return sse([*events, {**answer, "candidates": [last]}])


def responses(said: Said, stop: str = "completed") -> dict[str, Any]:
    thought, text, calls = said
    summary = [{"type": "summary_text", "text": thought}]
    output: list[Any] = [{"type": "reasoning", "id": "rs", "summary": summary}] if thought else []
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": "msg", "role": "assistant", "status": "completed", "content": [part]}
    output += [message] if text else []
    output += [
        {"type": "function_call", "id": "fc", "call_id": id_, "name": name, "arguments": json.dumps(value)}
        for id_, name, value in calls
    ]
    details = {"output_tokens_details": {"reasoning_tokens": 4}}
    usage = {"input_tokens": 12, "output_tokens": 6, "total_tokens": 18, **details}
    return {"id": "r", "object": "response", "model": "o", "status": stop, "output": output, "usage": usage}


def responses_stream(answer: dict[str, Any], size: int) -> bytes:
    events: list[Any] = [{"type": "response.created", "response": {**answer, "output": [], "status": "in_progress"}}]
    for index, item in enumerate(answer["output"]):
        events.append({"type": "response.output_text.delta", "output_index": index, "delta": "x" * size})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    # Some servers leave out what they told before.
    last = answer if size % 2 else {**answer, "output": []}
    return sse([*events, {"type": "response.completed", "response": last}])


Make = Callable[..., dict[str, Any]]
Cut = Callable[[dict[str, Any], int], bytes]
FORMATS: dict[Api, tuple[Make, Cut]] = {
    "anthropic.messages": (anthropic, anthropic_stream),
    "bedrock.converse": (bedrock, bedrock_stream),
    "google.generate": (google, google_stream),
    "openai.responses": (responses, responses_stream),
}
EACH = pytest.mark.parametrize("api", FORMATS)

REFUSED: list[tuple[Api, Any]] = [
    ("anthropic.messages", {**anthropic(("", "", [])), "content": [{"type": "later", "text": "x"}]}),
    ("anthropic.messages", {**anthropic(("", "x", [])), "stop_reason": "tool_use"}),
    ("anthropic.messages", {**anthropic(("", "x", [])), "actions": [1]}),
    ("anthropic.messages", {"content": "text"}),
    ("bedrock.converse", {**bedrock(("", "", [])), "output": {"message": {"content": [{"later": {"text": "x"}}]}}}),
    ("bedrock.converse", {**bedrock(("", "x", [])), "stopReason": "tool_use"}),
    ("bedrock.converse", {"stopReason": "end_turn"}),
    ("google.generate", {"candidates": []}),
    ("google.generate", {"candidates": [*google(("", "x", []))["candidates"] * 2]}),
    ("google.generate", {"candidates": [{"content": {"parts": [{"later": {"text": "x"}}]}}]}),
    ("google.generate", {"candidates": [{"content": {"parts": [{"functionCall": {"name": ""}}]}}]}),
    ("openai.responses", {**responses(("", "", [])), "output": [{"type": "later", "text": "x"}]}),
    ("openai.responses", {"status": "completed"}),
    (
        "openai.responses",
        {**responses(("", "", [])), "output": [{"type": "message", "content": [{"type": "later", "text": "x"}]}]},
    ),
]
