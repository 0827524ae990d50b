"""The versions that `bisect` tells apart: prompts, revisions of a prompt in git, models.

In: what a person named, the oldest first. Out: a `Version` each.

    find_versions((Path("agents/support.md"),), "v1.0..HEAD", (), Edit())
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from runback_gate.app.investigate import Version
from runback_gate.app.replay import Edit, read_prompt
from runback_gate.errors import InputError, Location
from runback_gate.revision.history import file_history


def find_versions(
    systems: Sequence[Path], revisions: str | None, models: Sequence[str], edit: Edit
) -> tuple[Version, ...]:
    """The versions; what they share is said by `edit`.

    Raises:
        InputError: none, or two kinds of them, are named; or a file or revision is not there.
    """
    if bool(systems) == bool(models) or (revisions is not None and len(systems) != 1):
        hint = "--system FILE --system FILE…, --system FILE --revisions A..B, or --model M --model M…"
        raise InputError("name versions of one kind, the oldest first", hint=hint)
    if revisions is not None:
        return tuple(
            Version(f"{commit[:7]} {title}", dataclasses.replace(edit, system=_text(data, path), system_path=path))
            for path, commit, title, data in file_history(systems[0], revisions)
        )
    if systems:
        return tuple(
            Version(path.as_posix(), dataclasses.replace(edit, system=read_prompt(path), system_path=path.as_posix()))
            for path in systems
        )
    return tuple(Version(model, dataclasses.replace(edit, model=model)) for model in models)


def _text(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8", location=Location(path)) from error
