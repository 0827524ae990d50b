"""The pictures in the docs are of the pages as they are: `RUNBACK_UPDATE_GOLDEN=1` takes them anew."""

from __future__ import annotations

import os
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from runback_gate.app.cause_page import cause_page
from runback_gate.app.demo import demo_page
from runback_gate.app.investigate import find, rule_breach, run_subject
from runback_gate.app.policies import gate_policies, policies_of
from runback_gate.app.replay import Edit
from runback_gate.step import Request, Response, ToolCall
from runback_gate.store.folder import load_run
from runback_gate.testing.models import ScriptedModels
from runback_gate.view.record_page import record_page
from tests.browser import Shown
from tests.web.demo import STEP, write_demo
from tests.web.desk import TOKEN, pages

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
RECORD = ROOT / "tests" / "specimens" / "v1" / "audit" / "record.jsonl"
SIZE = {"width": 1280, "height": 800}


def taken(page: Any, name: str) -> None:
    """Take a picture; where pictures are not taken anew, the docs have one of the same size that a guide shows."""
    data = page.screenshot()
    path = IMAGES / f"{name}.png"
    if os.environ.get("RUNBACK_UPDATE_GOLDEN"):
        IMAGES.mkdir(exist_ok=True)
        path.write_bytes(data)
    assert struct.unpack(">II", path.read_bytes()[16:24]) == (1280, 800)
    assert f"images/{name}.png" in (ROOT / "docs/guides/investigate.md").read_text("utf-8")


def test_pictures_of_pages_that_stand_alone(browser: Any, tmp_path: Path) -> None:
    """The failing run of the demo, and a record that was changed."""
    write_demo(tmp_path)
    run = Shown(browser, tmp_path / "run.html", demo_page(tmp_path, note=print), viewport=SIZE)
    run.press("?")
    taken(run.page, "run")
    changed = RECORD.read_bytes().replace(b"message 5", b"massage 5")
    record = Shown(browser, tmp_path / "record.html", record_page(changed, "record.jsonl"), viewport=SIZE)
    record.page.wait_for_selector("body.invalid")
    taken(record.page, "record")


def test_picture_of_a_cause(browser: Any, tmp_path: Path) -> None:
    """The parts of the demo's failing step that make a model pay: one paragraph and what the customer said."""
    write_demo(tmp_path)

    def says(request: Request) -> Response:
        asked = "happy" in (request.system or "") and any("$250" in item.content for item in request.messages)
        return Response("", (ToolCall("c", "issue_refund", '{"amount": 250}'),)) if asked else Response("One moment.")

    run = load_run(tmp_path / "runs/refund.jsonl", note=print)
    subject = run_subject(run, 2, Edit(), None)
    breaks = rule_breach(policies_of(tmp_path), "refunds.limit", subject)
    # The browser's own loop runs in this thread.
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(find, subject, breaks, ScriptedModels(says).live()).result()
    assert found.shown
    page = Shown(browser, tmp_path / "p.html", cause_page(found, [gate_policies(tmp_path)]), viewport=SIZE)
    page.page.evaluate("document.querySelector('.said.matters').scrollIntoView({block: 'center'})")
    taken(page.page, "cause")


def test_picture_of_a_replay(browser: Any, tmp_path: Path) -> None:
    """A step asked again in the browser, then and now."""
    write_demo(tmp_path)
    with pages(tmp_path) as at:
        at.post(f"{STEP}/replay", {"system": (tmp_path / "prompts/careful.md").read_text("utf-8")})
        window = browser.new_context(base_url=f"http://127.0.0.1:{at.at.port}", viewport=SIZE)
        page = window.new_page()
        page.goto(f"/?token={TOKEN}")
        page.goto("/replays/1")
        page.wait_for_selector(".then")
        taken(page, "replay")
        window.close()
