"""`policy test`: whether policies say what their tests expect, and whether anything would notice a fault in them.

In: policies with their tests, and recorded steps. Out: a `Conformance`; with mutation, the faults that nobody noticed.

    files = load_policy_files([gate_policies(Path())])
    run_policy_tests(files).deviations
    mutate_policies(files, steps, progress).survivors
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from runback_gate.analysis.mutation import Mutation, try_mutants
from runback_gate.analysis.policy_tests import Conformance, run_tests
from runback_gate.analysis.recorded import Recorded
from runback_gate.app.policies import PolicyFiles, with_lint_messages
from runback_gate.app.recorded import recorded_steps
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.errors import InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.store.folder import MAKE_RUNS, Note, load_runs


def run_policy_tests(files: PolicyFiles) -> Conformance:
    """Run the policy tests on both CEL engines.

    Raises:
        InputError: there is no test, or an expression does not compile.
    """
    if not files.tests:
        raise InputError("no policy test", hint="put a `kind: PolicyTest` file beside the policy")
    with with_lint_messages(files.policies):
        return run_tests(files.policies, files.tests, (CppEngine(), PyEngine()))


@dataclass(frozen=True, slots=True)
class MutationSteps:
    """Recorded steps that may notice a fault."""

    runs: Path | None
    """A run, or a folder of runs; None for the recordings of the gate."""
    gate: Path | None
    """Folder of the gate; None for no recordings."""
    day: str
    """YYYY-MM-DD, by which the gate is read."""

    def read(self, note: Note) -> Iterator[Recorded]:
        """The steps, one by one."""
        if self.runs is None and self.gate is None:
            return iter(())
        runs = None if self.runs is None else load_runs(self.runs, note=note)
        return recorded_steps(self.gate or Path(), day=self.day, runs=runs)


def mutate_on(
    files: PolicyFiles, named: MutationSteps, progress: Callable[[int, int, object], None], *, note: Note
) -> Mutation:
    """`mutate_policies` on the steps that a person named.

    Raises:
        InputError: the runs that were named hold no step.
    """
    found = mutate_policies(files, named.read(note), progress)
    if named.runs is not None and not found.steps:
        raise InputError("no recorded step", hint=MAKE_RUNS, location=Location(named.runs.as_posix()))
    return found


def mutate_policies(
    files: PolicyFiles, steps: Iterable[Recorded], progress: Callable[[int, int, object], None]
) -> Mutation:
    """Put every small fault into the policies, one at a time, and try it on the tests, then on the recorded steps.

    `progress` is called with the faults that are done and all of them.
    """
    return try_mutants(files.policies, files.tests, CppEngine(), iter(steps), progress)
