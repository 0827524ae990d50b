"""A server on loopback that knows the wire formats of OpenAI, Anthropic, Google and Bedrock, plain and streamed.

In: requests to `/SCENARIO/…`. Out: an answer of the API that the path names; `asked` holds the body of each request.

    with Server() as server:
        base = f"{server.url}/tool/v1"

Scenarios: `plain`, `stream`, `tool` (a call of `lookup` until a result is sent), `error` (status 400), `close` (a
stream that is too long to be read).
"""

from __future__ import annotations

import contextlib
import json
import struct
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

LONG = 50_000
RESULT = "is on its way"
"""What `lookup` gives; a body that has it brings the result of the call, in whatever form."""
ARGUMENTS = {"order": "A-1"}


def openai_chat(body: dict[str, Any], text: str | None) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """A completion, and its chunks; without a text it is a call."""
    top = {"id": "chatcmpl-1", "created": 1, "model": body["model"]}
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    function = {"name": "lookup", "arguments": json.dumps(ARGUMENTS)}
    call = {"id": "call_1", "type": "function", "function": function}
    message = {"role": "assistant", "content": text} | ({"tool_calls": [call]} if text is None else {})
    reason = "stop" if text is not None else "tool_calls"
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    plain = {**top, "object": "chat.completion", "choices": [choice], "usage": usage}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text}] if text is not None else [{"tool_calls": [{"index": 0, **call}]}]
    chunks: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    chunks.append({"index": 0, "delta": {}, "finish_reason": reason})
    return plain, [("", {**top, "object": "chat.completion.chunk", "choices": [chunk]}) for chunk in chunks]


def openai_responses(body: dict[str, Any], text: str | None) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """A response, and its events."""
    said: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [said],
    }
    if text is None:
        call = {"call_id": "call_1", "name": "lookup", "arguments": json.dumps(ARGUMENTS)}
        item = {"id": "fc_1", "type": "function_call", "status": "completed", **call}
    usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
    usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}  # type: ignore[dict-item]
    top = {"id": "resp_1", "object": "response", "created_at": 1, "model": body["model"], "error": None, "tools": []}
    top |= {"parallel_tool_calls": True, "tool_choice": "auto", "incomplete_details": None, "instructions": None}
    plain = {**top, "status": "completed", "output": [item], "usage": usage}
    begun = {**top, "status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [{"type": "response.created", "response": begun}]
    events.append({"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}})
    if text is not None:
        place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        empty = {**said, "text": ""}
        events.append({"type": "response.content_part.added", **place, "part": empty})
        events.append({"type": "response.output_text.delta", **place, "delta": text, "logprobs": []})
        events.append({"type": "response.output_text.done", **place, "text": text, "logprobs": []})
        events.append({"type": "response.content_part.done", **place, "part": said})
    events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    events.append({"type": "response.completed", "response": plain})
    return plain, [(event["type"], {**event, "sequence_number": number}) for number, event in enumerate(events)]


def anthropic(body: dict[str, Any], text: str | None) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """A message, and its events."""
    block: dict[str, Any] = {"type": "text", "text": text}
    if text is None:
        block = {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": ARGUMENTS}
    reason = "end_turn" if text is not None else "tool_use"
    top = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "stop_sequence": None}
    usage = {"input_tokens": 5, "output_tokens": 2}
    plain = {**top, "content": [block], "stop_reason": reason, "usage": usage}
    begin = {**block, "text": ""} if text is not None else {**block, "input": {}}
    delta = {"type": "text_delta", "text": text}
    if text is None:
        delta = {"type": "input_json_delta", "partial_json": json.dumps(ARGUMENTS)}
    ended = {"stop_reason": reason, "stop_sequence": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**top, "content": [], "stop_reason": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": begin},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]
    return plain, [(event["type"], event) for event in events]


def google(_body: dict[str, Any], text: str | None) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """An answer of generateContent, and its pieces."""
    part = {"text": text} if text is not None else {"functionCall": {"name": "lookup", "args": ARGUMENTS}}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}
    plain = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-test", "responseId": "r1"}
    first = {**plain, "candidates": [{"content": candidate["content"], "index": 0}]}
    last = {**plain, "candidates": [{"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP"}]}
    return plain, [("", first), ("", last)]


def bedrock(_body: dict[str, Any], text: str | None) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """An answer of Converse, and its events."""
    call = {"toolUseId": "tooluse_1", "name": "lookup"}
    part = {"text": text} if text is not None else {"toolUse": {**call, "input": ARGUMENTS}}
    usage = {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}
    ended = {"stopReason": "end_turn" if text is not None else "tool_use"}
    counted = {"usage": usage, "metrics": {"latencyMs": 1}}
    plain = {"output": {"message": {"role": "assistant", "content": [part]}}, **ended, **counted}
    place = {"contentBlockIndex": 0}
    events: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
    delta: dict[str, Any] = {"text": text}
    if text is None:
        events.append(("contentBlockStart", {**place, "start": {"toolUse": call}}))
        delta = {"toolUse": {"input": json.dumps(ARGUMENTS)}}
    events += [("contentBlockDelta", {**place, "delta": delta}), ("contentBlockStop", place)]
    return plain, [*events, ("messageStop", ended), ("metadata", counted)]


APIS = {
    "/chat/completions": openai_chat,
    "/responses": openai_responses,
    "/messages": anthropic,
    "/converse": bedrock,
    "/converse-stream": bedrock,
}


class Server:
    """The server; a context manager."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body)
                with contextlib.suppress(ConnectionError):
                    outer.answer(self, body)

            def log_message(self, *_args: Any) -> None:
                """Nothing."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that goes is no news."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Server:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        """Answer one request."""
        path = handler.path.partition("?")[0]
        scenario = path.split("/")[1]
        make = next((api for ending, api in APIS.items() if path.endswith(ending)), google)
        if scenario == "error":
            error = {
                "type": "invalid_request_error",
                "message": "no such model",
                "code": 400,
                "status": "INVALID_ARGUMENT",
            }
            _send(handler, 400, "application/json", json.dumps({"type": "error", "error": error}).encode())
            return
        text: str | None = "Good morning"
        if scenario == "tool" and RESULT not in json.dumps(body):
            text = None
        plain, events = make(body, text)
        if scenario == "close":
            first = next(place for place, (_, data) in enumerate(events) if "Good morning" in json.dumps(data))
            events = [*events[:first], *[events[first]] * LONG, *events[first + 1 :]]
        if path.endswith("/converse-stream"):
            data = b"".join(aws_message(name, event) for name, event in events)
            _send(handler, 200, "application/vnd.amazon.eventstream", data)
        elif body.get("stream") or ":stream" in path:
            _send(handler, 200, "text/event-stream", b"".join(_events(events, done=make is openai_chat)))
        else:
            _send(handler, 200, "application/json", json.dumps(plain).encode())


def _events(events: list[tuple[str, dict[str, Any]]], *, done: bool) -> Iterator[bytes]:
    for name, data in events:
        yield f"{f'event: {name}' + chr(10) if name else ''}data: {json.dumps(data)}\n\n".encode()
    if done:
        yield b"data: [DONE]\n\n"


def aws_message(name: str, event: dict[str, Any]) -> bytes:
    """One message of an AWS event stream: lengths, their CRC, headers, payload, CRC of all."""
    named = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        struct.pack(">B", len(key)) + key.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
        for key, value in named.items()
    )
    payload = json.dumps(event).encode()
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = head + struct.pack(">I", zlib.crc32(head)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _send(handler: BaseHTTPRequestHandler, status: int, kind: str, data: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)
