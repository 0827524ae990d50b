"""A response cache of a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_gate.replay.cache import ResponseCache


@pytest.fixture
def cache(tmp_path: Path) -> ResponseCache:
    """An empty cache."""
    return ResponseCache(tmp_path / "responses")
