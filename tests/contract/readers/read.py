"""Reads an archive with what is installed beside it: pyarrow and DuckDB, as somebody does who knows only Parquet.

In: the folder of an archive. Out: JSON, for each reader its name, its version, the columns with their types, and the
rows, each with the SHA-256 of its bytes in place of them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from typing import Any

import duckdb
import pyarrow
from pyarrow import parquet

OURS = ("run", "agent", "day", "at", "status", "steps", "calls", "tools", "models", "digest", "size", "data")


def rows(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of ours, in the order of the runs."""
    kept = [{name: row[name] for name in OURS} for row in found]
    for row in kept:
        row["data"] = hashlib.sha256(row["data"]).hexdigest()
    return sorted(kept, key=lambda row: row["run"])


def with_pyarrow(folder: str) -> dict[str, Any]:
    """The table of all parts, every page held against its checksum."""
    table = parquet.read_table(f"{folder}/parts", page_checksum_verification=True)
    columns = {item.name: str(item.type) for item in table.schema if item.name in OURS}
    return {"reader": "pyarrow", "version": pyarrow.__version__, "columns": columns, "rows": rows(table.to_pylist())}


def with_duckdb(folder: str) -> dict[str, Any]:
    """What it makes of the pattern of the documentation."""
    base = duckdb.connect()
    everything = f"SELECT * FROM '{folder}/parts/**/*.parquet'"
    types = {name: kind for name, kind, *_ in base.execute(f"DESCRIBE {everything}").fetchall()}
    found = [dict(zip(types, row, strict=True)) for row in base.execute(everything).fetchall()]
    columns = {name: types[name] for name in OURS}
    return {"reader": "duckdb", "version": duckdb.__version__, "columns": columns, "rows": rows(found)}


if __name__ == "__main__":
    json.dump([read(sys.argv[1]) for read in (with_pyarrow, with_duckdb)], sys.stdout)
