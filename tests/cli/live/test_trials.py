"""`run --live` with trials: as many as asked for, added while the outcome is open, or a sequential test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runback_gate.testing.server import Act, ModelServer
from tests.cli.conftest import Command
from tests.cli.live.conftest import BAD, GOOD, case_of, fill, report

pytestmark = pytest.mark.integration


def test_sequential_trials(command: Command, here: Path) -> None:
    """Seven answers where none fails, three where all do; the plan says what is expected, the report what it took."""
    with ModelServer(lambda body, _: Act(BAD if case_of(body) == 1 else GOOD)) as server:
        fill(here, server, trials={"holds": 0.95, "regress": 0.65, "alpha": 0.01})
        plan = json.loads(command("run", "--plan", "--json").out)
        assert (plan["calls_least"], plan["calls_expected"], plan["calls_most"]) == (21, 30, 3 * 43)
        result = command("run", "--live", "--cache", "answers")
        assert (result.code, len(server.asked)) == (1, 7 + 3 + 7)
        assert "at most 1 % of runs" in " ".join(result.out.split())
        first = report(here)
        assert first.guarantee is not None
        assert (first.guarantee.calls, first.guarantee.cases, first.spend.calls) == (17, 3, 17)
        assert command("run", "--live", "--cache", "answers").code == 1
        assert len(server.asked) == 17
    assert [row.verdict for row in report(here).rows] == [row.verdict for row in first.rows]


def test_trials(command: Command, here: Path) -> None:
    """More trials than the gate asks for may be asked for, never fewer; the row shows each with its interval."""
    with ModelServer(lambda _body, number: Act(GOOD if number % 3 else BAD)) as server:
        fill(here, server, 1, trials={"n": 2, "pass": 1})
        assert command("run", "--live", "--trials", "1/1").code == 0
        (row,) = report(here).rows
        assert (row.needed, row.planned, [trial.verdict for trial in row.trials]) == (1, 2, ["FAIL", "PASS"])
        assert (row.interval is not None and (row.interval.low, row.interval.high)) == ("0.0945", "0.9055")
        assert command("run", "--live", "--trials", "3/4").code == 0
        (row,) = report(here).rows
        assert (row.needed, row.planned, row.passed, len(row.trials)) == (3, 4, 3, 4)


def test_auto_trials(command: Command, here: Path) -> None:
    """Trials are added while the outcome is open: what passes always is settled soon, a coin toss goes to the cap."""
    with ModelServer(lambda body, number: Act(GOOD if case_of(body) == 0 or number % 2 else BAD)) as server:
        fill(here, server, 1, trials={"n": 2, "pass": 1})
        assert command("run", "--live", "--trials", "auto:30").code == 0
        (row,) = report(here).rows
        assert len(row.trials) == 4
        (here / "datasets/cases.yaml").write_text((here / "datasets/cases.yaml").read_text().replace('"c0"', '"c1"'))
    with ModelServer(lambda _body, number: Act(GOOD if number % 2 else BAD)) as server:
        fill(here, server, 1, trials={"n": 2, "pass": 1})
        assert command("run", "--live", "--trials", "auto:12").code == 0
        (row,) = report(here).rows
        assert (row.passed, row.planned, row.needed, len(row.trials)) == (6, 12, 6, 12)
