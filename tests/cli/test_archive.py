"""`archive`: from run files to Parquet and back, with its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runback_gate.capture.runs import write_run
from runback_gate.step import Message, Request, Response, Run, Source, Step
from tests.cli.conftest import Command, write
from tests.extras import needs

needs("pyarrow")
needs("duckdb")


@pytest.fixture
def two_runs() -> None:
    """Two runs, and one without an end."""
    for name, agent in (("r1", "support"), ("r2", "billing")):
        step = Step(agent, Request("m", "", (Message("user", "Hi"),)), Response("Hello"), Source(name, 0, "exact"))
        run = Run(name, agent, (step,), status="ok", at="2026-07-28T08:00:00Z")
        write(f"runs/{name}.jsonl", write_run(run, bytes))
    lines = Path("runs/r1.jsonl").read_bytes().splitlines(keepends=True)
    write("runs/open.jsonl", b"".join(lines[:-1]))


@pytest.mark.usefixtures("here", "two_runs")
def test_runs_go_in_and_come_out(command: Command) -> None:
    """Packed, verified, listed, restored byte for byte."""
    packed = command("archive", "runs", "--to", "arc", "--partition", "day,agent", "--json")
    assert (packed.code, json.loads(packed.out)["added"]) == (0, 2)
    assert "open.jsonl: left out" in packed.err
    verified = command("archive", "verify", "arc")
    assert (verified.code, verified.out.splitlines()[0]) == (0, "valid: 2 runs, 2 steps, 0.0 MB in 2 parts")
    assert json.loads(command("archive", "verify", "arc", "--json").out)["valid"] is True
    listed = json.loads(command("archive", "list", "arc", "--agent", "billing", "--json").out)
    assert [run["run"] for run in listed["runs"]] == ["r2"]
    assert command("archive", "list", "arc").out.splitlines()[-1] == "2 runs"
    restored = command("archive", "restore", "arc", "r2", "--out", "back.jsonl")
    assert restored.code == 0
    assert Path("back.jsonl").read_bytes() == Path("runs/r2.jsonl").read_bytes()
    again = command("archive", "add", "runs", "--to", "arc")
    assert "2 runs were there already" in again.out


@pytest.mark.usefixtures("here", "two_runs")
def test_policies_are_tried_on_an_archive(command: Command) -> None:
    """`backtest` and `policy diff` print what they print of the folder, but for the run without an end."""
    Path("runs/open.jsonl").unlink()
    command("archive", "runs", "--to", "arc", "--partition", "agent")
    policy = {"apiVersion": "runback.dev/v1", "kind": "Policy", "metadata": {"name": "p"}}
    rules = [{"id": "short", "expression": "size(response.text) < 3", "message": "too long"}]
    for folder, more in (("base", rules), ("head", [{**rules[0], "expression": "size(response.text) < 9"}])):
        write(f"{folder}/p.yaml", json.dumps({**policy, "spec": {"validations": more}}).encode())
    for asked in (("backtest", "--policies", "base"), ("policy", "diff", "--base", "./base", "--head", "head")):
        files, archive = (command(*asked, "--runs", runs, "--json") for runs in ("runs", "arc"))
        assert (archive.code, archive.out) == (0, files.out)
        assert json.loads(archive.out)["steps"] == 2
    assert command("backtest", "--policies", "base", "--runs", "file:///none").code == 2


@pytest.mark.usefixtures("here", "two_runs")
def test_what_is_wrong_has_its_exit_code(command: Command) -> None:
    """1 for a changed archive, 2 for what cannot be read; a file in the way stays."""
    assert command("archive", "verify", "arc").code == 2
    command("archive", "runs", "--to", "arc")
    assert command("archive", "restore", "arc", "none").code == 2
    assert command("archive", "restore", "arc", "../r1").code == 2
    assert command("archive", "restore", "arc", "r1", "--out", "runs/r2.jsonl").code == 2
    write("none/x", b"")
    assert command("archive", "none", "--to", "arc").code == 2
    (part,) = Path("arc/parts").iterdir()
    part.unlink()
    assert command("archive", "verify", "arc").code == 1
    assert command("archive", "list", "arc").code == 2
    assert command("archive", "restore", "arc", "r1").code == 2


@pytest.mark.usefixtures("here")
def test_a_pseudonym_is_erased_from_every_part(command: Command) -> None:
    """Nothing in the folder holds it afterwards, the archive verifies, and the manifest says why."""
    word = "<email:3f9a1c07be21>"
    for name in ("r1", "r2", "r3"):
        asked = Request("m", "", (Message("user", f"I am {word if name != 'r3' else 'nobody'}"),))
        step = Step("support", asked, Response("Hello"), Source(name, 0, "exact"))
        write(f"runs/{name}.jsonl", write_run(Run(name, "support", (step,), status="ok"), bytes))
        command("archive", f"runs/{name}.jsonl", "--to", "arc")
    asked_for = ("archive", "erase", "arc", word, "--reason", "asked for")
    dry = command(*asked_for, "--dry-run")
    assert (dry.code, dry.out.splitlines()[2]) == (0, "2 values of 2 runs would be erased")
    done = json.loads(command(*asked_for, "--json").out)
    assert (done["erased"], done["runs"], done["parts"]) == (2, ["r1", "r2"], 2)
    assert len(list(Path("arc/parts").iterdir())) == 3
    assert command("archive", "verify", "arc").code == 0
    for name in ("r1", "r2"):
        assert command("archive", "restore", "arc", name, "--out", f"{name}.back").code == 0
        assert word.encode() not in Path(f"{name}.back").read_bytes()
        assert b"asked for" in Path(f"{name}.back").read_bytes()
    assert any(b"asked for" in file.read_bytes() for file in Path("arc/manifest").iterdir())
    # What was erased does not come back, and there is nothing more to erase.
    assert command("archive", "runs", "--to", "arc").code == 2
    assert command(*asked_for).code == 2
