"""The recorder: runs begin and end, tools and notes are kept, and whatever fails, the agent goes on."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import runback_gate
from runback_gate.canonical import digest_bytes
from runback_gate.capture import log, outside
from runback_gate.capture.exchange import MAX_BODY, Seen
from runback_gate.capture.log import Redaction, RunLog, off
from runback_gate.capture.runs import blobs, read_run
from runback_gate.capture.sink import Sink, sink
from runback_gate.step import Run
from runback_gate.testing.server import completion

ROOT = Path(__file__).parent.parent.parent
URL = "https://api.example/v1/chat/completions"


def seen(text: str = "Hello", *, answer: Any = None, **changes: Any) -> Seen:
    """A call of a model, and its answer."""
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    data = json.dumps(completion("Hi") if answer is None else answer).encode()
    fields: dict[str, Any] = {"status": 200, "media_type": "application/json", "chunks": (data,), **changes}
    return Seen(URL, json.dumps(body).encode(), "2026-01-31T12:00:00Z", **fields)


def runs(folder: Path, *, truncated: bool = False) -> list[Run]:
    """The runs of a folder, oldest first."""
    assert sink().flush(60)
    paths = sorted(folder.glob("*.jsonl"))
    return [read_run(path.read_bytes(), path.name, truncated=truncated) for path in paths]


def recording(folder: Path, **options: Any) -> runback_gate.Recording:
    return runback_gate.record("a", out=folder, **{"redact": "off", **options})


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


def test_a_redactor_that_raises_withholds(tmp_path: Path) -> None:
    """Nothing is stored as it was, nothing is missing without a word, the agent notices nothing."""

    def broken(value: Any) -> Any:
        raise RuntimeError(str(value))

    with recording(tmp_path, redact=broken, labels={"secret": "private"}) as run:
        run._see(seen("private"))
        run.note("private")
        runback_gate.tool(lambda text: text)("private")
        run.finish("private")
    (path,) = tmp_path.glob("*.jsonl")
    assert b"private" not in path.read_bytes()
    (found,) = runs(tmp_path)
    assert [note.kind for note in found.notes] == ["dropped", "withheld", "withheld", "withheld", "withheld"]
    assert {note.value["reason"] for note in found.notes[1:]} == {"redaction failed: RuntimeError"}
    assert [note.value["event"] for note in found.notes[1:]] == ["model", "note", "tool", "run.end"]


def test_what_is_redacted_is_what_is_stored(tmp_path: Path) -> None:
    """Everything passes the redactor before it is graded, hashed and written, and the run says how much."""

    def redact(value: Any) -> tuple[Any, dict[str, int]]:
        text = json.dumps(value)
        return json.loads(text.replace("private", "<x>")), {"x": text.count("private")}

    with recording(tmp_path, redact=redact) as run:
        run._see(seen("private", answer=completion("so private")))
    (path,) = tmp_path.glob("*.jsonl")
    assert b"private" not in path.read_bytes()
    (found,) = runs(tmp_path)
    assert found.redaction["counts"] == {"x": 2}
    source = found.steps[0].source
    assert (source.grade, source.redacted, found.steps[0].response.text) == ("exact", 2, "so <x>")


def test_a_part_beyond_the_limit_is_a_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes are left out, its digest and length stay, and the step is not exact, nor is one that repeats it."""
    monkeypatch.setattr(blobs, "MAX_PART", 100)
    picture = base64.b64encode(b"\1" * 99).decode()
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": [part]}]}).encode()
    with recording(tmp_path) as run:
        for _ in range(2):
            run._see(replace(seen(), body=body))
    (path,) = tmp_path.glob("*.jsonl")
    (found,) = runs(tmp_path)
    assert picture.encode() not in path.read_bytes()
    for step in found.steps:
        assert (step.source.grade, step.source.lost) == ("semantic", ("request.messages[0].parts[0].data",))
        assert step.request.messages[0].parts[0].blob == digest_bytes(b"\1" * 99)
        assert step.request.messages[0].parts[0].size == 99


def test_personal_data_is_redacted_unasked(tmp_path: Path) -> None:
    """The level is `standard` unless somebody says otherwise, and the run says so."""
    with runback_gate.record("a", out=tmp_path) as run:
        run._see(seen("my mail is jane.doe@shop.example.org", answer=completion("jane.doe@shop.example.org it is")))
        run.note("jane.doe@shop.example.org")
    (path,) = tmp_path.glob("*.jsonl")
    (found,) = runs(tmp_path)
    assert b"jane.doe@shop" not in path.read_bytes()
    assert (found.redaction["level"], found.redaction["counts"]) == ("standard", {"email": 3})
    assert (found.steps[0].source.redaction, found.steps[0].source.grade) == ("standard", "exact")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"chunks": (b"{",)}, "not understood: answer:1:2: not valid JSON"),
        ({"chunks": (b"\xff\xfe",)}, "not understood"),
        ({"chunks": (b"data: {}\n\n",), "media_type": "text/event-stream"}, ""),
        ({"whole": False}, f"an answer of more than {MAX_BODY >> 20} MiB"),
        ({"status": None, "chunks": (), "fault": "ReadTimeout: late"}, "ReadTimeout: late"),
        ({"answer": {"choices": []}}, "not understood: $.choices"),
        ({"answer": {"error": {"message": "no"}}}, "$.error: an error in place of an answer"),
    ],
    ids=str,
)
def test_answers_that_are_none(tmp_path: Path, changes: dict[str, Any], error: str) -> None:
    """Whatever came, the step says why there is no answer; a part of one is never taken for it."""
    with recording(tmp_path) as run:
        run._see(seen(**changes))
    (step,) = runs(tmp_path)[0].steps
    assert step.response.finish_reason == "error"
    assert (step.response.error or "").startswith(error)
    assert (step.response.text, step.response.tool_calls) == ("", ())


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"messages": [NaN]}', b'{"messages": [{"$decimal": 1}]}'], ids=str
)
def test_bodies_that_cannot_be_stored(tmp_path: Path, body: bytes) -> None:
    """They are withheld, and the run says so."""
    with recording(tmp_path) as run:
        run._see(Seen(URL, body, outside.now(), 200, "", (b"{}",)))
        run._see(seen())
    (found,) = runs(tmp_path)
    assert [note.kind for note in found.notes] == ["withheld"]
    assert len(found.steps) == 1


def test_a_full_queue_drops_and_says_so(tmp_path: Path) -> None:
    """An event that does not fit is counted in the run; the caller does not wait."""
    sink, gate = Sink(limit=1000), threading.Event()
    run = RunLog(Run("r", "a", ()), tmp_path, Redaction("off", off))
    sink.call(gate.wait)
    for number in range(5):
        sink.put(run, seen(str(number)), 400)
    gate.set()
    sink.call(lambda: run.end(Run("r", "a", (), status="ok")))
    assert sink.flush(10)
    (found,) = runs(tmp_path)
    assert len(found.steps) == 2
    assert [note.value for note in found.notes] == [{"events": 3, "reasons": ["the queue was full"]}]


def test_a_disk_that_takes_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest follows: the file is whole in the end."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data[:7])))
    with recording(tmp_path) as run:
        for number in range(5):
            run._see(seen(str(number)))
    assert len(runs(tmp_path)[0].steps) == 5


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The agent goes on; what waits is bounded, and the loss is said."""
    write = os.write

    def full(_file: int, _data: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(log, "MAX_PENDING", 5000)
    with recording(tmp_path) as run:
        for number in range(50):
            run._see(seen(str(number)))
    assert "No space left on device" in capsys.readouterr().err
    monkeypatch.setattr(os, "write", write)


def test_a_disk_that_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waited is written, and what was lost meanwhile is counted."""
    write, state = os.write, {"full": True}

    def disk(file: int, data: Any) -> int:
        if state["full"]:
            raise OSError(28, "No space left on device")
        return write(file, bytes(data))

    monkeypatch.setattr(os, "write", disk)
    monkeypatch.setattr(log, "MAX_PENDING", 5000)
    run = RunLog(Run("r", "a", ()), tmp_path, Redaction("off", off))
    for number in range(50):
        run.take(seen(str(number)))
    state["full"] = False
    run.take(seen("last"))
    run.end(Run("r", "a", (), status="ok"))
    (found,) = runs(tmp_path)
    lost = [note.value["events"] for note in found.notes if note.kind == "dropped"]
    assert sum(lost) + len(found.steps) == 51
    assert sum(lost) > 0


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file stands where the folder is to be: one line on standard error, and the agent goes on."""
    (tmp_path / "runs").write_text("")
    with recording(tmp_path / "runs") as run:
        run._see(seen())
    assert "is not whole" in capsys.readouterr().err


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


def test_a_file_is_for_its_owner(tmp_path: Path) -> None:
    """Conversations are private."""
    with recording(tmp_path):
        pass
    (path,) = tmp_path.glob("*.jsonl")
    assert path.stat().st_mode & 0o077 == 0


BEGIN = """
import json, os, signal, sys, threading, time
import runback_gate
from runback_gate.capture.sink import sink
from runback_gate.capture.exchange import Seen
MESSAGE = {"role": "assistant", "content": "Hi"}
ANSWER = {"model": "m", "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}]}
URL = "https://x/v1/chat/completions"
def ask(run, text):
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
    run._see(Seen(URL, body, "2026-01-31T12:00:00Z", 200, "", (json.dumps(ANSWER).encode(),)))
"""


def python(folder: Path, code: str, *options: str) -> int:
    """What a process of its own exits with."""
    done = subprocess.run(
        [sys.executable, *options, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{BEGIN}{code}"],
        cwd=folder,
        timeout=60,
        check=False,
    )
    return done.returncode


@pytest.mark.integration
@pytest.mark.parametrize(
    ("code", "status", "steps", "ended"),
    [
        ("ask(begun, '1'); ask(begun, '2')", 0, 2, None),
        ("ask(begun, '1'); sys.exit(3)", 3, 1, None),
        ("with begun as r:\n ask(r, '1'); sys.exit(3)", 3, 1, "error"),
        ("ask(begun, '1'); os.kill(os.getpid(), 15); time.sleep(9)", -15, 1, "truncated"),
        ("ask(begun, '1'); sink().flush(9); os.kill(os.getpid(), 9)", -9, 1, "truncated"),
        ("ask(begun, '1'); sink().flush(9); os._exit(4)", 4, 1, "truncated"),
    ],
)
def test_however_a_process_ends(tmp_path: Path, code: str, status: int, steps: int, ended: str | None) -> None:
    """It ends as it would have, and what was flushed is usable."""
    begin = "begun = runback_gate.record(redact='off')\n"
    begin += "" if "with" in code else "begun.__enter__()\n"
    assert python(tmp_path, begin + code) == status
    (found,) = runs(tmp_path / "runs", truncated=True)
    assert (len(found.steps), found.status) == (steps, ended)


@pytest.mark.integration
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_have_runs_of_their_own(tmp_path: Path, method: str) -> None:
    """A forked worker writes a run whose parent is the run that forked it, and the parent's file stays whole."""
    code = f"""
import multiprocessing
def work(r, n):
    ask(runback_gate.capture.recorder.current(), str(n)) if r else None
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    with runback_gate.record(redact="off") as r:
        ask(r, "parent")
        if {method!r} == "fork":
            workers = [context.Process(target=work, args=(True, n)) for n in range(3)]
            [worker.start() for worker in workers]
            [worker.join() for worker in workers]
        ask(r, "parent again")
"""
    assert python(tmp_path, "import runback_gate.capture.recorder\n" + code) == 0
    found = runs(tmp_path / "runs")
    (parent,) = [run for run in found if run.parent is None]
    children = [run for run in found if run.parent == parent.id]
    assert len(parent.steps) == 2
    assert [len(run.steps) for run in children] == ([1, 1, 1] if method == "fork" else [])
    assert len(found) == 1 + len(children)


@pytest.mark.integration
def test_the_standard_library_is_enough(tmp_path: Path) -> None:
    """Without site-packages: no orjson, no pydantic, no re2; the run is the same."""
    code = "with runback_gate.record(redact='off') as r:\n ask(r, '1'); r.note('x')\n"
    assert (
        python(tmp_path, code + "assert not {'orjson', 'pydantic', 'click', 'yaml'} & set(sys.modules)", "-I", "-S")
        == 0
    )
    (found,) = runs(tmp_path / "runs")
    assert (len(found.steps), found.steps[0].source.grade) == (1, "exact")


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


def test_a_slow_disk_stops_no_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the end of a run waits for its disk, other tasks of the loop go on."""
    release, order = threading.Event(), list[str]()
    close = outside.RunFile.close

    def slow(file: outside.RunFile) -> None:
        assert release.wait(60)
        close(file)

    monkeypatch.setattr(outside.RunFile, "close", slow)

    async def other() -> None:
        order.append("other task")
        release.set()

    async def agent() -> None:
        async with recording(tmp_path) as run:
            run._see(seen())
            task = asyncio.ensure_future(other())
        order.append("run ended")
        await task

    asyncio.run(agent())
    assert order == ["other task", "run ended"]
    assert [run.status for run in runs(tmp_path)] == ["ok"]


FORK = """
import os, sys, runback_gate
from runback_gate.capture.exchange import Seen
BODY = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'
with runback_gate.record("parent", out=sys.argv[1], redact="off") as run:
    child = os.fork()
    if child == 0:
        for number in range(200):
            run._see(Seen("http://x/v1/chat/completions", BODY, ""))
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
"""


@pytest.mark.integration
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_forked_child_that_leaves_at_once(tmp_path: Path) -> None:
    """`os._exit` right after the last call loses none of the calls."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", FORK, str(tmp_path)], env=environment, check=True, timeout=60)
    found = runs(tmp_path, truncated=True)
    assert sorted(len(run.steps) for run in found) == [0, 200]
