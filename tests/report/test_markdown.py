"""The report as GitHub Markdown: within its bytes, and with nothing of its texts alive."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import product
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runback_gate.gate.verdict import Verdict
from runback_gate.report.markdown import MAX_BYTES, render
from runback_gate.report.model import GatedAgent, Input, Notice, Report, Revision
from tests.examples import examples
from tests.report.inert import assert_inert, rows


def size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text.encode())


@pytest.mark.parametrize("name", ["green", "red", "empty", "cut_short", "hostile"])
def test_golden(name: str, golden: Callable[[str, str], None], request: pytest.FixtureRequest) -> None:
    """The page as it was reviewed."""
    text = render(request.getfixturevalue(name))
    assert_inert(text)
    golden(f"{name}.md", text)


def test_structure(red: Report) -> None:
    """A heading, a table of what does not pass, a folded table of what does, and the notices."""
    text = render(red)
    assert rows(text) == [5] * 7 + [5] * 10
    assert text.startswith("### ✗ Runback gate: 2 failed · 2 undecided")
    assert (
        text.index("🔴")
        < text.index("⚪")
        < text.index("🟡")
        < text.index("🔵")
        < text.index("<details>")
        < text.index("🟢")
    )
    assert "<details><summary>9 passed</summary>" in text


def test_red_rows_come_first(many: Report) -> None:
    """600 rows fit the limit, and those that were left out are counted."""
    text = render(many)
    assert size(text) <= MAX_BYTES
    shown = text.count("🔴")
    assert shown > 100
    assert f"{250 - shown:,} rows that do not pass are not shown here" in text
    assert "350 rows that pass are not shown here" in text


def test_passes_fill_what_is_left(make: SimpleNamespace) -> None:
    """Rows that pass take the room that the others leave."""
    rows_ = [make.row("bad", Verdict.FAIL), *(make.row(f"good-{number}", Verdict.PASS) for number in range(2000))]
    text = render(make.report(rows_))
    shown = text.count("🟢")
    assert size(text) <= MAX_BYTES
    assert size(text) > MAX_BYTES - 1000
    assert f"{2000 - shown:,} rows that pass are not shown here" in text


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        *product(
            ["green", "red", "empty", "hostile"], [0, 1, 2, 10, 500, 1000, 1500, 2000, 3000, 5000, 20_000, 1_000_000]
        ),
        *product(["many"], [0, 500, 5000, 1_000_000]),
    ],
)
def test_limit(name: str, limit: int, request: pytest.FixtureRequest) -> None:
    """The limit in bytes holds, whatever it is."""
    assert size(render(request.getfixturevalue(name), max_bytes=limit)) <= limit


def test_no_room_leaves_the_headline(red: Report) -> None:
    """Where not even the frame fits, the verdict still stands."""
    assert render(red, max_bytes=400) == "### ✗ Runback gate: 2 failed · 2 undecided · 1 warned · 1 waived · 9 passed\n"


def test_much_of_everything(make: SimpleNamespace) -> None:
    """Agents, notices, findings and waivers beyond a few are counted."""
    findings = tuple(make.finding(f"rule-{number}") for number in range(9))
    report = make.report(
        [
            make.row("case", Verdict.FAIL, findings=findings),
            make.row("other", Verdict.WAIVED, waivers=tuple(f"waiver {number}" for number in range(9))),
        ],
        notices=tuple(Notice(f"notice {number}") for number in range(14)),
        agents=tuple(GatedAgent(f"agent-{number}", "a.yaml", "sha256:0", None) for number in range(12)),
    )
    text = render(report)
    assert text.count("<br>and 4 more |") == 2
    assert "and 2 more agents" in text
    assert "- 4 more notices stand in the report" in text


@given(st.lists(st.one_of(st.text(), st.text("|`\\*_<>[]()@#:&$!-\n\t\x1b ")), min_size=1, max_size=5))
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.too_slow])
def test_any_text(make: SimpleNamespace, texts: list[str]) -> None:
    """Any text in any field leaves the structure as it is, and no raw control in the page."""
    text = render(make.hostile(texts))
    assert_inert(text)
    assert size(text) <= MAX_BYTES
    assert not [char for char in text if char < " " and char != "\n"]
    assert rows(text) == [5] * 7 + [5] * 10
    assert not [line for line in text.splitlines() if line.startswith("::")]


def test_changed_files(red: Report) -> None:
    """Against a base the page names the revisions and the files that changed, as many as fit a line."""
    named = dataclasses.replace(red, base=Revision("main", "4" * 40), head=Revision("9ac3e11", "9ac3e11" + "0" * 33))
    gate = Input("gate", "runback.yaml", "sha256:0", "base")
    text = render(dataclasses.replace(named, inputs=(*red.inputs, gate)))
    assert "against main@&#8203;4444444 · head 9ac3e11<br>" in text
    assert "changed `runback.yaml`, `agents/support.yaml`, `agents/prompts/support.md`" in text
    assert "changed " not in render(named)
    same = tuple(dataclasses.replace(item, side="base") for item in red.inputs)
    assert "changed " not in render(dataclasses.replace(named, inputs=(*red.inputs, *same)))
    many = tuple(Input("policy", f"p/{number}.yaml", "sha256:0") for number in range(12))
    assert "`p/9.yaml` and 2 more" in render(dataclasses.replace(named, inputs=(*many, *same)))
