"""Steps and policies that the tests of effects share, and what became of such policies on such steps."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runback_gate.analysis.effect import MAX_FLIPS, compare_policies
from runback_gate.analysis.policy_effect import PolicyEffect
from runback_gate.analysis.recorded import recorded
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.policy.document import Policy, load_policies
from runback_gate.step import Step
from runback_gate.testing import REFUNDS, sample_call, sample_run, sample_step, write_document

ENGINE = CppEngine()
SMALL, LARGE, HUGE = (sample_step(sample_call("issue_refund", amount=amount)) for amount in (40, 250, 900))
ODD = sample_step(sample_call("issue_refund", amount="much"))
BARE = sample_step(sample_call("issue_refund"))
WORDS = sample_step(text="Hello!")
VIEW_ONLY = sample_step(sample_call("issue_refund", amount=40), source={"grade": "view-only"})
STEPS = (SMALL, LARGE, HUGE, ODD, WORDS)

Specs = dict[str, dict[str, Any]]


def policies(root: Path, specs: Specs, folder: str = "p") -> tuple[Policy, ...]:
    """The policies of these specs by name."""
    for name, spec in specs.items():
        write_document(root / folder, f"{name}.yaml", "Policy", name, spec)
    return load_policies(root / folder, [f"{name}.yaml" for name in specs])[0]


def compared(
    root: Path, base: Specs, head: Specs, steps: Iterable[Step] = STEPS, limit: int = MAX_FLIPS
) -> tuple[PolicyEffect, ...]:
    """What became of the policies on one run of these steps."""
    sides = policies(root, base, "base"), policies(root, head, "head")
    return compare_policies(*sides, ENGINE, recorded(sample_run(*steps)), limit=limit)


def limited(limit: int, **changes: Any) -> Specs:
    """The sample policy with another limit."""
    return {"refunds": {**REFUNDS, "params": {"limit": limit}, **changes}}


def rules(**expressions: str) -> dict[str, Any]:
    """The spec of a policy with these validations."""
    return {"validations": [{"id": name, "expression": text, "message": name} for name, text in expressions.items()]}


def counts(effect: PolicyEffect) -> dict[str, dict[str, int]]:
    """Validation to kind to steps."""
    return {item.id: dict(item.counts) for item in effect.validations if item.counts}
