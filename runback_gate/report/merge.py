"""The parts of a run to one report.

In: the reports of `run --shard 1/n … n/n`. Out: the report that one run would have written, byte for byte.

    write_report(merge([read_report(data) for data in parts]))
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from runback_gate.analysis.effect import add_effects
from runback_gate.analysis.policy_effect import Flip, PolicyEffect
from runback_gate.errors import InputError
from runback_gate.gate.contest import MAX_FLIPS
from runback_gate.gate.verdict import Row, by_rank, gate_verdict
from runback_gate.replay.spend import total
from runback_gate.report.bodies import merged_bodies
from runback_gate.report.guarantee import counted_anew
from runback_gate.report.model import Incomplete, Input, Report, Shard, count, exit_code

_STORED = ("recording", "answer")


def merge(parts: Sequence[Report]) -> Report:
    """Make one report of all parts of a run; their order does not matter.

    Raises:
        InputError: a part is missing, doubled or none, or two parts are not of the same run.
    """
    shards = _shards(parts)
    first = parts[0]
    for part in parts[1:]:
        if difference := _difference(first, part):
            hint = "run every part on the same commit, with the same options"
            raise InputError(f"parts of different runs: {difference} differs", hint=hint)
    rows = _rows(parts, shards)
    kept = {item.digest: item for part in parts for item in (*part.answers, *part.requests) if item.value is not None}
    sizes = {item.digest: item for part in parts for item in (*part.answers, *part.requests)}
    answers, requests = merged_bodies(rows, {**sizes, **kept})
    verdict = gate_verdict(rows)
    incomplete: Incomplete = next((part.incomplete for part in parts if part.incomplete), "")
    stored = sorted({_key(item) for part in parts for item in part.inputs if item.kind in _STORED})
    return dataclasses.replace(
        first,
        verdict=verdict,
        exit_code=exit_code(verdict, incomplete),
        inputs=(*_files(first), *(Input(*item) for item in stored)),  # type: ignore[arg-type]
        rows=rows,
        notices=tuple(item for item in first.notices if all(item in part.notices for part in parts)),
        totals=count(rows, first.totals.policies),
        shard=None,
        effects=_effects(first.effects, shards, rows),
        spend=total(part.spend for part in parts),
        archive=next((part.archive for part in parts if part.archive is not None), None),
        incomplete=incomplete,
        answers=answers,
        requests=requests,
        guarantee=counted_anew(first.guarantee, rows),
    )


def _effects(record: Sequence[PolicyEffect], shards: Sequence[Shard], rows: Sequence[Row]) -> tuple[PolicyEffect, ...]:
    """What changed policies do to the record, which each part has whole, and to the new answers of all parts."""
    places = {f"{row.dataset}/{row.case}": row.order for row in rows if row.kind == "case"}
    found = []
    for index, known in enumerate(record):
        own = [shard.effects[index] for shard in shards if index < len(shard.effects)]
        recorded = {flip for item in known.validations for flip in item.flips}
        order = partial(_place, places, recorded)
        found.append(add_effects([known, *own], order, limit=MAX_FLIPS))
    return tuple(found)


def _place(places: Mapping[str, int], recorded: Collection[Flip], flip: Flip) -> int:
    """The record first, as it is; then the new answers, by case as written."""
    return -1 if flip in recorded else places.get(flip.run, len(places))


def _shards(parts: Sequence[Report]) -> list[Shard]:
    shards = [part.shard for part in parts if part.shard is not None]
    if len(shards) != len(parts) or not shards:
        raise InputError("not a part of a run", hint="give the reports of `runback-gate run --shard i/n`")
    of = shards[0].of
    found = sorted(shard.number for shard in shards)
    if found != list(range(1, of + 1)) or any(shard.of != of for shard in shards):
        have = ", ".join(f"{shard.number}/{shard.of}" for shard in shards)
        raise InputError(f"not every part once: {have}", hint=f"a run of {of} parts has 1/{of} to {of}/{of}")
    return shards


def _rows(parts: Sequence[Report], shards: Sequence[Shard]) -> tuple[Row, ...]:
    cases = [row for part in parts for row in part.rows if row.kind == "case"]
    if len({row.order for row in cases}) != len(cases):
        raise InputError("two parts judge the same case", hint="give each part once")
    # Each part finds the same weakenings; a waiver waives nothing only if that is so in every part.
    weakened = [row for row in parts[0].rows if row.kind == "weakening"]
    duties: list[Row] = []
    start = min((row.order for row in shards[0].duties), default=0)
    for row in shards[0].duties:
        same = [other for shard in shards for other in shard.duties if other.case == row.case]
        if len(same) == len(shards):
            # As on the base only if that is so in every part.
            kept = next((other for other in same if other.status != "already failing"), row)
            duties.append(dataclasses.replace(kept, order=start + len(duties)))
    return by_rank([*cases, *weakened, *duties])


def _difference(one: Report, other: Report) -> str | None:
    """The first field in which two reports cannot be parts of one run."""
    for name in "tool engine gate date selection agents rules base head effects changes proofs".split():
        if getattr(one, name) != getattr(other, name):
            return name
    if counted_anew(one.guarantee, ()) != counted_anew(other.guarantee, ()):
        return "guarantee"
    return None if _files(one) == _files(other) else "inputs"


def _files(report: Report) -> tuple[Input, ...]:
    return tuple(item for item in report.inputs if item.kind not in _STORED)


def _key(item: Input) -> tuple[str, str, str, str]:
    return item.kind, item.path, item.digest, item.side
