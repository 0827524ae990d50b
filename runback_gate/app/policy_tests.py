"""`policy test`: do policies say what their tests expect, and would anybody notice a fault in them.

In: policies with their tests, and recorded steps. Out: a `Conformance`; with mutation, the faults that nobody noticed.

    files = load_policy_files([gate_policies(Path())])
    run_policy_tests(files).deviations
    mutate_policies(files, steps, progress).survivors
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from runback_gate.analysis.mutation import Mutation, try_mutants
from runback_gate.analysis.policy_tests import Conformance, run_tests
from runback_gate.analysis.recorded import RecordedStep
from runback_gate.app.policies import PolicyFiles, with_lint_messages
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.errors import InputError


def run_policy_tests(files: PolicyFiles) -> Conformance:
    """Run the policy tests on both CEL engines.

    Raises:
        InputError: there is no test, or an expression does not compile.
    """
    if not files.tests:
        raise InputError("no policy test", hint="put a `kind: PolicyTest` file beside the policy")
    with with_lint_messages(files.policies):
        return run_tests(files.policies, files.tests, (CppEngine(), PyEngine()))


def mutate_policies(
    files: PolicyFiles, steps: Iterable[RecordedStep], progress: Callable[[int, int, object], None]
) -> Mutation:
    """Put every small fault into the policies, one at a time, and try it on the tests, then on the recorded steps.

    `progress` is called with the faults that are done and all of them.
    """
    return try_mutants(files.policies, files.tests, CppEngine(), iter(steps), progress)
