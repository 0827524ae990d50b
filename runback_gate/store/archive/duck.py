"""Lists of the runs of an archive: the only file that imports `duckdb` (extra `archive`).

found = listed(storage.dataset(paths), Wanted(agent="support", since="2026-07-01"))

A list believes the columns; whether they are those of the runs is what `check` looks at.
"""

from __future__ import annotations

from typing import Any, Final

from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.store.archive.arrow import COLUMNS, INSTALL
from runback_gate.store.archive.rows import Row

_CONDITIONS: Final = {
    "agent": "agent = ?",
    "status": "status = ?",
    "since": '"at" >= ?',
    "until": """ "at" <> '' AND "at" < ?""",
    "tool": "list_contains(tools, ?)",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs to list; None means all."""

    agent: str | None = None
    status: str | None = None
    since: str | None = None
    """RFC 3339 time or day: from it on."""
    until: str | None = None
    """RFC 3339 time or day: before it."""
    tool: str | None = None
    """Name of a tool that the run called."""


def listed(dataset: Any, wanted: Wanted) -> tuple[Row, ...]:
    """The rows that are wanted, by time and id, without their bytes.

    Raises:
        InputError: a part cannot be read, or `duckdb` is not installed.
    """
    try:
        import duckdb  # noqa: PLC0415  an extra
    except ImportError as error:
        raise InputError("duckdb is not installed", hint=INSTALL) from error
    given = {name: getattr(wanted, name) for name in _CONDITIONS if getattr(wanted, name) is not None}
    where = " AND ".join(_CONDITIONS[name] for name in given) or "true"
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    text = f'SELECT DISTINCT {names} FROM runs WHERE {where} ORDER BY "at", run'  # noqa: S608  all constant
    try:
        with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
            connection.register("runs", dataset)
            found = connection.execute(text, list(given.values())).fetchall()
    except (duckdb.Error, OSError) as error:
        raise InputError(f"the archive cannot be listed: {' '.join(str(error).split())[:300]}") from error
    rows = (dict(zip(COLUMNS, row, strict=True)) for row in found)
    return tuple(Row(**{**row, "tools": tuple(row["tools"]), "models": tuple(row["models"])}) for row in rows)
