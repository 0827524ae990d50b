"""`record`: programs as they are, whatever their environment has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runback_gate.capture.runs import read_run
from runback_gate.step import Run
from runback_gate.testing.server import Act, ModelServer, completion

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parent.parent.parent
AGENT = """
import http.client, json, os, subprocess, sys, urllib.request
import requests
def ask(text):
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    answer = requests.post(os.environ["MODEL"] + "/chat/completions", json=body).json()
    return answer["choices"][0]["message"]["content"]
"""


def record(folder: Path, *command: str, model: str = "", options: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """`record` as a process."""
    environment = {**os.environ, "MODEL": model, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "runback_gate", "record", "--redact", "off", *options, "--", *command]
    return subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )


def runs(folder: Path) -> list[Run]:
    paths = sorted((folder / "runs").glob("*.jsonl"))
    return [read_run(path.read_bytes(), path.name, truncated=True) for path in paths]


@pytest.mark.parametrize(
    ("end", "code", "status"),
    [("", 0, None), ("sys.exit(7)", 7, None), ("raise ValueError('no')", 1, "error"), ("os._exit(3)", 3, "truncated")],
)
def test_a_program_is_recorded_as_it_is(tmp_path: Path, end: str, code: int, status: str | None) -> None:
    """Its output and exit code are its own; the run is named after it, and holds what it asked."""
    wait = "from runback_gate.capture.sink import sink; sink().flush(9)\n" if "_exit" in end else ""
    (tmp_path / "helper.py").write_text(f"{AGENT}print(ask('hello'), sys.argv[1:], flush=True)\n{wait}{end}\n")
    with ModelServer(lambda *_: Act(completion("Hi"))) as server:
        done = record(tmp_path, sys.executable, "helper.py", "--agent", "-x", model=server.url)
        out, _ = done.communicate(timeout=60)
    assert (out, done.returncode) == ("Hi ['--agent', '-x']\n", code)
    (run,) = runs(tmp_path)
    assert (run.agent, run.status, len(run.steps)) == ("helper", status, 1)
    assert run.steps[0].source.grade == "exact"
    assert (run.error or "").startswith("ValueError: no (helper.py:") == (status == "error")


def test_the_rules_of_the_project_reach_the_program(tmp_path: Path) -> None:
    """The program needs no reader of YAML: it is handed what the gate config says."""
    rule = "{id: staff, pattern: 'EMP-[0-9]{6}', example: EMP-123456, counterExample: EMP-1}"
    (tmp_path / "runback.yaml").write_text(f"spec: {{redact: {{rules: [{rule}]}}}}")
    code = "import sys\nfor name in ('yaml', 'pydantic'): sys.modules[name] = None\n"
    (tmp_path / "helper.py").write_text(f"{code}{AGENT}print(ask('I am EMP-654321'))\n")
    with ModelServer(lambda *_: Act(completion("Hi EMP-654321"))) as server:
        command = (sys.executable, "helper.py")
        done = record(tmp_path, *command, model=server.url, options=("--redact", "standard"))
        out, err = done.communicate(timeout=60)
    assert (out, err, done.returncode) == ("Hi EMP-654321\n", "", 0)
    (run,) = runs(tmp_path)
    assert run.steps[0].response.text.startswith("Hi <staff:")
    assert "EMP-654321" not in "".join(path.read_text() for path in (tmp_path / "runs").iterdir())


def test_processes_that_it_starts_are_runs_of_their_own(tmp_path: Path) -> None:
    """A child names the run of its parent; one that asks nothing leaves no file."""
    code = f"{AGENT}ask('parent'); subprocess.run([sys.executable, '-c', {AGENT + 'ask(chr(99))'!r}]); "
    code += "subprocess.run([sys.executable, '-c', 'pass'])"
    with ModelServer(lambda *_: Act(completion("Hi"))) as server:
        record(tmp_path, sys.executable, "-c", code, model=server.url, options=("--agent", "a")).communicate(timeout=60)
    parent, child = sorted(runs(tmp_path), key=lambda run: run.parent or "")
    assert (parent.parent, child.parent, child.agent) == (None, parent.id, "a")


@pytest.mark.parametrize(("share", "number"), [("1", 1), ("0", 0)])
def test_labels_and_a_share(tmp_path: Path, share: str, number: int) -> None:
    """Labels are those of the run; a program outside of the share runs and leaves none."""
    options = ("--label", "team=billing", "--label", "task=a=b", "--sample", share)
    with ModelServer(lambda *_: Act(completion("Hi"))) as server:
        code = f"{AGENT}print(ask('hello'))"
        out, _ = record(tmp_path, sys.executable, "-c", code, model=server.url, options=options).communicate(timeout=60)
    assert out == "Hi\n"
    assert [run.labels for run in runs(tmp_path)] == [{"team": "billing", "task": "a=b"}] * number


def test_the_program_keeps_its_environment(tmp_path: Path) -> None:
    """Its own sitecustomize runs, its path has nothing of ours, and no package of ours is loaded but one."""
    (tmp_path / "sitecustomize.py").write_text("MINE = 5\n")
    code = "import sitecustomize, sys; print(sitecustomize.MINE, [p for p in sys.path if 'inject' in p], "
    code += "[n for n in ('orjson', 'pydantic', 'click') if n in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    words = [sys.executable, "-m", "runback_gate", "record", "--", sys.executable, "-c", code]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("5 [] [")
    assert "pydantic" not in done.stdout
    assert done.stderr == ""


def test_signals_reach_the_program(tmp_path: Path) -> None:
    """It ends by the signal, as without `record`."""
    code = f"{AGENT}ask('x'); print('ready', flush=True); import time; time.sleep(60)"
    with ModelServer(lambda *_: Act(completion("Hi"))) as server:
        process = record(tmp_path, sys.executable, "-c", code, model=server.url)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    (run,) = runs(tmp_path)
    assert (run.status, len(run.steps)) == ("truncated", 1)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """Exit 2, and one line that names it."""
    process = record(tmp_path, "no-such-program")
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert error == "error: no-such-program: cannot be run: No such file or directory\n"


def test_runs_are_listed_and_shown(tmp_path: Path) -> None:
    """`runs list` and `runs show` read what was recorded, as text and as JSON."""
    calls = [{"id": "c1", "type": "function", "function": {"name": "lookup", "arguments": '{"id": 7}'}}]
    first = {"role": "assistant", "content": None, "tool_calls": calls}
    said = [{"role": "user", "content": "x"}, first, {"role": "tool", "tool_call_id": "c1", "content": "found"}]
    answers = [completion(None) | {"choices": [{"index": 0, "message": first, "finish_reason": "tool_calls"}]}]
    answers.append(completion("Done"))
    code = f"""
import os, requests
for messages in ({said[:1]!r}, {said!r}):
    requests.post(os.environ["MODEL"] + "/chat/completions", json={{"model": "m", "messages": messages}})
"""
    with ModelServer(lambda _body, number: Act(answers[number])) as server:
        record(tmp_path, sys.executable, "-c", code, model=server.url, options=("--agent", "a")).communicate(timeout=60)
    (path,) = (tmp_path / "runs").glob("*.jsonl")

    def shown(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "runback_gate", "runs", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    (row,) = json.loads(shown("list", "--json"))["runs"]
    assert (row["run"], row["agent"], row["steps"], row["calls"], row["errors"]) == (path.stem, "a", 2, 1, 0)
    assert path.stem in shown("list")
    found = json.loads(shown("show", path.stem, "--json"))
    assert found["calls"] == [{"step": 0, "name": "lookup", "arguments": '{"id": 7}', "result": "found", "error": None}]
    step = found["steps"][0]
    assert (step["api"], step["grade"], step["finish_reason"]) == ("openai.chat", "exact", "tool_calls")
    assert step["calls"] == [{"id": "c1", "name": "lookup", "arguments": '{"id": 7}'}]
    assert '0.0  lookup({"id": 7}) -> found' in shown("show", path.stem)
    assert "Done" in shown("show", path.stem, "1")
    assert json.loads(shown("show", path.stem, "1", "--json"))["request"]["messages"][2]["content"] == "found"
