"""The run files of a backtest in shards: each is judged by itself, and its result can be kept.

In: files by name. Out: `Shard`s of neighbours, and what judges them.

    shards = cut(run_files(Path("runs")))
    executor_for(shards, jobs=2, cores=8, on=None)

Where one shard ends is decided by the name of its last file alone, so a file more or less changes one shard, or the two
that it parts, and the results of all others still count. A run is never parted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runback_gate.canonical import sha256
from runback_gate.errors import InputError, Location
from runback_gate.executors import Executor, Here
from runback_gate.store.folder import MAKE_RUNS

MEAN: Final = 64
"""Files of a shard, on average; at most four times as many."""
MAX_BYTES: Final = 32 << 20
"""Bytes at which a shard ends, whatever its names."""

WORTH: Final = 64 << 20
"""Bytes of run files from which on several processes are begun unasked."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Some run files."""

    files: tuple[str, ...]
    size: int
    """Bytes of all of them."""

    def __str__(self) -> str:
        first, last = self.files[0], self.files[-1]
        return first if first == last else f"{first} … {last}"


def cut(files: Sequence[Path]) -> tuple[Shard, ...]:
    """The shards of files.

    Raises:
        InputError: a file is not there.
    """
    shards: list[Shard] = []
    names: list[str] = []
    size = 0
    for path in files:
        names.append(path.as_posix())
        size += _size(path)
        if _ends(path.name) or len(names) >= 4 * MEAN or size >= MAX_BYTES:
            shards.append(Shard(tuple(names), size))
            names, size = [], 0
    return (*shards, Shard(tuple(names), size)) if names else tuple(shards)


def corpus(shards: Iterable[Shard]) -> str:
    """What names the files of all shards, by their own names and order, as 64 hex digits."""
    names = "\n".join(name.rpartition("/")[2] for shard in shards for name in shard.files)
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
    jobs = jobs or (cores if sum(shard.size for shard in shards) >= WORTH else 1)
    if jobs == 1:
        return Here()
    from runback_gate.executors.processes import Processes  # noqa: PLC0415  most runs need none

    return Processes(jobs)


def _ends(name: str) -> bool:
    return int.from_bytes(sha256(name.encode("utf-8", "surrogateescape")).digest()[:4], "big") % MEAN == 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError as error:
        raise InputError("no such file", hint=MAKE_RUNS, location=Location(path.as_posix())) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", location=Location(path.as_posix())) from error
