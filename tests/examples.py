"""How many examples a property gets: all in the lane of properties, a tenth of them in the unit lane.

@settings(max_examples=examples(150))
"""

from __future__ import annotations

from hypothesis import settings


def examples(count: int) -> int:
    """The part of `count`, the examples of `make properties`, that the profile of this session runs."""
    chosen = settings.default
    assert chosen is not None
    return max(1, count * chosen.max_examples // 100)
