"""`dataset add | list | show`: recorded steps become cases, and cases are read."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import click

from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.cli.named import gate_root
from runback_gate.cli.options import CASE_WHY, JSON, ROOT, argument, option, options, steps
from runback_gate.frozen import dataclass
from runback_gate.store.folder import find_run


@click.group(cls=Commands)
def dataset() -> None:
    """Add, list and show cases."""


@dataclass(frozen=True, slots=True)
class CaseFlags:
    """What a step is kept as."""

    dataset: str = option("--dataset FILE", "Dataset file; created if it does not exist.")
    checks: tuple[str, ...] = option(
        "--check CHECK",
        "A check as in a dataset, such as 'toolCalled: escalate'; repeatable (default: proposed from what the step "
        "did).",
    )
    id: str | None = option("--id ID", "Id of the case (default: derived from run and step).")
    why: str = option("--why TEXT", CASE_WHY, default="")
    tags: tuple[str, ...] = option("--tag WORD", "Tag to select the case by; repeatable.")


@dataset.command(short_help="Save a recorded step as a case.")
def add(
    run: str = argument(),
    step: int | None = steps("[STEP]"),
    every: bool = option("--all", "Save every step of RUN, or of every run in a folder."),
    whole: bool = option("--whole", "Save RUN itself as one case, which policies judge as a whole."),
    flags: CaseFlags = options(CaseFlags),
    root: Path | None = ROOT,
) -> int:
    """Save STEP (from 0) of RUN (a file, or an id in runs/) as a case, with the checks it must pass.

    The comments and the order of the dataset file are kept. With --all, every step becomes a case; existing cases are
    left alone.
    """
    if every + whole + (step is not None) != 1:
        raise click.UsageError("say which STEP, --all or --whole" if step is None else "--all and --whole take no STEP")
    if whole and flags.checks:
        raise click.UsageError("--check needs a STEP: policies judge a whole run")
    if every and flags.id is not None:
        raise click.UsageError("--id names one case, and --all makes many")
    from runback_gate.app import cases as app  # noqa: PLC0415  loads the engine
    from runback_gate.app.case_lines import added_lines, saved_lines  # noqa: PLC0415

    root = gate_root(root)
    file = PurePosixPath(flags.dataset).as_posix()
    checks = tuple(app.parse_check(text) for text in flags.checks) or None
    new = app.NewCase(flags.dataset, checks, flags.id, flags.why, flags.tags)
    if step is None:
        saved = app.save_run(root, run, new) if whole else app.save_named(root, run, new, note=terminal.note)
        terminal.say_lines(saved_lines(saved, flags.dataset))
        return 0
    recorded = find_run(run, note=terminal.note)
    added = app.save_case(root, recorded, step, new)
    unjudged = app.why_not_judged(root, file)
    terminal.say_lines(added_lines(added, recorded.steps[step], file, proposed=not checks, unjudged=unjudged))
    return 0


@dataset.command("list", short_help="List the cases.")
def list_(names: tuple[str, ...] = argument("[FILE]..."), root: Path | None = ROOT, as_json: bool = JSON) -> int:
    """List the cases of the gate's datasets, or of the given files, each with its recorded answer."""
    from runback_gate.app.case_lines import list_json, list_lines  # noqa: PLC0415  loads the engine
    from runback_gate.app.cases import list_cases  # noqa: PLC0415

    return terminal.show(list_cases(gate_root(root), names), as_json=as_json, to_json=list_json, lines=list_lines)


@dataset.command(short_help="Show a case with its conversation and checks.")
def show(
    name: str = argument("[DATASET/]CASE"),
    root: Path | None = ROOT,
    as_json: bool = option("--json", "Print the recorded step as JSON."),
) -> int:
    """Show a case: its conversation, its recorded answer, and its checks with the CEL that each stands for."""
    from runback_gate.app.case_lines import case_lines, step_json  # noqa: PLC0415  loads the engine
    from runback_gate.app.cases import find_case  # noqa: PLC0415

    return terminal.show(find_case(gate_root(root), name), as_json=as_json, to_json=step_json, lines=case_lines)
