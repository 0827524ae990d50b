"""`backtest`: what policies would have said of recorded runs.

In: policies and runs. Out: a `Backtest`.

    backtest_runs(files.policies, runs).counts
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runback_gate.analysis.backtest import Backtest, backtest
from runback_gate.app.policies import with_lint_messages
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.policy.document import Policy
from runback_gate.step import Run


def backtest_runs(policies: Sequence[Policy], runs: Iterable[Run]) -> Backtest:
    """Judge every step of every run; runs are taken one by one and not kept.

    Raises:
        InputError: a policy does not compile.
    """
    with with_lint_messages(policies):
        return backtest(policies, CppEngine(), runs)
