"""Which runs of a folder are kept, by their age and by the size of all.

In: a folder, the time, limits. Out: the runs to remove.

    for run in to_remove(stored_runs(Path("runs")), now, older=30 * DAY):
        remove(run)

Only files that are runs are looked at. A run that someone wrote to within the last hour stays: its recorder may not be
done. Recordings of datasets are files of their own, and stay as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from runback_gate.errors import InputError, Location
from runback_gate.frozen import dataclass

DAY: Final = 86_400.0
WRITING: Final = 3_600.0
"""Seconds for which a run may still be written to."""
_FORMAT: Final = b"runback.run/"
_BEGINNING: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A file of a run."""

    path: Path
    size: int
    """Bytes."""
    written: float
    """Time of the last write, in seconds since 1970."""


def stored_runs(folder: Path) -> tuple[StoredRun, ...]:
    """The runs of a folder by name.

    Raises:
        InputError: the folder, or a file of it, cannot be read.
    """
    found = []
    try:
        for path in sorted(folder.iterdir()):
            if path.suffix != ".jsonl" or path.is_symlink() or not path.is_file():
                continue
            with path.open("rb") as opened:
                is_run = _FORMAT in opened.read(_BEGINNING)
            if is_run:
                about = path.stat()
                found.append(StoredRun(path, about.st_size, about.st_mtime))
    except OSError as error:
        where = Path(error.filename or folder).as_posix()
        raise InputError(f"cannot be read: {error.strerror}", location=Location(where)) from error
    return tuple(found)


def to_remove(
    runs: Sequence[StoredRun], now: float, *, older: float | None = None, max_bytes: int | None = None
) -> list[StoredRun]:
    """The runs to remove, in the order in which they were given.

    Args:
        runs: every run of the folder.
        now: seconds since 1970.
        older: remove what was last written more than so many seconds ago.
        max_bytes: then remove what was written longest ago, until the others fit.
    """
    done = [run for run in runs if now - run.written > WRITING]
    gone = {run.path for run in done if older is not None and now - run.written > older}
    left = sum(run.size for run in runs if run.path not in gone)
    for run in sorted(done, key=lambda run: (run.written, run.path.name)):
        if max_bytes is None or left <= max_bytes:
            break
        if run.path not in gone:
            gone.add(run.path)
            left -= run.size
    return [run for run in runs if run.path in gone]


def remove(run: StoredRun) -> None:
    """Remove a run.

    Raises:
        InputError: it cannot be removed.
    """
    try:
        run.path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot be removed: {error.strerror}", location=Location(run.path.as_posix())) from error
