"""`policy lint | test | explain`, and `backtest`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.cli import terminal
from runback_gate.cli.recordings import find_run, read_step
from runback_gate.documents import suggestion
from runback_gate.errors import InputError
from runback_gate.gate.config import GATE_FILE, load_gate
from runback_gate.policy.document import Policy, load_policies
from runback_gate.policy.examples import PolicyTest
from runback_gate.report.text import terminal as inert

if TYPE_CHECKING:
    from runback_gate.policy.backtest import Backtest
    from runback_gate.policy.conformance import Conformance
    from runback_gate.step import Run

PATHS = click.argument("paths", nargs=-1, metavar="[FILE|FOLDER]...")


def load(paths: tuple[str, ...]) -> tuple[tuple[Policy, ...], tuple[PolicyTest, ...]]:
    """The policies of some files and folders, or those of the gate in this folder.

    Raises:
        InputError: there is none.
    """
    if not paths:
        policies, tests = load_policies(Path(), load_gate(Path()).policies)
    else:
        roots: dict[Path, list[str]] = {}
        for path in paths:
            root, patterns = terminal.folder_and_patterns(path)
            roots.setdefault(root, []).extend(patterns)
        found = [load_policies(root, patterns) for root, patterns in roots.items()]
        policies = tuple(policy for group, _ in found for policy in group)
        tests = tuple(test for _, group in found for test in group)
    if not policies:
        raise InputError(
            f"{', '.join(paths) or GATE_FILE}: no policy", hint="a policy is a YAML file with `kind: Policy`"
        )
    return policies, tests


@click.group()
def policy() -> None:
    """Lint, test and explain policies."""


@policy.command()
@PATHS
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def lint(paths: tuple[str, ...], as_json: bool) -> int:
    """Check names, fields, types and patterns of every expression.

    Exit codes: 0 nothing found or warnings only, 2 an expression is wrong.
    """
    from runback_gate.policy.lint import lint_policy  # noqa: PLC0415  loads the type checker

    policies, _ = load(paths)
    findings = [finding for item in policies for finding in lint_policy(item)]
    errors = sum(finding.level == "error" for finding in findings)
    if as_json:
        rows = [
            {"level": item.level, "place": str(item.location), "message": item.message, "hint": item.hint}
            for item in findings
        ]
        click.echo(json.dumps({"policies": len(policies), "findings": rows}, indent=2))
    else:
        for item in findings:
            hint = f" ({item.hint})" if item.hint else ""
            click.echo(f"{item.location}: {item.level}: {item.message}{hint}")
        click.echo(f"{len(policies)} policies, {errors} errors, {len(findings) - errors} warnings")
    return 2 if errors else 0


@policy.command("test")
@PATHS
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def test_(paths: tuple[str, ...], as_json: bool) -> int:
    """Run policy tests on both CEL engines and show what each validation was seen to say.

    Exit codes: 0 all as expected, 1 a validation says something else or the engines disagree, 2 could not judge (also
    no test).
    """
    from runback_gate.policy.cel_cpp import CppEngine  # noqa: PLC0415
    from runback_gate.policy.cel_py import PyEngine  # noqa: PLC0415
    from runback_gate.policy.conformance import run_tests  # noqa: PLC0415

    policies, tests = load(paths)
    if not tests:
        raise InputError("no policy test", hint="put a `kind: PolicyTest` file beside the policy")
    found = run_tests(policies, tests, (CppEngine(), PyEngine()))
    if as_json:
        click.echo(json.dumps(_conformance_json(found), indent=2))
    else:
        click.echo("\n".join(_conformance_lines(found)))
    return 1 if found.deviations else 0


def _conformance_json(found: Conformance) -> dict[str, object]:
    return {
        "expectations": found.expectations,
        "deviations": [
            {"validation": item.rule, "example": item.example, "message": item.message, "place": str(item.location)}
            for item in found.deviations
        ],
        "coverage": {
            item.rule: {
                "true": item.passed,
                "false": item.failed,
                "error": item.errors,
                "skip": item.skipped,
                "gap": item.gap,
            }
            for item in found.coverage
        },
    }


def _conformance_lines(found: Conformance) -> Iterator[str]:
    size = max(len(item.rule) for item in found.coverage)
    yield f"  {'validation':{size}}  true  false  error  skip"
    for item in found.coverage:
        gap = f"  {item.gap}" if item.gap else ""
        yield f"  {item.rule:{size}}  {item.passed:4}  {item.failed:5}  {item.errors:5}  {item.skipped:4}{gap}"
    yield ""
    for deviation in found.deviations:
        yield inert(f"{deviation.location}: {deviation.rule}: {deviation.message} [{deviation.example}]")
    gaps = sum(item.gap is not None for item in found.coverage)
    yield (
        f"{found.expectations} expectations on 2 engines, {len(found.deviations)} wrong; "
        f"{len(found.coverage)} validations, {gaps} not seen both true and false"
    )


@policy.command()
@click.argument("rule", metavar="VALIDATION")
@click.argument("run")
@click.argument("step", type=click.IntRange(min=0))
@click.option(
    "--policies", multiple=True, metavar="FILE|FOLDER", help="Where the policies are (those of the gate here)."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(rule: str, run: str, step: int, policies: tuple[str, ...], as_json: bool) -> int:
    """Show every sub-expression of a VALIDATION with its value for one STEP (from 0) of a RUN."""
    from runback_gate.policy.backtest import step_data  # noqa: PLC0415
    from runback_gate.policy.cel_cpp import CppEngine  # noqa: PLC0415
    from runback_gate.policy.evaluate import Subject, compile_policy, explain_rule  # noqa: PLC0415

    found, _ = load(policies)
    owner = next((item for item in found if any(entry.id == rule for entry in item.validations)), None)
    if owner is None:
        ids = [entry.id for item in found for entry in item.validations]
        raise InputError(f"no validation is named {rule!r}", hint=suggestion(rule, ids))
    engine = CppEngine()
    rules = compile_policy(owner, engine)
    explained = explain_rule(rules, rule, Subject(engine, step_data(read_step(find_run(run), step))))
    if as_json:
        click.echo(json.dumps(explained.to_json(), indent=2))
    else:
        click.echo("\n".join(inert(line) for line in explained.lines(terminal.width())))
    return 0


@click.command()
@click.option("--policies", "paths", required=True, multiple=True, metavar="FILE|FOLDER", help="Policies to judge by.")
@click.option(
    "--runs", required=True, type=click.Path(path_type=Path, exists=True), help="A run file, or a folder of them."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: steps, counts for each validation, failures.")
@click.option(
    "--failures", "show", type=click.IntRange(min=0), default=3, show_default=True, help="Failures shown a validation."
)
def backtest(paths: tuple[str, ...], runs: Path, as_json: bool, show: int) -> int:
    """Judge every recorded step of a folder of runs: what would these policies have said?

    Exit codes: 0 every step could be judged (failures are what you asked for), 2 a validation could not be evaluated
    somewhere, or no step was there.
    """
    from runback_gate.policy.backtest import backtest as judge_runs  # noqa: PLC0415
    from runback_gate.policy.cel_cpp import CppEngine  # noqa: PLC0415

    policies, _ = load(paths)
    found = judge_runs(policies, CppEngine(), _runs(runs))
    if not found.steps:
        raise InputError(f"{runs.as_posix()}: no recorded step", hint="make runs with `runback-gate import transcript`")
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(_backtest_lines(found, show)))
    return 2 if any(counts["error"] for counts in found.counts.values()) else 0


def _runs(path: Path) -> Iterator[Run]:
    names = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    for name in names:
        yield find_run(name.as_posix())


def _backtest_lines(found: Backtest, show: int) -> Iterator[str]:
    size = max(len(rule) for rule in found.counts)
    yield f"{found.runs} runs, {found.steps} steps"
    yield ""
    yield f"  {'validation':{size}}  {'pass':>6}  {'fail':>6}  {'error':>6}  {'skip':>6}"
    for rule, counts in found.counts.items():
        yield f"  {rule:{size}}  " + "  ".join(f"{counts[word]:6}" for word in ("pass", "fail", "error", "skip"))
    for rule in found.counts:
        failures = [item for item in found.failures if item.validation == rule]
        for item in failures[:show]:
            yield "  " + inert(f"{item.outcome:5} {rule}  run {item.run} step {item.step}  {item.message}")
        if len(failures) > show > 0:
            yield f"        {rule}  {len(failures) - show} more: --failures {len(failures)} or --json"
