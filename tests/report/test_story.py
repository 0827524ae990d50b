"""The story of a row: whole texts from the report, and an honest word where the report has none."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from runback_gate.canonical import canonical_bytes, digest
from runback_gate.errors import InputError
from runback_gate.gate.verdict import Verdict
from runback_gate.report import wording
from runback_gate.report.bodies import Body
from runback_gate.report.html import render
from runback_gate.report.model import Report
from runback_gate.report.show import show
from runback_gate.report.story import Stories, find_row
from runback_gate.step import Message, Request, Response, ToolCall, to_json
from tests.report.reports import PAYLOADS

LONG = "word " * 400


def body(value: Request | Response) -> Body:
    json = to_json(value)
    data = canonical_bytes(json)
    return Body(digest(json), len(data), orjson.loads(data))


def told_report(make: SimpleNamespace, *, text: str = LONG) -> Report:
    """One red row whose request and answers the report holds."""
    talk = (
        Message("user", f"first {text}"),
        Message("assistant", "", (ToolCall("1", "look", '{"a": 0.5}'),)),
        Message("tool", text, (), "1", "look"),
        Message("user", f"I want my money {text}"),
    )
    then = Request("m", f"Be kind.\n{text}\nEscalate.", talk, (), {"temperature": 0.5})
    now = dataclasses.replace(then, system=f"Be kind.\n{text}\nPay.", parameters={"temperature": 1})
    before, after = Response(f"No. {text}"), Response("", (ToolCall("2", "pay", '{"amount": 250}'),), "tool_calls")
    bodies = [body(item) for item in (then, now, before, after)]
    names = [item.digest for item in bodies]
    finding = make.finding()
    trial = make.trial(Verdict.FAIL, request=names[1], answer_digest=names[3], findings=(finding,))
    row = make.row("case", Verdict.FAIL, findings=(finding,), trials=(trial,))
    row = dataclasses.replace(row, recorded_request=names[0], recorded_answer=names[2])
    report: Report = make.report([row], requests=tuple(bodies[:2]), answers=tuple(bodies[2:]))
    return report


def test_it_is_whole(make: SimpleNamespace) -> None:
    """The customer, both answers, the prompt and the parameters: nothing is cut at a summary's length."""
    report = told_report(make)
    told = Stories(report).tell(report.rows[0])
    assert told.customer == f"I want my money {LONG}"
    assert [entry.who for entry in told.conversation] == ["customer", "agent", "tool look", "customer"]
    assert told.then == f"No. {LONG}"
    assert told.now == "pay(\n  amount: 250\n)"
    assert [part.kind for part in told.prompt if not isinstance(part, int)][-2:] == ["removed", "added"]
    assert [(field.path, field.before, field.after) for field in told.fields] == [
        ("parameters.temperature", "0.5", "1")
    ]
    assert told.missing == ""


def test_the_judged_step_is_that_of_the_row(make: SimpleNamespace) -> None:
    """What a rule is explained on is the request and the answer of the trial that decided."""
    report = told_report(make)
    step = Stories(report).step(report.rows[0])
    assert step.response.tool_calls[0].name == "pay"
    assert step.request.parameters == {"temperature": 1}


@pytest.mark.parametrize("kind", ["requests", "answers"])
def test_too_large_or_broken(make: SimpleNamespace, kind: str) -> None:
    """A body that is not there, or is no such value, is named with its digest; the rest is told."""
    whole = told_report(make)
    for value in (None, {"nonsense": 1}, {"text": {"$decimal": "x"}}):
        bodies = tuple(dataclasses.replace(item, value=value) for item in getattr(whole, kind))
        changes: dict[str, Any] = {kind: bodies}
        told = Stories(dataclasses.replace(whole, **changes)).tell(whole.rows[0])
        assert all(item.digest in told.missing for item in bodies)
        with pytest.raises(InputError):
            Stories(dataclasses.replace(whole, **changes)).step(whole.rows[0])


def test_names(red: Report) -> None:
    """A row is found by every name that is its own; one that several have is refused, one that none has is too."""
    for label, row in zip(wording.labels(red.rows), red.rows, strict=True):
        assert find_row(red, label) == row
    with pytest.raises(InputError, match="no row"):
        find_row(red, "nobody")
    twice = dataclasses.replace(red, rows=(red.rows[0], dataclasses.replace(red.rows[0], dataset="other")))
    with pytest.raises(InputError, match="2 rows"):
        find_row(twice, red.rows[0].case)
    assert find_row(twice, f"other/{red.rows[0].case}").dataset == "other"


def test_every_red_row_can_be_shown(red: Report) -> None:
    """A row of every kind and verdict has something to say, on the page and in the terminal."""
    for row in red.rows:
        assert row.case.split()[0] in show(red, row)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile(make: SimpleNamespace, payload: str) -> None:
    """Whatever a customer or a model writes steers neither a terminal nor a page."""
    report = told_report(make, text=payload)
    shown = show(report, report.rows[0], talk=True)
    assert "\x1b" not in shown
    assert "<script>alert" not in render(report)
    assert "<img" not in render(report)


def test_whole_on_the_page(make: SimpleNamespace) -> None:
    """The page has the answers and the conversation in full, and marks what differs."""
    page = render(told_report(make))
    assert page.count(LONG.strip()) >= 4
    assert "<del>" in page
    assert "<mark>" in page
