"""`.eval` archives of Inspect: a zip with one JSON file per sample.

In: the bytes of the archive. Out: the log that they are, as Inspect writes it in one JSON file.

    read_archive(data, "log.eval")["samples"]

https://inspect.aisi.org.uk/eval-logs.html#sec-log-format
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import Any

from runback_gate.canonical import parse_json
from runback_gate.errors import InputError, Location

_SAMPLE = re.compile(r"samples/[^/]+\.json")
_MAX_FILES = 100_000


def is_archive(data: bytes) -> bool:
    """Whether these are the bytes of a zip."""
    return data.startswith(b"PK\x03\x04")


def read_archive(data: bytes, path: str, limit: int) -> dict[str, Any]:
    """The log of an archive.

    Raises:
        InputError: no such archive, or one that unpacks to more than `limit` bytes.
    """
    place = Location(path)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = archive.infolist()
            if len(files) > _MAX_FILES or sum(item.file_size for item in files) > limit:
                raise InputError(f"unpacks to more than {limit >> 20} MiB", location=place)
            names = {item.filename for item in files}
            if "header.json" not in names:
                raise InputError("not an `.eval` log: it has no header.json", location=place)
            header = parse_json(archive.read("header.json"), path=f"{path}/header.json", max_bytes=limit)
            samples = [
                parse_json(archive.read(name), path=f"{path}/{name}", max_bytes=limit)
                for name in sorted(filter(_SAMPLE.fullmatch, names))
            ]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise InputError("the zip cannot be read", location=place) from error
    if not isinstance(header, dict):
        raise InputError("not an `.eval` log: header.json is not an object", location=place)
    return {**header, "samples": samples}
