"""A server that is compatible with OpenAI's chat completions, and as broken as a test wants.

In: a function from the body of a request and its number to an `Act`. Out: a URL, and what was asked of it.

    with ModelServer(lambda body, number: Act(completion("Hello."))) as server:
        provider = Provider(server.url, models=("*",))
        ...
        assert len(server.asked) == 1

It runs in a thread of its own, on a free port of 127.0.0.1. `python -m runback_gate.testing.server --delay 0.2` is the
same as a process that always answers `Hello.`, for whoever measures a client; `GET /asked` says how often it did.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from types import TracebackType
from typing import Any, Literal

import orjson
from aiohttp import web

from runback_gate.frozen import dataclass
from runback_gate.step import ToolCall

Fault = Literal["hang", "reset", "half", "drip", "endless"]


@dataclass(frozen=True, slots=True)
class Act:
    """What the server does with one request."""

    body: Mapping[str, Any] | bytes = b""
    """JSON, or bytes that are sent as they are. JSON is sent as events where the request asks for a stream."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before the first byte."""
    fault: Fault | None = None
    """`hang`: nothing comes. `reset`: the connection breaks before the answer. `half`: it breaks in the middle.
    `drip`: a byte every 50 ms. `endless`: more and more comes, until the client goes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that came."""

    body: dict[str, Any]
    headers: dict[str, str]
    """Names in lower case."""


Behaviour = Callable[[dict[str, Any], int], Act]


def completion(
    text: str | None = "",
    calls: Sequence[ToolCall] = (),
    *,
    refusal: str | None = None,
    finish_reason: str | None = None,
    usage: tuple[int, int] | None = (12, 7),
    fingerprint: str | None = "fp_1",
    model: str = "test-model",
) -> dict[str, Any]:
    """The JSON of an answer."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if refusal is not None:
        message["refusal"] = refusal
    if calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
    reason = finish_reason or ("tool_calls" if calls else "stop")
    found: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
    }
    if usage is not None:
        found["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    if fingerprint is not None:
        found["system_fingerprint"] = fingerprint
    return found


def events(answer: Mapping[str, Any]) -> bytes:
    """The same answer as server-sent events, text and arguments in two pieces each."""
    choice = answer["choices"][0]
    message = choice["message"]
    top = {name: value for name, value in answer.items() if name not in ("choices", "usage")}
    deltas: list[dict[str, Any]] = [{"role": "assistant"}]
    for name in ("content", "refusal"):
        deltas += [{name: part} for part in _halves(message.get(name) or "")]
    for index, call in enumerate(message.get("tool_calls", [])):
        first, second = _halves(call["function"]["arguments"]) or ("", "")
        function = {"name": call["function"]["name"], "arguments": first}
        deltas.append({"tool_calls": [{"index": index, "id": call["id"], "type": "function", "function": function}]})
        deltas.append({"tool_calls": [{"index": index, "function": {"arguments": second}}]})
    pieces: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    pieces.append({"choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    pieces += [{"choices": [], "usage": answer["usage"]}] if "usage" in answer else []
    lines = [json.dumps({**top, "object": "chat.completion.chunk", **piece}) for piece in pieces]
    return "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()


def _halves(text: str) -> tuple[str, ...]:
    return (text[: len(text) // 2], text[len(text) // 2 :]) if text else ()


class ModelServer:
    """The server; a context manager.

    Args:
        behaviour: what it does with a request, given its body and its number from 0.
        path: what it serves; another than OpenAI's for clients of another API.
        keep: whether it remembers what was asked, which takes memory.
    """

    def __init__(self, behaviour: Behaviour, *, path: str = "/v1/chat/completions", keep: bool = True) -> None:
        self._behaviour = behaviour
        self._path = path
        self._keep = keep
        self.count = 0
        """How many requests came."""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()
        self.asked: list[Asked] = []
        """Every request so far, in order of arrival."""
        self.answered: list[dict[str, Any]] = []
        """The bodies of those that were answered whole with status 200."""
        self.url = ""
        """Root of the API, with `/v1`."""

    def __enter__(self) -> ModelServer:
        """Start to serve."""
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; whoever still waits for an answer is cut off."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post(self._path, self._answer)
        # For whoever started it as a process.
        app.router.add_get("/asked", self._asked)
        runner = web.AppRunner(app, shutdown_timeout=0.05, handler_cancellation=True, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        self._ready.set()
        await self._end.wait()
        await runner.cleanup()

    async def _asked(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text=str(self.count))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = orjson.loads(await request.read())
        number, self.count = self.count, self.count + 1
        if self._keep:
            self.asked.append(Asked(body, {name.lower(): value for name, value in request.headers.items()}))
        act = self._behaviour(body, number)
        if act.delay:
            await asyncio.sleep(act.delay)
        if act.fault is not None:
            return await self._break(request, act)
        data, kind = _bytes(act, body)
        reply = web.Response(body=data, status=act.status, headers={"Content-Type": kind, **act.headers})
        if self._keep and act.status == 200:
            await reply.prepare(request)
            await reply.write_eof()
            self.answered.append(body)
        return reply

    async def _break(self, request: web.Request, act: Act) -> web.StreamResponse:
        data, kind = _bytes(act, await request.json())
        reply = web.StreamResponse(status=act.status, headers={"Content-Type": kind, **act.headers})
        if act.fault == "hang":
            await self._end.wait()
        elif act.fault == "half":
            reply.headers["Content-Length"] = str(len(data))
            await reply.prepare(request)
            await reply.write(data[: len(data) // 2])
        elif act.fault == "drip":
            await reply.prepare(request)
            for byte in data:
                await reply.write(bytes([byte]))
                await asyncio.sleep(0.05)
        elif act.fault == "endless":
            await reply.prepare(request)
            with contextlib.suppress(ConnectionError):
                while not self._end.is_set():
                    await reply.write(b" " * (1 << 20))
        if request.transport is not None and act.fault != "drip":
            request.transport.abort()
        return reply


def _bytes(act: Act, body: Mapping[str, Any]) -> tuple[bytes, str]:
    if isinstance(act.body, bytes):
        return act.body, "application/json"
    if body.get("stream") and act.status == 200 and "choices" in act.body:
        return events(act.body), "text/event-stream"
    return orjson.dumps(act.body), "application/json"


def main(arguments: Sequence[str]) -> None:
    """Serve `Hello.` until standard input ends; the first line of output is the URL."""
    parser = argparse.ArgumentParser(prog="python -m runback_gate.testing.server", description=__doc__.splitlines()[0])
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    delay = parser.parse_args(arguments).delay
    with ModelServer(lambda _body, _number: Act(completion("Hello."), delay=delay), keep=False) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])
