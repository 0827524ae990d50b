"""The pages: what they show of a folder."""

from __future__ import annotations

import html
import json
import os
from pathlib import Path

import pytest

from runback_gate.app import workspace
from runback_gate.capture.runs import write_run
from runback_gate.step import Message, Request, Response, Run, Source, Step, ToolCall
from tests.web.demo import SHOWN
from tests.web.desk import pages


def test_every_page(folder: Path) -> None:
    """Each page is there, forbids scripts of others and frames, and is kept in no cache."""
    with pages(folder) as browser:
        for path in SHOWN:
            status, headers, data = browser.get(path)
            assert status == 200, path
            assert headers["cache-control"] == "no-store"
            assert headers["x-frame-options"] == "DENY"
            policy = headers.get("content-security-policy") or html.unescape(data.decode())
            assert "default-src 'none'" in policy


def test_a_rule_that_a_judge_model_decides(folder: Path) -> None:
    """Its policy is listed with what the judge is asked, and nothing says that no step breaks it."""
    rule = "validations: [{id: tone.calm, judge: {model: j/judge, rubric: Is <b>calm</b>.}}]"
    text = f"apiVersion: runback.dev/v1\nkind: Policy\nmetadata: {{name: tone}}\nspec:\n  {rule}\n"
    (folder / "policies/tone.yaml").write_text(text)
    with pages(folder) as browser:
        assert "<td>not judged here</td>" in browser.text("/policies").replace(' class="count"', "")
        page = browser.text("/policies/tone")
        assert "Is &lt;b&gt;calm&lt;/b&gt;." in page
        assert "not judged here: a judge model decides it" in page
        assert "None." not in page
        (folder / "policies/refunds.yaml").unlink()
        assert "not judged" in browser.text("/")


def test_two_runs_are_compared(folder: Path) -> None:
    """Two runs of the list stand side by side; a name that is not listed is refused."""
    with pages(folder) as browser:
        assert 'list="names"' in browser.text("/")
        text = browser.text("/compare?run=refund&beside=refund-before")
        assert '"id":"refund-before"' in text
        for query in ("", "?run=refund", "?run=refund&beside=..%2fsecret", "?run=none&beside=refund"):
            assert browser.get(f"/compare{query}")[0] == 400


def test_runs_are_filtered(folder: Path) -> None:
    """By agent, verdict, tool, text and time; a run that was changed is listed as what it is."""
    request = Request("m", "Be kind.", (Message("user", "Where is my Parcel?"),))
    call = ToolCall("c", "look_up", "{}")
    step = Step("other", request, Response("", (call,)), Source("r9", 0, "semantic", at="2026-01-02T00:00:00Z"))
    (folder / "runs/r9.jsonl").write_bytes(write_run(Run("r9", "other", (step,)), os.urandom))
    changed = (folder / "runs/refund.jsonl").read_bytes().replace(b"Hello", b"Hullo", 1)
    (folder / "runs/changed.jsonl").write_bytes(changed)
    with pages(folder) as browser:
        rows = {
            query: [name for name in ("refund", "refund-before", "r9", "changed") if f">{name}<" in browser.text(query)]
            for query in (
                "/?agent=other",
                "/?verdict=refused",
                "/?verdict=unreadable",
                "/?tool=escalate",
                "/?text=PARCEL",
                "/?since=2026-02",
                "/?until=2026-02",
                "/?agent=nobody",
            )
        }
    assert rows == {
        "/?agent=other": ["r9"],
        "/?verdict=refused": ["refund"],
        "/?verdict=unreadable": ["changed"],
        "/?tool=escalate": ["refund-before"],
        "/?text=PARCEL": ["r9"],
        "/?since=2026-02": ["refund", "refund-before"],
        "/?until=2026-02": ["r9"],
        "/?agent=nobody": [],
    }


def test_a_folder_that_takes_long_to_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest runs are there at once, the page says how many are left, and each is read and judged once."""
    for number in range(4):
        data = (folder / "runs/refund.jsonl").read_bytes()
        (folder / f"runs/again-{number}.jsonl").write_bytes(data)
    monkeypatch.setattr(workspace, "READ_AT_ONCE", 1)
    read: list[str] = []
    whole = workspace.Workspace._read

    def counted(self: workspace.Workspace, path: Path) -> workspace.RunRow:
        read.append(path.stem)
        return whole(self, path)

    monkeypatch.setattr(workspace.Workspace, "_read", counted)
    with pages(folder) as browser:
        assert "5 older runs are still being read" in browser.text("/")
        assert "4 older runs are still being read" in browser.text("/policies/refunds")
        left = [json.loads(browser.text("/reading"))["left"] for _ in range(5)]
        text = browser.text("/")
    assert left == [3, 2, 1, 0, 0]
    assert "6 of 6 runs" in text
    assert "still being read" not in text
    assert len(read) == len(set(read)) == 6


def test_hostile_text_is_text(folder: Path) -> None:
    """What a model or a file says is escaped on every page."""
    hostile = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    request = Request("m", hostile, (Message("user", hostile),))
    step = Step(hostile, request, Response(hostile), Source("h", 0, "semantic"))
    (folder / "runs/h.jsonl").write_bytes(write_run(Run("h", hostile, (step,), error=hostile), os.urandom))
    with pages(folder) as browser:
        asked = {"system": f"{hostile} other", "message-0": "<b>\u202e", "confirmed": "1"}
        assert browser.post("/runs/h/steps/0/replay", asked)[1]["location"] == "/replays/1"
        compared = "/compare?run=h&beside=refund"
        for path in ("/", f"/?text={'%3Cscript%3E'}", "/runs/h", "/runs/h/steps/0", "/replays/1", compared):
            text = browser.text(path)
            assert "\u202e" not in text
            assert "<script>alert" not in text
            assert "<img" not in text
