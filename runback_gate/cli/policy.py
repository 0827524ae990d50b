"""`policy lint | test | explain | coverage`, and the group that `diff` and `draft` belong to."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.cli.named import gate_root, load_report, policy_files
from runback_gate.cli.options import COUNT, JSON, PATHS, POLICIES, QUIET, REPORT_FILE, ROOT, argument, option, steps
from runback_gate.cli.policy_diff import diff
from runback_gate.cli.policy_draft import draft
from runback_gate.documents.named_files import create_files

if TYPE_CHECKING:
    from runback_gate.step import Run, Step


@click.group(cls=Commands)
def policy() -> None:
    """Lint, test, explain, compare and draft policies."""


@policy.command()
def lint(
    paths: tuple[str, ...] = PATHS,
    root: Path | None = ROOT,
    strict: bool = option("--strict", "Treat a tool or argument that no agent of the gate offers as an error."),
    as_json: bool = JSON,
) -> int:
    """Check names, fields, types and patterns of every expression.

    Without a FILE or FOLDER, the policies of this gate are checked.

    Exit codes: 0 nothing found or warnings only, 2 an expression is wrong.
    """
    from runback_gate.app.policy_lint import lint_json, lint_lines, lint_policies  # noqa: PLC0415  loads the type checker

    found = lint_policies(policy_files(paths, root), strict=strict)
    return terminal.show(found, as_json=as_json, to_json=lint_json, lines=lint_lines, code=2 if found.errors else 0)


@policy.command("test", short_help="Run policy tests on both CEL engines.")
def run_tests(
    paths: tuple[str, ...] = PATHS,
    root: Path | None = ROOT,
    mutate: bool = option("--mutate", "Also mutate the policies and list the mutants that survive."),
    runs: Path | None = option(
        "--runs FILE|FOLDER", "Recorded steps that may kill a mutant (default: those of the gate's datasets)."
    ),
    survivors: int = option("--survivors N", "Mutants that may survive (default: 0).", type=COUNT, default=0),
    as_json: bool = JSON,
) -> int:
    """Run policy tests on both CEL engines and show which outcomes each rule was seen to have.

    Without a FILE or FOLDER, the tests of this gate are run. With --mutate, one comparison, operator, negation,
    constant, quantifier or param is changed at a time, wherever the tests pass.

    Exit codes: 0 all as expected, 1 a rule has another outcome, the engines disagree, or more than N mutants survive, 2
    could not judge (also no test).
    """
    from runback_gate.app.policy_tests import MutationSteps, mutate_on, run_policy_tests  # noqa: PLC0415  loads both engines
    from runback_gate.report.policy_tests import tested_json, tested_lines  # noqa: PLC0415

    if not mutate and (runs or survivors):
        raise click.UsageError("--runs and --survivors need --mutate")
    files = policy_files(paths, root)
    found = run_policy_tests(files)
    tried = None
    if mutate and not found.deviations:
        on = MutationSteps(runs, None if paths else gate_root(root), terminal.today())
        with terminal.progress(quiet=as_json, noun="fault") as progress:
            tried = mutate_on(files, on, progress, note=terminal.note)
    to_json = partial(tested_json, tried=tried, locate=files.locate)
    lines = partial(tested_lines, tried=tried, locate=files.locate, unicode=terminal.unicode())
    code = 1 if found.deviations or (tried is not None and len(tried.survivors) > survivors) else 0
    return terminal.show(found, as_json=as_json, to_json=to_json, lines=lines, code=code)


@policy.command(short_help="Show the value of every sub-expression of a rule for one step.")
def explain(
    rule: str = argument("RULE"),
    run: str | None = argument(),
    step: int | None = steps("[STEP]"),
    case: str | None = option(
        "--case CASE", "Explain the answer that this row of the report was judged by, recorded or live."
    ),
    report: Path = REPORT_FILE,
    policies: tuple[str, ...] = POLICIES,
    root: Path | None = ROOT,
    as_json: bool = JSON,
) -> int:
    """Show every sub-expression of a RULE with its value for one STEP (from 0) of a RUN (a file, or an id in runs/), or
    for the answer that a row of the report was judged by. A rule with `scope: run` takes the RUN alone.
    """
    from runback_gate.app import explain as app  # noqa: PLC0415  loads the engine
    from runback_gate.app.recorded import named_step  # noqa: PLC0415

    if (case is None) == (run is None) or (run is None and step is not None):
        raise click.UsageError("name a RUN and a STEP, or a --case")
    files = policy_files(policies, root, with_tests=False)
    if run is None:
        judged: Step | Run = app.answered_step(load_report(report), case or "")
    else:
        judged = named_step(run, step, note=terminal.note)
    explained = app.explain_step(files.policies, rule, judged)
    lines = partial(app.explained_lines, width=terminal.width())
    return terminal.show(explained, as_json=as_json, to_json=app.explained_json, lines=lines)


@policy.command(short_help="Find rules without effect, and steps that no policy test has.")
def coverage(
    paths: tuple[str, ...] = PATHS,
    root: Path | None = ROOT,
    write: bool = option("--write", "Write policy tests of the steps that no test has, beside the policies."),
    strict: bool = option("--exit-code", "Exit 1 when a rule has no effect."),
    as_json: bool = JSON,
    quiet: bool = QUIET,
) -> int:
    """Look for a step that each rule passes, one that it fails, and one on each side of each number that it compares
    with; and find rules that never fail, never apply or are implied by others, and tools and arguments that no rule
    names. Needs the extra `proof`. Rules with `scope: run` are left out.

    Without a FILE or FOLDER, the policies of this gate are looked at.

    Exit codes: 0 shown, whatever was found; 1 with --exit-code, when a rule has no effect; 2 could not judge.
    """
    from runback_gate.app.coverage import cover_policies, proposed_tests  # noqa: PLC0415  loads the engines
    from runback_gate.report.coverage import coverage_json, coverage_lines  # noqa: PLC0415

    files = policy_files(paths, root)
    with terminal.progress(quiet=quiet or as_json, noun="rule") as progress:
        found = cover_policies(files, progress)
    if write:
        create_files(proposed := dict(proposed_tests(files, found)))
        for path in proposed:
            terminal.note(f"wrote {path.as_posix()}")
    to_json, lines = partial(coverage_json, locate=files.locate), partial(coverage_lines, locate=files.locate)
    code = 1 if strict and found.faults else 0
    return terminal.show(found, as_json=as_json, to_json=to_json, lines=lines, code=code)


policy.add_command(diff)
policy.add_command(draft)
