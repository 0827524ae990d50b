"""Hooks: whatever client sends, the recorded request is the body that the server saw, and the app gets every byte."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import runback_gate
from runback_gate.capture import hooks
from runback_gate.capture.call import CLOSED, RUN_ENDED
from runback_gate.capture.runs import read_run
from runback_gate.capture.sink import sink
from runback_gate.step import Run, Step, ToolCall
from runback_gate.testing.server import Act, ModelServer, completion, events
from runback_gate.wire.openai_chat import write_request

BODY = {
    "model": "m",
    "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Grüße 🙂"}],
    "tools": [{"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}],
    "tool_choice": "auto",
    "temperature": 0.5,
}
SECRETS = {"authorization": "Bearer secret-1", "api-key": "secret-2", "cookie": "a=secret-3"}
CALLED = completion(None, [ToolCall("c1", "lookup", '{"id": 7}')])
Send = Callable[[str, dict[str, Any], int | None], bytes]
"""Sends a body to a URL; gives what it read, all of it or only so many pieces."""


def httpx_sync(name: str) -> Send:
    module: Any = pytest.importorskip(name)

    def send(url: str, body: dict[str, Any], pieces: int | None) -> bytes:
        with module.Client(headers=SECRETS) as client:
            if not body.get("stream"):
                return bytes(client.post(url, json=body).content)
            with client.stream("POST", url, json=body) as response:
                return taken(response.iter_bytes(16), pieces)

    return send


def httpx_async(name: str) -> Send:
    module: Any = pytest.importorskip(name)

    async def ask(url: str, body: dict[str, Any], pieces: int | None) -> bytes:
        async with module.AsyncClient(headers=SECRETS) as client:
            if not body.get("stream"):
                return bytes((await client.post(url, json=body)).content)
            async with client.stream("POST", url, json=body) as response:
                return await taken_async(response.aiter_bytes(16), pieces)

    return lambda *args: asyncio.run(ask(*args))


def requests_sync(name: str) -> Send:
    module: Any = importlib.import_module(name)

    def send(url: str, body: dict[str, Any], pieces: int | None) -> bytes:
        with module.Session() as session:
            response = session.post(url, json=body, headers=SECRETS, stream=bool(body.get("stream")))
            with response:
                if not body.get("stream"):
                    return bytes(response.content)
                return taken(response.iter_content(16), pieces)

    return send


def aiohttp_async(name: str) -> Send:
    module: Any = importlib.import_module(name)

    async def ask(url: str, body: dict[str, Any], pieces: int | None) -> bytes:
        async with module.ClientSession(headers=SECRETS) as session, session.post(url, json=body) as response:
            if not body.get("stream"):
                return bytes(await response.read())
            return await taken_async(response.content.iter_chunked(16), pieces)

    return lambda *args: asyncio.run(ask(*args))


def taken(chunks: Iterator[bytes], pieces: int | None) -> bytes:
    found = b""
    for number, chunk in enumerate(chunks, 1):
        found += chunk
        if number == pieces:
            break
    return found


async def taken_async(chunks: Any, pieces: int | None) -> bytes:
    found, number = b"", 0
    async for chunk in chunks:
        found, number = found + chunk, number + 1
        if number == pieces:
            break
    return found


CLIENTS: list[tuple[Callable[[str], Send], str]] = [
    (httpx_sync, "httpx"),
    (httpx_async, "httpx"),
    (requests_sync, "requests"),
    (aiohttp_async, "aiohttp"),
]


@pytest.fixture(params=CLIENTS, ids=lambda param: param[0].__name__)
def send(request: pytest.FixtureRequest) -> Send:
    """A client."""
    make, name = request.param
    found: Send = make(name)
    return found


def only_run(folder: Path) -> Run:
    assert sink().flush(60)
    (path,) = folder.glob("*.jsonl")
    data = path.read_bytes()
    assert b"secret-" not in data
    return read_run(data, path.name)


def recorded(
    folder: Path, send: Send, act: Act, body: dict[str, Any], pieces: int | None = None
) -> tuple[Step, bytes, dict[str, Any]]:
    """The one step that was recorded, what the client read, and what the server saw."""
    read = b""
    with ModelServer(lambda _body, _number: act) as server, runback_gate.record("a", out=folder, redact="off"):
        try:
            read = send(f"{server.url}/chat/completions?api-version=1", body, pieces)
        except Exception:
            if act.fault is None:
                raise
    (step,) = only_run(folder).steps
    return step, read, server.asked[0].body


def test_a_plain_call(tmp_path: Path, send: Send) -> None:
    """The step is exact, its request what the server saw, its answer whole, and no key is stored."""
    step, read, asked = recorded(tmp_path, send, Act(CALLED), BODY)
    assert json.loads(read) == CALLED
    assert (step.source.grade, step.source.api, step.source.lost) == ("exact", "openai.chat", ())
    assert write_request(step.request, step.request.model) == asked == BODY
    assert step.response.tool_calls == (ToolCall("c1", "lookup", '{"id": 7}'),)
    assert step.response.usage.input_tokens == 12
    assert step.response.latency_ms is not None


def test_a_stream(tmp_path: Path, send: Send) -> None:
    """The app reads the bytes that the server sent; the step has the answer that they say."""
    body = {**BODY, "stream": True}
    step, read, asked = recorded(tmp_path, send, Act(completion("Good morning")), body)
    assert read == events(completion("Good morning"))
    assert write_request(step.request, step.request.model) == asked == body
    assert (step.response.text, step.response.finish_reason) == ("Good morning", "stop")


def test_an_error_of_the_provider(tmp_path: Path, send: Send) -> None:
    """It is a step without an answer, which says what came."""
    step, _, _ = recorded(tmp_path, send, Act({"error": {"message": "slow down"}}, status=429), BODY)
    assert step.response.finish_reason == "error"
    assert step.response.error is not None
    assert step.response.error.startswith("HTTP 429")
    assert "slow down" in step.response.error


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["reset", "half"])
def test_a_broken_connection(tmp_path: Path, send: Send, fault: Any, stream: bool) -> None:
    """What the client raises is why there is no answer; half an answer is none."""
    step, _, _ = recorded(tmp_path, send, Act(completion("Hello"), fault=fault), {**BODY, "stream": stream})
    assert step.response.finish_reason == "error"
    assert step.response.error
    assert step.response.text == ""


def test_an_early_close(tmp_path: Path, send: Send) -> None:
    """An app that leaves a stream leaves a step that says so."""
    step, read, _ = recorded(tmp_path, send, Act(completion("Good morning " * 400_000)), {**BODY, "stream": True}, 2)
    assert len(read) == 32
    assert step.response.error == "closed by the application before its end"


@pytest.mark.parametrize("kept", [True, False])
def test_a_stream_that_nobody_closes(tmp_path: Path, kept: bool) -> None:
    """It ends when it is collected, and with its run at the latest; it is a step that says so."""
    httpx: Any = importlib.import_module("httpx")
    held: list[Any] = []
    with ModelServer(lambda *_: Act(completion("Good morning " * 400_000))) as server, httpx.Client() as client:
        with runback_gate.record("a", out=tmp_path, redact="off"):
            request = client.build_request("POST", f"{server.url}/chat/completions", json={**BODY, "stream": True})
            response = client.send(request, stream=True)
            pieces = response.iter_raw()
            assert next(pieces)
            if kept:
                held.append(pieces)
            del pieces
        (step,) = only_run(tmp_path).steps
        response.close()
    assert step.response.error == (RUN_ENDED if kept else CLOSED)


def test_other_requests_are_not_recorded(tmp_path: Path, send: Send) -> None:
    """What goes elsewhere is nobody's business, also to a path that a model API might have."""
    for number, path in enumerate(("/v1/tickets", "/v1/messages")):
        folder = tmp_path / str(number)
        with ModelServer(lambda *_: Act({}), path=path) as server, runback_gate.record("a", out=folder, redact="off"):
            send(server.url.removesuffix("/v1") + path, {"text": "private"}, None)
        assert only_run(folder).steps == ()
        assert not any(b"private" in item.read_bytes() for item in folder.iterdir())


def test_an_unknown_body_is_kept(tmp_path: Path, send: Send) -> None:
    """An API that nobody reads yet is view-only, with its JSON."""
    server = ModelServer(lambda *_: Act({"done": True}), path="/api/chat")
    with server, runback_gate.record("a", out=tmp_path, redact="off"):
        send(server.url.removesuffix("/v1") + "/api/chat", {"model": "m", "messages": [1]}, None)
    (step,) = only_run(tmp_path).steps
    assert step.source.grade == "view-only"
    assert step.request.extra == {"body": {"model": "m", "messages": [1]}}
    assert step.response.extra == {"body": {"done": True}}


def test_classes_are_as_before_afterwards(tmp_path: Path) -> None:
    """Patches go when the last run ends, and nested runs keep them."""
    requests: Any = importlib.import_module("requests")
    before = requests.Session.send
    with runback_gate.record("a", out=tmp_path, redact="off"):
        assert requests.Session.send is not before
        with runback_gate.record("b", out=tmp_path, redact="off"):
            pass
        assert requests.Session.send is not before
    assert requests.Session.send is before
    assert not hooks._applied
