"""Runs in files: one by its file or by its id in a folder, or all of a folder.

    run = find_run("chats-0001-1f0c3a5b", note=warn)       # runs/chats-0001-1f0c3a5b.jsonl
    for run in load_runs(Path("runs"), note=warn): ...

In: what a person named. Out: runs that verify. `note` is told of a run that its recorder did not end.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from runback_gate.capture.runs import MAX_RUN_BYTES, read_run
from runback_gate.chain import is_value_line
from runback_gate.documents import suggestion
from runback_gate.documents.named_files import read_file
from runback_gate.errors import InputError, IntegrityError, Location, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.plural import many
from runback_gate.step import Run

RUNS: Final = Path("runs")
"""The folder in which runs are looked for by their ids."""
MAKE_RUNS: Final = "make runs with `runback-gate import transcript`"
MAX_RUNS: Final = 200
"""Runs of a folder that are held at once."""
_FORMAT: Final = b"runback.run/"
"""What the first event of a run of any version names."""

Note = Callable[[str], None]


def find_run(name: str, *, note: Note) -> Run:
    """A run by its file, or by its id in `runs/`.

    Raises:
        InputError: not there, or not a run that verifies.
    """
    path = run_path(name)
    if path == Path(name):
        return load_run(path, note=note)
    ids = [item.stem for item in RUNS.glob("*.jsonl")]
    return load_run(path, note=note, hint=suggestion(name, ids) if ids else MAKE_RUNS)


def run_path(name: str) -> Path:
    """Where a run lies that is named by its file, or by its id in `runs/`."""
    return Path(name) if name.endswith(".jsonl") or "/" in name else RUNS / f"{name}.jsonl"


def find_runs(name: str, *, note: Note) -> tuple[Run, ...]:
    """The run of a file or an id, or those of a folder, the newest `MAX_RUNS` by name.

    Raises:
        InputError: nothing there, or not a run that verifies.
    """
    folder = Path(name)
    if not folder.is_dir():
        return (find_run(name, note=note),)
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise InputError("no run in this folder", hint=MAKE_RUNS, location=Location(folder.as_posix()))
    if len(paths) > MAX_RUNS:
        note(f"{folder.as_posix()}: the last {MAX_RUNS} of {many(len(paths), 'run')} are read")
    return tuple(load_run(path, note=note) for path in paths[-MAX_RUNS:])


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of a folder, without having been read."""

    path: Path
    version: tuple[int, int, int]
    """Time of its last change in ns, size, inode: another file, or another content, has another one."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.version[1]


def newest(folder: Path, pattern: str) -> list[Listed]:
    """The files below a folder that match, those that were changed last first; no link."""
    found = []
    for path in folder.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            state = path.lstat()
            if stat.S_ISREG(state.st_mode):
                found.append(Listed(path, (state.st_mtime_ns, state.st_size, state.st_ino)))
    return sorted(found, key=lambda item: (-item.version[0], item.path.as_posix()))


def load_run(path: Path, *, note: Note, hint: str | None = None) -> Run:
    """The run of a file. One that was truncated is read as far as it is whole, and `note` is told so.

    Raises:
        InputError: not there (with the hint), or not a run that verifies.
    """
    return run_of(read_file(path, MAX_RUN_BYTES, hint=hint), path, note=note)


def run_of(data: bytes, path: Path, *, note: Note) -> Run:
    """The run of the bytes of a file; as `load_run`."""
    try:
        run = read_run(data, path.as_posix(), truncated=True)
    except IntegrityError as error:
        # A file that never was a run is no sign of tampering.
        if data and _FORMAT not in data and not is_value_line(data):
            raise InputError("not a run file", hint=MAKE_RUNS, location=Location(path.as_posix())) from error
        raise
    if run.status == "truncated":
        whole = f"{many(len(run.steps), 'step')} before that can be read"
        note(f"{path.as_posix()}: truncated: the recorder did not get to its end; {whole}")
    return run


def read_run_as_far(name: str, *, note: Note) -> tuple[Run, IntegrityError | None]:
    """A run that is looked at, never judged: where it was changed, what stands before that line, and what is wrong.

    Raises:
        InputError: not there, or nothing of it can be read.
    """
    try:
        return find_run(name, note=note), None
    except IntegrityError as error:
        place = error.location
        if place is None or place.line is None:
            raise
        lines = read_file(Path(place.path), MAX_RUN_BYTES).splitlines(keepends=True)[: place.line - 1]
        try:
            return read_run(b"".join(lines), place.path, truncated=True), error
        except RunbackError:
            raise error from None


def load_runs(path: Path, *, note: Note) -> Iterator[Run]:
    """The run of a file, or those of a folder by name, one by one.

    Raises:
        InputError: one is not there, or not a run that verifies.
    """
    for name in run_files(path):
        yield load_run(name, note=note, hint=MAKE_RUNS)


def run_files(path: Path) -> list[Path]:
    """The file that was named, or those of a folder by name."""
    return sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
