"""`policy coverage`: which steps the rules tell apart, and which rules have no effect."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from runback_gate.app.policies import load_policy_files
from runback_gate.cli import terminal
from runback_gate.cli.options import JSON, QUIET, ROOT
from runback_gate.cli.policy_paths import PATHS, policy_roots
from runback_gate.documents.named_files import create_files


@click.command(short_help="Find rules without effect, and steps that no policy test has.")
@PATHS
@ROOT
@click.option("--write", is_flag=True, help="Write policy tests of the steps that no test has, beside the policies.")
@click.option("--exit-code", "strict", is_flag=True, help="Exit 1 when a rule has no effect.")
@JSON
@QUIET
def coverage(paths: tuple[str, ...], root: Path | None, write: bool, strict: bool, as_json: bool, quiet: bool) -> int:
    """Look for a step that each rule passes, one that it fails, and one on each side of each number that it compares
    with; and find rules that never fail, never apply or are implied by others, and tools and arguments that no rule
    names. Needs the extra `proof`. Rules with `scope: run` are left out.

    Without a FILE or FOLDER, the policies of this gate are looked at.

    Exit codes: 0 shown, whatever was found; 1 with --exit-code, when a rule has no effect; 2 could not judge.
    """
    from runback_gate.app.coverage import cover_policies, proposed_tests  # noqa: PLC0415  loads the engines
    from runback_gate.report.coverage import coverage_json, coverage_lines  # noqa: PLC0415

    files = load_policy_files(policy_roots(paths, root))
    with terminal.progress(quiet=quiet or as_json, noun="rule") as progress:
        found = cover_policies(files, progress)
    if write:
        create_files(proposed := dict(proposed_tests(files, found)))
        for path in proposed:
            terminal.note(f"wrote {path.as_posix()}")
    to_json, lines = partial(coverage_json, locate=files.locate), partial(coverage_lines, locate=files.locate)
    terminal.show(found, as_json=as_json, to_json=to_json, lines=lines)
    return 1 if strict and found.faults else 0
