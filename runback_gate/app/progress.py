"""What a verb that takes its time tells whoever waits for it.

judge(root, options, environ=environ, outside=outside, progress=SILENT)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from runback_gate.replay.estimate import Estimate
from runback_gate.replay.spend import Limits, Spend


class Progress(Protocol):
    """Is told how far a verb is."""

    def __call__(self, done: int, total: int, row: object, /) -> None:
        """So many rows of all are done, the last of them just now."""

    def tick(self) -> None:
        """Time went by; called about every second while models are asked."""

    def asking(self, spend: Callable[[], Spend], /) -> None:
        """Models may be asked from now on; `spend` gives what they have cost so far."""

    def planned(self, estimate: Estimate, limits: Limits, /) -> None:
        """What will be asked, and within which budget; called before the first question."""


class _Silent:
    """Tells nobody."""

    def __call__(self, _done: int, _total: int, _row: object, /) -> None:
        """A row is done."""

    def tick(self) -> None:
        """Time went by."""

    def asking(self, _spend: Callable[[], Spend], /) -> None:
        """Models may be asked."""

    def planned(self, _estimate: Estimate, _limits: Limits, /) -> None:
        """The estimate is made."""


SILENT: Final[Progress] = _Silent()
"""For a verb that nobody waits for."""
