"""The AI SDK for JavaScript, recorded through the proxy and out of its spans, against a server that knows the wire.

`npm ci` in `tests/contract/ai_sdk` installs it; elsewhere the tests skip, and with RUNBACK_REQUIRE_LIVE=1 they fail.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.contract.clients.run import compared
from tests.contract.clients.server import Server
from tests.web.conftest import local

AGENT = Path(__file__).parent / "ai_sdk" / "agent.mjs"
if not (AGENT.parent / "node_modules").exists() and not os.environ.get("RUNBACK_REQUIRE_LIVE"):
    pytest.skip("the AI SDK is not installed", allow_module_level=True)

pytestmark = pytest.mark.contract


def agent(*arguments: str) -> int:
    """What the agent exits with."""
    return subprocess.run(["node", str(AGENT), *arguments], capture_output=True, timeout=120, check=False).returncode


@pytest.mark.parametrize("scenario", ["plain", "stream", "tool", "error", "close"])
def test_through_the_proxy(tmp_path: Path, scenario: str) -> None:
    """Each request that was recorded is the body that the server saw, and each answer the one that it sent."""
    with Server() as server:
        providers = {"local": f"{server.url}/{scenario}/v1"}
        with local(tmp_path, providers=providers) as proxy:
            code = agent(scenario, f"http://127.0.0.1:{proxy.port}/v1/proxy/local")
        assert code == (scenario == "error")
        steps = [step for run in proxy.runs() for step in run.steps]
        assert compared(steps, server.asked, scenario) == "exact"
    assert not any(b"secret-key" in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(("scenario", "grade"), [("plain", "exact"), ("stream", "semantic"), ("tool", "exact")])
def test_out_of_its_spans(tmp_path: Path, scenario: str, grade: str) -> None:
    """What it exports to the receiver is one run: its steps say what was said, and how much of it is known."""
    with Server() as server, local(tmp_path) as receiver:
        endpoint = f"http://127.0.0.1:{receiver.port}"
        assert agent(scenario, f"{server.url}/{scenario}/v1", endpoint) == 0
    (run,) = receiver.runs()
    assert [step.source.grade for step in run.steps] == [grade] * len(server.asked)
    assert run.steps[-1].response.text == "Good morning"
    assert [step.request.system for step in run.steps] == ["Be kind."] * len(server.asked)
    assert [tool.result for tool in run.tool_runs] == (["A-1 is on its way"] if scenario == "tool" else [])
