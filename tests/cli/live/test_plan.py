"""`run --plan` and budgets: what a run would ask, and what it may."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runback_gate.testing.server import Act, ModelServer
from tests.cli.conftest import Command
from tests.cli.live.conftest import GOOD, fill, report

pytestmark = pytest.mark.integration


def test_plan(command: Command, here: Path) -> None:
    """The estimate as a table and as JSON: nothing is asked, nothing written, exit 0."""
    with ModelServer(lambda *_: Act(GOOD)) as server:
        fill(here, server, trials={"n": 3, "pass": 2}, budget={"calls": 5})
        result = command("run", "--plan")
        assert (result.code, result.err, server.asked) == (0, "", [])
        assert "local/m  6 to 9" in result.out
        assert "more than the budget of 5 calls" in result.out
        assert "to ask: 6 to 9 calls of 5 · about $0.0" in result.out
        plan = json.loads(command("run", "--plan", "--json", "--budget-calls", "4").out)
        assert (plan["calls_least"], plan["calls_most"], plan["limits"]["calls"]) == (6, 9, 4)
        assert not (here / ".runback").exists()
    found = json.loads((here / "runback.yaml").read_text())
    del found["spec"]["providers"]["local"]["prices"]
    found["spec"]["budget"] = {"usd": "1"}
    (here / "runback.yaml").write_text(json.dumps(found))
    result = command("run", "--plan")
    assert "the price of local/m is not known, so a budget of $1 cannot be held: not asked" in result.out
    assert "cost unknown" in result.out
    found["spec"]["providers"] = {}
    (here / "runback.yaml").write_text(json.dumps(found))
    assert "local/m cannot be asked: no provider is named 'local'" in command("run", "--plan").out


@pytest.mark.usefixtures("gate")
def test_a_plan_where_all_is_free(command: Command) -> None:
    """Then it says so."""
    assert command("run", "--plan").out == "to ask: 0 calls · $0 · 1 of 1 row free\n"


def test_a_budget_is_only_lowered(command: Command, here: Path) -> None:
    """What the command line says cannot raise what the gate says, and what did not fit is named."""
    with ModelServer(lambda *_: Act(GOOD)) as server:
        fill(here, server, 5, budget={"calls": 2})
        assert command("run", "--live", "--budget-calls", "4", "--budget-usd", "1").code == 2
        assert len(server.asked) == 2
    notes = [row.note.partition("; ")[2] for row in report(here).rows if row.verdict == "UNDECIDED"]
    assert notes == ["over budget: calls 2"] * 3
