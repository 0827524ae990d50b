"""The recorder: runs begin and end, tools and notes are kept, and whatever fails, the agent goes on."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import runback_gate
from runback_gate.capture import outside
from runback_gate.capture.exchange import Seen
from tests.capture.recordings import URL, recording, runs, seen


def test_rotation(tmp_path: Path) -> None:
    """A run that grows continues in files that each verify, each a whole run of its own, and no step is lost."""
    with recording(tmp_path, labels={"task": 5}, rotate=3000) as run:
        for number in range(12):
            run._see(seen(f"question {number}, " + "words " * 60))
        run.finish("done")
    found = {item.id: item for item in runs(tmp_path)}
    assert len(found) > 2
    assert max(path.stat().st_size for path in tmp_path.iterdir()) < 6000
    texts, at = [], found[run.id]
    while True:
        texts += [step.request.messages[0].content[:11] for step in at.steps]
        assert (at.labels, at.agent) == ({"task": 5}, "a")
        following = [item for item in found.values() if item.parent == at.id]
        assert [note.value["run"] for note in at.notes] == [item.id for item in following]
        if not following:
            break
        assert at.status is None
        (at,) = following
    assert texts == [f"question {number},"[:11] for number in range(12)]
    assert (at.status, at.output) == ("ok", "done")


def test_a_run_has_what_its_agent_did(tmp_path: Path) -> None:
    """Labels, steps, tool runs with the call that asked for them, notes, and how it ended."""
    calls = [{"id": "c1", "type": "function", "function": {"name": "lookup", "arguments": '{"id": 7}'}}]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    answer = {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    with recording(tmp_path, labels={"task": 5}) as run:
        prompt = run.prompt("Hello {name}", name="Ann")
        body = {"model": "m", "messages": [{"role": "system", "content": prompt}, {"role": "user", "content": "x"}]}
        run._see(Seen(URL, json.dumps(body).encode(), outside.now(), 200, "", (json.dumps(answer).encode(),)))

        @run.tool
        def lookup(id: int) -> dict[str, int]:  # noqa: A002
            return {"found": id}

        assert lookup(7) == {"found": 7}
        run.note("checked", score=0.5)
        run.finish({"done": True})
    (found,) = runs(tmp_path)
    assert (found.id, found.agent, found.labels, found.status) == (run.id, "a", {"task": 5}, "ok")
    assert found.output == {"done": True}
    assert found.steps[0].variables == {"name": "Ann"}
    (tool,) = found.tool_runs
    assert (tool.step, tool.call, tool.id, tool.name) == (0, 0, "c1", "lookup")
    assert (tool.arguments, tool.result, tool.error) == ('{"id": 7}', '{"found": 7}', None)
    assert [note.kind for note in found.notes] == ["prompt", "note"]
    assert found.notes[0].value == {"template": "Hello {name}", "variables": {"name": "Ann"}}
    assert found.redaction == {"level": "off"}


def test_an_exception_is_how_a_run_ended(tmp_path: Path) -> None:
    """Its type, its words and its place; and it reaches whoever called."""
    with pytest.raises(ValueError, match="wrong"), recording(tmp_path):
        raise ValueError("wrong")
    (found,) = runs(tmp_path)
    assert found.status == "error"
    assert found.error is not None
    assert found.error.startswith("ValueError: wrong (test_recorder.py:")


def test_functions_are_recorded_call_by_call(tmp_path: Path) -> None:
    """A decorated function, plain or async, is as it was, and each call is a run."""

    @recording(tmp_path)
    def plain(number: int) -> int:
        return number + 1

    @recording(tmp_path)
    async def asynchronous(number: int) -> int:
        return plain(number) + 1

    assert plain(1) == 2
    assert asyncio.run(asynchronous(1)) == 3
    found = runs(tmp_path)
    assert len(found) == 3
    assert sorted(run.parent for run in found if run.parent) == [
        next(run.id for run in found if run.id in {item.parent for item in found})
    ]


def test_a_tool_that_fails(tmp_path: Path) -> None:
    """Its error is kept and raised; an async tool is awaited; outside of a run a tool is just a function."""

    @runback_gate.tool(name="pay")
    async def payment(amount: int) -> None:
        raise KeyError(amount)

    async def agent() -> None:
        async with recording(tmp_path):
            with pytest.raises(KeyError):
                await payment(amount=5)

    asyncio.run(agent())
    with pytest.raises(KeyError):
        asyncio.run(payment(5))
    (found,) = runs(tmp_path)
    (tool,) = found.tool_runs
    assert (tool.step, tool.name, tool.arguments, tool.error) == (-1, "pay", '{"amount": 5}', "KeyError: 5")


def test_a_cancelled_task_ends_its_run(tmp_path: Path) -> None:
    """Cancellation is an error of the run, and the task is cancelled as before."""

    async def agent() -> None:
        async with recording(tmp_path):
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(agent())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert (runs(tmp_path)[0].error or "").startswith("CancelledError")


def test_threads_share_a_run(tmp_path: Path) -> None:
    """64 threads at once: no event is lost, and the chain holds."""

    def ask(number: int) -> None:
        for count in range(5):
            run._see(seen(f"{number} {count}"))

    with recording(tmp_path) as run:
        threads = [threading.Thread(target=ask, args=(n,)) for n in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    (found,) = runs(tmp_path)
    texts = {step.request.messages[0].content for step in found.steps}
    assert texts == {f"{n} {i}" for n in range(64) for i in range(5)}


def test_tasks_have_their_own_runs(tmp_path: Path) -> None:
    """Agents that run at the same time do not mix."""

    async def agent(number: int) -> str:
        async with runback_gate.record(f"agent-{number}", out=tmp_path, redact="off") as run:
            await asyncio.sleep(0.01)
            run.note(str(number))
            return run.id

    async def main() -> list[str]:
        return await asyncio.gather(*(agent(number) for number in range(5)))

    asyncio.run(main())
    assert {run.agent: run.notes[0].value["text"] for run in runs(tmp_path)} == {
        f"agent-{number}": str(number) for number in range(5)
    }


def test_a_share_of_the_runs(tmp_path: Path) -> None:
    """A run that is not chosen leaves nothing; its agent can use it all the same."""
    with recording(tmp_path, sample=0.0) as run:
        run.note("x")
        assert run.prompt("Hi {name}", name="Ann") == "Hi Ann"
        run._see(seen())
    assert not list(tmp_path.iterdir())


def test_a_wrong_option_does_not_stop_the_agent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said on standard error, and nothing is recorded."""
    with recording(tmp_path, redact="nonsense") as run:
        run.note("x")
    assert "not recorded" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_clock_that_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are what the clock said; order and durations come from elsewhere."""
    times = iter(["2026-01-31T12:00:00Z", *["2025-01-01T00:00:00Z"] * 9])
    monkeypatch.setattr("runback_gate.capture.tool_runs.now", lambda: next(times))
    with recording(tmp_path) as run:
        for _ in range(2):
            run.tool(lambda: time.sleep(0.002))()
    (found,) = runs(tmp_path)
    assert [tool.at for tool in found.tool_runs] == ["2026-01-31T12:00:00Z", "2025-01-01T00:00:00Z"]
    assert all((tool.duration_ms or 0) >= 1 for tool in found.tool_runs)


def test_a_redactor_of_the_callers_own_may_change_what_it_is_given(tmp_path: Path) -> None:
    """It is given the body of each call as it was sent, though a later call repeats the one before."""
    given: list[str] = []

    def blank(value: Any) -> tuple[Any, dict[str, int]]:
        for message in value.get("messages", []) if isinstance(value, dict) else []:
            given.append(message["content"])
            message["content"] = "gone"
        return value, {"own": 1}

    with recording(tmp_path, redact=blank) as run:
        for words in (["a"], ["a", "b"], ["a", "b", "c"]):
            body = {"messages": [{"role": "user", "content": word} for word in words]}
            run._see(replace(seen(), body=json.dumps(body).encode()))
    assert given == ["a", "a", "b", "a", "b", "c"]
    assert {message.content for step in runs(tmp_path)[0].steps for message in step.request.messages} == {"gone"}
