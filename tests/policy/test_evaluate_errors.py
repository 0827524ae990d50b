"""What does not compile: the error points at the character that a person wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.errors import ExpressionError
from runback_gate.policy.document import Policy, load_policies
from runback_gate.policy.evaluate import (
    compile_policy,
)
from runback_gate.testing import write_document

CPP = CppEngine()


def policy(root: Path, **spec: Any) -> Policy:
    """A policy with this `spec` in p.yaml; without validations it has one that is `response.text == "ok"`."""
    rule = {"id": "r", "expression": 'response.text == "ok"'}
    write_document(root, "p.yaml", "Policy", "p", {"validations": [rule], **spec})
    return load_policies(root, ["p.yaml"])[0][0]


def rule(expression: str, **fields: str) -> dict[str, Any]:
    """The spec of a policy with one validation."""
    return {"validations": [{"id": "r", "expression": expression, **fields}]}


def pointed_at(root: Path, spec: dict[str, Any]) -> tuple[str, str]:
    """What an error points at, and its message."""
    with pytest.raises(ExpressionError) as error:
        compile_policy(policy(root, **spec), CPP)
    place = error.value.location
    assert place is not None
    assert place.path == "p.yaml"
    line = (root / "p.yaml").read_text().split("\n")[(place.line or 0) - 1]
    return line[(place.column or 0) - 1 :], error.value.message


@pytest.mark.parametrize(
    ("spec", "at", "message"),
    [
        (rule("response.text =="), '"', "r: "),
        (rule("nobody == 1"), "nobody", "r: undeclared reference to 'nobody'"),
        (rule("true && respons.text == ''"), "text", "r: undeclared reference to 'respons.text'"),
        (rule("nobody(1)"), "nobody(1)", "r: unknown function 'nobody'"),
        ({**rule("params.limti > 0"), "params": {"limit": 1}}, "limti", "r: params has no 'limti'"),
        (rule("variables.x"), "x", "r: unknown variable 'x'"),
        (rule("response.text.matches('a(')"), "'a('", "r: invalid regular expression: missing ): a("),
        (rule("'a'.matches('b') || 'a'.matches('(?!a)')"), "'(?!a)'", "r: invalid regular expression: "),
        (rule("!(" * 15 + "true" + ")" * 15), "", "r: nested deeper than "),
        (rule(" + ".join(["'éé'"] * 500)), "'éé'", "r: the expression is larger than 4 KiB"),
        ({"variables": [{"name": "v", "expression": "1 +"}]}, '"', "v: "),
        ({"matchConditions": [{"name": "c", "expression": "x"}]}, "x", "c: undeclared reference to 'x'"),
        (rule("true", messageExpression="'a' + x"), "x", "r messageExpression: undeclared reference to 'x'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_does_not_compile(tmp_path: Path, spec: dict[str, Any], at: str, message: str) -> None:
    """The error points at the character in the policy file, and names the expression."""
    found, said = pointed_at(tmp_path, spec)
    assert said.startswith(message)
    assert found.startswith(at)


@pytest.mark.parametrize(
    ("expression", "at"),
    [
        ("params.limit > 0 && nobody", "nobody"),
        ("nobody && params.limit > 0", "nobody"),
        ("1 > 0 && params.limit > params.other && 'a' < 5", "< 5"),
        ("params.limit > 'a'", "> 'a'"),
        ("nobody && params.limit > params.other", "nobody"),
        ("params.limit > 0 && nobody && params.other > 0", "nobody"),
        ("variables.long && nobody", "nobody"),
        ("params.limit.startsWith('a')", "startsWith('a')"),
        ("response.text == '' && params.limit.limit > 0", "limit > 0"),
    ],
)
def test_errors_beside_what_was_put_in(tmp_path: Path, expression: str, at: str) -> None:
    """Params and variables are put in before an engine compiles; the error still points at what is written."""
    spec = {
        "params": {"limit": 100_000_000, "other": 5},
        "variables": [{"name": "long", "expression": "size([1, 2, 3, 4, 5, 6, 7]) == 7"}],
        **rule(expression),
    }
    assert pointed_at(tmp_path, spec)[0].startswith(at)
