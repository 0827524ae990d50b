"""Names and places of the files that a verb writes.

write_file(below(root, f"datasets/{slug(run.agent)}.yaml"), data)
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from runback_gate.errors import Location, PathError


def below(root: Path, name: str) -> Path:
    """Where a file of the gate in `root` is written.

    Raises:
        PathError: outside of it, so that the gate could never read it.
    """
    path = root / name
    inside = ".." not in PurePosixPath(name).parts and not PurePosixPath(name).is_absolute()
    if not inside or not path.resolve().is_relative_to(root.resolve()):
        hint = "name a file below it, without `..`"
        raise PathError("leads out of the folder of the gate", hint=hint, location=Location(name))
    return path


def slug(text: str) -> str:
    """A file name made of a name: lower case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:64] or "agent"
