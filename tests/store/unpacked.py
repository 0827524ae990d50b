"""What lies in an archive, unpacked by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from runback_gate.store.archive.arrow import Storage
from tests.extras import needs

parquet = needs("pyarrow.parquet")

WORD = "<email:3f9a1c07be21>"


def objects(storage: Storage) -> Iterator[tuple[str, bytes]]:
    """Every file, as it is and as any reader unpacks it: columns, statistics, what else its foot holds."""
    for path, size in storage.files("").items():
        data = storage.read(path, size)
        yield path, data
        if path.endswith(".parquet"):
            yield path, unpacked(data)


def unpacked(data: bytes) -> bytes:
    """All that a part says."""
    import pyarrow  # noqa: PLC0415  an extra

    file = parquet.ParquetFile(pyarrow.BufferReader(data))
    columns: dict[str, list[Any]] = file.read().to_pydict()
    foot = file.metadata.to_dict()
    return b"\n".join([*columns.pop("data"), json.dumps([columns, foot], default=str, ensure_ascii=False).encode()])
