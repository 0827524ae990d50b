"""What someone named on the command line as policies: files, folders and globs.

load_policy_files(policy_roots(("policies", "old/*.yaml")))
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from runback_gate.app.policies import PolicyRoot, gate_policies
from runback_gate.app.policy_paths import named_policies
from runback_gate.cli.options import gate_root

PATHS = click.argument("paths", nargs=-1, metavar="[FILE|FOLDER]...")


def policy_roots(paths: Sequence[str], root: Path | None = None) -> list[PolicyRoot]:
    """What was named; where nothing was, the policies of the gate in `root`, of the nearest gate where it is None.

    Raises:
        UsageError: both were named.
        InputError: nothing is there.
    """
    if paths and root is not None:
        message = "--root and policies were named: the one stands for the policies of a gate, the other for themselves"
        raise click.UsageError(message, click.get_current_context())
    return [named_policies(path) for path in paths] if paths else [gate_policies(gate_root(root))]
