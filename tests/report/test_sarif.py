"""The report as SARIF: valid by the published schema, honest about success, with results on their rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runback_gate.errors import Location
from runback_gate.gate.verdict import Verdict
from runback_gate.report.model import Report
from runback_gate.report.sarif import MAX_RESULTS, render
from tests.examples import examples


@cache
def validator() -> jsonschema.Draft4Validator:
    """SARIF 2.1.0."""
    return jsonschema.Draft4Validator(json.loads((Path(__file__).parent / "sarif-2.1.0.schema.json").read_text()))


def run_of(text: str) -> dict[str, Any]:
    """The one run of a valid log, whose results name their rules rightly."""
    log = json.loads(text)
    validator().validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [
        item["ruleId"] for item in run["results"]
    ]
    assert len({rule["id"] for rule in rules}) == len(rules)
    result: dict[str, Any] = run
    return result


@pytest.mark.parametrize("name", ["green", "red", "empty", "cut_short", "hostile"])
def test_golden(name: str, golden: Callable[[str, str], None], request: pytest.FixtureRequest) -> None:
    """The log as it was reviewed."""
    text = render(request.getfixturevalue(name))
    run_of(text)
    golden(f"{name}.sarif", text)


def test_results(red: Report) -> None:
    """Each finding that decided is a result with its level; a waived one is suppressed, a pass is none."""
    results = run_of(render(red))["results"]
    assert [(item["ruleId"], item["level"], "suppressions" in item) for item in results] == [
        ("refunds.limit", "error", False),
        ("toolCalled escalate", "error", False),
        ("runback-gate.failed", "error", False),
        ("runback-gate.undecided", "warning", False),
        ("refunds.person", "warning", False),
        ("tone.short", "note", False),
        ("pii.email", "error", True),
    ]
    assert results[-1]["suppressions"] == [
        {"kind": "external", "justification": "pii.email until 2026-12-31 (payments, TICKET-12)"}
    ]


@pytest.mark.parametrize(
    ("name", "code", "success"), [("green", 0, True), ("red", 1, True), ("empty", 2, False), ("cut_short", 2, False)]
)
def test_invocation(name: str, code: int, success: bool, request: pytest.FixtureRequest) -> None:
    """A run that could not judge was no success, though it has no result; a red one was."""
    (invocation,) = run_of(render(request.getfixturevalue(name)))["invocations"]
    assert (invocation["exitCode"], invocation["executionSuccessful"]) == (code, success)


def test_nothing_judged_is_said(empty: Report) -> None:
    """Without a case the log holds an error, not just nothing."""
    (invocation,) = run_of(render(empty))["invocations"]
    assert invocation["toolExecutionNotifications"] == [{"level": "error", "message": {"text": "no case was judged"}}]


def test_fingerprints(red: Report, make: SimpleNamespace) -> None:
    """A result is the same result when only its message, values and place change, and another in another case."""
    one, other = (
        run_of(
            render(make.report([make.row(case, Verdict.FAIL, findings=(make.finding(message=message, values=()),))]))
        )
        for case, message in (("case", "a"), ("other", "a"))
    )
    moved = make.finding(message="b", location=Location("policies/moved.yaml", 1, 1))
    again = run_of(render(make.report([make.row("case", Verdict.FAIL, findings=(moved,))])))
    prints = [run["results"][0]["partialFingerprints"] for run in (one, other, again)]
    assert prints[0] == prints[2] != prints[1]
    found = [json.dumps(item["partialFingerprints"]) for item in run_of(render(red))["results"]]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Location("a b/ü:#?.yaml", 3, 2), ("a%20b/%C3%BC%3A%23%3F.yaml", {"startLine": 3, "startColumn": 2})),
        (Location("a.yaml", 3), ("a.yaml", {"startLine": 3})),
        (Location("a.yaml"), ("a.yaml", None)),
        (Location("a.yaml", 0, 0), ("a.yaml", None)),
        (Location("//host/a.yaml", 1), ("host/a.yaml", {"startLine": 1})),
        (Location("", 1), ("datasets/refunds.yaml", {"startLine": 12, "startColumn": 7})),
    ],
)
def test_places(place: Location, expected: tuple[str, Any], make: SimpleNamespace) -> None:
    """A place is a relative reference under the source root, whatever the path looks like."""
    run = run_of(render(make.report([make.row("case", Verdict.FAIL, findings=(make.finding(location=place),))])))
    physical = run["results"][0]["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
    assert (physical["artifactLocation"]["uri"], physical.get("region")) == expected


def test_no_place_at_all(make: SimpleNamespace) -> None:
    """A result without a place is still a result."""
    row = make.row("case", Verdict.UNDECIDED, location=Location(""))
    (result,) = run_of(render(make.report([row])))["results"]
    assert "locations" not in result
    assert result["message"]["text"].startswith("case: UNDECIDED")


def test_rows_without_findings(make: SimpleNamespace) -> None:
    """Every verdict but PASS gives a result, even without a finding."""
    rows = [make.row(verdict, verdict) for verdict in Verdict]
    results = run_of(render(make.report(rows)))["results"]
    assert len(results) == 4
    waived = next(item for item in results if item["ruleId"] == "runback-gate.waived")
    assert waived["suppressions"] == [{"kind": "external", "justification": "waived"}]


def test_suppression_names_the_waiver(make: SimpleNamespace) -> None:
    """Where the row does not spell its waiver, the finding names it."""
    row = make.row("case", Verdict.WAIVED, findings=(make.finding(waiver="legacy"),))
    assert run_of(render(make.report([row])))["results"][0]["suppressions"][0]["justification"] == "legacy"


def test_links(make: SimpleNamespace) -> None:
    """A message cannot hold a link; a runbook is one when it is an https address."""
    base = make.report([make.row("case", Verdict.FAIL, findings=(make.finding(message="[a](https://evil.example)"),))])
    rules = tuple(
        type(rule)(**{name: getattr(rule, name) for name in rule.__slots__} | {"runbook": runbook})
        for rule, runbook in zip(
            base.rules, ("https://docs.example/a", "javascript:alert(1)", "https://a b", ""), strict=True
        )
    )
    report = make.report(base.rows, rules=rules)
    run = run_of(render(report))
    assert "](" not in run["results"][0]["message"]["text"]
    assert [rule.get("helpUri") for rule in run["tool"]["driver"]["rules"]] == [
        "https://docs.example/a",
        None,
        None,
        None,
    ]


@pytest.mark.slow
def test_result_limit(make: SimpleNamespace) -> None:
    """At most 5,000 results; the rest is counted."""
    findings = (make.finding("a"), make.finding("b"))
    report = make.report([make.row(f"case-{number}", Verdict.FAIL, findings=findings) for number in range(2_600)])
    (run,) = json.loads(render(report))["runs"]
    assert len(run["results"]) == MAX_RESULTS
    assert run["invocations"][0]["toolExecutionNotifications"] == [
        {"level": "warning", "message": {"text": "200 more results stand in the report"}}
    ]


@given(st.lists(st.text(), min_size=1, max_size=5))
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.too_slow])
def test_any_text(make: SimpleNamespace, texts: list[str]) -> None:
    """Any text gives a valid log without a hidden character."""
    text = render(make.hostile(texts))
    run_of(text)
    assert not [char for char in text if char < " " and char != "\n"]
