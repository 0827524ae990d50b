"""What a person names as policies: a file, a folder or a glob.

load_policy_files([named_policies("policies"), named_policies("old/*.yaml")])
"""

from __future__ import annotations

import re
from pathlib import Path

from runback_gate.app.policies import PolicyRoot
from runback_gate.errors import InputError, Location

_GLOB = re.compile(r"[*?[]")


def named_policies(path: str) -> PolicyRoot:
    """What a file, folder or glob names. Below the current folder that is the root, else it is the folder named.

    Raises:
        InputError: nothing is there.
    """
    given = Path(path)
    try:
        is_folder, there = given.is_dir(), given.is_symlink() or given.exists()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", location=Location(path)) from error
    names: tuple[str, ...]
    if is_folder:
        folder, names = given, ("*.yaml", "*.yml")
    elif there:
        folder, names = given.parent, (given.name,)
    elif _GLOB.search(path):
        fixed = next(number for number, part in enumerate(given.parts) if _GLOB.search(part))
        folder, names = Path(*given.parts[:fixed]), ("/".join(given.parts[fixed:]),)
    else:
        raise InputError("no such file or folder", location=Location(given.as_posix()))
    inside = not folder.is_absolute() and ".." not in folder.parts and folder.resolve().is_relative_to(Path.cwd())
    if not inside or _GLOB.search(folder.as_posix()):
        return PolicyRoot(folder, names, path)
    return PolicyRoot(Path(), tuple((folder / name).as_posix() for name in names), path)
