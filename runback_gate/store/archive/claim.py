"""One rewrite of an archive at a time, where the store can make a file that was not there.

    with claimed(storage, versions, at):
        ...

Two that rewrite the same part at once would put two parts in its place, each with what the other one erased. Appends
need no claim.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from runback_gate.canonical import canonical_bytes
from runback_gate.documents.named_files import create_files
from runback_gate.errors import InputError, WriteError
from runback_gate.store.archive.arrow import Storage
from runback_gate.store.archive.versions import Versions

CLAIM: Final = "erasing.json"
"""The file, which says when the rewrite began."""


@contextmanager
def claimed(storage: Storage, versions: Versions | None, at: str) -> Iterator[None]:
    """Hold the claim for as long as the `with`. A store that is neither a folder nor S3 has none.

    Raises:
        InputError: somebody else holds it, or was killed with it.
        WriteError: it cannot be made.
    """
    data = canonical_bytes({"at": at})
    if versions is not None:
        made = versions.create(CLAIM, data)
    elif storage.system.type_name == "local":
        made = _created(Path(storage.root) / CLAIM, data)
    else:
        yield
        return
    if not made:
        place = storage.place(CLAIM)
        hint = f"if it was killed, remove {place} and erase again"
        raise InputError("another erasure is under way, or was killed", hint=hint, location=place)
    try:
        yield
    finally:
        storage.remove(CLAIM)


def _created(path: Path, data: bytes) -> bool:
    try:
        create_files({path: (data, 0o644)})
    except WriteError as error:
        if isinstance(error.__cause__, FileExistsError):
            return False
        raise
    return True
