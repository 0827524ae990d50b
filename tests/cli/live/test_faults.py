"""`run --live` where a server misbehaves or no key is given: undecided rows, never failed ones."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from runback_gate.testing.server import Act, ModelServer
from tests.cli.conftest import Command
from tests.cli.live.conftest import GOOD, fill, report

pytestmark = pytest.mark.integration


def test_a_storm_that_ends(command: Command, here: Path) -> None:
    """Every row is judged in the end, none failed."""
    begun = time.monotonic()

    def behaviour(_body: dict[str, Any], _number: int) -> Act:
        calm = time.monotonic() - begun > 1.5
        return Act(GOOD) if calm else Act({"error": {"message": "slow down"}}, 429, {"retry-after": "0.3"})

    with ModelServer(behaviour) as server:
        fill(here, server, 40)
        assert command("run", "--live", "--in-flight", "32").code == 0
    found = report(here)
    assert (found.totals.passed, found.totals.rows, found.spend.retries > 0) == (40, 40, True)


def test_a_storm_for_ever(command: Command, here: Path) -> None:
    """Exit 2 once the time is over; every row is undecided and says why, none fails."""
    busy = Act({"error": {"message": "slow down"}}, 429, {"retry-after": "0.2"})
    with ModelServer(lambda *_: busy) as server:
        fill(here, server, 40, budget={"seconds": 2})
        assert command("run", "--live").code == 2
    rows = report(here).rows
    assert [row.verdict for row in rows] == ["UNDECIDED"] * 40
    # The time may end before a call, or in the middle of one.
    reasons = ("rate limit: ", "over budget: seconds 2", "time-out: ")
    assert [row.note for row in rows if not any(reason in row.note for reason in reasons)] == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_an_error_is_no_verdict(command: Command, here: Path, status: int) -> None:
    """Whatever the server says instead of an answer, the row is undecided."""
    act = Act({"error": {"message": "no", "code": "x"}}, status, {"retry-after": "0"})
    with ModelServer(lambda *_: act) as server:
        fill(here, server, 2, budget={"seconds": 3})
        assert command("run", "--live").code == 2
    assert {row.verdict for row in report(here).rows} == {"UNDECIDED"}


def test_no_key(command: Command, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the key nothing is asked, and the row names the variable."""
    monkeypatch.delenv("LOCAL_KEY")
    with ModelServer(lambda *_: Act(GOOD)) as server:
        fill(here, server, 1)
        assert command("run", "--live").code == 2
        assert server.asked == []
    assert "no key: LOCAL_KEY is not set" in report(here).rows[0].note
