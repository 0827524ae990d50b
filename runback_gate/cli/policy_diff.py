"""`policy diff`: what a change of policies does to recorded steps."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from runback_gate.app.policies import with_lint_messages
from runback_gate.cli import terminal
from runback_gate.cli.files import MAKE_RUNS, load_runs
from runback_gate.cli.revision import folder_of
from runback_gate.documents import check_kind, read_document
from runback_gate.errors import InputError, Location
from runback_gate.gate.config import GATE_FILE, GateDocument
from runback_gate.policy.document import Policy, load_policies
from runback_gate.schema import validate

if TYPE_CHECKING:
    from runback_gate.analysis.effect import PolicyEffect, Recorded

MAX_LISTED = 10_000
"""Flips of each validation and kind that `--json` lists."""


_WILD = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class Version:
    """The policies of one side."""

    policies: tuple[Policy, ...]
    title: str
    """As a person would call it: `main@4be1f02`, or the folder."""
    folder: Path | None
    """Where its files can be opened; None for a revision."""


@click.command(short_help="What a change of policies does to recorded steps.")
@click.option("--base", required=True, metavar="DIR|REF", help="What to compare with: a folder, or a git revision.")
@click.option("--head", metavar="DIR", help="What to compare (the gate here): a folder of policies, or of a gate.")
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    metavar="FILE|FOLDER",
    help="Recorded steps to judge (those of the gate's datasets).",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=".",
    help="Folder of runback.yaml (this one).",
)
@click.option(
    "--format", "form", type=click.Choice(("text", "markdown")), default="text", show_default=True, help="The form."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a word for each policy, and every flip.")
@click.option(
    "--flips",
    "show",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    metavar="N",
    help="Flips listed of each kind of each policy.",
)
@click.option("--exit-code", "strict", is_flag=True, help="Exit 1 when a policy is looser, mixed or removed.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def diff(
    base: str,
    head: str | None,
    runs: Path | None,
    root: Path,
    form: str,
    as_json: bool,
    show: int,
    strict: bool,
    quiet: bool,
) -> int:
    """Judge the same recorded steps by the policies of BASE and of HEAD, and say which verdicts flip and why.

    In a repository a plain name is a revision; write ./NAME for a folder. With --head a folder that is there needs no
    ./ before it.

    Exit codes: 0 compared, whatever was found; 1 with --exit-code, when a policy is looser, mixed or removed; 2 could
    not judge (also no recorded step though policies changed).
    """
    from runback_gate.analysis.effect import compare_policies  # noqa: PLC0415
    from runback_gate.app.recorded import recorded_steps  # noqa: PLC0415
    from runback_gate.cel.cpp_engine import CppEngine  # noqa: PLC0415
    from runback_gate.policy.evaluate import compile_policy  # noqa: PLC0415

    before = version(root, base if head is None else _folder_first(base))
    after = _gate_here(root) if head is None else version(root, _folder_first(head))
    limit = MAX_LISTED if as_json else show
    engine = CppEngine()
    for side in (before, after):
        # Each on its own first, so that an error names its side; the engine remembers what it compiled.
        with _told(side.title, side.folder), with_lint_messages(side.policies):
            for one in side.policies:
                compile_policy(one, engine)
    with terminal.progress(quiet=quiet, noun="step") as progress:
        steps = _watched(
            recorded_steps(root, day=terminal.today(), runs=None if runs is None else load_runs(runs)), progress
        )
        effects = compare_policies(before.policies, after.policies, engine, steps, limit=limit)
    _print(effects, before, after, form="json" if as_json else form, show=show)
    if effects and not effects[0].steps:
        hint = MAKE_RUNS if runs else "name some with --runs, or add cases to a dataset"
        raise InputError("no recorded step: policies changed, and nothing says what that does", hint=hint)
    return 1 if strict and any(effect.loosens for effect in effects) else 0


def version(root: Path, given: str) -> Version:
    """The policies of a folder or a revision; those of a revision without a gate are none.

    Raises:
        InputError: no such folder or revision, no policy in a folder, or a malformed file.
    """
    with folder_of(root, given, only=(GATE_FILE,)) as gate:
        if gate.commit is None:
            return Version(_policies(gate.path, given), given, gate.path)
        title = f"{given}@{gate.title}"
        if not (gate.path / GATE_FILE).exists():
            return Version((), title, None)
        with _told(title, None):
            only = (GATE_FILE, *map(_fixed, _patterns(gate.path)))
    # Of a large repository only the folders of the policies are laid out.
    with folder_of(root, gate.commit, only=() if "" in only else only) as files, _told(title, None):
        return Version(load_policies(files.path, _patterns(files.path), with_tests=False)[0], title, None)


@contextlib.contextmanager
def _told(title: str, folder: Path | None) -> Iterator[None]:
    """An error in a file names where that lies: a path that can be opened, or the revision."""
    try:
        yield
    except InputError as error:
        place, message = error.location, error.message if folder else f"in {title}: {error.message}"
        if place is not None and folder is not None:
            place = Location((folder / place.path).as_posix(), place.line, place.column)
        raise type(error)(message, hint=error.hint, location=place) from error


def _gate_here(root: Path) -> Version:
    if not (root / GATE_FILE).exists():
        hint = "name its folder with --root, or a folder of policies with --head"
        raise InputError("no gate here", hint=hint, location=Location((root / GATE_FILE).as_posix()))
    title = "this folder" if root == Path() else root.as_posix()
    return Version(_policies(root, title), title, root)


def _folder_first(given: str) -> str:
    """A name of a folder that is there, written so that it is one; else as it is."""
    try:
        return f"./{given}" if given and not given.startswith(("/", ".")) and Path(given).is_dir() else given
    except (OSError, ValueError):
        return given


def _policies(folder: Path, title: str) -> tuple[Policy, ...]:
    """The policies of a gate, or of a folder that holds nothing else."""
    is_gate = (folder / GATE_FILE).exists()
    with _told(title, folder):
        policies, _ = load_policies(folder, _patterns(folder) if is_gate else ("*.yaml", "*.yml"), with_tests=False)
    if not policies and not is_gate:
        hint = "a policy is a YAML file with `kind: Policy`"
        raise InputError("no policy in this folder", hint=hint, location=Location(folder.as_posix()))
    return policies


def _patterns(folder: Path) -> list[str]:
    """Where a gate has its policies."""
    document = read_document(folder, GATE_FILE)
    check_kind(document, ("Gate",))
    return validate(document, GateDocument).spec.policies


def _fixed(pattern: str) -> str:
    """The folders of a pattern before its first wild part; empty for the root."""
    parts = PurePosixPath(pattern).parts
    wild = next((index for index, part in enumerate(parts) if _WILD.search(part)), len(parts))
    return "/".join(parts[:wild])


def _watched(steps: Iterable[Recorded], progress: Callable[[int, int, object], None]) -> Iterator[Recorded]:
    for number, step in enumerate(steps, 1):
        yield step
        progress(number, number, None)


def _print(effects: Sequence[PolicyEffect], before: Version, after: Version, *, form: str, show: int) -> None:
    from runback_gate.report import effects as report  # noqa: PLC0415  with it comes the engine

    steps = effects[0].steps if effects else 0

    def place(side: str, path: str, line: int) -> str:
        version = before if side == "base" else after
        name = path if version.folder is None else (version.folder / path).as_posix()
        return f"{name}:{line}" + ("" if version.folder else f" in {version.title}")

    if form == "json":
        terminal.print_json(_json(effects, before, after, steps))
    elif form == "markdown":
        click.echo(report.as_markdown(effects, steps=steps, place=place, show=show).encode(), nl=False)
    else:
        width, unicode = terminal.width(), terminal.unicode()
        click.echo(report.as_text(effects, steps=steps, width=width, place=place, show=show, unicode=unicode), nl=False)


def _json(effects: Sequence[PolicyEffect], before: Version, after: Version, steps: int) -> dict[str, object]:
    flips = [flip for effect in effects for flip in effect.flips]
    return {
        "base": before.title,
        "head": after.title,
        "steps": steps,
        "policies": {effect.policy: effect.word for effect in effects},
        "flips": [
            {
                "validation": flip.validation,
                "run": flip.run,
                "step": flip.step,
                "base": flip.base,
                "head": flip.head,
                "why": flip.why,
                "kind": flip.kind,
                "expression": flip.expression,
                "answer": flip.answer,
            }
            for flip in flips
        ],
        "effects": [
            {
                "policy": effect.policy,
                "word": effect.word,
                "vacuous": effect.vacuous,
                "steps": effect.steps,
                "same": effect.same,
                "matched": effect.matched,
                "changes": [dataclasses.asdict(change) for change in effect.changes],
                "validations": {
                    item.id: {"state": item.state, **dict(item.counts), "message only": item.messages}
                    for item in effect.validations
                },
            }
            for effect in effects
        ],
    }
