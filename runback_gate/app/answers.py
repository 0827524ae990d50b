"""`cache list | stats | prune`: the cached answers of models.

In: a `ResponseCache`. Out: what lies in it, and what of it can go.

    cache = open_cache(Path(".runback/responses"), environ)
    list_answers(cache)
    prune_answers(cache, PruneOptions(unused=30 * DAY), now).gone
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from runback_gate.errors import InputError, IntegrityError, Location
from runback_gate.frozen import dataclass
from runback_gate.plural import many
from runback_gate.replay.cache import ResponseCache, Stored, seal_key
from runback_gate.replay.prune import to_remove
from runback_gate.report.text import line
from runback_gate.summary import summarize

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,15})([KMG]?)")

State = Literal["ok", "cut or changed", "not sealed with this key"]


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer of a cache."""

    file: Stored
    trial: int
    state: State
    model: str | None = None
    """Who answered; None where nobody says, or where the answer does not count."""
    answer: str | None = None
    """What it said, on one line; None where it does not count."""


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """How much lies in a cache."""

    answers: int
    requests: int
    """Different requests that they answer."""
    bytes: int
    """Of all files, requests included."""
    oldest: float | None
    """When the answer was last used that was not used for longest, in seconds since 1970."""
    newest: float | None
    """The same of the one that was used last."""


@dataclass(frozen=True, slots=True)
class PruneOptions:
    """What of a cache is not kept. Without a limit only goes what no answer needs."""

    unused: float | None = None
    """Seconds for which nobody used it."""
    max_bytes: int | None = None
    """Then what was used longest ago, until so many bytes are kept."""
    dry_run: bool = False
    """Remove nothing."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or would go."""

    gone: tuple[Stored, ...]
    kept: tuple[Stored, ...]
    dry_run: bool


def open_cache(folder: Path, environ: Mapping[str, str]) -> ResponseCache:
    """The cache that lies in a folder; `environ` holds the key of its seals.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        hint = "`runback-gate run --live --cache FOLDER` makes one"
        raise InputError("no such folder", hint=hint, location=Location(folder.as_posix()))
    return ResponseCache(folder, seal_key(environ))


def list_answers(cache: ResponseCache) -> list[CachedAnswer]:
    """Every answer, also one that does not count, by the digest of its request."""
    return [_answer(cache, item, item.trial) for item in cache.stored() if item.trial is not None and item.counts]


def count_answers(cache: ResponseCache) -> CacheCounts:
    """How much lies in a cache."""
    stored = list(cache.stored())
    answers = [item for item in stored if item.trial is not None and item.counts]
    used = [item.used for item in answers]
    return CacheCounts(
        answers=len(answers),
        requests=len({item.request for item in answers}),
        bytes=sum(item.size for item in stored),
        oldest=min(used, default=None),
        newest=max(used, default=None),
    )


def prune_answers(cache: ResponseCache, options: PruneOptions, now: float) -> Pruned:
    """Remove answers; `now` is the time in seconds since 1970."""
    stored = list(cache.stored())
    gone = to_remove(stored, now, unused=options.unused, max_bytes=options.max_bytes)
    if not options.dry_run:
        cache.remove(gone, as_listed=True)
    left = set(gone)
    return Pruned(tuple(gone), tuple(item for item in stored if item not in left), options.dry_run)


def _answer(cache: ResponseCache, item: Stored, trial: int) -> CachedAnswer:
    request = f"sha256:{item.request}"
    try:
        found = cache.get(request, trial)
    except IntegrityError:
        return CachedAnswer(item, trial, "cut or changed")
    if found is None:
        return CachedAnswer(item, trial, "not sealed with this key")
    asked = cache.request(request)
    return CachedAnswer(item, trial, "ok", asked.model if asked else found[0].model, summarize(found[0]))


def list_json(found: Sequence[CachedAnswer]) -> list[dict[str, Any]]:
    """An object for each answer."""
    return [
        {
            "request": f"sha256:{item.file.request}",
            "trial": item.trial,
            "used": _time(item.file.used),
            "bytes": item.file.size,
            "state": item.state,
            "model": item.model,
            "answer": item.answer,
        }
        for item in found
    ]


def list_lines(found: Sequence[CachedAnswer]) -> Iterator[str]:
    """A line for each answer: when it was last used, its request and trial, the model, its text."""
    for item in found:
        shown = (item.model or "-", item.answer or "") if item.state == "ok" else (item.state,)
        name = f"{item.file.request[:12]}.{item.trial}"
        yield "  ".join([_time(item.file.used)[:10], name, *map(line, shown)])
    yield many(len(found), "answer")


def counts_json(found: CacheCounts) -> dict[str, Any]:
    """How much lies in a cache, with times in RFC 3339."""
    oldest, newest = (None if time is None else _time(time) for time in (found.oldest, found.newest))
    return {**dataclasses.asdict(found), "oldest": oldest, "newest": newest}


def counts_lines(found: CacheCounts) -> Iterator[str]:
    """How much lies in a cache, and when it was used."""
    requests = many(found.requests, "request")
    yield f"{many(found.answers, 'answer')} to {requests}, {_size(found.bytes)}"
    if found.oldest is not None and found.newest is not None:
        yield f"last used between {_time(found.oldest)[:10]} and {_time(found.newest)[:10]}"


def pruned_lines(found: Pruned) -> Iterator[str]:
    """What went and what stays, or would."""
    removed, kept = ("would remove", "would keep") if found.dry_run else ("removed", "kept")
    answers = sum(item.trial is not None for item in found.gone)
    yield f"{removed} {many(answers, 'answer')}, {_size(sum(item.size for item in found.gone))}"
    yield f"{kept} {many(len(found.kept), 'file')}, {_size(sum(item.size for item in found.kept))}"


def parse_size(text: str) -> int:
    """Bytes of a size such as `200M`.

    Raises:
        ValueError: not a size.
    """
    found = _SIZE.fullmatch(text.strip().upper())
    if found is None:
        raise ValueError(f"{text[:40]!r} is not a size (digits, then K, M or G: 200M)")
    return int(found[1]) * _UNITS[found[2]]


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
