"""One shared report in several moods: green, red with every kind of row, empty, and one whose every text is hostile."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from runback_gate.errors import Location
from runback_gate.gate.verdict import Verdict
from runback_gate.replay.evidence import Evidence
from runback_gate.replay.spend import Spend
from runback_gate.report.model import GatedAgent, Notice, Report
from tests.report.reports import (
    PAYLOADS,
    hostile_report,
    make_finding,
    make_report,
    make_row,
    make_trial,
    many_rows,
    red_rows,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "report"


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The builders of reports, for tests that need another row or report."""
    return SimpleNamespace(
        finding=make_finding, trial=make_trial, row=make_row, report=make_report, hostile=hostile_report
    )


@pytest.fixture(scope="session")
def green() -> Report:
    """Two cases, both pass."""
    return make_report(
        [make_row("disputed-charge-escalates", Verdict.PASS), make_row("address-in-words", Verdict.PASS)]
    )


@pytest.fixture(scope="session")
def red() -> Report:
    """Every kind of row, notices, a selection and a second agent that keeps its recorded model."""
    base = make_report(red_rows())
    return dataclasses.replace(
        base,
        agents=(*base.agents, GatedAgent("billing", "agents/billing.yaml", "sha256:" + "79" * 32, None)),
        selection=("agent=support",),
        spend=Spend(calls=12, retries=3, usd="0.04312", unknown=1, cached=2, limit_usd="2.00", limit_calls=500),
        notices=(
            Notice("policy tone.formal concerned no answer", Location("policies/tone.yaml", 12, 7)),
            Notice("2 answers came from the cache"),
        ),
    )


@pytest.fixture(scope="session")
def cut_short() -> Report:
    """One case failed, one was not reached: the run was interrupted, and says so before anything else."""
    missing = make_trial(Verdict.UNDECIDED, 0, Evidence.MISSING, answer="", passed=(), note="interrupted")
    rows = [
        make_row("first", Verdict.FAIL, findings=(make_finding(),)),
        make_row("second", Verdict.UNDECIDED, evidence=Evidence.MISSING, note="interrupted", now="", trials=(missing,)),
    ]
    return make_report(rows, incomplete="interrupted", exit_code=2, spend=Spend(calls=1, usd=None, unknown=1))


@pytest.fixture(scope="session")
def empty() -> Report:
    """No row at all: nothing was judged, so it is not green."""
    return make_report([])


@pytest.fixture(scope="session")
def hostile() -> Report:
    """Every free text of the red report is an attack on some medium."""
    return hostile_report(PAYLOADS)


@pytest.fixture(scope="session")
def many() -> Report:
    """600 rows, of which 250 fail, with texts of some length: too much for a comment."""
    return many_rows(250, 350)


@pytest.fixture(scope="session")
def huge() -> Report:
    """5,000 rows, of which 2,000 fail; for the slow lane."""
    return many_rows(2000, 3000)


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text whole with its golden file; RUNBACK_UPDATE_GOLDEN=1 writes the file anew."""

    def compare(name: str, actual: str) -> None:
        path = GOLDEN / name
        if os.environ.get("RUNBACK_UPDATE_GOLDEN") == "1":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(actual.encode())
        assert path.read_bytes().decode() == actual

    return compare
