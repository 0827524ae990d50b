"""`view`: a run as a page, with what policies say of its steps.

In: a run, policies, perhaps a second run. Out: the text of the page.

    view_run(run, files.policies)
"""

from __future__ import annotations

from collections.abc import Sequence

from runback_gate.analysis.recorded import recorded
from runback_gate.app.policies import with_lint_messages
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import Finding, compile_policy, judge
from runback_gate.step import Run
from runback_gate.view.run_page import Around as Around
from runback_gate.view.run_page import run_page


def view_run(run: Run, policies: Sequence[Policy] = (), other: Run | None = None, around: Around | None = None) -> str:
    """The page of a run, judged by the policies, where there are some; another run stands beside it.

    Raises:
        InputError: a policy does not compile.
    """
    found: dict[int, Sequence[Finding]] = {}
    if policies:
        engine = CppEngine()
        with with_lint_messages(policies):
            rule_sets = [compile_policy(policy, engine) for policy in policies]
        for index, step in enumerate(recorded(run)):
            findings = judge(rule_sets, step.under_test(engine)).findings
            if findings:
                found[index] = findings
    return run_page(run, found, judged=bool(policies), other=other, around=around)
