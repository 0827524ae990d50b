"""The pages in Debian's Chromium: everything by keyboard, nothing serious for axe-core, nothing to scroll sideways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runback_gate.app import workspace
from runback_gate.cli import main
from tests.browser import serious
from tests.web.demo import STEP, write_demo
from tests.web.desk import TOKEN, Browser, pages

SHOWN = (
    "/",
    "/compare?run=refund&beside=refund-before",
    STEP,
    "/reports",
    "/datasets",
    "/datasets/support/refund-0",
    "/policies",
    "/policies/refunds",
    "/replays/1",
)


def opened(browser: Any, at: Browser, **options: Any) -> Any:
    """A window in which the printed address was opened; its base is the server."""
    window = browser.new_context(base_url=f"http://127.0.0.1:{at.at.port}", **options)
    page = window.new_page()
    page.goto(f"/?token={TOKEN}")
    return page


def reach(page: Any, wanted: str) -> None:
    """Press Tab until the focus is on the element."""
    for _ in range(80):
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", wanted):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to {wanted}")


def test_from_the_list_to_a_judged_case(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open a run, ask its failing step again with another prompt, keep the answer, judge it: no mouse at all."""
    write_demo(tmp_path)
    careful = (tmp_path / "prompts/careful.md").read_text("utf-8")
    with pages(tmp_path) as at:
        page = opened(browser, at)
        reach(page, 'a[href="/runs/refund"]')
        page.keyboard.press("Enter")
        page.wait_for_selector("#step h2")
        assert "Step 2" in page.inner_text("h2")
        page.keyboard.press("p")
        page.wait_for_url(f"**{STEP}")
        reach(page, "#system")
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(careful)
        reach(page, "form[action$=replay] button")
        page.keyboard.press("Enter")
        page.wait_for_selector(".then")
        assert "tool changed" in page.inner_text("main")
        reach(page, "#why")
        page.keyboard.insert_text("a disputed charge was paid")
        reach(page, "#case")
        page.keyboard.insert_text("disputed")
        reach(page, "form[action$=keep] button")
        page.keyboard.press("Enter")
        page.wait_for_url("**/keep")
        assert "disputed stands in datasets/support.yaml" in page.inner_text("main")
        page.context.close()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agents/support.md").write_text(careful, "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["run", "--cache", "answers", "--report", "out"])
    assert ended.value.code == 0
    assert '"disputed"' in (tmp_path / "out/report.json").read_text("utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_pages_for_everybody(browser: Any, tmp_path: Path, scheme: str, width: int) -> None:
    """axe-core finds nothing serious on any page, and none is wider than its window."""
    write_demo(tmp_path, "http://127.0.0.1:9")
    with pages(tmp_path) as at:
        at.post(f"{STEP}/replay", {"system": (tmp_path / "prompts/careful.md").read_text("utf-8")})
        page = opened(browser, at, viewport={"width": width, "height": 800}, color_scheme=scheme)
        for path in SHOWN:
            page.goto(path)
            if path == "/replays/1":
                page.wait_for_selector(".then")
            assert serious(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.goto(STEP)
        page.fill("#system", "Be careful.")
        page.press("#trials", "Enter")
        page.wait_for_selector(".plan")
        assert page.evaluate("document.activeElement.matches('form[action$=replay] button')")
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.context.close()


def test_runs_that_take_long_to_read(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list completes itself, but not under the hands of whoever fills its form in."""
    write_demo(tmp_path)
    for number in range(4):
        (tmp_path / f"runs/again-{number}.jsonl").write_bytes((tmp_path / "runs/refund.jsonl").read_bytes())
    monkeypatch.setattr(workspace, "READ_AT_ONCE", 1)
    with pages(tmp_path) as at:
        page = opened(browser, at)
        page.wait_for_selector("p:has-text('6 of 6 runs')")
        (tmp_path / "policies/refunds.yaml").write_bytes((tmp_path / "policies/refunds.yaml").read_bytes() + b"#\n")
        page.route("**/reading", lambda route: page.wait_for_timeout(200) or route.continue_())
        page.goto("/")
        page.focus("#text")
        page.keyboard.type("refund")
        page.wait_for_selector("#reading:has-text('All runs are read.')")
        assert page.input_value("#text") == "refund"
        page.keyboard.press("Enter")
        page.wait_for_selector("p:has-text('6 of 6 runs')")
        assert serious(page) == []
        page.context.close()


def test_a_server_that_has_gone(browser: Any, tmp_path: Path) -> None:
    """A page that waits for a replay says that its server has gone."""
    from runback_gate.testing.server import Act, ModelServer, completion  # noqa: PLC0415

    with ModelServer(lambda _body, _number: Act(completion("Hello"), delay=60)) as server:
        write_demo(tmp_path, server.url)
        with pages(tmp_path, cache=None) as at:
            at.post(f"{STEP}/replay", {"confirmed": "1"})
            page = opened(browser, at)
            page.goto("/replays/1")
            page.wait_for_selector("#told")
        page.wait_for_selector("#told:has-text('The server has gone')")
        page.context.close()
