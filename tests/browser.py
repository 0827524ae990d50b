"""Debian's Chromium, a page that was opened in it, and what axe-core says of the page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path("/usr/bin/chromium")
AXE = Path(__file__).parent / "view" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
REQUIRED = os.environ.get("RUNBACK_REQUIRE_BROWSER") == "1"
"""Whether the tests fail where a browser or axe-core is missing; else they skip."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The browser; each test opens pages of its own."""
    if not REQUIRED and not PROGRAM.exists():
        pytest.skip("needs /usr/bin/chromium")
    api = __import__("playwright.sync_api").sync_api if REQUIRED else pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=str(PROGRAM), args=["--no-sandbox"])
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

    def step(self) -> str:
        """The number of the step that is shown."""
        return str(self.page.inner_text("h2")).split()[-1]

    def press(self, *names: str) -> str:
        """Press keys, and give the step that is shown then."""
        for name in names:
            self.page.keyboard.press(name)
        return self.step()

    def serious(self) -> list[str]:
        """What `serious` says of it."""
        return serious(self.page)


def serious(page: Any) -> list[str]:
    """What axe-core finds serious or critical, as `rule: element`; its script runs beside the policy of the page."""
    if not REQUIRED and not AXE.exists():
        pytest.skip("needs axe-core: npm ci in tests/view/axe")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)")
    heavy = [item for item in found if item["impact"] in ("serious", "critical")]
    return [f"{item['id']}: {node['html'][:160]}" for item in heavy for node in item["nodes"]]
