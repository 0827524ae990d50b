"""What somebody named on the command line, or did not name: a gate, policies, a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runback_gate.app.policies import PolicyFiles, PolicyRoot
    from runback_gate.report.model import Report


def gate_root(root: Path | None) -> Path:
    """The folder that was named, or that of the nearest gate."""
    from runback_gate.revision.selection import nearest_gate  # noqa: PLC0415  `--help` does without

    return nearest_gate() if root is None else root


def policy_roots(paths: Sequence[str], root: Path | None = None) -> list[PolicyRoot]:
    """What was named; where nothing was, the policies of the gate in `root`, of the nearest gate where it is None.

    Raises:
        UsageError: both were named.
        InputError: nothing is there.
    """
    from runback_gate.app.policies import gate_policies, named_policies  # noqa: PLC0415  `--help` does without

    if paths and root is not None:
        raise click.UsageError(
            "--root and policies were named: the one stands for the policies of a gate, the other for themselves"
        )
    return [named_policies(path) for path in paths] if paths else [gate_policies(gate_root(root))]


def policy_files(paths: Sequence[str], root: Path | None = None, *, with_tests: bool = True) -> PolicyFiles:
    """The policies of `policy_roots`, read; errors are those of `load_policy_files` too."""
    from runback_gate.app.policies import load_policy_files  # noqa: PLC0415  `--help` does without

    return load_policy_files(policy_roots(paths, root), with_tests=with_tests)


def load_report(path: Path, *, written_by: str = "`runback-gate run` writes it") -> Report:
    """The report of a file (`-` is standard input), or of the report.json in a folder.

    Raises:
        InputError: not there (with the hint `written_by`), or not a report that agrees with itself.
    """
    from runback_gate.documents.named_files import read_file  # noqa: PLC0415  `--help` does without
    from runback_gate.report.model import MAX_REPORT_BYTES, read_report  # noqa: PLC0415

    path = path / "report.json" if path.is_dir() else path
    return read_report(read_file(path, MAX_REPORT_BYTES, hint=written_by), path.as_posix())
