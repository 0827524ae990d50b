"""Bodies that clients sent to real servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import SHARED_DATA


def bodies() -> list[Any]:
    """Every recorded body, of any API."""
    found = [json.loads(path.read_bytes()) for path in sorted(SHARED_DATA.glob("transcripts/27-*/request.json"))]
    for path in sorted(SHARED_DATA.glob("otlp/*.requests.jsonl")):
        found += [json.loads(line)["body"] for line in path.read_bytes().splitlines()]
    return found


@pytest.fixture(scope="session")
def chat_bodies() -> list[Any]:
    """Those of chat completions."""
    chosen = [body for body in bodies() if "messages" in body and "inferenceConfig" not in body]
    if not chosen:
        pytest.skip("the recorded bodies are not here")
    return chosen
