"""Bodies that clients sent to real servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runback_gate.step import Api
from tests.conftest import SHARED_DATA
from tests.extras import NO_DATA


def bodies() -> list[Any]:
    """Every recorded body, of any API."""
    found = [json.loads(path.read_bytes()) for path in sorted(SHARED_DATA.glob("transcripts/27-*/request.json"))]
    for path in sorted(SHARED_DATA.glob("otlp/*.requests.jsonl")):
        found += [json.loads(line)["body"] for line in path.read_bytes().splitlines()]
    return found


def api_of(body: Any) -> Api:
    """The API of a recorded body, by its keys."""
    if "contents" in body:
        return "google.generate"
    if "input" in body:
        return "openai.responses"
    return "bedrock.converse" if "inferenceConfig" in body else "openai.chat"


@pytest.fixture(scope="session")
def recorded_bodies() -> list[tuple[Api, Any]]:
    """Each with its API."""
    found = [(api_of(body), body) for body in bodies()]
    if not found:
        pytest.skip(NO_DATA)
    return found
