"""A run file as a row of an archive: its bytes, beside what a list of runs is filtered by.

row = run_row(data, "runs/airline-0001.jsonl")
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from typing import Final
from urllib.parse import quote

from runback_gate.canonical import sha256
from runback_gate.capture.runs import read_run
from runback_gate.frozen import dataclass

PARTITIONS: Final = ("day", "agent")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Row:
    """A run in an archive."""

    run: str
    """Its id."""
    agent: str
    day: str
    """YYYY-MM-DD of `at`; empty where nothing says it."""
    at: str
    """RFC 3339 time of its start, or of its first step; empty where nothing says it."""
    status: str
    """`ok`, `error`, `truncated`; empty where it ended without one."""
    steps: int
    calls: int
    """Calls of tools that its answers ask for."""
    tools: tuple[str, ...]
    """Names of the tools that it called, sorted."""
    models: tuple[str, ...]
    digest: str
    """SHA-256 of its bytes, as 64 hex digits."""
    size: int
    """Bytes."""
    data: bytes = field(default=b"", repr=False)
    """Its bytes; none in a list."""


def run_row(data: bytes, path: str) -> Row:
    """The row of a run file.

    Raises:
        IntegrityError: it does not verify.
        InputError: not a run file.
    """
    run = read_run(data, path, truncated=True)
    calls = [call.name for step in run.steps for call in step.response.tool_calls]
    at = run.at or next((step.source.at for step in run.steps if step.source.at), None) or ""
    return Row(
        run=run.id,
        agent=run.agent,
        day=at[:10] if _DAY.fullmatch(at[:10]) else "",
        at=at,
        status=run.status or "",
        steps=len(run.steps),
        calls=len(calls),
        tools=tuple(sorted({*calls, *(tool.name for tool in run.tool_runs)})),
        models=tuple(sorted({step.request.model for step in run.steps if step.request.model})),
        digest=sha256(data).hexdigest(),
        size=len(data),
        data=data,
    )


def order(run: str) -> str:
    """What runs are sorted by within a part: the name of a file of its own, as `archive restore` calls it."""
    return f"{run}.jsonl"


def partition(row: Row, by: Sequence[str]) -> str:
    """The folder of a row, such as `part_day=2026-07-28/part_agent=support/`.

    Readers of Parquet take such folders for columns, in the place of those of the same name in the file: the names are
    no column's.
    """
    return "".join(f"part_{name}={_folder(getattr(row, name))}/" for name in by)


def parse_partition(text: str) -> tuple[str, ...]:
    """The columns of `day,agent`.

    Raises:
        ValueError: another one, or one twice.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not set(names) <= set(PARTITIONS) or len(names) != len(set(names)):
        raise ValueError("day, agent or both: day,agent")
    return names


def _folder(text: str) -> str:
    """A value as a name of a folder; whoever wrote it, it leads nowhere."""
    safe = quote(text.encode("utf-8", "replace")[:60], safe="")
    return f"%2E{safe[1:]}" if safe.startswith(".") else safe or "unknown"
