"""`policy coverage`: which steps the rules of policies tell apart, which rules have no effect, and what none names.

In: policies with their tests. Out: a `PolicyCoverage`, its lines and JSON, and policy tests of what no test holds.

    found = cover_policies(load_policy_files([gate_policies(Path())]))
    proposed_tests(found)               # {Path("policies/refunds.coverage.test.yaml"): b"…"}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runback_gate.analysis.proof.coverage import RuleCoverage, cover
from runback_gate.analysis.proof.witness import Witness
from runback_gate.analysis.unconstrained import Unconstrained, unconstrained
from runback_gate.app.policies import PolicyFiles, policies_of, with_lint_messages
from runback_gate.app.policy_lint import beside
from runback_gate.app.progress import SILENT
from runback_gate.app.prove import test_file
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.policy.document import Policy
from runback_gate.policy.left_out import judged_ids
from runback_gate.report.coverage import PolicyCoverage

_NAME = 256


def cover_policies(files: PolicyFiles, progress: Callable[[int, int, object], None] = SILENT) -> PolicyCoverage:
    """Look for the witnesses of all rules over steps; `progress` is told how much is done, of how much.

    Raises:
        InputError: the solver is not installed, an expression does not compile, or a gate beside the policies, an
            agent or a dataset of it, cannot be read.
    """
    offered: list[Unconstrained] = []
    for root, policies, _ in files.parts:
        _, agents = beside(root.folder)
        # Where some policies of a gate were named, the others constrain its agents all the same.
        standing = policies_of(root.folder) if agents else ()
        offered += unconstrained([*policies, *(one for one in standing if one not in policies)], agents)
    with with_lint_messages(files.policies):
        rules = cover(files.policies, files.tests, (CppEngine(), PyEngine()), progress=progress)
    over_runs = tuple(rule.id for policy in files.policies if policy.scope == "run" for rule in policy.rules)
    return PolicyCoverage(rules, tuple(offered), over_runs, judged_ids(files.policies))


def proposed_tests(files: PolicyFiles, found: PolicyCoverage) -> Mapping[Path, tuple[bytes, int]]:
    """Policy tests of the witnesses that no test holds, each beside its policy, with its mode; no file is there yet."""
    written = {}
    for policy in files.policies:
        cases = [case for item in found.rules if item.policy is policy for case in _cases(item)]
        if cases:
            written[_free(files, policy)] = (test_file(policy.name, "coverage", cases), 0o644)
    return written


def _cases(item: RuleCoverage) -> list[dict[str, Any]]:
    return [_case(item.rule, witness) for witness in item.witnesses if witness.step is not None]


def _case(rule: str, witness: Witness) -> dict[str, Any]:
    name = f"{rule}: {witness.what}"[:_NAME]
    return {"name": name, "step": witness.step, "expect": {rule: witness.outcome}}


def _free(files: PolicyFiles, policy: Policy) -> Path:
    """A name beside the policy that no file has."""
    folder = Path(files.locate(policy.name, policy.location).path).parent
    path, number = folder / f"{policy.name}.coverage.test.yaml", 1
    while path.exists():
        number += 1
        path = folder / f"{policy.name}.coverage-{number}.test.yaml"
    return path
