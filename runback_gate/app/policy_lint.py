"""`policy lint`: what is wrong or risky in policies, before any step is judged.

In: policies. Out: every finding, with a place that can be opened.

    lint_policies(load_policy_files([gate_policies(Path())])).findings
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runback_gate.agent import Agent, load_agent
from runback_gate.analysis.diagnostic import Diagnostic
from runback_gate.analysis.lint import lint_policy
from runback_gate.analysis.scopes import unjudged
from runback_gate.analysis.tool_names import unknown_names
from runback_gate.analysis.tool_schemas import unchecked_schemas
from runback_gate.app.policies import PolicyFiles
from runback_gate.dataset.document import Dataset, load_dataset
from runback_gate.documents import expand
from runback_gate.frozen import dataclass
from runback_gate.gate.config import GATE_FILE, load_gate
from runback_gate.plural import many
from runback_gate.report.text import line


@dataclass(frozen=True, slots=True)
class LintResult:
    """What was checked, and what was found."""

    policies: int
    findings: tuple[Diagnostic, ...]

    @property
    def errors(self) -> int:
        """How many findings keep a policy from being used."""
        return sum(item.level == "error" for item in self.findings)


def lint_policies(files: PolicyFiles, *, strict: bool = False) -> LintResult:
    """Check names, fields, types and patterns of every expression, and beside a gate the tools and arguments that its
    policies and datasets name, and whether a case is there for policies over runs.

    `strict` makes an error of a tool or an argument that no agent of the gate offers, and of a schema of a tool that
    `matchesSchema` cannot check.

    Raises:
        InputError: a gate beside the policies, an agent or a dataset of it, cannot be read.
    """
    found: list[Diagnostic] = []
    for root, policies, _ in files.parts:
        items = [item for policy in policies for item in lint_policy(policy)]
        datasets, agents = beside(root.folder)
        named = [*unknown_names(policies, datasets, agents), *unchecked_schemas(policies, agents)]
        items += [dataclasses.replace(item, level="error") for item in named] if strict else named
        items += unjudged(policies, datasets)
        found += [dataclasses.replace(item, location=root.move(item.location)) for item in items]
    return LintResult(len(files.policies), tuple(found))


def lint_json(result: LintResult) -> dict[str, Any]:
    """What was found, with its places."""
    findings = [
        {"level": item.level, "place": str(item.location), "message": item.message, "hint": item.hint}
        for item in result.findings
    ]
    return {"policies": result.policies, "findings": findings}


def lint_lines(result: LintResult) -> Iterator[str]:
    """A line for each finding, then how many there are."""
    for item in result.findings:
        hint = f" ({item.hint})" if item.hint else ""
        yield line(f"{item.location}: {item.level}: {item.message}{hint}")
    counts = (("policy", result.policies), ("error", result.errors), ("warning", len(result.findings) - result.errors))
    yield ", ".join(many(number, noun) for noun, number in counts)


def beside(folder: Path) -> tuple[list[Dataset], list[Agent]]:
    """The datasets and agents of the gate in a folder; none where there is no gate.

    Raises:
        InputError: one of them cannot be read.
    """
    if not (folder / GATE_FILE).is_file():
        return [], []
    gate = load_gate(folder)
    datasets = [load_dataset(folder, name) for name in expand(folder, gate.datasets)]
    return datasets, [load_agent(folder, name) for name in expand(folder, gate.agents)]
