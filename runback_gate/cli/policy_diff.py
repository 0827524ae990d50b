"""`policy diff`: what a change of policies does to recorded steps."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.cli import terminal
from runback_gate.cli.groups import command
from runback_gate.cli.options import COUNT, FOLDER_THERE, JOBS, JSON, ON, PATH, QUIET, option, options
from runback_gate.documents.named_files import create_files
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.store.folder import MAKE_RUNS

if TYPE_CHECKING:
    from runback_gate.app.policy_diff import PolicyDiff
    from runback_gate.change.proof import Proof


@dataclass(frozen=True, slots=True)
class SideFlags:
    """What is compared, and on which steps."""

    base: str = option("--base DIR|REF", "What to compare with: a folder or a git revision.")
    head: str | None = option("--head DIR", "What to compare: a folder of policies or of a gate (default: this gate).")
    runs: str | None = option(
        "--runs FILE|FOLDER|ARCHIVE", "Recorded steps to judge (default: those of the gate's datasets)."
    )
    jobs: int | None = JOBS
    on: str | None = ON


@dataclass(frozen=True, slots=True)
class ListFlags:
    """How the comparison is shown."""

    form: str = option("--format", "Output format.", type=click.Choice(("text", "markdown")), shown="text")
    as_json: bool = JSON
    show: int = option("--flips N", "Flips to list for each policy and kind.", type=COUNT, shown=10)


@dataclass(frozen=True, slots=True)
class ProofFlags:
    """What is proved, and what is kept of it."""

    prove: bool = option("--prove", "Prove what each changed rule says of every step (extra `proof`).")
    keep: Path | None = option("--keep FOLDER", "With --prove, write the steps it found as policy tests.", type=PATH)


@command(short_help="Show what a policy change does to recorded steps.")
def diff(
    sides: SideFlags = options(SideFlags),
    root: Path = option(
        "--root FOLDER",
        "Folder of runback.yaml (default: the current one); not searched for with --base.",
        type=FOLDER_THERE,
        default=".",
    ),
    listing: ListFlags = options(ListFlags),
    proving: ProofFlags = options(ProofFlags),
    strict: bool = option("--exit-code", "Exit 1 when a policy is looser, mixed, removed or unknown."),
    quiet: bool = QUIET,
) -> int:
    """Judge the same recorded steps by the policies of BASE and of HEAD, and show which verdicts flip and why.

    In a repository, a plain name is a revision; write ./NAME for a folder. An existing folder given to --head needs no
    ./ prefix.

    Exit codes: 0 compared, whatever was found; 1 with --exit-code, when a policy is looser, mixed, removed or
    unknown; 2 could not judge (also no recorded step although policies changed).
    """
    from runback_gate.app.policy_diff import diff_policies, diff_runs, diff_sides  # noqa: PLC0415  loads the engine
    from runback_gate.app.policy_diff_lines import MAX_LISTED, diff_json, diff_markdown, diff_text  # noqa: PLC0415
    from runback_gate.app.recorded import recorded_steps  # noqa: PLC0415
    from runback_gate.app.shards import executor_for  # noqa: PLC0415

    before, after = diff_sides(root, sides.base, sides.head)
    limit = MAX_LISTED if listing.as_json else listing.show
    with terminal.progress(quiet=quiet, noun="run" if sides.runs else "step") as progress:
        if sides.runs is None:
            steps = recorded_steps(root, day=terminal.today(), runs=None)
            found = diff_policies(before, after, steps, limit=limit, progress=progress)
        else:
            executor = partial(executor_for, jobs=sides.jobs, cores=os.cpu_count() or 1, on=sides.on)
            note = terminal.note
            found = diff_runs(before, after, sides.runs, limit=limit, executor=executor, note=note, progress=progress)
    proofs = _proofs(found, proving, quiet=quiet)
    if listing.as_json:
        terminal.print_json(diff_json(found, proofs))
    elif listing.form == "markdown":
        click.echo(diff_markdown(found, proofs, listing.show).encode(), nl=False)
    else:
        width, unicode = terminal.width(), terminal.unicode()
        click.echo(diff_text(found, proofs, listing.show, width=width, unicode=unicode), nl=False)
    if found.effects and not (found.steps or found.runs) and not proofs:
        hint = MAKE_RUNS if sides.runs else "name some with --runs, or add cases to a dataset"
        raise InputError("no recorded step: policies changed, and nothing says what that does", hint=hint)
    return 1 if strict and (found.loosens or any(proof.loosens for proof in proofs or ())) else 0


def _proofs(found: PolicyDiff, proving: ProofFlags, *, quiet: bool) -> tuple[Proof, ...] | None:
    if not proving.prove:
        return None
    from runback_gate.app.prove import kept_tests, prove_sides  # noqa: PLC0415  loads the engines

    with terminal.progress(quiet=quiet, noun="rule") as progress:
        proofs = prove_sides(found.before, found.after, progress)
    if proving.keep is not None:
        create_files({proving.keep / name: (data, 0o644) for name, data in kept_tests(found.after, proofs).items()})
    return proofs
