"""`policy lint`: what is wrong or risky in policies, before any step is judged.

In: policies. Out: every finding, with a place that can be opened.

    lint_policies(load_policy_files([gate_policies(Path())])).findings
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from runback_gate.analysis.lint import Finding, lint_policy
from runback_gate.app.policies import PolicyFiles


@dataclass(frozen=True, slots=True)
class LintResult:
    """What was checked, and what was found."""

    policies: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """How many findings keep a policy from being used."""
        return sum(item.level == "error" for item in self.findings)


def lint_policies(files: PolicyFiles) -> LintResult:
    """Check names, fields, types and patterns of every expression."""
    found = tuple(
        dataclasses.replace(item, location=root.move(item.location))
        for root, policies, _ in files.parts
        for policy in policies
        for item in lint_policy(policy)
    )
    return LintResult(len(files.policies), found)
