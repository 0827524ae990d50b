"""The report as workflow commands: one line each, as many as GitHub keeps, on the line that explains the verdict."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runback_gate.errors import Location
from runback_gate.gate.verdict import Verdict
from runback_gate.report.annotations import remarks, render
from runback_gate.report.model import Notice, Report, Revision
from tests.examples import examples

COMMAND = re.compile(r"::(error|warning|notice) (?:file=[^,:]+,)?(?:line=\d+,)?(?:col=\d+,)?title=[^,:]*::.+")


def levels(text: str) -> Counter[str]:
    """How many commands of each level; every line is one."""
    found = [COMMAND.fullmatch(line) for line in text.splitlines()]
    return Counter(match[1] if match else "broken" for match in found)


@pytest.mark.parametrize("name", ["green", "red", "empty", "cut_short", "hostile"])
def test_golden(name: str, golden: Callable[[str, str], None], request: pytest.FixtureRequest) -> None:
    """The commands as they were reviewed."""
    text = render(request.getfixturevalue(name))
    assert levels(text)["broken"] == 0
    golden(f"{name}.github.txt", text)


def test_levels(red: Report, green: Report, empty: Report) -> None:
    """FAIL and UNDECIDED are errors, WARN is a warning, a notice a notice; green is silent, nothing judged is not."""
    assert levels(render(red)) == {"error": 4, "warning": 1, "notice": 2}
    assert render(green) == ""
    assert render(empty) == "::error title=Runback gate::no case was judged\n"


def test_limits(make: SimpleNamespace) -> None:
    """Ten of each level at most, and one of the notices says how many are left out."""
    rows = [
        *(make.row(f"bad-{number}", Verdict.FAIL) for number in range(12)),
        *(make.row(f"odd-{number}", Verdict.WARN) for number in range(11)),
    ]
    text = render(make.report(rows, notices=tuple(Notice(f"notice {number}") for number in range(12))))
    assert levels(text) == {"error": 10, "warning": 10, "notice": 10}
    assert text.endswith("::notice title=Runback gate::6 more stand in the report\n")


def test_place(make: SimpleNamespace) -> None:
    """An annotation stands on the rule that decided; without a rule, or without a place, on what there is."""
    rows = [
        make.row("ruled", Verdict.FAIL, findings=(make.finding(),)),
        make.row("bare", Verdict.FAIL),
        make.row("lost", Verdict.FAIL, location=Location("")),
        make.row("whole", Verdict.FAIL, location=Location("a,b:c%.yaml")),
    ]
    first, second, third, fourth = render(make.report(rows)).splitlines()
    assert first.startswith("::error file=policies/refunds.yaml,line=14,col=7,title=FAIL ruled%3A refunds.limit::")
    assert second.startswith("::error file=datasets/refunds.yaml,line=12,col=7,title=FAIL bare::")
    assert third.startswith("::error title=FAIL lost::")
    assert fourth.startswith("::error file=a%2Cb%3Ac%25.yaml,title=FAIL whole::")


def test_message(make: SimpleNamespace) -> None:
    """The message says what was found, what was answered then and now, and is never empty."""
    findings = tuple(make.finding(f"rule-{number}", values=(("a", "1"),)) for number in range(7))
    rows = [
        make.row(
            "many", Verdict.FAIL, findings=findings, then="x", now="y", why="an incident", note="parameters unknown"
        ),
        make.row("gone", Verdict.UNDECIDED, then="x", now=""),
        make.row("none", Verdict.UNDECIDED, then="", now=""),
    ]
    messages = [line.split("::", 2)[2] for line in render(make.report(rows)).splitlines()]
    assert messages[0].split("%0A")[:4] == ["refund above 100", "a = 1", "rule-1: refund above 100", "a = 1"]
    assert messages[0].split("%0A")[-4:] == [
        "and 2 more findings",
        "recorded: parameters unknown",
        "x → y",
        "an incident",
    ]
    assert messages[1:] == ["was: x", "UNDECIDED"]


@given(st.lists(st.one_of(st.text(), st.text(":,%\r\n=\x85\u2028\x1b#[] a")), min_size=1, max_size=5))
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.too_slow])
def test_any_text(make: SimpleNamespace, texts: list[str]) -> None:
    """Any text stays inside its own command."""
    found = levels(render(make.hostile(texts)))
    assert found["broken"] == 0
    assert sum(found.values()) == 6


def against_base(report: Report, *changes: str) -> Report:
    """The report as one against a base whose files of these kinds were others."""
    base = [
        dataclasses.replace(item, side="base", digest="sha256:0" if item.kind in changes else item.digest)
        for item in report.inputs
    ]
    return dataclasses.replace(report, base=Revision("main", "4" * 40), inputs=(*report.inputs, *base))


def test_a_changed_prompt_is_blamed(red: Report) -> None:
    """On the changed prompt stands which cases do not pass with it; a file that did not change is left alone."""
    first, *others = remarks(against_base(red, "prompt", "policy"), folder="a")
    assert first.location == Location("a/agents/prompts/support.md", 1)
    assert first.title == "3 cases do not pass with this change"
    assert first.message.splitlines() == [
        "FAIL disputed-charge-escalates",
        "UNDECIDED double-refund",
        "UNDECIDED no-amount",
    ]
    assert others == list(remarks(red, folder="a"))
    assert list(remarks(against_base(red, "policy"))) == list(remarks(red))


def test_a_change_that_passes_is_not_blamed(green: Report, make: SimpleNamespace) -> None:
    """A changed prompt with which all passes bears nothing; many red cases are counted."""
    assert list(remarks(against_base(green, "prompt"))) == []
    many = make.report([make.row(f"case-{number}", Verdict.FAIL) for number in range(12)])
    first = next(remarks(against_base(many, "agent")))
    assert first.title == "12 cases do not pass with this change"
    assert first.message.splitlines()[-1] == "and 2 more"


def test_what_fails_on_the_base_as_well_is_a_warning(make: SimpleNamespace) -> None:
    """A row that was red before and does not block is no error."""
    report = make.report([make.row("old", Verdict.FAIL, status="already failing", blocking=False)])
    assert [item.level for item in remarks(against_base(report, "prompt"))] == ["warning"]
