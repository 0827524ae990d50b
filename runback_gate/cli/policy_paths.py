"""What somebody named on the command line as policies: files, folders and globs.

load_policy_files(policy_roots(("policies", "old/*.yaml")))
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from runback_gate.app.policies import PolicyRoot, gate_policies
from runback_gate.cli.options import gate_root
from runback_gate.errors import InputError, Location

PATHS = click.argument("paths", nargs=-1, metavar="[FILE|FOLDER]...")
_GLOB = re.compile(r"[*?[]")


def policy_roots(paths: Sequence[str], root: Path | None = None) -> list[PolicyRoot]:
    """What was named; where nothing was, the policies of the gate in `root`, of the nearest gate where it is None.

    Raises:
        UsageError: both were named.
        InputError: nothing is there.
    """
    if paths and root is not None:
        message = "--root and policies were named: the one stands for the policies of a gate, the other for themselves"
        raise click.UsageError(message, click.get_current_context())
    return [_root(path) for path in paths] if paths else [gate_policies(gate_root(root))]


def _root(path: str) -> PolicyRoot:
    """What a file, folder or glob names. Below the current folder that is the root, else it is the folder named."""
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
