"""The foreign emulator @copilotkit/aimock: an OpenAI of other people's making. CI always runs it."""

from __future__ import annotations

import asyncio
import importlib.util
import math
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runback_gate.errors import ProviderError
from runback_gate.replay.providers import Provider, open_models, real_world
from runback_gate.replay.providers.model import ProviderApi
from runback_gate.replay.providers.retry import Patience
from runback_gate.step import Message, Request, Response, Tool

FOLDER = Path(__file__).parent / "aimock"
PROGRAM = FOLDER / "node_modules/.bin/llmock"
KEY = "sk-very-secret"
APIS: list[ProviderApi] = ["openai", "litellm"] if importlib.util.find_spec("litellm") else ["openai"]

if not PROGRAM.exists() and not os.environ.get("RUNBACK_REQUIRE_LIVE"):
    pytest.skip("needs `npm ci` in tests/contract/aimock", allow_module_level=True)

pytestmark = [pytest.mark.contract, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The emulator, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(PROGRAM), "-p", str(port), "-f", "fixtures.json", "--strict", "--log-level", "silent"]
    with subprocess.Popen(command, cwd=FOLDER, stdin=subprocess.DEVNULL) as process:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1"
        process.terminate()


def ask(url: str, text: str, api: ProviderApi = "openai", **parameters: object) -> Response:
    """One question."""

    async def run() -> Response:
        provider = Provider(url, ("*",), "KEY", api=api, timeout=30.0)
        patience = Patience(attempts=1, throttled=0.5)
        models = open_models(
            {"openai": provider}, {"KEY": KEY}, outside=real_world(), deadline=math.inf, patience=patience
        )
        tools = (Tool("issue_refund", "Pays.", {"type": "object", "properties": {"amount": {"type": "number"}}}),)
        request = Request("openai/gpt-4o", "Be kind.", (Message("user", text),), tools, dict(parameters))
        try:
            return await models.model_for("openai/gpt-4o").answer(request)
        finally:
            await models.close()

    return asyncio.run(run())


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("stream", [False, True])
def test_answers(url: str, api: ProviderApi, stream: bool) -> None:
    """Text, JSON and tool calls, plain and streamed, straight and through litellm."""
    options = {"stream": True} if stream else {}
    assert ask(url, "hello", api, **options).text == "Hello from another hand."
    assert ask(url, "json", api, **options).text == '{"action": "escalate"}'
    answer = ask(url, "refund", api, **options)
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("issue_refund", '{"amount":250}')]
    assert answer.tool_calls[0].id.startswith("call_")
    assert answer.finish_reason == "tool_calls"


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(("text", "kind"), [("slow down", "rate limit"), ("what nobody expects", "server")])
def test_failures(url: str, api: ProviderApi, text: str, kind: str) -> None:
    """A rate limit with its Retry-After, and the emulator's own 503."""
    with pytest.raises(ProviderError) as error:
        ask(url, text, api)
    assert error.value.kind == kind
    assert error.value.retry_after == (1.0 if kind == "rate limit" else None)
    assert KEY not in str(error.value)
