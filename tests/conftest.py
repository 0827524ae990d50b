"""How property tests run, which lane a test is of, what a session costs. How fast the product is, benchmarks say."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings
from hypothesis.internal.conjecture import providers

from tests.browser import browser as browser
from tests.extras import wanted

SHARED_DATA = Path(os.environ.get("RUNBACK_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
"""Files of other people's tools, beside the checkout; tests that read them are skipped where they are not."""

settings.register_profile("thorough", deadline=None, max_examples=100)
settings.register_profile("quick", deadline=None, max_examples=10)
settings.load_profile("quick")


LANES = {"browser": "contract", "services": "integration", "git": "integration"}
"""The lane of a test that takes this fixture: a browser, a Sigstore of this machine, a repository that git makes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the lanes of what it takes."""
    for item in items:
        if isinstance(item, pytest.Function):
            for lane in {LANES[name] for name in item.fixturenames if name in LANES}:
                item.add_marker(lane)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Wait for no disk, since no test pulls the plug, and look for garbage as seldom as the command line does.

    Where properties get few examples, no source is read for its constants.
    """
    gc.set_threshold(50_000, 20, 50)
    patch = pytest.MonkeyPatch()
    patch.setattr(os, "fsync", lambda _file: None)
    if settings.get_current_profile_name() == "quick":
        # Hypothesis parses all 600 modules for them: two seconds for each worker, and more whenever one is imported.
        patch.setattr(providers, "_get_local_constants", lambda: providers._local_constants, raising=False)
    config.add_cleanup(patch.undo)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Let a worker send what the controlling process shows: the call, and any phase that did not pass.

    It reads each message in Python, and pytest sends five for a test. `--durations` shows calls alone then.
    """
    if not hasattr(item.config, "workerinput"):
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            report.keywords = {} if report.passed else report.keywords
            item.ihook.pytest_runtest_logreport(report=report)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:  # noqa: ARG001
    """Look for no garbage while thousands of tests are collected, and never again in what was."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what skipped tests want, and what the session cost: all processes that it waited for are counted."""
    skipped = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", ())]
    if skipped:
        terminalreporter.write_line(f"skipped: {wanted(skipped)}")
    seconds, limit = round(sum(os.times()[:4])), int(os.environ.get("RUNBACK_CPU_LIMIT", "0"))
    over = f": {seconds - limit} s over the limit" if limit and seconds > limit else ""
    terminalreporter.write_line(f"CPU {seconds} s" + (f" of {limit}" if limit else "") + over, yellow=bool(over))
