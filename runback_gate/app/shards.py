"""The runs of a backtest in shards: each is judged by itself, and its result can be kept.

In: what a person named: a run file, a folder of them, or an archive. Out: `Shard`s, and what judges them.

    shards = shards_of("runs")                          # or s3://bucket/archive
    executor_for(shards, jobs=2, cores=8, on=None)

Of a folder neighbours are a shard. Where one ends is decided by the name of its last file alone, so a file more or less
changes one shard, or the two that it parts, and the results of all others still count. Of an archive each part is one.
A run is never parted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

from runback_gate.canonical import sha256
from runback_gate.capture.runs import MAX_RUN_BYTES
from runback_gate.documents.named_files import read_file
from runback_gate.errors import InputError, Location
from runback_gate.executors import Executor, Here
from runback_gate.frozen import dataclass
from runback_gate.step import Run
from runback_gate.store.archive.shards import archive_shards, is_archive
from runback_gate.store.folder import MAKE_RUNS, Note, run_files, run_of

MEAN: Final = 64
"""Files of a shard, on average; at most four times as many."""
MAX_BYTES: Final = 32 << 20
"""Bytes at which a shard ends, whatever its names."""

WORTH: Final = 64 << 20
"""Bytes of run files from which on several processes are begun unasked."""

Named = tuple[str, bytes]
"""A run file: its path as messages name it, and its bytes."""


class Shard(Protocol):
    """Some runs that are judged together; it travels to a worker, which reads them."""

    @property
    def names(self) -> tuple[str, ...]:
        """What tells it from all other shards, wherever it is read."""

    @property
    def runs(self) -> int:
        """How many runs it has."""

    @property
    def size(self) -> int:
        """Bytes of all of them."""

    def read(self) -> Iterator[Named]:
        """Each run file, one by one.

        Raises:
            InputError: one cannot be read.
            IntegrityError: what holds it was changed.
        """

    def content(self) -> tuple[str, Iterable[Named]]:
        """The name of its content, as 64 hex digits, and what `read` gives, which may have been read for that."""


@dataclass(frozen=True, slots=True)
class Files:
    """Some run files."""

    files: tuple[str, ...]
    size: int

    def __str__(self) -> str:
        first, last = self.files[0], self.files[-1]
        return first if first == last else f"{first} … {last}"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files, without their folder."""
        return tuple(name.rpartition("/")[2] for name in self.files)

    @property
    def runs(self) -> int:
        """As `Shard.runs`."""
        return len(self.files)

    def read(self) -> Iterator[Named]:
        """As `Shard.read`."""
        for name in self.files:
            yield name, read_file(Path(name), MAX_RUN_BYTES, hint=MAKE_RUNS)

    def content(self) -> tuple[str, Iterable[Named]]:
        """As `Shard.content`."""
        named = list(self.read())
        return sha256(b"".join(sha256(data).digest() for _, data in named)).hexdigest(), named


def shards_of(runs: str) -> tuple[Shard, ...]:
    """The shards of a run file, of a folder of them, or of an archive: a folder with manifests, or a URI.

    Raises:
        InputError: a file is not there, or the archive cannot be read.
        IntegrityError: the archive was changed.
    """
    return archive_shards(runs) if is_archive(runs) else cut(run_files(Path(runs)))


def cut(files: Sequence[Path]) -> tuple[Files, ...]:
    """The shards of files.

    Raises:
        InputError: a file is not there.
    """
    shards: list[Files] = []
    names: list[str] = []
    size = 0
    for path in files:
        names.append(path.as_posix())
        size += _size(path)
        if _ends(path.name) or len(names) >= 4 * MEAN or size >= MAX_BYTES:
            shards.append(Files(tuple(names), size))
            names, size = [], 0
    return (*shards, Files(tuple(names), size)) if names else tuple(shards)


def runs_of(named: Iterable[Named], note: Note) -> Iterator[Run]:
    """The runs of what a shard gave. `note` is told of a run that has no end.

    Raises:
        InputError: not a run that verifies.
    """
    for name, data in named:
        yield run_of(data, Path(name), note=note)


def corpus(shards: Iterable[Shard]) -> str:
    """What names the runs of all shards, by the names and the order of the shards, as 64 hex digits."""
    names = "\n".join(name for shard in shards for name in shard.names)
    return sha256(names.encode("utf-8", "surrogateescape")).hexdigest()


def executor_for(shards: Iterable[Shard], jobs: int | None, cores: int, on: str | None) -> Executor:
    """What judges shards.

    Args:
        shards: all of them.
        jobs: how many processes; None for one on each core where the work is worth it, which 1 never is.
        cores: how many cores there are.
        on: `ray` or `ray:ADDRESS`: a cluster, in the place of processes.

    Raises:
        InputError: another kind of cluster.
    """
    if on is not None:
        kind, _, address = on.partition(":")
        if kind != "ray":
            raise InputError(f"nothing is named {kind[:40]!r} that runs a backtest", hint="ray, or ray:ADDRESS")
        from runback_gate.executors.ray import Ray  # noqa: PLC0415  an extra

        return Ray(address or None)
    jobs = jobs or processes_for(shards, cores)
    if jobs == 1:
        return Here()
    from runback_gate.executors.processes import Processes  # noqa: PLC0415  most runs need none

    return Processes(jobs)


def processes_for(shards: Iterable[Shard], cores: int) -> int:
    """How many processes are worth it: one on each core, or one for what is small."""
    return cores if sum(shard.size for shard in shards) >= WORTH else 1


def _ends(name: str) -> bool:
    return int.from_bytes(sha256(name.encode("utf-8", "surrogateescape")).digest()[:4], "big") % MEAN == 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError as error:
        raise InputError("no such file", hint=MAKE_RUNS, location=Location(path.as_posix())) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", location=Location(path.as_posix())) from error
