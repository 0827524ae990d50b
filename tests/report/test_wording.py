"""What several renderers say alike of rows that are held against a base."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from runback_gate.gate.verdict import Status, Verdict
from runback_gate.report.model import Revision
from runback_gate.report.wording import against, standing, tally

WORDS = {verdict: verdict.value.lower() for verdict in Verdict}


@pytest.mark.parametrize(
    ("verdict", "status", "said"),
    [
        (Verdict.FAIL, "", "fail"),
        (Verdict.FAIL, "regressed", "regressed"),
        (Verdict.FAIL, "new", "newly failing"),
        (Verdict.FAIL, "already failing", "already failing"),
        (Verdict.PASS, "fixed", "fixed"),
        (Verdict.PASS, "unchanged", "pass"),
        (Verdict.PASS, "new", "pass"),
        (Verdict.WARN, "fixed", "warn"),
        (Verdict.WAIVED, "unchanged", "waived"),
        (Verdict.UNDECIDED, "new", "undecided"),
    ],
)
def test_standing(make: SimpleNamespace, verdict: Verdict, status: Status, said: str) -> None:
    """The status stands in for the verdict where it says more, and never hides that a row did not pass."""
    assert standing(make.row("c", verdict, status=status), WORDS) == said


def test_every_failure_is_tallied_once(make: SimpleNamespace) -> None:
    """Whatever its status: by what became of it, or as failed where nothing is known of the base."""
    statuses = ("regressed", "regressed", "new", "already failing", "")
    rows = [make.row(f"c{index}", Verdict.FAIL, status=status) for index, status in enumerate(statuses)]
    rows += [make.row("fixed", Verdict.PASS, status="fixed"), make.row("kept", Verdict.PASS, status="unchanged")]
    assert tally(make.report(rows)) == (
        "1 failed",
        "2 regressed",
        "1 newly failing",
        "1 already failing",
        "2 passed",
        "1 of them fixed",
    )


def test_against(make: SimpleNamespace) -> None:
    """The revisions by name and the beginning of the commit; nothing for a run of one alone."""
    report = make.report([make.row("c", Verdict.PASS)])
    assert against(report) == ""
    base, head = Revision("main", "4be1f02" + "0" * 33), Revision("9ac3e11", "9ac3e11" + "0" * 33)
    assert against(make.report(report.rows, base=base, head=head)) == "against main@4be1f02 · head 9ac3e11"
    assert against(make.report(report.rows, base=Revision("./before"))) == "against ./before"
