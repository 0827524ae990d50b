"""`policy diff --prove`: proofs about a change of policies, and the steps that show a difference, kept as policy tests.

In: the policies of two sides. Out: `Proof`s, and the files that keep their steps.

    proofs = prove_sides(before, after)
    kept_tests(after, proofs)           # {"proved/refunds.test.yaml": "apiVersion: …"}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from runback_gate.analysis.proof.changed import prove_policies
from runback_gate.analysis.proof.example import seen
from runback_gate.analysis.proof.form import written
from runback_gate.app.policy_diff import PolicySide
from runback_gate.app.progress import SILENT
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.change.proof import Proof
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import BoundStep, StepUnderTest, compile_policy, results

API_VERSION = "runback.dev/v1"
SCHEMA_LINE = "# yaml-language-server: $schema=https://runback.dev/schema/v1/policytest.json"


def prove_sides(
    before: PolicySide, after: PolicySide, progress: Callable[[int, int, object], None] = SILENT
) -> tuple[Proof, ...]:
    """What is proved of each rule that changed. Raises InputError: the solver is not installed."""
    return prove_policies(before.policies, after.policies, (CppEngine(), PyEngine()), progress=progress)


def kept_tests(after: PolicySide, proofs: tuple[Proof, ...]) -> Mapping[str, bytes]:
    """The steps of proofs as policy tests, by the name of the file: each expects what the rule says now."""
    files = {}
    engine = CppEngine()
    for policy in after.policies:
        ids = {rule.id for rule in policy.rules}
        cases = [
            case
            for proof in proofs
            if proof.rule in ids and proof.counterexample is not None
            for case in _case(policy, proof, engine)
        ]
        if cases:
            files[f"{policy.name}.proved.test.yaml"] = test_file(policy.name, "proved", cases)
    return files


def test_file(policy: str, word: str, cases: list[dict[str, Any]]) -> bytes:
    """A policy test with these cases, named POLICY-WORD."""
    metadata, spec = {"name": f"{policy}-{word}"}, {"policy": policy, "cases": cases}
    value = {"apiVersion": API_VERSION, "kind": "PolicyTest", "metadata": metadata, "spec": spec}
    return f"{SCHEMA_LINE}\n{json.dumps(value, ensure_ascii=False, indent=2)}\n".encode()


def _case(policy: Policy, proof: Proof, engine: CppEngine) -> Iterator[dict[str, Any]]:
    """The step of a proof as a case, where the policy concerns it."""
    step: dict[str, Any] = written(policy, proof.counterexample or {})
    agent, case = step["agent"], step["case"]
    judged = StepUnderTest(agent["name"], case["tags"], lambda: BoundStep(engine, seen(step)))
    said = results([compile_policy(policy, engine)], judged)[proof.rule]
    yield {"name": f"{proof.verdict}: {proof.reason}"[:256], "step": step, "expect": {proof.rule: said.outcome}}
