"""A GitHub to talk to, and what a job there is given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runback_gate.github.api import Api
from tests.github.fake import FakeGitHub
from tests.github.state import BOT
from tests.report.conftest import empty, green, hostile, huge, make, many, red

__all__ = ["empty", "green", "hostile", "huge", "make", "many", "red"]


@pytest.fixture
def hub() -> Iterator[FakeGitHub]:
    """A fake GitHub; at the end all that it answered was as GitHub describes it."""
    with FakeGitHub() as found:
        yield found
    assert found.broken == []


@pytest.fixture
def api(hub: FakeGitHub) -> Api:
    """The API as a job with rights sees it."""
    return Api(hub.url, hub.repository, BOT, sleep=hub.sleep)
