"""Jobs that travel to workers: what they do is seen in files."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runback_gate.errors import InputError, Location


@dataclass(frozen=True)
class Squares:
    """Squares numbers, and notes each begin and each try of a number."""

    folder: Path
    dies: int | None = None
    """Kills its worker at this number, `times` times."""
    times: int = 1
    fails: tuple[int, ...] = ()
    """Numbers that are errors."""
    grows: int = 0
    """Bytes that stay of each number."""

    def begin(self) -> Callable[[int], int]:
        """Notes the process."""
        (self.folder / f"begun-{os.getpid()}").touch()
        kept: list[bytearray] = []

        def square(number: int) -> int:
            tries = len(list(self.folder.glob(f"try-{number}-*")))
            (self.folder / f"try-{number}-{tries}").touch()
            if number == self.dies and tries < self.times:
                os.kill(os.getpid(), signal.SIGKILL)
            if number in self.fails:
                raise InputError(f"{number} is no number", hint="take another", location=Location("numbers", number))
            kept.append(bytearray(b"x") * self.grows)
            return number * number

        return square

    def begun(self) -> int:
        """How many workers there were."""
        return len(list(self.folder.glob("begun-*")))

    def tries(self, number: int) -> int:
        """How often a number was begun."""
        return len(list(self.folder.glob(f"try-{number}-*")))
