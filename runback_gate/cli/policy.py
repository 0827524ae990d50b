"""`policy lint | test | explain`, and the policies that somebody named on the command line."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.canonical import JsonValue
from runback_gate.cli import terminal
from runback_gate.cli.files import find_run, read_step
from runback_gate.cli.groups import Commands
from runback_gate.documents import cut, suggestion
from runback_gate.errors import ExpressionError, InputError, Location
from runback_gate.gate.config import GATE_FILE, load_gate
from runback_gate.policy.document import Expression, Policy, load_policies
from runback_gate.policy.policy_test_document import PolicyTest
from runback_gate.report.text import terminal as inert

if TYPE_CHECKING:
    from runback_gate.analysis.policy_tests import Conformance
    from runback_gate.cel.explain import SubValue
    from runback_gate.step import Step

PATHS = click.argument("paths", nargs=-1, metavar="[FILE|FOLDER]...")
_GLOB = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that no file may leave, and what was named in it."""

    root: Path
    patterns: tuple[str, ...]

    def move(self, location: Location) -> Location:
        """A place in one of its files, by a path that can be opened from here."""
        return Location((self.root / location.path).as_posix(), location.line, location.column)


def find(path: str) -> Place:
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
        return Place(folder, names)
    return Place(Path(), tuple((folder / name).as_posix() for name in names))


def load(
    paths: tuple[str, ...], *, with_tests: bool = True
) -> Iterator[tuple[Place, tuple[Policy, ...], tuple[PolicyTest, ...]]]:
    """The policies of some files and folders, or those of the gate in this folder, one root after the other.

    Raises:
        InputError: there is none, or one is malformed.
    """
    places = [find(path) for path in paths] if paths else [Place(Path(), load_gate(Path()).policies)]
    patterns: dict[Path, list[str]] = {}
    for place in places:
        patterns.setdefault(place.root, []).extend(place.patterns)
    seen: dict[str, Location] = {}
    for root, names in patterns.items():
        place = Place(root, tuple(names))
        try:
            policies, tests = load_policies(root, names, with_tests=with_tests)
        except InputError as error:
            where = None if error.location is None else place.move(error.location)
            raise type(error)(error.message, hint=error.hint, location=where) from error
        for rule, at in (
            (rule.id, place.move(rule.expression.location)) for one in policies for rule in one.validations
        ):
            if rule in seen:
                raise InputError(f"two validations are named {rule!r}", hint=f"in {seen[rule]} and in {at}")
            seen[rule] = at
        yield place, policies, tests
    if not seen:
        raise InputError(
            f"{', '.join(paths) or GATE_FILE}: no policy", hint="a policy is a YAML file with `kind: Policy`"
        )


def load_all(paths: tuple[str, ...], *, with_tests: bool = True) -> tuple[tuple[Policy, ...], tuple[PolicyTest, ...]]:
    """As `load`, all in one."""
    found = list(load(paths, with_tests=with_tests))
    return (
        tuple(policy for _, policies, _ in found for policy in policies),
        tuple(test for *_, tests in found for test in tests),
    )


@contextlib.contextmanager
def clearly(policies: Sequence[Policy]) -> Iterator[None]:
    """An expression that does not compile is named as the static check words it: it knows names, the engine says no."""
    try:
        yield
    except ExpressionError as error:
        from runback_gate.analysis.lint import lint_policy  # noqa: PLC0415  only a fault pays for it

        name, place = error.message.partition(":")[0], error.location
        for found in (item for one in policies for item in lint_policy(one)):
            same = place is not None and found.location.path == place.path and found.message.startswith(f"{name}: ")
            if same and found.level == "error":
                raise ExpressionError(found.message, hint=found.hint, location=found.location) from error
        raise


@click.group(cls=Commands)
def policy() -> None:
    """Lint, test, explain and compare policies."""


@policy.command()
@PATHS
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def lint(paths: tuple[str, ...], as_json: bool) -> int:
    """Check names, fields, types and patterns of every expression.

    Without a FILE or FOLDER the policies of the gate here are checked.

    Exit codes: 0 nothing found or warnings only, 2 an expression is wrong.
    """
    from runback_gate.analysis.lint import lint_policy  # noqa: PLC0415  loads the type checker

    found = list(load(paths))
    number = sum(len(policies) for _, policies, _ in found)
    findings = [(place, item) for place, policies, _ in found for one in policies for item in lint_policy(one)]
    errors = sum(item.level == "error" for _, item in findings)
    if as_json:
        rows = [
            {"level": item.level, "place": str(place.move(item.location)), "message": item.message, "hint": item.hint}
            for place, item in findings
        ]
        terminal.print_json({"policies": number, "findings": rows})
    else:
        for place, item in findings:
            hint = f" ({item.hint})" if item.hint else ""
            click.echo(inert(f"{place.move(item.location)}: {item.level}: {item.message}{hint}"))
        counts = (number, "policy"), (errors, "error"), (len(findings) - errors, "warning")
        click.echo(", ".join(terminal.many(*count) for count in counts))
    return 2 if errors else 0


@policy.command("test", short_help="Run policy tests on both CEL engines.")
@PATHS
@click.option("--mutate", is_flag=True, help="Then put small faults into the policies, and name those nobody notices.")
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    metavar="FILE|FOLDER",
    help="Recorded steps that may notice a fault (those of the gate's datasets).",
)
@click.option(
    "--survivors", type=click.IntRange(min=0), default=0, metavar="N", help="Faults that may go unnoticed (0)."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def test_(paths: tuple[str, ...], mutate: bool, runs: Path | None, survivors: int, as_json: bool) -> int:
    """Run policy tests on both CEL engines and show what each validation was seen to say.

    Without a FILE or FOLDER the tests of the gate here are run. With --mutate a comparison, an operator, a negation, a
    constant, a quantifier or a param is changed, one at a time, where the tests hold.

    Exit codes: 0 all as expected, 1 a validation says something else, the engines disagree, or more than N faults go
    unnoticed, 2 could not judge (also no test).
    """
    from runback_gate.analysis.policy_tests import run_tests  # noqa: PLC0415
    from runback_gate.cel.cpp_engine import CppEngine  # noqa: PLC0415
    from runback_gate.cel.py_engine import PyEngine  # noqa: PLC0415

    if not mutate and (runs or survivors):
        raise click.UsageError("--runs and --survivors go with --mutate", click.get_current_context())
    loaded = list(load(paths))
    policies = [item for _, found, _ in loaded for item in found]
    tests = [item for *_, found in loaded for item in found]
    if not tests:
        raise InputError("no policy test", hint="put a `kind: PolicyTest` file beside the policy")
    with clearly(policies):
        found = run_tests(policies, tests, (CppEngine(), PyEngine()))
    shown: tuple[dict[str, object], list[str]] = _conformance_json(found), [*_conformance_lines(found)]
    unnoticed = 0
    if mutate and not found.deviations:
        from runback_gate.cli import policy_mutate as mutation  # noqa: PLC0415  loads what compares policies

        tried = mutation.mutate(policies, tests, runs=runs, gate=not paths, quiet=as_json)
        places = {item.name: place for place, names, _ in loaded for item in names}
        shown[0]["mutation"] = mutation.mutation_json(tried, places)
        shown[1].extend(mutation.mutation_lines(tried, places))
        unnoticed = len(tried.survivors)
    if as_json:
        terminal.print_json(shown[0])
    else:
        click.echo("\n".join(shown[1]))
    return 1 if found.deviations or unnoticed > survivors else 0


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
    size = max(len("validation"), *(len(item.rule) for item in found.coverage))
    yield f"  {'validation':{size}}  true  false  error  skip"
    for item in found.coverage:
        gap = f"  {item.gap}" if item.gap else ""
        yield f"  {item.rule:{size}}  {item.passed:4}  {item.failed:5}  {item.errors:5}  {item.skipped:4}{gap}"
    yield ""
    for deviation in found.deviations:
        yield inert(f"{deviation.location}: {deviation.rule}: {deviation.message} [{deviation.example}]")
    gaps = sum(item.gap is not None for item in found.coverage)
    yield (
        f"{terminal.many(found.expectations, 'expectation')} on 2 engines, {len(found.deviations)} wrong; "
        f"{terminal.many(len(found.coverage), 'validation')}, {gaps} not seen both true and false"
    )


@policy.command(short_help="Show every sub-expression with its value for one step.")
@click.argument("rule", metavar="VALIDATION")
@click.argument("run")
@click.argument("step", type=click.IntRange(min=0), metavar="STEP")
@click.option(
    "--policies", multiple=True, metavar="FILE|FOLDER", help="Where the policies are (those of the gate here)."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(rule: str, run: str, step: int, policies: tuple[str, ...], as_json: bool) -> int:
    """Show every sub-expression of a VALIDATION with its value for one STEP (from 0) of a RUN (a file, or an id in
    runs/).
    """
    found, _ = load_all(policies, with_tests=False)
    owner = next((item for item in found if any(entry.id == rule for entry in item.validations)), None)
    if owner is None:
        ids = [entry.id for item in found for entry in item.validations]
        raise InputError(f"no validation is named {rule!r}", hint=suggestion(rule, ids))
    expressions = [*owner.conditions, next(entry.expression for entry in owner.validations if entry.id == rule)]
    explained = _explained(owner, expressions, read_step(find_run(run), step))
    if as_json:
        terminal.print_json([_explanation_json(expression, values) for expression, values in explained])
    else:
        for expression, values in explained:
            click.echo("\n".join(_explanation_lines(expression, values)))
    return 0


def _explained(
    policy: Policy, expressions: Sequence[Expression], step: Step
) -> list[tuple[Expression, tuple[SubValue, ...]]]:
    from runback_gate.cel.cpp_engine import CppEngine  # noqa: PLC0415
    from runback_gate.cel.explain import explain as sub_values  # noqa: PLC0415
    from runback_gate.policy.context import step_data  # noqa: PLC0415
    from runback_gate.policy.evaluate import compile_policy  # noqa: PLC0415

    engine = CppEngine()
    with clearly((policy,)):
        compile_policy(policy, engine)
    data = step_data(step)
    variables = {item.name: item.source for item in policy.variables}
    return [
        (item, sub_values(item.source, params=policy.params, variables=variables, engine=engine, data=data))
        for item in expressions
    ]


def _explanation_json(expression: Expression, values: Sequence[SubValue]) -> dict[str, JsonValue]:
    rows: list[JsonValue] = []
    for item in values:
        row: dict[str, JsonValue] = {"expression": item.source, "depth": item.depth}
        row |= {"value": item.value} if item.error is None else {"error": item.error}
        rows.append(row | ({"note": item.note} if item.note else {}))
    return {"name": expression.name, "place": str(expression.location), "values": rows}


def _explanation_lines(expression: Expression, values: Sequence[SubValue]) -> Iterator[str]:
    from runback_gate.cel.explain import deciding  # noqa: PLC0415

    yield inert(f"{expression.name}  {expression.location}")
    wide, last = terminal.width(), ""
    for item in values:
        said = "error: " + item.error if item.error is not None else json.dumps(item.value, ensure_ascii=False)
        note, last = "" if item.note == last else f" [{item.note}]" if item.note else "", item.note
        room = max(wide - 2 * item.depth - 2, 40)
        source = cut(" ".join(item.source.split()), room // 2)
        yield "  " + "  " * item.depth + inert(cut(f"{source}  =  {said}", room - len(note)) + note)
    if facts := deciding(tuple(values)):
        yield "  decided by  " + "   ".join(inert(f"{source} = {value}") for source, value in facts)
    yield ""
