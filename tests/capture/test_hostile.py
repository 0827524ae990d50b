"""Calls that no recorder likes: the agent gets what it would have got, and the run says what happened."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

import pytest

import runback_gate
from runback_gate.capture.runs import read_run
from runback_gate.capture.sink import sink
from runback_gate.step import Run
from runback_gate.testing.server import Act, ModelServer, completion

httpx: Any = importlib.import_module("httpx")


def body(text: str) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


def read(folder: Path, run: runback_gate.Recording) -> Run:
    assert sink().flush(120)
    return read_run((folder / f"{run.id}.jsonl").read_bytes(), "run")


def test_a_provider_that_hangs(tmp_path: Path) -> None:
    """The client's own timeout ends the call, and is what the step says."""
    with ModelServer(lambda *_: Act(fault="hang")) as server:
        with runback_gate.record("a", out=tmp_path, redact="off") as run, pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{server.url}/chat/completions", json=body("x"), timeout=0.3)
        (step,) = read(tmp_path, run).steps
    assert (step.response.error or "").startswith("ReadTimeout")


def test_a_call_that_goes_on_when_its_run_ends(tmp_path: Path) -> None:
    """Another thread still waits: the run does not, and says so; the thread gets its answer."""
    arrived, got = threading.Event(), list[str]()

    def slow(_body: dict[str, Any], _number: int) -> Act:
        arrived.set()
        return Act(completion("Hi"), delay=1.0)

    with ModelServer(slow) as server:

        def ask() -> None:
            answer = httpx.post(f"{server.url}/chat/completions", json=body("x"), timeout=60).json()
            got.append(answer["choices"][0]["message"]["content"])

        with runback_gate.record("a", out=tmp_path, redact="off") as run:
            thread = threading.Thread(target=ask)
            thread.start()
            assert arrived.wait(60)
        (step,) = read(tmp_path, run).steps
        thread.join()
    assert (step.response.error, got) == ("the run ended before its answer did", ["Hi"])


@pytest.mark.parametrize("data", [b"\x00\xff" * 5000, b"", b"[[[[", b"\xef\xbb\xbf{}", b"NaN"])
def test_an_answer_that_is_no_json(tmp_path: Path, data: bytes) -> None:
    """Whatever bytes come, the client reads them, and the step is no answer."""
    with ModelServer(lambda *_: Act(data)) as server, runback_gate.record("a", out=tmp_path, redact="off") as run:
        assert httpx.post(f"{server.url}/chat/completions", json=body("x")).content == data
    (step,) = read(tmp_path, run).steps
    assert (step.response.finish_reason, step.response.text) == ("error", "")
    assert "not understood" in (step.response.error or "")


@pytest.mark.slow
def test_an_answer_of_a_hundred_megabytes(tmp_path: Path) -> None:
    """It reaches the client whole, and the run as well."""
    words = "order " * 17_000_000
    with ModelServer(lambda *_: Act(completion(words))) as server:
        with runback_gate.record("a", out=tmp_path, redact="off") as run:
            answer = httpx.post(f"{server.url}/chat/completions", json=body("x"), timeout=120).json()
        assert answer["choices"][0]["message"]["content"] == words
    (step,) = read(tmp_path, run).steps
    assert step.response.text == words


@pytest.mark.slow
def test_sixty_four_threads(tmp_path: Path) -> None:
    """Each call of each thread is a step, with the answer to its own question."""
    threads, calls = 64, 25
    with (
        ModelServer(lambda asked, _: Act(completion(asked["messages"][0]["content"]))) as server,
        runback_gate.record("a", out=tmp_path, redact="off") as run,
    ):

        def work(name: int) -> None:
            with httpx.Client(timeout=120) as client:
                for number in range(calls):
                    client.post(f"{server.url}/chat/completions", json=body(f"{name} {number}"))

        workers = [threading.Thread(target=work, args=(name,)) for name in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    steps = read(tmp_path, run).steps
    assert sorted(step.request.messages[0].content for step in steps) == sorted(
        f"{name} {number}" for name in range(threads) for number in range(calls)
    )
    assert all(step.response.text == step.request.messages[0].content for step in steps)
