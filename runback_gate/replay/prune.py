"""Which entries of a cache are kept: by time of last use and by size.

In: what a cache stores, the time, limits. Out: what to remove.

    cache.remove(to_remove(list(cache.stored()), now, unused=30 * DAY))
"""

from __future__ import annotations

from collections.abc import Sequence

from runback_gate.replay.cache import Stored

DAY = 86_400.0
STALE = 3_600.0
"""Seconds after which a half-written file has no writer any more."""


def to_remove(
    stored: Sequence[Stored], now: float, *, unused: float | None = None, max_bytes: int | None = None
) -> list[Stored]:
    """What to remove, in the order in which they were given.

    Args:
        stored: every file and line of the cache.
        now: seconds since 1970.
        unused: remove answers that were neither written nor used for so many seconds.
        max_bytes: then remove the answers that were used longest ago, until the others fit.

    Requests whose answers all go, go along, and so does what an interrupted write left an hour ago. What another stands
    before goes in any case: else it would count once that one is gone.
    """
    answers = [item for item in stored if item.trial is not None and item.counts]
    gone = {item for item in stored if not item.counts}
    gone |= {item for item in answers if unused is not None and now - item.used > unused}
    if max_bytes is not None:
        left = sum(item.size for item in stored if item not in gone)
        for item in sorted(answers, key=lambda item: (item.used, item.path.name, item.request, item.trial)):
            if left > max_bytes and item not in gone:
                gone.add(item)
                left -= item.size
    kept = {item.request for item in answers if item not in gone}
    for item in stored:
        orphan = item.trial is None and item.request not in kept
        if orphan and (item.request or now - item.used > STALE):
            gone.add(item)
    return [item for item in stored if item in gone]
