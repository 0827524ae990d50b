"""Schemas of tools that rules hold calls to are held against what can be checked, before anything is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runback_gate.app.policies import gate_policies, load_policy_files
from runback_gate.app.policy_lint import lint_policies
from runback_gate.testing import sample_case, sample_step, write_gate

RULE = {"validations": [{"id": "schema", "expression": "response.tool_calls.all(c, matchesSchema(c))"}]}
OTHER = {"validations": [{"id": "name", "expression": "response.text == ''"}]}


def lint(root: Path, schema: Any, policy: dict[str, Any], *, strict: bool = False) -> list[tuple[str, str]]:
    tools = [{"name": "pay", "description": "", "parameters": schema}]
    write_gate(root, [sample_case("c", sample_step(text="Hi"))], agent={"tools": tools}, policies={"p": policy})
    found = lint_policies(load_policy_files([gate_policies(root)]), strict=strict).findings
    return [(item.level, item.message) for item in found]


def to(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (to(account={"type": "string", "format": "iban"}), "the format 'iban' cannot be checked"),
        (to(amount={"type": "money"}), "not a JSON Schema"),
    ],
)
def test_a_schema_that_cannot_be_checked(tmp_path: Path, schema: Any, why: str) -> None:
    """Is named at the rule, as an error with --strict; only where a rule asks for it."""
    ((level, message),) = lint(tmp_path, schema, RULE)
    assert level == "warning"
    assert message.startswith("schema: the schema of the tool 'pay' cannot be checked: ")
    assert why in message
    assert [level for level, _ in lint(tmp_path, schema, RULE, strict=True)] == ["error"]
    assert lint(tmp_path, schema, OTHER) == []
    assert lint(tmp_path, schema, {**RULE, "match": {"agents": ["somebody"]}}) == []


def test_a_schema_that_can(tmp_path: Path) -> None:
    """A format that is checked leaves nothing to say."""
    assert lint(tmp_path, to(day={"type": "string", "format": "date"}), RULE) == []
