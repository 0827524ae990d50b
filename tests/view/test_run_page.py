"""The page of a run, in Debian's Chromium: it opens on the step that broke, obeys each key, and loads nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runback_gate.errors import Location
from runback_gate.policy.finding import Finding
from runback_gate.replay.cause import Cause, Rate
from runback_gate.replay.parts import parts_of
from runback_gate.step import Message, Request, Response, Run, Source, Step, ToolCall
from runback_gate.view import run_data as run_data_module
from runback_gate.view.cause_data import cause_data
from runback_gate.view.plain import message_text
from runback_gate.view.run_data import run_data
from runback_gate.view.run_page import Around, run_page
from tests.browser import Shown

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
        context = context[: shown["keep"]]
        for item in shown["add"]:
            context += range(item[0], item[1] + 1) if isinstance(item, list) else [item]
        assert [data["texts"][place] for place in context] == [message_text(item) for item in step.request.messages]
    assert len(data["texts"]) < 3 * 30


def test_small() -> None:
    """A page is at most 60 KB without its data."""
    assert len(run_page(Run("r", "a", ()), {}, judged=False).encode()) <= 60_000


def test_it_opens_on_the_step_that_broke(browser: Any, tmp_path: Path) -> None:
    """The rule's first red step, with its values; nothing else is asked for, and no hostile text runs."""
    page = Shown(browser, tmp_path / "p.html", run_page(a_run(12, pays=9), {9: (LIMIT,)}, judged=True))
    assert page.step() == "9"
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
    assert again.step() == "7"
    assert page.wrong == again.wrong == []


def test_two_runs(browser: Any, tmp_path: Path) -> None:
    """Two runs stand side by side, and the page opens where they part."""
    text = run_page(a_run(12), {}, judged=False, other=a_run(12, name="run-2", pays=6))
    page = Shown(browser, tmp_path / "p.html", text)
    assert page.step() == "6"
    assert "pay(" in page.page.inner_text("#step")
    assert "run-2" in page.page.inner_text("#step")
    assert "no rule" not in page.page.inner_text("#step")


def test_both_runs_are_judged(browser: Any, tmp_path: Path) -> None:
    """What the rules say stands below either answer."""
    other = a_run(12, name="run-2", pays=6)
    text = run_page(a_run(12), {}, judged=True, other=other, found_other={6: (LIMIT,)})
    page = Shown(browser, tmp_path / "p.html", text)
    cards = page.page.locator(".sides .card").all_inner_texts()
    assert cards[0].endswith("✓ no rule refuses it")
    assert cards[1].endswith(f"✗ refunds.limit {HOSTILE}")
    assert page.wrong == []
    assert page.serious() == []


@pytest.mark.parametrize("count", [500, 5_000, 50_000])
def test_long_runs_are_windowed(browser: Any, tmp_path: Path, count: int) -> None:
    """However long a run is, a few rows are in the page; each knows its place among all."""
    page = Shown(browser, tmp_path / "p.html", run_page(a_run(count), {}, judged=False))
    assert page.step() == str(count - 1)
    assert page.page.locator("[role=option]").count() < 100
    assert page.page.get_attribute("[aria-selected=true]", "aria-setsize") == str(count)
    assert page.press("E") == str(count - 1)


def test_keys_of_two_runs(browser: Any, tmp_path: Path) -> None:
    """`]` and `[` go from one difference to the next, and stay at the last."""
    text = run_page(a_run(12, pays=9), {}, judged=False, other=a_run(10, name="run-2", pays=6))
    page = Shown(browser, tmp_path / "p.html", text)
    assert page.step() == "6"
    assert [page.press("]") for _ in range(4)] == ["9", "10", "11", "11"]
    assert [page.press("[") for _ in range(4)] == ["10", "9", "6", "6"]
    assert page.page.get_attribute("[aria-selected=true]", "aria-label").startswith("step 6, answers differ")


def test_steps_are_aligned_again(browser: Any, tmp_path: Path) -> None:
    """A step that one run alone has moves nothing behind it; links and search reach steps of either run."""
    left, steps = a_run(12), a_run(12, text="other").steps
    shorter = replace(left, id="run-2", steps=(*left.steps[:4], *left.steps[5:]))
    extra = replace(steps[3], response=replace(steps[3].response, text="wait"))
    longer = replace(left, id="run-2", steps=(*left.steps[:4], extra, *left.steps[4:]))
    page = Shown(browser, tmp_path / "p.html", run_page(left, {}, judged=False, other=shorter))
    assert page.step() == "4"
    assert "beside run-2: 1 in this run alone" in page.page.inner_text("#facts")
    assert "NO SUCH STEP" in page.page.inner_text("#step").upper()
    assert page.press("]") == "4"
    assert page.press("j") == "5"
    assert "run-2 step 4" in page.page.inner_text("#step")
    again = Shown(browser, tmp_path / "q.html", run_page(left, {}, judged=False, other=longer))
    assert again.step() == "+4"
    assert "in the other run alone" in again.page.inner_text("#step")
    assert again.press("j") == "4"
    assert "run-2 step 5" in again.page.inner_text("#step")
    again.page.fill("#search", "money other")
    again.page.focus("#search")
    assert again.press("Enter") == "+4"
    assert again.page.url.endswith("#run-1/+4/answer")
    assert again.press("c", "r", "g", "7", "Enter") == "7"
    linked = Shown(browser, tmp_path / "q.html", run_page(left, {}, judged=False, other=longer), "#run-1/+4/context")
    assert linked.step() == "+4"
    assert page.wrong == again.wrong == linked.wrong == []


def test_what_is_left_out(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound a text stands there by size and digest with the command that shows it, the broken step whole."""
    monkeypatch.setattr(run_data_module, "MAX_TEXT", 6_000)
    run = a_run(12, pays=9)
    long = [
        replace(step, request=replace(step.request, system=f"{n} " + "x" * 3_000)) for n, step in enumerate(run.steps)
    ]
    run = replace(run, steps=tuple(long))
    text = run_page(run, {9: (LIMIT,)}, judged=True, around=Around(names=("runs/run-1.jsonl", "")))
    page = Shown(browser, tmp_path / "p.html", text)
    page.press("c")
    assert "x" * 3_000 in page.page.inner_text("#step")
    page.press("k")
    shown = page.page.inner_text("#step")
    assert "[left out: 3,002 bytes, sha256:" in shown
    assert "shown by runback-gate runs show runs/run-1.jsonl 8 --json" in shown
    assert len(text) < 60_000


def test_the_request_as_recorded(browser: Any, tmp_path: Path) -> None:
    """`r` shows parameters, what else the request says, instructions and tools, and the command that shows the rest."""
    run = a_run(1)
    request = replace(run.steps[0].request, parameters={"temperature": 0}, extra={"tool_choice": "required"})
    run = replace(run, steps=(replace(run.steps[0], request=request),))
    around = Around(names=("runs/run-1.jsonl", ""))
    page = Shown(browser, tmp_path / "p.html", run_page(run, {}, judged=False, around=around))
    page.press("r")
    shown = page.page.inner_text("#step")
    assert 'parameters {"tool_choice": "required", "temperature": 0}' in shown
    assert "runback-gate runs show runs/run-1.jsonl 0 --json" in shown


def test_the_parts_that_matter(browser: Any, tmp_path: Path) -> None:
    """A page with a cause opens on its step and whole context; what matters is told apart, the rest is grey."""
    run = a_run(12, pays=9)
    parts = parts_of(run.steps[9].request)
    call = next(place for place, part in enumerate(parts) if part.kind == "result")
    cause = Cause("cause", "", parts, (0, call), alone=Rate(9, 10), without=Rate(0, 10), answer=run.steps[9].response)
    known = cause_data(9, run.steps[9].request, cause, [("with", "9 of 10")])
    assert known["messages"] == [parts[call].end, parts[call].begin]
    page = Shown(browser, tmp_path / "p.html", run_page(run, {}, judged=False, around=Around(cause=known)))
    assert page.step() == "9"
    assert page.page.locator(".said.matters").count() == 3
    assert page.page.locator(".said.grey").count() == len(run.steps[9].request.messages) - 2
    assert page.page.inner_text("pre .matters") == "Be kind 2"
    assert "an answer to these parts alone" in page.page.inner_text("#step")
    assert page.serious() == []
    page.press("k")
    assert page.page.locator(".matters").count() == 0


def test_where_a_value_stands(browser: Any, tmp_path: Path) -> None:
    """A value of a rule that the model was handed is found in its context, and marked there."""
    rule = Finding("r", "p", "fail", "Deny", "m", (("c.order", "7"), ("params.limit", "70")), Location("p.yaml", 3))
    page = Shown(browser, tmp_path / "p.html", run_page(a_run(12, text="z"), {9: (rule,)}, judged=True))
    buttons = page.page.locator(".values button")
    assert buttons.all_inner_texts() == ["in 1 of the texts it read"]
    buttons.first.click()
    assert set(page.page.locator("#step mark").all_inner_texts()) == {"7"}


def test_badges(browser: Any, tmp_path: Path) -> None:
    """How a run ended, whether it was changed, and how much was replaced stand above its steps."""
    run = replace(a_run(3), status="truncated", redaction={"level": "standard", "counts": {"email": 2, "card": 1}})
    page = Shown(browser, tmp_path / "p.html", run_page(run, {}, judged=False, around=Around(tampered=14)))
    badges = page.page.locator(".badge").all_inner_texts()
    assert badges[0] == "truncated"
    assert badges[1].startswith("tampered at line 14")
    assert badges[2:] == ["redaction standard, 3 replaced", "not judged"]


def test_what_a_screen_reader_is_told(browser: Any, tmp_path: Path) -> None:
    """One row alone takes the focus by Tab, and each move is said."""
    page = Shown(browser, tmp_path / "p.html", run_page(a_run(12, pays=9), {9: (LIMIT,)}, judged=True))
    page.press("j")
    assert page.page.locator("[role=option][tabindex='0']").count() == 1
    assert page.page.inner_text("#live") == "step 10, 11 of 12, nothing found"
    page.press("e")
    assert page.page.inner_text("#live") == "no later step broke"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_nothing_serious(browser: Any, tmp_path: Path, scheme: str, width: int) -> None:
    """axe-core finds nothing serious, whatever is opened."""
    size = {"width": width, "height": 700}
    one = run_page(a_run(12, pays=9), {9: (LIMIT,)}, judged=True, around=Around(next=(("Keep", "add STEP"),)))
    two = run_page(a_run(12), {}, judged=False, other=a_run(12, name="run-2", pays=6))
    for text in (one, two):
        page = Shown(browser, tmp_path / "p.html", text, viewport=size, color_scheme=scheme)
        page.press("?", "c", "r")
        assert page.serious() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow(browser: Any, tmp_path: Path, scheme: str) -> None:
    """At 320 px nothing has to be scrolled sideways."""
    text = run_page(a_run(12, pays=9), {9: (LIMIT,)}, judged=True)
    size = {"width": 320, "height": 640}
    page = Shown(browser, tmp_path / "p.html", text, viewport=size, color_scheme=scheme)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 320
