"""A recorded run answers in place of the providers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runback_gate.app.served import served_run
from runback_gate.errors import InputError
from runback_gate.step import Run
from runback_gate.testing.server import Act, ModelServer, completion
from tests.web.conftest import Serve

PATH = "/v1/proxy/local/chat/completions"
SYSTEM = {"role": "system", "content": "You help."}


def body(*words: str, **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": word} for word in words]
    return {"model": "m", "messages": [SYSTEM, *turns], **more}


def answering(asked: dict[str, Any], _number: int) -> Act:
    return Act(completion(f"Answer to {asked['messages'][-1]['content']}"))


@pytest.fixture
def run(served: Serve) -> Run:
    """Two steps, recorded through the proxy."""
    with ModelServer(answering) as server, served(providers={"local": server.url}) as proxy:
        for words in ("One", "Two"):
            proxy.post(PATH, body(words), X_Runback_Run="r")
    found: list[Run] = proxy.runs()
    return found[0]


def test_recorded_answers(run: Run, served: Serve) -> None:
    """The same bodies get the recorded answers, in any order, plain or streamed as they ask, again and again."""
    with served(served=served_run(run, None, bytes)) as replay:
        for words in ("Two", "One", "One"):
            status, _, data = replay.post(PATH, body(words))
            assert (status, json.loads(data)["choices"][0]["message"]["content"]) == (200, f"Answer to {words}")
        files = list(Path(replay.folder).glob("*.jsonl"))
    assert len(files) == 1  # nothing is recorded


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        (body("One", temperature=1), "$.temperature"),
        (body("Other"), "$.messages[1].content"),
        (body("One") | {"model": "n"}, "$.model"),
        (body("One", stream=True), "$.stream"),
    ],
)
def test_first_difference(run: Run, served: Serve, changed: dict[str, Any], place: str) -> None:
    """Another body is a conflict, with the step and the first place that differs."""
    with served(served=served_run(run, None, bytes)) as replay:
        status, _, data = replay.post(PATH, changed)
    error = json.loads(data)["error"]
    assert (status, error["step"], error["path"]) == (409, 0, place)


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [(PATH, b"{", 400), (PATH, b"[]", 400), (PATH, b"{}", 400), ("/v1/proxy/local/models", b"{}", 404)],
)
def test_what_is_no_call(run: Run, served: Serve, path: str, data: bytes, status: int) -> None:
    """What is no call of a model has no recorded answer."""
    with served(served=served_run(run, None, bytes)) as replay:
        assert replay.ask("POST", path, data)[0] == status


def test_other_api(run: Run, served: Serve) -> None:
    """A call of another API is a difference."""
    with served(served=served_run(run, None, bytes)) as replay:
        asked = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "One"}]}
        assert replay.post("/v1/proxy/anthropic/v1/messages", asked)[0] == 409


def test_key_of_the_pseudonyms() -> None:
    """A run whose values were replaced needs the same key, since else nothing that is sent is what was recorded."""
    redacted = Run("r", "a", (), redaction={"level": "standard", "key": "k", "counts": {"email": 1}})
    for key in (None, "b" * 64):
        with pytest.raises(InputError, match="a key that is not here"):
            served_run(redacted, key, bytes)
