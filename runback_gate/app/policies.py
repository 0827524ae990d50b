"""The policies that a verb works on.

In: the folders of policies that someone named, as `PolicyRoot`s. Out: their policies and policy tests, in one value
that knows by which path each file can be opened.

    files = load_policy_files([gate_policies(Path())])
    files.policies, files.tests
    compile_all(files.policies, CppEngine())
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runback_gate.cel.engine import Engine
from runback_gate.dataset.recordings import load_recording
from runback_gate.errors import ExpressionError, InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.gate.config import GATE_FILE, load_gate
from runback_gate.policy.document import Policy, load_policies
from runback_gate.policy.evaluate import RuleSet, compile_policy

if TYPE_CHECKING:
    from runback_gate.policy.policy_test_document import PolicyTest

_GLOB = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class PolicyRoot:
    """A folder that no file may leave, and what was named in it."""

    folder: Path
    patterns: tuple[str, ...]
    """Files below the folder; globs are allowed."""
    name: str
    """As a person named it."""

    def move(self, location: Location) -> Location:
        """A place in one of its files, by a path that can be opened."""
        return Location((self.folder / location.path).as_posix(), location.line, location.column)


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """Policies and their tests, in the order in which they were named."""

    parts: tuple[tuple[PolicyRoot, tuple[Policy, ...], tuple[PolicyTest, ...]], ...]
    """One for each folder."""

    @property
    def policies(self) -> tuple[Policy, ...]:
        """All policies."""
        return tuple(policy for _, policies, _ in self.parts for policy in policies)

    @property
    def tests(self) -> tuple[PolicyTest, ...]:
        """All policy tests."""
        return tuple(test for *_, tests in self.parts for test in tests)

    def locate(self, policy: str, location: Location) -> Location:
        """A place in the file of a policy, by a path that can be opened."""
        root = next(root for root, policies, _ in self.parts if any(one.name == policy for one in policies))
        return root.move(location)


def gate_policies(folder: Path) -> PolicyRoot:
    """The policies of the gate in a folder.

    Raises:
        InputError: there is no gate, or it cannot be read.
    """
    return PolicyRoot(folder, load_gate(folder).policies, GATE_FILE)


def named_policies(path: str) -> PolicyRoot:
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
        return PolicyRoot(folder, names, path)
    return PolicyRoot(Path(), tuple((folder / name).as_posix() for name in names), path)


def policies_of(folder: Path) -> tuple[Policy, ...]:
    """The policies of the gate in a folder, without their tests; errors as `gate_policies` and `load_policy_files`."""
    return load_policy_files([gate_policies(folder)], with_tests=False).policies


def load_policy_files(roots: Sequence[PolicyRoot], *, with_tests: bool = True) -> PolicyFiles:
    """Read the policies of some folders; a folder that is named twice is read once.

    Raises:
        InputError: there is no policy, one is malformed, or two rules have one id.
    """
    patterns: dict[Path, list[str]] = {}
    for root in roots:
        patterns.setdefault(root.folder, []).extend(root.patterns)
    title = ", ".join(root.name for root in roots)
    parts, seen = [], dict[str, Location]()
    for folder, names in patterns.items():
        root = PolicyRoot(folder, tuple(names), title)
        try:
            policies, tests = load_policies(
                folder, names, recordings=partial(load_recording, folder) if with_tests else None
            )
        except InputError as error:
            where = None if error.location is None else root.move(error.location)
            raise type(error)(error.message, hint=error.hint, location=where) from error
        _refuse_twins(root, policies, seen)
        parts.append((root, policies, tests))
    if not seen:
        raise InputError(f"{title}: no policy", hint="a policy is a YAML file with `kind: Policy`")
    return PolicyFiles(tuple(parts))


def _refuse_twins(root: PolicyRoot, policies: Sequence[Policy], seen: dict[str, Location]) -> None:
    for rule in (rule for policy in policies for rule in policy.every_rule):
        place = root.move(rule.location)
        if rule.id in seen:
            raise InputError(f"two rules are named {rule.id!r}", hint=f"in {seen[rule.id]} and in {place}")
        seen[rule.id] = place


def compile_all(policies: Sequence[Policy], engine: Engine) -> list[RuleSet]:
    """Policies, ready to judge.

    Raises:
        ExpressionError: an expression does not compile.
    """
    with with_lint_messages(policies):
        return [compile_policy(policy, engine) for policy in policies]


@contextlib.contextmanager
def with_lint_messages(policies: Sequence[Policy]) -> Iterator[None]:
    """An expression that does not compile is named as the static check words it: it knows names, the engine says no."""
    try:
        yield
    except ExpressionError as error:
        from runback_gate.analysis.lint import lint_policy  # noqa: PLC0415  only a fault pays for the type checker

        name, place = error.message.partition(":")[0], error.location
        for found in (item for one in policies for item in lint_policy(one)):
            same = place is not None and found.location.path == place.path and found.message.startswith(f"{name}: ")
            if same and found.level == "error":
                raise ExpressionError(found.message, hint=found.hint, location=found.location) from error
        raise
