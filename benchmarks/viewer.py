"""The page of a run: how long it takes to write, and until the browser has painted the step that broke.

In: Debian's Chromium and the `browser` group of packages; beside it Inspect View, where it is installed. Out: figures.

    python -m benchmarks viewer
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.inspect_view import inspect_seconds
from benchmarks.promises import Figure, Peer, UnmeasuredError
from runback_gate.errors import Location
from runback_gate.policy.finding import Finding
from runback_gate.step import Message, Request, Response, Run, Source, Step, ToolCall
from runback_gate.view.run_page import run_page

PROGRAM = Path("/usr/bin/chromium")
WATCH = """new MutationObserver((_, watcher) => { if (document.querySelector("#step h2")) { watcher.disconnect();
requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); }, 0)); } })
.observe(document, {childList: true, subtree: true});"""
"""Notes when the first step is on the screen: after the frame in which it came into the page."""
PRESSED = """() => { const start = performance.now(); document.dispatchEvent(new KeyboardEvent("keydown", {key: "j"}));
document.body.getBoundingClientRect(); return performance.now() - start; }"""


def long_run(count: int) -> Run:
    """A run of `count` steps that looks an order up in each and keeps a window of its conversation."""
    steps: list[Step] = []
    talk: tuple[Message, ...] = (Message("user", "Where are my orders?"),)
    for number in range(count):
        call = ToolCall(f"c{number}", "look_up", f'{{"order": "P-{number}"}}')
        request = Request("m", f"Be kind. Version {number // 500}.", talk)
        steps.append(Step("support", request, Response("", (call,), "tool_calls"), Source("run", number, "semantic")))
        told = f"Order P-{number} was delivered; the customer signed for it at the door."
        talk = (*talk[-6:], Message("assistant", "", (call,)), Message("tool", told, (), f"c{number}", "look_up"))
    return Run("run", "support", steps, status="ok")


def viewer(folder: Path) -> list[Figure]:
    """CPU seconds to write a page, seconds until the failing step is painted, milliseconds from a key to its layout."""
    if not PROGRAM.exists() or find_spec("playwright") is None:
        raise UnmeasuredError(f"no {PROGRAM} (Debian's package chromium), or no playwright (requirements/browser.lock)")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  only where it is installed

    figures = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(PROGRAM), args=["--no-sandbox"])
        for count, limit in ((5_000, 0.3), (50_000, 1.0)):
            red = count * 3 // 4
            rule = Finding("refunds.limit", "refunds", "fail", "Deny", "above the limit", (), Location("p.yaml", 3))
            run, path, start = long_run(count), folder / f"{count}.html", time.process_time()
            path.write_text(run_page(run, {red: (rule,)}, judged=True), encoding="utf-8")
            written = time.process_time() - start
            shown, pressed = zip(*(_opened(browser, path, red) for _ in range(3)), strict=True)
            beside = inspect_seconds(browser, folder, count)
            peers = () if beside is None else (Peer(f"Inspect View, {count:,} messages", beside),)
            name = f"a page of {count:,} steps"
            figures += [
                Figure(f"{name}, failing step painted", "s", min(shown), limit, peers),
                Figure(f"{name}, key to layout", "ms", min(pressed), 16.0),
                Figure(f"{name}, written", "CPU s", written, count / 2_500),
            ]
        browser.close()
    bare = len(run_page(Run("r", "a", ()), {}, judged=False).encode()) / 1_000
    return [*figures, Figure("a page without its data", "KB", bare, 60.0)]


def _opened(browser: Any, path: Path, step: int) -> tuple[float, float]:
    """Seconds from navigation until the step is painted, and milliseconds of a key."""
    page = browser.new_page()
    page.add_init_script(WATCH)
    page.goto(path.as_uri())
    painted = float(page.wait_for_function("window.painted").json_value()) / 1000
    if page.inner_text("h2").split()[-1] != str(step):
        raise RuntimeError("the page did not open on the step that broke")
    pressed = float(page.evaluate(PRESSED))
    page.close()
    return painted, pressed
