"""What a change of policies does to archived steps, within a time.

In: the policies of two sides, and an archive. Out: what a report says of it; no verdict rests on it.

    effects_on_archive(base, head, ArchiveOptions("s3://acme/runs", seconds=120), clock)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Final

from runback_gate.analysis.effect import changed_policies
from runback_gate.app.policy_diff import Compared, DiffJob, summed
from runback_gate.app.shards import processes_for
from runback_gate.errors import InputError, Location
from runback_gate.executors import TimeOverError
from runback_gate.executors.processes import Processes
from runback_gate.frozen import dataclass
from runback_gate.policy.document import Policy
from runback_gate.report.model import OnArchive
from runback_gate.store.archive.arrow import shown
from runback_gate.store.archive.shards import PartShard, archive_shards

LIMIT: Final = 20
"""Flips that are kept of each rule and kind; all are counted."""


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """An archive of runs, and how long it may take to judge it."""

    where: str = field(repr=False)
    """Its URI, which may hold what is secret."""
    seconds: int = 120
    """After that nothing is waited for, whatever the store does."""
    cores: int = 1


def effects_on_archive(
    base: Sequence[Policy], head: Sequence[Policy], options: ArchiveOptions, clock: Callable[[], float]
) -> OnArchive | None:
    """Judge the parts of an archive by the policies of both sides, the newest runs first, until the time is over.

    None where no policy changed; the archive is not read then.

    Other processes read it: one that waits for a store which hangs is ended.

    Raises:
        InputError: there is no archive, it cannot be read, the store said nothing of it in time, or `pyarrow` is not
            installed.
        IntegrityError: it was changed.
    """
    changed = changed_policies(base, head)
    if not changed:
        return None
    end = clock() + options.seconds
    shards = sorted(_shards(options, lambda: end - clock()), key=lambda shard: shard.days[::-1], reverse=True)
    parts: dict[int, Compared] = {}
    workers = Processes(processes_for(shards, options.cores), left=lambda: end - clock())
    with contextlib.suppress(TimeOverError):
        for number, found in workers.run(DiffJob(changed, LIMIT), shards):
            parts[number] = found
            if clock() >= end:
                break
    judged = [shards[number] for number in parts]
    return OnArchive(
        name=shown(options.where),
        since=min((shard.days[0] for shard in judged if shard.days[0]), default=""),
        steps=sum(shard.steps for shard in judged),
        runs=sum(shard.runs for shard in judged),
        of_steps=sum(shard.steps for shard in shards),
        of_runs=sum(shard.runs for shard in shards),
        seconds=options.seconds,
        effects=summed(changed, parts, limit=LIMIT),
    )


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a worker does that reads what an archive holds."""

    where: str = field(repr=False)

    def begin(self) -> Callable[[None], tuple[PartShard, ...]]:
        """What lists the parts."""
        return lambda _: archive_shards(self.where)


def _shards(options: ArchiveOptions, left: Callable[[], float]) -> tuple[PartShard, ...]:
    try:
        return next(found for _, found in Processes(1, left=left).run(_Listing(options.where), [None]))
    except TimeOverError as error:
        message = f"no answer within {options.seconds:,} s"
        place = Location(shown(options.where))
        raise InputError(message, hint="give archive-seconds more, or another archive", location=place) from error
