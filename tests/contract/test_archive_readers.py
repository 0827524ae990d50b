"""Archives as others read them: older releases of pyarrow and DuckDB, beside those that write.

RUNBACK_READERS names a folder with an environment for each file in `tests/contract/readers`, as `.ci/run` makes them;
elsewhere the tests skip, and with RUNBACK_REQUIRE_LIVE=1 they fail.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from runback_gate.capture.runs import write_run
from runback_gate.step import Message, Request, Response, Run, Source, Step, Tool, ToolCall
from tests.extras import needs

READERS = os.environ.get("RUNBACK_READERS", "")
if not READERS and not os.environ.get("RUNBACK_REQUIRE_LIVE"):
    pytest.skip("no older readers are installed", allow_module_level=True)

needs("pyarrow")
needs("duckdb")

pytestmark = pytest.mark.contract

HERE = Path(__file__).parent / "readers"
ENVIRONMENTS = {file.stem: Path(READERS, file.stem, "bin", "python") for file in HERE.glob("*.txt")}
PYTHONS = {**ENVIRONMENTS, "ours": Path(sys.executable)}
AGENTS = ("support", "Büro/EU %41", "0012", "null", "a" * 150)
NAMES = ("run", "agent", "day", "at", "status", "digest")
COLUMNS = {
    "pyarrow": dict.fromkeys(NAMES, "string")
    | dict.fromkeys(("steps", "calls", "size"), "int64")
    | dict.fromkeys(("tools", "models"), "list<element: string>")
    | {"data": "binary"},
    "duckdb": dict.fromkeys(NAMES, "VARCHAR")
    | dict.fromkeys(("steps", "calls", "size"), "BIGINT")
    | dict.fromkeys(("tools", "models"), "VARCHAR[]")
    | {"data": "BLOB"},
}
"""The columns, in the words of each reader."""


def write_runs(folder: Path, count: int) -> list[dict[str, Any]]:
    """Run files of several agents, and the row that each is."""
    folder.mkdir()
    rows = []
    for number in range(count):
        name, agent = f"r{number:05}", AGENTS[number % len(AGENTS)]
        day = "" if number % 7 == 3 else f"2026-07-{1 + number % 3:02}"
        at = f"{day}T08:00:00Z" if day else None
        calls = tuple(ToolCall(str(index), tool, '{"größe": 1}') for index, tool in enumerate("ba"[: number % 3]))
        request = Request("m-1", "", (Message("user", "Hi 😀" * (number % 50)),), (Tool("b", "", {}),))
        step = Step(agent, request, Response("ü" * number, calls), Source(name, 0, "exact"))
        data = write_run(Run(name, agent, (step,), status="ok" if number % 2 else None, at=at), bytes)
        (folder / f"{name}.jsonl").write_bytes(data)
        digest = sha256(data).hexdigest()
        rows.append(
            {
                "run": name,
                "agent": agent,
                "day": day,
                "at": at or "",
                "status": "ok" if number % 2 else "",
                "steps": 1,
                "calls": len(calls),
                "tools": sorted(call.name for call in calls),
                "models": ["m-1"],
                "digest": digest,
                "size": len(data),
                "data": digest,
            }
        )
    return rows


@pytest.mark.parametrize(("count", "options"), [(1100, ()), (20, ("--partition", "day,agent"))], ids=["one", "folders"])
def test_others_read_what_is_written_here(tmp_path: Path, count: int, options: tuple[str, ...]) -> None:
    """The same rows, values, bytes and types, in several groups of rows and in folders that name days and agents."""
    rows = write_runs(tmp_path / "runs", count)
    archive = [sys.executable, "-m", "runback_gate", "archive", "runs", "--to", "arc", *options]
    subprocess.run(archive, check=True, timeout=300, cwd=tmp_path, stdout=subprocess.DEVNULL)
    assert len(ENVIRONMENTS) == 2
    for name, python in PYTHONS.items():
        told = subprocess.run(
            [python, HERE / "read.py", tmp_path / "arc"], stdout=subprocess.PIPE, check=True, timeout=120
        )
        for found in json.loads(told.stdout):
            assert found["columns"] == COLUMNS[found["reader"]], (name, found["version"])
            assert found["rows"] == rows, (name, found["version"])
