"""What the recorder takes from outside: clock, chance, and the file that it appends to.

In: nothing, or a folder. Out: times, random bytes, a `RunFile`.

    file = RunFile(Path("runs/support-1.jsonl"))
    file.append(line)          # an OSError leaves what is to be written in `file.pending`
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, lru_cache, wraps
from pathlib import Path
from typing import NoReturn

from runback_gate.canonical import parse_json
from runback_gate.errors import InputError, Location
from runback_gate.redact import (
    KEY_VARIABLE,
    MAX_RULES,
    NO_PROJECT,
    RULES_VARIABLE,
    ProjectKey,
    ProjectRules,
    Rule,
    parse_key,
    parse_rules,
    read_project,
)

GATE_FILE = "runback.yaml"
_YAML = (".yaml", ".yml")

random_bytes = os.urandom
monotonic = time.monotonic
"""Seconds that no change of the clock moves."""


def now() -> str:
    """RFC 3339 time in UTC, in milliseconds."""
    minutes, thousandths = divmod(time.time_ns() // 1_000_000, 60_000)
    return f"{_minute(minutes)}:{thousandths // 1000:02}.{thousandths % 1000:03}Z"


@lru_cache(maxsize=2)
def _minute(number: int) -> str:
    """The time of a minute since 1970; a `datetime` for each call costs as much as all else before the call."""
    return time.strftime("%Y-%m-%dT%H:%M", time.gmtime(number * 60))


def redact_key() -> str | None:
    """The project's key of the pseudonyms, where the environment has one."""
    return os.environ.get(KEY_VARIABLE)


def redact_rules() -> tuple[Rule, ...]:
    """The project's own rules of redaction, where the environment names their file, a JSON list.

    Raises:
        RunbackError: the file cannot be read, or holds no rules.
    """
    name = os.environ.get(RULES_VARIABLE)
    if not name or name.endswith(_YAML):
        return ()
    return parse_rules(parse_json(_read(Path(name), f" ({RULES_VARIABLE})"), path=name, max_bytes=MAX_RULES), path=name)


def project_redaction(rules: Sequence[Rule] | None = None) -> ProjectRules:
    """What the project says of redaction: in the nearest `runback.yaml`, and with more rules of its own.

    The environment may name a gate config that takes the place of the nearest one.

    Args:
        rules: those rules; None for those of the file that the environment names.

    Raises:
        RunbackError: a file cannot be read, or holds no rules.
        ImportError: `runback.yaml` says something of redaction, and what reads YAML is not installed.
    """
    more = redact_rules() if rules is None else rules
    path = _gate_file()
    data = b"" if path is None else _read(path)
    # Without the word nothing is said of it, and nobody pays for a reader of YAML.
    found = NO_PROJECT if path is None or b"redact" not in data else _project(data, path.as_posix())
    return found.with_rules(more) if more else found


def project_key() -> ProjectKey | None:
    """The project's key of the pseudonyms with its rules; None where the environment has no key.

    Raises:
        RunbackError: the key is too short; else as `project_redaction`.
    """
    key = redact_key()
    return ProjectKey(parse_key(key), project_redaction()) if key else None


@cache
def _project(data: bytes, path: str) -> ProjectRules:
    return read_project(data, path)


def _gate_file() -> Path | None:
    """The gate config that the environment names, else that of the nearest folder upward in the repository."""
    named = os.environ.get(RULES_VARIABLE, "")
    if named.endswith(_YAML):
        return Path(named)
    try:
        folder = Path.cwd()
    except OSError:  # it was removed: nothing lies in it
        return None
    above = [folder, *folder.parents]
    top = next((index for index, each in enumerate(above) if (each / ".git").exists()), 0)
    return next((each / GATE_FILE for each in above[: top + 1] if (each / GATE_FILE).exists()), None)


def _read(path: Path, why: str = "") -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_RULES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}{why}", location=Location(path.as_posix())) from error


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
