"""The report in a terminal: at any width, with and without colour, for any text."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from runback_gate.gate.verdict import Verdict
from runback_gate.report.console import render
from runback_gate.report.model import Notice, Report
from tests.examples import examples

Golden = Callable[[str, str], None]


@pytest.mark.parametrize("name", ["green", "red", "empty", "cut_short", "hostile"])
@pytest.mark.parametrize("width", [80, 160])
def test_golden(name: str, width: int, golden: Golden, request: pytest.FixtureRequest) -> None:
    """The page as it was reviewed."""
    report: Report = request.getfixturevalue(name)
    golden(f"{name}.{width}.txt", render(report, width=width, colour=False, show_all=False))


def test_golden_of_all_rows_in_colour(red: Report, golden: Golden) -> None:
    """With colour, and with the rows that pass."""
    golden("red.colour.txt", render(red, width=120, colour=True, show_all=True))


@pytest.mark.parametrize("name", ["red", "hostile"])
def test_golden_in_ascii(name: str, golden: Golden, request: pytest.FixtureRequest) -> None:
    """A stream that shows ASCII only gets ASCII only, and the same words."""
    text = render(request.getfixturevalue(name), width=80, colour=False, show_all=False, unicode=False)
    assert text.isascii()
    golden(f"{name}.ascii.txt", text)


@pytest.mark.parametrize("name", ["green", "red", "empty", "cut_short", "hostile"])
@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [60, 71, 80, 100, 160, 300])
def test_lines_fit(name: str, width: int, unicode: bool, request: pytest.FixtureRequest) -> None:
    """No line is wider than the terminal."""
    text = render(request.getfixturevalue(name), width=width, colour=False, show_all=True, unicode=unicode)
    assert [line for line in text.splitlines() if cell_len(line) > width] == []


def test_width_is_held(red: Report) -> None:
    """A terminal that says nonsense about its width gets a page all the same."""
    assert render(red, width=0, colour=False, show_all=False) == render(red, width=60, colour=False, show_all=False)
    assert render(red, width=10**9, colour=False, show_all=False) == render(
        red, width=400, colour=False, show_all=False
    )


def test_environment_is_not_read(red: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same report looks the same whatever the environment says."""
    before = render(red, width=100, colour=True, show_all=False)
    for name, value in {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "20", "FORCE_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    assert render(red, width=100, colour=True, show_all=False) == before


def test_colour_adds_nothing_but_colour(red: Report) -> None:
    """Without its escape sequences the coloured page is the plain one."""
    text = render(red, width=100, colour=True, show_all=False)
    for code in ("\x1b[1m", "\x1b[0m", "\x1b[2m", "\x1b[1;31m", *(f"\x1b[{number}m" for number in range(31, 37))):
        text = text.replace(code, "")
    assert text == render(red, width=100, colour=False, show_all=False)


def test_rows_that_pass_are_folded(many: Report) -> None:
    """Five passes are shown; with 50 others the rest is counted, and shown on demand."""
    text = render(many, width=120, colour=False, show_all=False)
    assert text.count("✗ FAIL") == 50
    assert text.count("✓ pass") == 5
    assert "200 more rows do not pass   show all: --all" in text
    assert "345 more rows pass   show all: --all" in text


def test_one_folded_row(make: SimpleNamespace) -> None:
    """One row passes, two rows pass."""
    report = make.report([make.row(f"case-{number}", Verdict.PASS) for number in range(6)])
    assert "1 more row passes   show all: --all" in render(report, width=80, colour=False, show_all=False)
    assert "show all" not in render(report, width=80, colour=False, show_all=True)


def test_many_findings_and_notices(make: SimpleNamespace) -> None:
    """What is left out of a row or of the notices is counted."""
    findings = tuple(make.finding(f"rule-{number}") for number in range(9))
    notices = tuple(Notice(f"notice {number}") for number in range(25))
    report = make.report([make.row("case", Verdict.FAIL, findings=findings)], notices=notices)
    text = render(report, width=120, colour=False, show_all=False)
    assert "rule-4: refund above 100" in text
    assert "rule-5" not in text
    assert "and 4 more findings" in text
    assert "5 more notices stand in the report" in text
    assert text.count("c.arguments.amount = 250") == 1


def test_verdict_and_exit_code_share_a_line_where_they_fit(red: Report) -> None:
    """The exit code stands at the right edge, or on a line of its own."""
    assert render(red, width=80, colour=False, show_all=False).count("exit 1\n") == 1
    assert "\nexit 1\n" in render(red, width=60, colour=False, show_all=False)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_workflow_command(width: int, make: SimpleNamespace) -> None:
    """In a CI log no line opens a command, however the text was wrapped."""
    for pad in range(width):
        message = f"{'x' * pad} ::error file=a::boom{'y' * pad}::warning::boom ##[error]boom"
        report = make.report([make.row("case", Verdict.FAIL, findings=(make.finding(message=message),))])
        text = render(report, width=width, colour=False, show_all=False)
        assert [line for line in text.splitlines() if line.lstrip().startswith("::")] == []
        assert "##[" not in text


@given(st.lists(st.text(), min_size=1, max_size=5), st.integers(60, 200), st.booleans())
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.too_slow])
def test_any_text(make: SimpleNamespace, texts: list[str], width: int, unicode: bool) -> None:
    """Any text gives a page of printable lines that fit."""
    page = render(make.hostile(texts), width=width, colour=False, show_all=True, unicode=unicode)
    assert [line for line in page.split("\n") if cell_len(line) > width] == []
    assert not [char for char in page if char < " " and char != "\n"]
    assert "\x7f" not in page
    assert "FAIL" in page
