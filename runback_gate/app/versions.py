"""The versions that `bisect` tells apart: prompts, revisions of a prompt in git, models.

In: what a person named, the oldest first. Out: a `Version` each.

    find_versions((Path("agents/support.md"),), "v1.0..HEAD", (), Edit())
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from runback_gate.app.investigate import Version
from runback_gate.app.replay import Edit, prompt_text, read_prompt
from runback_gate.errors import InputError
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
            _prompted(f"{commit[:7]} {title}", edit, prompt_text(data, path), path)
            for path, commit, title, data in file_history(systems[0], revisions)
        )
    if systems:
        return tuple(_prompted(path.as_posix(), edit, read_prompt(path), path.as_posix()) for path in systems)
    return tuple(Version(model, dataclasses.replace(edit, model=model)) for model in models)


def _prompted(name: str, edit: Edit, prompt: str, path: str) -> Version:
    return Version(name, dataclasses.replace(edit, system=prompt, system_path=path))
