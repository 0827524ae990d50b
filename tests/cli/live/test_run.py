"""`run --live` as a whole: a gate folder, a server that answers, the command, its report, its cache."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runback_gate.testing.server import Act, ModelServer
from tests.cli.conftest import Command, environment
from tests.cli.live.conftest import BAD, GOOD, KEY, case_of, fill, report

pytestmark = pytest.mark.integration


def test_a_changed_model_is_asked(command: Command, here: Path) -> None:
    """Its answers are judged as live, the report says what that took, and nothing holds the key."""
    with ModelServer(lambda body, _: Act(BAD if case_of(body) == 1 else GOOD)) as server:
        fill(here, server, budget={"usd": "2.00", "calls": 500})
        result = command("run", "--live", "--cache", "answers")
        assert (result.code, len(server.asked)) == (1, 3)
        assert all(item.headers["authorization"] == f"Bearer {KEY}" for item in server.asked)
    found = report(here)
    assert [(row.case, row.verdict, row.evidence) for row in found.rows] == [
        ("c1", "FAIL", "live"),
        ("c0", "PASS", "live"),
        ("c2", "PASS", "live"),
    ]
    assert (found.spend.calls, found.spend.usd, found.spend.limit_usd) == (3, "0.000078", "2.00")
    (trial,) = found.rows[0].trials
    assert (trial.cost_usd, trial.stored is not None, trial.latency_ms is not None) == ("0.000026", True, True)
    assert "to ask: 3 calls of 500" in result.err
    assert "3 of 500 calls · below $0.0001 of $2.00" in result.out
    assert not [path for path in here.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_the_next_run_is_free(command: Command, here: Path) -> None:
    """What was answered is cached: offline the same rows come out, twice the same bytes, and no client is loaded."""
    with ModelServer(lambda *_: Act(GOOD)) as server:
        fill(here, server)
        assert command("run", "--live", "--cache", "answers").code == 0
        asked = len(server.asked)
        assert command("run", "--live", "--cache", "answers").code == 0
        assert len(server.asked) == asked
    reports = []
    for _ in range(2):
        assert command("run", "--offline", "--live", "--cache", "answers", "--date", "2026-01-31").code == 0
        reports.append((here / ".runback/report.json").read_bytes())
    assert reports[0] == reports[1]
    assert report(here).spend.cached == 3
    code = "from runback_gate.cli import main\nimport sys\ntry: main(['run', '--live', '--cache', 'answers', '-q'])\n"
    code += "except SystemExit as stop: assert not stop.code\n"
    code += "print(*(name for name in ('aiohttp', 'pycurl', 'litellm', 'asyncio') if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=here, env=environment(), capture_output=True, check=True)
    assert done.stdout.decode().splitlines()[-1] == ""


def test_what_runs_use_is_not_pruned(command: Command, here: Path) -> None:
    """Reading an answer is a use of it: `cache prune --unused` removes what no run read; a plan reads nothing."""
    with ModelServer(lambda *_: Act(GOOD)) as server:
        fill(here, server)
        assert command("run", "--live", "--cache", "answers").code == 0
    prune = ("cache", "prune", "--cache", "answers", "--unused", "30")
    for way in (("--offline",), ("--live", "--plan")):
        for file in (here / "answers").rglob("*.*"):
            os.utime(file, (1000, 1000))
        assert command("run", "--cache", "answers", *way).code == 0
        assert command(*prune).out.startswith("removed 0 answers") is (way == ("--offline",))


def test_without_live_nothing_is_asked(command: Command, here: Path) -> None:
    """Evidence is missing then, also when --offline says so."""
    with ModelServer(lambda *_: Act(GOOD)) as server:
        fill(here, server)
        for options, why in (([], "; no answer to it is known"), (["--live", "--offline"], "; offline, and no answer")):
            assert command("run", *options).code == 2
            assert why in report(here).rows[0].note
        assert server.asked == []


def test_refresh(command: Command, here: Path) -> None:
    """What the cache knows is asked again, and replaced."""
    answers = [GOOD]
    with ModelServer(lambda *_: Act(answers[0])) as server:
        fill(here, server, 1)
        assert command("run", "--live", "--cache", "answers").code == 0
        answers[0] = BAD
        assert command("run", "--live", "--cache", "answers").code == 0
        assert command("run", "--live", "--cache", "answers", "--refresh").code == 1
    assert command("run", "--cache", "answers").code == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--refresh"], "--refresh needs --live"),
        (["--budget-usd", "1"], "--budget-usd needs --live"),
        (["--live", "--budget-usd", "1e3"], "a decimal, such as 0.50"),
        (["--live", "--budget-seconds", "0"], "0.0 is not in the range"),
        (["--live", "--in-flight", "0"], "0 is not in the range"),
        (["--live", "--trials", "many"], "'many' is not a number of trials (auto, auto:20, or 2/3"),
        (["--live", "--trials", "0/3"], "not a number of trials"),
        (["--live", "--trials", "auto:x"], "not a number of trials"),
    ],
)
def test_nonsense_is_refused(gate: Path, refused: Callable[..., str], options: list[str], words: str) -> None:
    """An option that cannot be meant so is an error, not a guess."""
    assert gate.is_dir()
    assert words in refused("run", *options)
