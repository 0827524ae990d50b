"""The clock of a recorder."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from runback_gate.capture import outside


@pytest.mark.parametrize("at", [0, 999, 60_000, 1_772_366_399_999, 1_772_366_400_000, 4_102_444_800_001])
def test_a_time_is_that_of_the_clock_in_milliseconds(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In UTC, up to the last of a minute and from the first of the next, a leap day among them."""
    monkeypatch.setattr("time.time_ns", lambda: at * 1_000_000 + 999_999)
    expected = datetime.fromtimestamp(at // 1000, UTC).replace(microsecond=at % 1000 * 1000)
    assert outside.now() == expected.isoformat(timespec="milliseconds").replace("+00:00", "Z")
