"""The report as one HTML file: self-contained, closed to scripts, and with every text as text."""

from __future__ import annotations

import dataclasses
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runback_gate.gate.verdict import Verdict
from runback_gate.report.html import MAX_BYTES, render
from runback_gate.report.model import GatedAgent, Input, Notice, Report
from tests.examples import examples

VOID = {"meta", "rect"}


class Page(HTMLParser):
    """Counts elements with their attribute names, checks nesting, collects text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[tuple[str, ...]] = Counter()
        self.names: set[str] = set()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag, *(name for name, _ in attrs)] += 1
        self.names |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag, *(name for name, _ in attrs)] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def without_style(page: str) -> str:
    """A page without its style sheet and the digest of that, so that a change of colour is reviewed in one file."""
    return re.sub(
        r"sha256-[\w+/=]{44}", "sha256-…", re.sub("<style>.*?</style>", "<style>…</style>", page, flags=re.DOTALL)
    )


@pytest.mark.parametrize("name", ["green", "red", "empty", "cut_short", "hostile"])
def test_golden(name: str, golden: Callable[[str, str], None], request: pytest.FixtureRequest) -> None:
    """The page as it was reviewed."""
    text = render(request.getfixturevalue(name))
    assert Page(text).open == []
    golden(f"{name}.html", without_style(text))


@pytest.mark.parametrize("name", ["green", "red", "empty", "cut_short", "hostile"])
def test_nothing_runs_or_loads(name: str, request: pytest.FixtureRequest) -> None:
    """No script, no style attribute, no handler, no link, no address to load from."""
    page = Page(render(request.getfixturevalue(name)))
    assert not {element[0] for element in page.elements} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "a",
        "form",
        "base",
    }
    assert not [
        item for item in page.names if item.startswith("on") or item in ("style", "href", "src", "srcset", "action")
    ]


def test_policy(red: Report) -> None:
    """The Content Security Policy allows the one style of the page by its hash, and nothing else."""
    text = render(red)
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    allowed = b64encode(sha256(styles[0].encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    markup = policy.replace("'", "&#39;")
    assert len(styles) == 1
    assert f'<meta http-equiv="Content-Security-Policy" content="{markup}">' in text
    assert "url(" not in styles[0]
    assert "@import" not in styles[0]


def test_tables_are_accessible(red: Report) -> None:
    """Every table has a caption, and every header says what it heads."""
    page = Page(render(red))
    tables = sum(number for element, number in page.elements.items() if element[0] == "table")
    captions = sum(number for element, number in page.elements.items() if element[0] == "caption")
    assert tables == captions == 5
    assert not [element for element in page.elements if element[0] == "th" and "scope" not in element]


def test_everything_is_there(red: Report) -> None:
    """Evidence, digests, trials, findings, values, expressions, inputs: each can be read."""
    text = "".join(Page(render(red)).words)
    for needle in (
        "2 failed",
        "exit 1",
        "Only a part of the gate was judged:",
        "Incident 2026-11-03",
        "request.system differs from the recording",
        "sha256:" + "5a" * 32,
        "sha256:" + "9f" * 32,
        "c.arguments.amount <= params.limit)",
        "1/3, needs 2",
        "waived by legacy-pii",
        "could not be evaluated",
        "docs/runbooks/refunds.md",
        "31" * 32,
        "policy tone.formal concerned no answer",
        "cel-cpp 0.1.3",
    ):
        assert needle in text


@pytest.mark.slow
def test_5000_rows(huge: Report) -> None:
    """A large report fits; rows beyond the limit are counted."""
    assert len(render(huge).encode()) <= MAX_BYTES
    text = render(huge, max_bytes=300_000)
    shown = text.count('<tbody id="row-')
    assert len(text.encode()) <= 300_000
    assert shown > 50
    assert f"{5000 - shown} rows are not shown here" in text


@pytest.mark.slow
def test_much_of_everything(make: SimpleNamespace) -> None:
    """What a row or a list holds beyond its limit is counted."""
    findings = tuple(make.finding(f"rule-{number}") for number in range(25))
    trials = tuple(make.trial(Verdict.FAIL, number, passed=tuple(map(str, range(103)))) for number in range(52))
    base = make.report(
        [make.row("case", Verdict.FAIL, findings=findings, trials=trials)],
        agents=tuple(GatedAgent(f"agent-{number}", "a.yaml", "sha256:0", None) for number in range(104)),
        notices=tuple(Notice(f"notice {number}") for number in range(206)),
        inputs=tuple(Input("answer", f"answer-{number}", "sha256:0") for number in range(6007)),
    )
    report = dataclasses.replace(base, rules=base.rules[:1] * 1008)
    text = "".join(Page(render(report)).words)
    for left, what in ((5, " findings"), (2, " trials"), (4, ""), (6, ""), (7, ""), (8, ""), (3, "")):
        assert f"and {left} more{what}" in text


def test_one_row_left_out(make: SimpleNamespace) -> None:
    """One row is, two rows are."""
    report = make.report([make.row("case", Verdict.FAIL)])
    assert "1 row is not shown here" in render(report, max_bytes=5_000)


@given(st.one_of(st.text(min_size=1), st.text("<>&\"'`{}%/=;-!\n\x00\x1b a", min_size=1)))
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.too_slow])
def test_any_text(make: SimpleNamespace, text: str) -> None:
    """A parser finds the same elements whatever the texts say, and nothing invisible in them."""
    page, plain = render(make.hostile([text])), render(make.hostile(["a"]))
    assert Page(page).elements == Page(plain).elements
    assert not [char for char in page if char < " " and char not in "\n\t"]
