"""`policy lint | test | explain`, and the group that the other commands on policies belong to."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.app.policies import load_policy_files
from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.cli.options import JSON, POLICIES, REPORT_FILE, ROOT, gate_root, load_report, path_option
from runback_gate.cli.policy_coverage import coverage
from runback_gate.cli.policy_diff import diff
from runback_gate.cli.policy_draft import draft
from runback_gate.cli.policy_paths import PATHS, policy_roots
from runback_gate.store.folder import find_run

if TYPE_CHECKING:
    from runback_gate.step import Run, Step


@click.group(cls=Commands)
def policy() -> None:
    """Lint, test, explain, compare and draft policies."""


@policy.command()
@PATHS
@ROOT
@click.option("--strict", is_flag=True, help="Treat a tool or argument that no agent of the gate offers as an error.")
@JSON
def lint(paths: tuple[str, ...], root: Path | None, strict: bool, as_json: bool) -> int:
    """Check names, fields, types and patterns of every expression.

    Without a FILE or FOLDER, the policies of this gate are checked.

    Exit codes: 0 nothing found or warnings only, 2 an expression is wrong.
    """
    from runback_gate.app.policy_lint import lint_json, lint_lines, lint_policies  # noqa: PLC0415  loads the type checker

    found = lint_policies(load_policy_files(policy_roots(paths, root)), strict=strict)
    terminal.show(found, as_json=as_json, to_json=lint_json, lines=lint_lines)
    return 2 if found.errors else 0


@policy.command("test", short_help="Run policy tests on both CEL engines.")
@PATHS
@ROOT
@click.option("--mutate", is_flag=True, help="Also mutate the policies and list the mutants that survive.")
@path_option("--runs", "Recorded steps that may kill a mutant (default: those of the gate's datasets).")
@click.option(
    "--survivors", type=click.IntRange(min=0), default=0, metavar="N", help="Mutants that may survive (default: 0)."
)
@JSON
def test_(
    paths: tuple[str, ...], root: Path | None, mutate: bool, runs: Path | None, survivors: int, as_json: bool
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
        raise click.UsageError("--runs and --survivors go with --mutate", click.get_current_context())
    files = load_policy_files(policy_roots(paths, root))
    found = run_policy_tests(files)
    tried = None
    if mutate and not found.deviations:
        steps = MutationSteps(runs, None if paths else gate_root(root), terminal.today())
        with terminal.progress(quiet=as_json, noun="fault") as progress:
            tried = mutate_on(files, steps, progress, note=terminal.note)
    if as_json:
        terminal.print_json(tested_json(found, tried, files.locate))
    else:
        click.echo("\n".join(tested_lines(found, tried, files.locate, unicode=terminal.unicode())))
    unnoticed = 0 if tried is None else len(tried.survivors)
    return 1 if found.deviations or unnoticed > survivors else 0


@policy.command(short_help="Show the value of every sub-expression of a rule for one step.")
@click.argument("rule", metavar="RULE")
@click.argument("run", required=False)
@click.argument("step", type=click.IntRange(min=0), metavar="[STEP]", required=False)
@click.option(
    "--case", metavar="CASE", help="Explain the answer that this row of the report was judged by, recorded or live."
)
@REPORT_FILE
@POLICIES
@ROOT
@JSON
def explain(
    rule: str,
    run: str | None,
    step: int | None,
    case: str | None,
    report: Path,
    policies: tuple[str, ...],
    root: Path | None,
    as_json: bool,
) -> int:
    """Show every sub-expression of a RULE with its value for one STEP (from 0) of a RUN (a file, or an id in runs/), or
    for the answer that a row of the report was judged by. A rule with `scope: run` takes the RUN alone.
    """
    from runback_gate.app.explain import explain_step, explained_json, explained_lines  # noqa: PLC0415  loads the engine

    files = load_policy_files(policy_roots(policies, root), with_tests=False)
    explained = explain_step(files.policies, rule, _step_named(run, step, case, report))
    lines = partial(explained_lines, width=terminal.width())
    terminal.show(explained, as_json=as_json, to_json=explained_json, lines=lines)
    return 0


def _step_named(run: str | None, step: int | None, case: str | None, report: Path) -> Step | Run:
    """What is meant: a step of a run, the run itself, or the step that a row of a report was judged by."""
    from runback_gate.app.explain import answered_step  # noqa: PLC0415  loads the engine
    from runback_gate.app.recorded import recorded_step  # noqa: PLC0415

    if (case is None) == (run is None) or (run is None and step is not None):
        raise click.UsageError("name a RUN and a STEP, or a --case", click.get_current_context())
    if case is not None:
        return answered_step(load_report(report), case)
    found = find_run(run or "", note=terminal.note)
    return found if step is None else recorded_step(found, step)


policy.add_command(coverage)
policy.add_command(diff)
policy.add_command(draft)
