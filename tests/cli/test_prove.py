"""`policy diff --prove` and `run --prove`: a word for each changed rule, the step that shows it, and what it frees."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest

from runback_gate.report.model import Report, read_report
from tests.cli.changed_policies import POLICY, two
from tests.cli.conftest import Command, change
from tests.cli.repositories import demo, git
from tests.extras import needs

__all__ = ["demo", "two"]
pytestmark = pytest.mark.integration
DIFF = ("policy", "diff", "--base", "base", "--head", "head", "--runs", "runs", "--prove")


@pytest.fixture(autouse=True)
def _solver() -> None:
    needs("z3")


def proved(command: Command) -> list[dict[str, Any]]:
    """The proofs of a comparison."""
    result = command(*DIFF, "--json")
    assert result.code == 0
    found: list[dict[str, Any]] = json.loads(result.out)["proofs"]
    return found


def report() -> Report:
    """The report that was written."""
    return read_report(Path(".runback/report.json").read_bytes())


def said(name: str, word: str) -> bool:
    """Whether a file of the report says a word, however it escapes it."""
    text = html.unescape(html.unescape(Path(".runback", name).read_text(encoding="utf-8")))
    return word in text.replace("\\", "").replace("\u200b", "")


@pytest.mark.usefixtures("two")
def test_a_looser_rule_shows_its_step(command: Command) -> None:
    """In one line: the word, the call, what both engines say, the place, and that it needs approval."""
    result = command(*DIFF)
    assert result.code == 0
    line = next(line for line in result.out.splitlines() if line.startswith("refunds.limit"))
    assert "looser   a step that shows it: issue_refund(amount: 101)" in line
    assert "was false, is true (both engines)   head/refunds.yaml:8   needs approval" in line
    (proof,) = proved(command)
    assert sorted(proof) == ["bounds", "counterexample", "reason", "rule", "verdict"]
    assert (proof["rule"], proof["verdict"], proof["bounds"]) == ("refunds.limit", "looser", None)
    assert proof["counterexample"]["response"]["tool_calls"][0]["name"] == "issue_refund"
    assert command(*DIFF, "--exit-code").code == 1


@pytest.mark.usefixtures("two")
def test_proofs_in_markdown(command: Command) -> None:
    """A table below that of the effects, with the step and the place."""
    row = command(*DIFF, "--format", "markdown").out.splitlines()[-1]
    assert row.startswith("| `refunds.limit` | looser | a step that shows it: ")
    assert row.endswith("| needs approval |")


def test_a_stricter_rule_needs_no_approval(command: Command, two: Path) -> None:
    """The claim says for which lengths it holds."""
    (two / "head/refunds.yaml").write_text(POLICY.replace("LIMIT", "50"))
    result = command(*DIFF)
    assert "proved stricter   for lists of any length   head/refunds.yaml:8   no approval needed" in result.out
    assert command(*DIFF[:-1]).out in result.out


def test_a_claim_up_to_a_bound_says_so(command: Command, two: Path) -> None:
    """The bounds are printed, and it needs approval."""
    longer = POLICY.replace("LIMIT", "100").replace("calls(response", "size(history) > 200 || calls(response")
    longer = longer.replace("calls(response", "history.all(h, h.name == 'x') || calls(response", 1)
    (two / "base/refunds.yaml").write_text(longer.replace("size(history) > 200 || ", ""))
    (two / "head/refunds.yaml").write_text(longer)
    result = command(*DIFF)
    assert (
        "up to 3 calls in the answer, 8 before it and 2 elements of other lists; beyond that not proved" in result.out
    )
    assert proved(command)[0]["bounds"] == {"calls": 3, "history": 8, "other": 2}
    assert "needs approval" in result.out


@pytest.mark.usefixtures("two")
def test_steps_are_kept_as_policy_tests(command: Command) -> None:
    """The file passes `policy test` with the policy as it is now, and is never written over another."""
    assert command(*DIFF, "--keep", "head").code == 0
    kept = json.loads(Path("head/refunds.proved.test.yaml").read_text().partition("\n")[2])
    assert kept["spec"]["cases"][0]["expect"] == {"refunds.limit": "pass"}
    assert command("policy", "test", "head").code == 0
    assert command(*DIFF, "--keep", "head").code == 2


LIMIT = "variables.refunds.all(c, has(c.arguments.amount) && c.arguments.amount <= params.limit)"
FIRST = "has(c.arguments.amount) && c.arguments.amount <= params.limit"
BEYOND = "equivalent: up to 3 calls in the answer, 8 before it and 2 elements of other lists; beyond that not proved"


@pytest.mark.parametrize(
    ("old", "new", "verdict", "word", "bounded"),
    [
        # Written otherwise: De Morgan over the loop, and the two sides of an equality.
        (LIMIT, f"!variables.refunds.exists(c, !({FIRST}))", "WAIVED", "proved equivalent: for lists of any", False),
        ("size(variables.refunds) == 1", "1 == size(variables.refunds)", "WAIVED", "proved equivalent", False),
        ("limit: 100", "limit: 50", "WAIVED", "proved stricter: for lists of any length", False),
        ("limit: 100", "limit: 500", "FAIL", "looser: issue_refund(amount: 101) was false, is true", False),
        # What gives way beyond any bound that a proof could look at, and the same within reach of an engine.
        (LIMIT, f"size(response.tool_calls) > 1000 || {LIMIT}", "FAIL", BEYOND, True),
        ("size(variables.refunds) == 1", "size(variables.refunds) > 90", "FAIL", "beyond that not proved", True),
    ],
)
def test_what_is_proved_of_a_change_decides_its_row(
    command: Command, demo: Path, old: str, new: str, verdict: str, word: str, bounded: bool
) -> None:
    """Equivalent and stricter are no weakening; looser is red; without --prove every one is red."""
    change(demo / "policies/refunds.yaml", old, new)
    git("commit", "-qam", "another rule")
    assert command("run", "--base", "base").code == 1
    formats = [word for name in ("markdown", "sarif", "html") for word in ("--format", name)]
    result = command("run", "--base", "base", "--prove", *formats)
    rows = [row for row in report().rows if row.kind == "weakening"]
    assert [row.verdict for row in rows] == [verdict]
    assert word in rows[0].why
    assert result.code == (0 if verdict == "WAIVED" else 1)
    for name in ("report.md", "report.sarif", "report.json", "report.html"):
        assert said(name, word), name
    (proof,) = report().proofs
    assert proof.rule in ("refunds.once", "refunds.limit")
    assert (proof.bounds == {"calls": 3, "history": 8, "other": 2}) == bounded
    assert (proof.counterexample is not None) == (proof.verdict != "equivalent")
