"""`backtest`, `import --check`: what policies would have said of recorded runs.

In: policies and runs. Out: a `Tally`, and the exit code that it means where it is a check.

    found = backtest_runs(files.policies, runs)
    found.counts, exit_code(files.policies, found)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runback_gate.analysis.backtest import backtest
from runback_gate.analysis.tally import Tally
from runback_gate.app.policies import with_lint_messages
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.policy.document import Policy
from runback_gate.step import Run


def backtest_runs(policies: Sequence[Policy], runs: Iterable[Run]) -> Tally:
    """Judge every step of every run, and every run; runs are taken one by one and not kept.

    Raises:
        InputError: a policy does not compile.
    """
    with with_lint_messages(policies):
        return backtest(policies, CppEngine(), runs)


def check_runs(policies: Sequence[Policy], runs: Iterable[Run]) -> tuple[Tally, int]:
    """What policies say of runs, each once by its id, and the exit code that it means.

    Raises:
        InputError: a policy does not compile.
    """
    found = backtest_runs(policies, {run.id: run for run in runs}.values())
    return found, exit_code(policies, found)


def exit_code(policies: Sequence[Policy], found: Tally) -> int:
    """What a backtest means as a check.

    1 when a step or a run fails a rule that denies; else 2 when a rule could not be evaluated somewhere, or none judged
    anything; else 0. Rules that only warn or audit, and errors that their policy ignores, change nothing.
    """
    denying = {rule.id: policy for policy in policies if policy.action == "Deny" for rule in policy.rules}
    counts = {rule: found.counts[rule] for rule in denying}
    if any(count["fail"] for count in counts.values()):
        return 1
    erred = any(count["error"] and not denying[rule].ignore_errors for rule, count in counts.items())
    judged = any(count["pass"] or count["fail"] for count in found.counts.values())
    return 2 if erred or not judged else 0
