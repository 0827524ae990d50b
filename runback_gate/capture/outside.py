"""What the recorder takes from outside: clock, chance, and the file that it appends to.

In: nothing, or a folder. Out: times, random bytes, a `RunFile`.

    file = RunFile(Path("runs/support-1.jsonl"))
    file.append(line)          # an OSError leaves what is to be written in `file.pending`
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import NoReturn

from runback_gate.canonical import parse_json
from runback_gate.errors import InputError, Location
from runback_gate.redact import KEY_VARIABLE, MAX_RULES, RULES_VARIABLE, Rule, parse_rules

random_bytes = os.urandom
monotonic = time.monotonic
"""Seconds that no change of the clock moves."""


def now() -> str:
    """RFC 3339 time in UTC, in milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def redact_key() -> str | None:
    """The project's key of the pseudonyms, where the environment has one."""
    return os.environ.get(KEY_VARIABLE)


def redact_rules() -> tuple[Rule, ...]:
    """The project's own rules of redaction, where the environment names their file.

    Raises:
        RunbackError: the file cannot be read, or holds no rules.
    """
    name = os.environ.get(RULES_VARIABLE)
    if not name:
        return ()
    try:
        with Path(name).open("rb") as file:
            data = file.read(MAX_RULES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror} ({RULES_VARIABLE})", location=Location(name)) from error
    return parse_rules(parse_json(data, path=name, max_bytes=MAX_RULES), path=name)


def new_id(agent: str) -> str:
    """An id for a run that begins now: agent, time, 32 random bits."""
    word = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in agent.lower()).strip("-")
    return f"{word[:60] or 'run'}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{random_bytes(4).hex()}"


def chosen(share: float) -> bool:
    """Whether something that happens with this probability happens."""
    return int.from_bytes(random_bytes(4)) < share * 2**32


def before_leaving(function: Callable[[], object]) -> None:
    """Have a function called by `os._exit`, which ends forked workers and runs nothing of atexit."""
    leave = os._exit

    @wraps(leave)
    def flushed(status: int) -> NoReturn:
        with suppress(Exception):
            function()
        leave(status)

    os.__dict__["_exit"] = flushed


async def aside(function: Callable[[], object]) -> None:
    """Call a function that waits, without stopping the event loop."""
    # Imported here: agents that are not asynchronous do not load it.
    import asyncio  # noqa: PLC0415

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # a loop of another library
        function()
    else:
        await loop.run_in_executor(None, function)


def complain(message: str) -> None:
    """One line on standard error, if there is one."""
    try:
        sys.stderr.write(f"runback-gate: {message}\n")
    except (OSError, ValueError, AttributeError):
        return


class RunFile:
    """A new file for its owner alone; bytes that the disk did not take yet wait in `pending`, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pending = bytearray()
        self._file: int | None = None

    def append(self, data: bytes) -> None:
        """Write, behind what waits. The process may be killed afterwards: the bytes are with the system.

        Raises:
            OSError: not all was written; the rest waits.
        """
        self.pending += data
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
            self._file = os.open(self.path, flags, 0o600)
        while self.pending:
            written = os.write(self._file, self.pending)
            del self.pending[:written]

    def close(self) -> None:
        """Bring everything to the disk.

        Raises:
            OSError: it could not be.
        """
        self.append(b"")
        file, self._file = self._file, None
        if file is not None:
            try:
                os.fsync(file)
            finally:
                os.close(file)
