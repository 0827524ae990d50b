"""The report as JUnit XML: counts that agree, one outcome a verdict, and never green by being empty."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runback_gate.errors import Location
from runback_gate.gate.verdict import Verdict
from runback_gate.report.junit import render
from runback_gate.report.model import Report
from tests.examples import examples

COUNTS = ("tests", "failures", "errors", "skipped")


def assert_counts_agree(root: ET.Element) -> None:
    """The numbers of each suite are those of its test cases, and the root has their sums."""
    for suite in root:
        cases = list(suite)
        found = [len(cases), *(len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "error", "skipped"))]
        assert [int(suite.attrib[name]) for name in COUNTS] == found
    assert [int(root.attrib[name]) for name in COUNTS] == [sum(int(s.attrib[name]) for s in root) for name in COUNTS]


@pytest.mark.parametrize("name", ["green", "red", "empty", "cut_short", "hostile"])
def test_golden(name: str, golden: Callable[[str, str], None], request: pytest.FixtureRequest) -> None:
    """The file as it was reviewed."""
    text = render(request.getfixturevalue(name))
    assert_counts_agree(ET.fromstring(text.encode()))
    golden(f"{name}.xml", text)


def test_outcomes(red: Report) -> None:
    """FAIL is a failure, UNDECIDED an error, WAIVED a skip, WARN a pass with output, PASS says nothing."""
    root = ET.fromstring(render(red).encode())
    outcomes = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert outcomes["disputed-charge-escalates"] == ["failure"]
    assert outcomes["waiver old-exception"] == ["failure"]
    assert outcomes["double-refund"] == ["error"]
    assert outcomes["legacy-export"] == ["skipped"]
    assert outcomes["vip-tone"] == ["system-out"]
    assert outcomes["refund-2"] == []


def test_empty_is_red(empty: Report) -> None:
    """A run that judged nothing is an error in the file, because a file without cases reads as green."""
    root = ET.fromstring(render(empty).encode())
    assert (root.get("tests"), root.get("errors")) == ("1", "1")
    error = root.find("testsuite/testcase/error")
    assert error is not None
    assert error.get("message") == "no case was judged"


def test_bounds(make: SimpleNamespace) -> None:
    """Findings beyond twenty are counted, a missing line is left out, and a message is found for every row."""
    findings = tuple(make.finding(f"rule-{number}") for number in range(23))
    rows = [
        make.row("case", Verdict.FAIL, findings=findings, location=Location("datasets/a.yaml")),
        make.row("other", Verdict.WAIVED, findings=(make.finding(waiver="w"),)),
        make.row("bare", Verdict.UNDECIDED),
    ]
    root = ET.fromstring(render(make.report(rows)).encode())
    failure, skipped, error = root.find(".//failure"), root.find(".//skipped"), root.find(".//error")
    assert failure is not None
    assert skipped is not None
    assert error is not None
    assert (failure.text or "").splitlines()[60] == "and 3 more findings"
    assert "line" not in root[0][0].attrib
    assert skipped.get("message") == "refund above 100"
    assert (error.get("message"), error.get("type")) == ("UNDECIDED", "UNDECIDED")


def test_many_rows(many: Report) -> None:
    """Every row is in the file."""
    root = ET.fromstring(render(many).encode())
    assert_counts_agree(root)
    assert (root.get("tests"), root.get("failures")) == ("600", "250")


@given(st.lists(st.one_of(st.text(), st.text("<>&\"']\n\x00\x1b\ufffe:#[ a")), min_size=1, max_size=5))
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.too_slow])
def test_any_text(make: SimpleNamespace, texts: list[str]) -> None:
    """Any text gives XML that parses, with the same cases."""
    text = render(make.hostile(texts))
    assert "##[" not in text
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]
    root = ET.fromstring(text.encode())
    assert_counts_agree(root)
    assert root.get("tests") == "15"
    assert {element.tag for element in root.iter()} == {
        "testsuites",
        "testsuite",
        "testcase",
        "failure",
        "error",
        "skipped",
        "system-out",
    }
