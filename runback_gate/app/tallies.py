"""Tallies in files: the part of a backtest that one job judged, and the results that are kept for a shard.

In: a tally, and what names its rules. Out: canonical JSON with a digest, and back.

    write_file(Path("tally-1.json"), part_bytes(tally, names, corpus, (1, 4)))
    merge_parts([Path("tally-1.json"), Path("tally-2.json"), …])

A rule is named by all that decides what it says (`analysis.backtest.rule_names`), never by its id alone. What is
kept of a shard is named by its content. With a key it is sealed, and only what has that seal counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, cast

from runback_gate.analysis.tally import WORDS, Failure, Tally
from runback_gate.canonical import JsonValue
from runback_gate.documents import safe_read
from runback_gate.documents.named_files import read_file
from runback_gate.errors import InputError, IntegrityError, Location, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.sealed import open_entry, seal_entry
from runback_gate.values import from_json

PART: Final = "runback.tally/v1"
KEPT: Final = "runback.backtest/v1"
MAX_BYTES: Final = 256 << 20


@dataclass(frozen=True, slots=True)
class _Failure:
    run: str
    step: int | None
    outcome: Literal["fail", "error"]
    message: str


@dataclass(frozen=True, slots=True)
class _Rule:
    id: str
    rule: str
    scope: Literal["step", "run"]
    counts: dict[str, int]
    failures: tuple[_Failure, ...]


@dataclass(frozen=True, slots=True)
class _LeftOut:
    leftOut: tuple[str, ...]  # noqa: N815


@dataclass(frozen=True, slots=True)
class _Body:
    """What both files hold of a tally."""

    runs: int
    steps: int
    rules: tuple[_Rule, ...]


def part_bytes(tally: Tally, names: Mapping[str, str], corpus: str, part: tuple[int, int]) -> bytes:
    """The file of one part of a backtest over `corpus`; `names` are those of its rules by id."""
    left_out: dict[str, JsonValue] = {"leftOut": list(tally.left_out)} if tally.left_out else {}
    return seal_entry({"format": PART, "corpus": corpus, "part": list(part), **left_out, **_body(tally, names)}, None)


def merge_parts(paths: Sequence[Path]) -> Tally:
    """The tally of all parts of one backtest, in whatever order they are named.

    Raises:
        InputError: a file is no part, parts are of different backtests, or one is missing or there twice.
    """
    parts = [_read_part(path) for path in paths]
    if not parts:
        raise InputError("no part was named", hint="name the files that `backtest --out` wrote")
    (path, first, _), of = parts[0], parts[0][1]["part"][1]
    for other, head, _ in parts[1:]:
        if any(first[field] != head[field] for field in ("corpus", "names")) or head["part"][1] != of:
            message = f"{other.as_posix()} and {path.as_posix()} are of different backtests"
            raise InputError(message, hint="judge every part by the same policies over the same run files")
    numbers = sorted(head["part"][0] for _, head, _ in parts)
    if numbers != list(range(1, of + 1)):
        twice = {number for number in numbers if numbers.count(number) > 1}
        missing = sorted(set(range(1, of + 1)) - set(numbers))
        said = f"part {min(twice)}/{of} is there twice" if twice else f"part {missing[0]}/{of} is missing"
        raise InputError(said, hint="name each part once")
    found = Tally.sum(list(first["names"]), (tally for _, _, tally in parts))
    if not found.steps:
        raise InputError("no recorded step in any part")
    return replace(found, left_out=tuple(dict.fromkeys(rule for *_, tally in parts for rule in tally.left_out)))


def _read_part(path: Path) -> tuple[Path, dict[str, Any], Tally]:
    """The path, what the file says of itself, and its tally."""
    place = Location(path.as_posix())
    data = read_file(path, MAX_BYTES, hint="`backtest --out` writes it")
    try:
        body = _opened(data, PART, None)
        part, tally = cast("list[int]", body["part"]), replace(_tally(body), left_out=_left_out(body))
        if len(part) != 2 or not all(type(number) is int for number in part) or not 1 <= part[0] <= part[1]:
            raise IntegrityError("its part is none")
    except (RunbackError, KeyError, TypeError, AttributeError) as error:
        hint = "`backtest --out` writes one; make it again"
        raise InputError("not a part of a backtest, or cut or changed", hint=hint, location=place) from error
    rules = cast("list[dict[str, str]]", body["rules"])
    return path, {"part": part, "corpus": body["corpus"], "names": {item["id"]: item["rule"] for item in rules}}, tally


def _left_out(body: Mapping[str, JsonValue]) -> tuple[str, ...]:
    return from_json(_LeftOut, {"leftOut": body.get("leftOut", [])}, "tally").leftOut


def kept_name(shard: str) -> str:
    """Where the results of a shard lie in their folder."""
    return f"{shard[:2]}/{shard}.backtest.json"


def kept_bytes(shard: str, tally: Tally, key: bytes | None) -> bytes:
    """The results of a shard whose content `shard` names, as 64 hex digits; rules are called by their names."""
    names = {rule: rule for rule in tally.counts}
    return seal_entry({"format": KEPT, "shard": shard, **_body(tally, names)}, key)


def read_kept(folder: Path, shard: str, key: bytes | None) -> Tally | None:
    """The results of a shard, or None where there are none that count: what was cut, changed or not sealed is none."""
    name = kept_name(shard)
    if not (folder / name).exists():
        return None
    try:
        body = _opened(safe_read(folder, name, MAX_BYTES), KEPT, key)
        return _tally(body) if body["shard"] == shard else None
    except (RunbackError, KeyError, TypeError, AttributeError):
        return None


def _body(tally: Tally, names: Mapping[str, str]) -> dict[str, JsonValue]:
    failures: dict[str, list[JsonValue]] = {rule: [] for rule in tally.counts}
    for item in tally.failures:
        failures[item.rule].append(
            {"run": item.run, "step": item.step, "outcome": item.outcome, "message": item.message}
        )
    rules: list[JsonValue] = [
        {
            "id": rule,
            "rule": names[rule],
            "scope": "run" if rule in tally.over_runs else "step",
            "counts": dict(counts),
            "failures": failures[rule],
        }
        for rule, counts in tally.counts.items()
    ]
    return {"runs": tally.runs, "steps": tally.steps, "rules": rules}


def _tally(body: Mapping[str, JsonValue]) -> Tally:
    """Raises InputError where the counts do not add up, or a field is of another type."""
    told = from_json(_Body, {field: body[field] for field in ("runs", "steps", "rules")}, "tally")
    counts: dict[str, dict[str, int]] = {item.id: {word: item.counts[word] for word in WORDS} for item in told.rules}
    for item in told.rules:
        numbers = list(counts[item.id].values())
        judged = told.runs if item.scope == "run" else told.steps
        if len(item.counts) != len(WORDS) or min(numbers) < 0 or sum(numbers) != judged:
            raise InputError("its counts do not add up")
        for word in ("fail", "error"):
            if sum(failure.outcome == word for failure in item.failures) > counts[item.id][word]:
                raise InputError("it lists more failures than it counts")
    failures = (
        Failure(item.id, each.run, each.step, each.outcome, each.message)
        for item in told.rules
        for each in item.failures
    )
    over_runs = frozenset(item.id for item in told.rules if item.scope == "run")
    return Tally(told.runs, told.steps, counts, tuple(failures), over_runs)


def _opened(data: bytes, kind: str, key: bytes | None) -> dict[str, JsonValue]:
    body = open_entry(data, key)
    if body["format"] != kind:
        raise IntegrityError(f"it is no {kind}")
    return body
