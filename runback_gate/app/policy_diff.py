"""`policy diff`: what a change of policies does to recorded steps.

In: the policies of two sides, and recorded steps. Out: the effect of each policy that changed, with every verdict that
flips.

    before, after = read_policies(Path("base"), "base", Path("base")), gate_side(Path(), "this folder")
    diff_policies(before, after, steps).loosens
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from runback_gate.analysis.effect import (
    ChangedPolicy,
    Comparison,
    add_effects,
    changed_policies,
    compare_policies,
)
from runback_gate.analysis.policy_effect import PolicyEffect, judged_on
from runback_gate.analysis.recorded import Recorded
from runback_gate.app.policies import with_lint_messages
from runback_gate.app.progress import SILENT
from runback_gate.app.recorded import steps_of
from runback_gate.app.shards import Shard, runs_of, shards_of
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.documents import check_kind, read_document
from runback_gate.errors import InputError, Location
from runback_gate.executors import Executor
from runback_gate.frozen import dataclass
from runback_gate.gate.config import GATE_FILE, GateDocument
from runback_gate.policy.document import Policy, load_policies
from runback_gate.policy.evaluate import compile_policy
from runback_gate.revision.snapshot import folder_of
from runback_gate.schema import validate
from runback_gate.store.archive.rows import order


@dataclass(frozen=True, slots=True)
class PolicySide:
    """The policies of one side."""

    policies: tuple[Policy, ...]
    title: str
    """As a person would call it: `main@4be1f02`, or the folder."""
    folder: Path | None
    """Where its files can be opened; None for a revision."""

    def place(self, path: str, line: int) -> str:
        """A place in one of its files, in words."""
        if self.folder is None:
            return f"{path}:{line} in {self.title}"
        return f"{(self.folder / path).as_posix()}:{line}"


@dataclass(frozen=True, slots=True)
class PolicyDiff:
    """What changed between two sides, and what that does."""

    before: PolicySide
    after: PolicySide
    effects: tuple[PolicyEffect, ...]
    """One for each policy that changed."""

    @property
    def steps(self) -> int:
        """Recorded steps that were judged by both sides."""
        return judged_on(self.effects)

    @property
    def runs(self) -> int:
        """Recorded runs that were judged by both sides, where a policy is about runs."""
        return judged_on(self.effects, "run")

    @property
    def loosens(self) -> bool:
        """Whether a policy is looser, mixed or removed."""
        return any(effect.loosens for effect in self.effects)

    def place(self, side: str, path: str, line: int) -> str:
        """A place on the side `base` or `head`, in words."""
        return (self.before if side == "base" else self.after).place(path, line)


def diff_policies(
    before: PolicySide,
    after: PolicySide,
    steps: Iterable[Recorded],
    *,
    limit: int,
    progress: Callable[[int, int, object], None] = SILENT,
) -> PolicyDiff:
    """Judge the same recorded steps by both sides; steps are taken one by one and not kept.

    `limit` is the number of flips that are kept of each rule and kind; all are counted. `progress` is called with
    the number of steps that are done, twice.

    Raises:
        InputError: an expression does not compile; its place names the side.
    """
    engine = _compiled(before, after)
    compared = compare_policies(before.policies, after.policies, engine, _counted(steps, progress), limit=limit)
    return PolicyDiff(before, after, tuple(compared))


def diff_runs(
    before: PolicySide,
    after: PolicySide,
    runs: str,
    *,
    limit: int,
    executor: Callable[[Sequence[Shard]], Executor],
    note: Callable[[str], None],
    progress: Callable[[int, int, object], None] = SILENT,
) -> PolicyDiff:
    """The same over the runs of a file, a folder or an archive, in shards: whoever judges them, the sum is the same.

    `progress` is called with the runs that are done and all of them; `note` is told of runs that have no end.

    Raises:
        InputError: as `diff_policies`; a file is not there, or not a run that verifies.
    """
    _compiled(before, after)
    shards, changed = shards_of(runs), changed_policies(before.policies, after.policies)
    if not changed:
        return PolicyDiff(before, after, ())
    job = DiffJob(changed, limit)
    parts, total, done = dict[int, Compared](), sum(shard.runs for shard in shards), 0
    for number, found in executor(shards).run(job, shards):
        parts[number] = found
        done += shards[number].runs
        progress(done, total, None)
    for number in sorted(parts):
        for text in parts[number][1]:
            note(text)
    return PolicyDiff(before, after, summed(changed, parts, limit=limit))


Compared = tuple[tuple[PolicyEffect, ...], tuple[str, ...]]
"""What came of a shard: the effects, and the notes on its runs."""


def summed(changed: Sequence[ChangedPolicy], parts: Mapping[int, Compared], *, limit: int) -> tuple[PolicyEffect, ...]:
    """The effects of all shards, by their numbers."""
    unjudged = (policy.unjudged for policy in changed)
    by_policy = zip(unjudged, *(parts[number][0] for number in sorted(parts)), strict=True)
    # As the runs would stand in a folder, each in a file that its id names.
    return tuple(add_effects(effects, order=lambda flip: order(flip.run), limit=limit) for effects in by_policy)


@dataclass(frozen=True, slots=True)
class DiffJob:
    """Changed policies on their way to a worker."""

    changed: tuple[ChangedPolicy, ...]
    limit: int

    def begin(self) -> Callable[[Shard], Compared]:
        """What compares the sides on a shard, and gives the notes on its runs."""
        comparison = Comparison(self.changed, CppEngine(), limit=self.limit)

        def compare(shard: Shard) -> Compared:
            notes: list[str] = []
            found = comparison.effects(steps_of(runs_of(shard.read(), notes.append)))
            return found, tuple(notes)

        return compare


def _compiled(before: PolicySide, after: PolicySide) -> CppEngine:
    """An engine that has compiled both sides, each on its own, so that an error names its side."""
    engine = CppEngine()
    compiled = set[str]()
    for side in (before, after):
        with naming_side(side.title, side.folder), with_lint_messages(side.policies):
            for policy in side.policies:
                if policy.digest not in compiled:
                    compile_policy(policy, engine)
                    compiled.add(policy.digest)
    return engine


def diff_sides(root: Path, base: str, head: str | None) -> tuple[PolicySide, PolicySide]:
    """The two sides that a person named, folders or revisions; without a head it is the gate in `root`.

    With a head a plain name is a folder where there is one, else only `./NAME` is.

    Raises:
        InputError: a side is not there, or a file of it is malformed.
    """
    before = named_side(root, base if head is None else folder_first(base))
    if head is None:
        return before, gate_side(root, "this folder" if root == Path() else root.as_posix())
    return before, named_side(root, folder_first(head))


def gate_side(root: Path, title: str) -> PolicySide:
    """The policies of the gate in a folder.

    Raises:
        InputError: there is no gate, or a file of it is malformed.
    """
    if not (root / GATE_FILE).exists():
        hint = "name its folder with --root, or a folder of policies with --head"
        raise InputError("no gate here", hint=hint, location=Location((root / GATE_FILE).as_posix()))
    return read_policies(root, title, root)


def named_side(root: Path, given: str) -> PolicySide:
    """The policies of a folder or a revision; those of a revision without a gate are none.

    Raises:
        InputError: no such folder or revision, no policy in a folder, or a malformed file.
    """
    with folder_of(root, given, fields=("policies",)) as gate:
        if gate.commit is None:
            return read_policies(gate.path, given, gate.path)
        title = f"{given}@{gate.title}"
        if not (gate.path / GATE_FILE).exists():
            return PolicySide((), title, None)
        return read_policies(gate.path, title, None)


def read_policies(files: Path, title: str, folder: Path | None) -> PolicySide:
    """The policies of a gate, or of a folder that holds nothing else.

    `files` is where they are read, `folder` where a person can open them: None for the files of a revision, which may
    be without policies.

    Raises:
        InputError: no policy in a folder that is no gate, or a malformed file.
    """
    is_gate = folder is None or (files / GATE_FILE).exists()
    with naming_side(title, folder):
        patterns = policy_patterns(files) if is_gate else ["*.yaml", "*.yml"]
        policies, _ = load_policies(files, patterns)
    if not policies and not is_gate:
        hint = "a policy is a YAML file with `kind: Policy`"
        raise InputError("no policy in this folder", hint=hint, location=Location(files.as_posix()))
    return PolicySide(policies, title, folder)


def policy_patterns(folder: Path) -> list[str]:
    """Where a gate has its policies."""
    document = read_document(folder, GATE_FILE)
    check_kind(document, ("Gate",))
    return validate(document, GateDocument).spec.policies


@contextlib.contextmanager
def naming_side(title: str, folder: Path | None) -> Iterator[None]:
    """An error in a file names where that lies: a path that can be opened, or the revision."""
    try:
        yield
    except InputError as error:
        place, message = error.location, error.message if folder else f"in {title}: {error.message}"
        if place is not None and folder is not None:
            place = Location((folder / place.path).as_posix(), place.line, place.column)
        raise type(error)(message, hint=error.hint, location=place) from error


def _counted(steps: Iterable[Recorded], progress: Callable[[int, int, object], None]) -> Iterator[Recorded]:
    for number, step in enumerate(steps, 1):
        yield step
        progress(number, number, None)


def folder_first(name: str) -> str:
    """A name of a folder that is there, written so that it is one; else as it is."""
    try:
        return f"./{name}" if name and not name.startswith(("/", ".")) and Path(name).is_dir() else name
    except (OSError, ValueError):
        return name
