"""The files of a drafted rule: its policy and its policy test, as text.

In: a candidate, its names, and examples on which it holds and fails. Out: YAML texts.

    policy_text(candidate, "issue-refund-limit", "issue-refund.limit", "support")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runback_gate.analysis.templates import Candidate
from runback_gate.dataset.edit import flow, scalar
from runback_gate.frozen import dataclass
from runback_gate.schema import schema_id


@dataclass(frozen=True, slots=True)
class Names:
    """What a draft is called, and what it is about."""

    policy: str
    """The file is `policies/NAME.yaml`, its test `policies/NAME.test.yaml`."""
    rule: str
    agent: str
    dataset: str
    """Dataset file beside which the recording of the incident lies."""
    recording: str
    """Digest of the incident."""

    @property
    def policy_file(self) -> str:
        """Path of the policy from the folder of the gate."""
        return f"policies/{self.policy}.yaml"

    @property
    def test_file(self) -> str:
        """Path of its test."""
        return f"policies/{self.policy}.test.yaml"


def policy_text(item: Candidate, names: Names) -> str:
    """The policy of one rule."""
    lines = [*_head("Policy", names.policy), f"  description: {scalar(item.description)}"]
    lines.append(f"  match: {{agents: [{scalar(names.agent)}]}}")
    if item.params:
        lines.append(f"  params: {flow(dict(item.params))}")
    if item.condition:
        name = scalar(f"calls {item.tool}"[:64] if item.tool else "concerns the answer")
        lines += ["  matchConditions:", f"    - name: {name}", *_source("      expression", item.condition)]
    lines += ["  validations:", f"    - id: {names.rule}", *_source("      expression", item.expression)]
    return "\n".join([*lines, f"      message: {scalar(item.message)}"]) + "\n"


def test_text(item: Candidate, names: Names, fine: Sequence[Mapping[str, Any]]) -> str:
    """Its test: the incident by its recording, steps that were fine, and both sides of a limit."""
    lines = [*_head("PolicyTest", names.policy), f"  policy: {names.policy}", "  cases:"]
    lines += [
        "    - name: the incident",
        f"      recording: {names.recording}",
        f"      dataset: {scalar(names.dataset)}",
    ]
    lines.append(f"      expect: {{{names.rule}: fail}}")
    for step in fine:
        lines += _example("a recorded step that was fine", step, names, "pass")
    if item.beyond is not None:
        for name, arguments, outcome in zip(("at the limit", "beyond it"), item.beyond, ("pass", "fail"), strict=True):
            call = {"name": item.tool, "arguments": dict(arguments)}
            lines += _example(name, {"response": {"tool_calls": [call]}}, names, outcome)
    return "\n".join(lines) + "\n"


def _head(kind: str, name: str) -> Iterator[str]:
    yield f"# yaml-language-server: $schema={schema_id(kind)}"
    yield "apiVersion: runback.dev/v1"
    yield f"kind: {kind}"
    yield f"metadata: {{name: {name}}}"
    yield "spec:"


def _example(name: str, step: Mapping[str, Any], names: Names, outcome: str) -> Iterator[str]:
    yield f"    - name: {name}"
    yield f"      step: {flow({'agent': {'name': names.agent}, **step})}"
    yield f"      expect: {{{names.rule}: {outcome}}}"


def _source(key: str, expression: str) -> Iterator[str]:
    """An expression as a block, in which quotes need no escapes; on one line where a block could not hold it."""
    if not expression.isprintable():
        yield f"{key}: {scalar(expression)}"
        return
    yield f"{key}: >-"
    yield f"{' ' * (len(key) - len(key.lstrip()) + 2)}{expression}"
