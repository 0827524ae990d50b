"""A part of the cases of a run, as `i/n` names it: the cases i, i + n, i + 2n … counted from 1.

parse_shard("2/3")      # (2, 3)
"""

from __future__ import annotations

import re
from typing import Final

MAX_SHARDS: Final = 1000
_SHARD: Final = re.compile(r"([0-9]{1,4})/([0-9]{1,4})")


def parse_shard(text: str) -> tuple[int, int]:
    """The two numbers of `i/n`, 1 ≤ i ≤ n ≤ 1000.

    Raises:
        ValueError: no part of a run.
    """
    found = _SHARD.fullmatch(text)
    number, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= of <= MAX_SHARDS:
        raise ValueError(f"{text!r} is no part of a run: write 1/3, 2/3, 3/3")
    return number, of
