"""The page of a run, in Debian's Chromium: it opens on the step that broke, obeys each key, and loads nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runback_gate.errors import Location
from runback_gate.policy.evaluate import Finding
from runback_gate.step import Message, Request, Response, Run, Source, Step, ToolCall
from runback_gate.view.run_data import divergence, run_data
from runback_gate.view.run_page import run_page

HOSTILE = '</script><script>window.owned=1</script><img src=x onerror="window.owned=1"><!-- {{ data }} {{ script }}'
LIMIT = Finding("refunds.limit", "refunds", "fail", "Deny", HOSTILE, (("params.limit", "100"),), Location("p.yaml", 3))


def a_run(count: int, *, name: str = "run-1", pays: int = -1, text: str = HOSTILE) -> Run:
    """A conversation that grows by two messages a step; at `pays` the agent pays."""
    steps: list[Step] = []
    talk: tuple[Message, ...] = (Message("user", f"I want my money {text}"),)
    for number in range(count):
        call = ToolCall(f"c{number}", "pay" if number == pays else "look", f'{{"order": {number}}}')
        request = Request("m", f"Be kind {number // 4}", talk)
        source = Source(name, number, "semantic")
        steps.append(Step("support", request, Response("", (call,), "tool_calls", latency_ms=5), source))
        # A long run keeps a window of its conversation, as agents do.
        talk = talk[-6:] if count > 100 else talk
        talk = (*talk, Message("assistant", "", (call,)), Message("tool", text, (), f"c{number}", "look"))
    return Run(name, "support", steps, status="ok")


def test_the_data_hold_each_context_whole() -> None:
    """Kept and added messages give each step's conversation back; texts stand once, so a run takes O(N)."""
    run = a_run(30)
    data = run_data(run, {}, judged=False)
    context: list[int] = []
    for step, shown in zip(run.steps, data["steps"], strict=True):
        context = context[: shown["keep"]] + shown["add"]
        assert len(context) == len(step.request.messages)
    assert sum(len(step["add"]) for step in data["steps"]) == 1 + 2 * 29


def test_divergence() -> None:
    """The first step whose answer differs; the first that one run alone has; none in equal runs."""
    assert divergence(a_run(9), a_run(9, pays=4)) == 4
    assert divergence(a_run(9), a_run(7)) == 7
    assert divergence(a_run(9), a_run(9)) is None


def test_small() -> None:
    """A page is at most 60 KB without its data."""
    assert len(run_page(Run("r", "a", ()), {}, judged=False).encode()) <= 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium; where it must be and is not, the tests fail."""
    program = Path("/usr/bin/chromium")
    required = os.environ.get("RUNBACK_REQUIRE_BROWSER") == "1"
    if not required and not program.exists():
        pytest.skip("needs /usr/bin/chromium")
    api = __import__("playwright.sync_api").sync_api if required else pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=str(program), args=["--no-sandbox"])
        yield started
        started.close()


class Shown:
    """A page that was opened, with what it asked for and what went wrong in it."""

    def __init__(self, browser: Any, path: Path, text: str, part: str = "", **options: Any) -> None:
        path.write_text(text, encoding="utf-8")
        self.asked: list[str] = []
        self.wrong: list[str] = []
        self.page = browser.new_page(**options)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.goto(f"file://{path}{part}")

    def title(self) -> str:
        return str(self.page.inner_text("h2")).split()[-1]

    def press(self, *names: str) -> str:
        for name in names:
            self.page.keyboard.press(name)
        return self.title()


def test_it_opens_on_the_step_that_broke(browser: Any, tmp_path: Path) -> None:
    """The rule's first red step, with its values; nothing else is asked for, and no hostile text runs."""
    page = Shown(browser, tmp_path / "p.html", run_page(a_run(12, pays=9), {9: (LIMIT,)}, judged=True))
    assert page.title() == "9"
    assert "params.limit" in page.page.inner_text("#step")
    assert HOSTILE in page.page.inner_text("#step")
    assert len(page.asked) == 1
    assert page.wrong == []
    assert page.page.evaluate("window.owned === undefined")


def test_hostile_text_is_inert_without_the_policy(browser: Any, tmp_path: Path) -> None:
    """Text nodes alone are written: without the policy header nothing of a model's runs either."""
    text = run_page(a_run(12, pays=9), {9: (LIMIT,)}, judged=True)
    bare = text.replace('http-equiv="Content-Security-Policy"', 'name="nothing"')
    page = Shown(browser, tmp_path / "p.html", bare)
    page.press("c", "r", "k", "k")
    assert page.page.evaluate("window.owned === undefined && document.images.length === 0")


def test_every_key(browser: Any, tmp_path: Path) -> None:
    """Each key does what the list of keys says; a link opens the same step and part."""
    found = {4: (LIMIT,), 9: (LIMIT,)}
    text = run_page(a_run(12, pays=9), found, judged=True)
    page = Shown(browser, tmp_path / "p.html", text)
    assert page.press("j") == "5"
    assert page.press("k", "k") == "3"
    assert page.press("e") == "4"
    assert page.press("e") == "9"
    assert page.press("E") == "4"
    assert page.press("g", "1", "0", "Enter") == "10"
    assert "I want my money" not in page.page.inner_text("#step")
    page.press("c")
    assert "I want my money" in page.page.inner_text("#step")
    assert page.page.url.endswith("#run-1/10/context")
    page.press("r")
    assert "REQUEST" in page.page.inner_text("#step").upper()
    assert not page.page.is_visible("#keys")
    page.press("?")
    assert page.page.is_visible("#keys")
    page.press("/")
    page.page.keyboard.type("order: 2")
    assert page.press("Enter") == "2"
    again = Shown(browser, tmp_path / "q.html", text, "#run-1/7/context")
    assert again.title() == "7"
    assert page.wrong == again.wrong == []


def test_two_runs(browser: Any, tmp_path: Path) -> None:
    """Two runs stand side by side, and the page opens where they part."""
    text = run_page(a_run(12), {}, judged=False, other=a_run(12, name="run-2", pays=6))
    page = Shown(browser, tmp_path / "p.html", text)
    assert page.title() == "6"
    assert "pay(" in page.page.inner_text("#step")
    assert "run-2" in page.page.inner_text("#step")


@pytest.mark.parametrize("count", [500, 5_000])
def test_long_runs_are_windowed(browser: Any, tmp_path: Path, count: int) -> None:
    """However long a run is, a few rows are in the page; each knows its place among all."""
    page = Shown(browser, tmp_path / "p.html", run_page(a_run(count), {}, judged=False))
    assert page.title() == str(count - 1)
    assert page.page.locator("[role=option]").count() < 100
    assert page.page.get_attribute("[aria-selected=true]", "aria-setsize") == str(count)
    assert page.press("E") == str(count - 1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow(browser: Any, tmp_path: Path, scheme: str) -> None:
    """At 320 px nothing has to be scrolled sideways."""
    text = run_page(a_run(12, pays=9), {9: (LIMIT,)}, judged=True)
    size = {"width": 320, "height": 640}
    page = Shown(browser, tmp_path / "p.html", text, viewport=size, color_scheme=scheme)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 320
