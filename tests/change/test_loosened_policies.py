"""What loosens a policy where its text alone does not say it: params, variables, conditions, patterns of files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from runback_gate.change.model import Change
from runback_gate.change.policies import changed_policies
from runback_gate.documents import parse_document
from runback_gate.gate.plan import Plan, load_plan
from runback_gate.testing import REFUNDS, sample_case, sample_step, write_document, write_gate

DAY = "2026-06-01"


def policies(root: Path, base: dict[str, Any], head: dict[str, Any]) -> tuple[Plan, Plan]:
    """Two gates that differ in the spec of their one policy."""
    for name, spec in (("base", base), ("head", head)):
        write_gate(root / name, [sample_case("c", sample_step(text="Hi"))], policies={"refunds": {**REFUNDS, **spec}})
    return load_plan(root / "base", day=DAY), load_plan(root / "head", day=DAY)


def loosened_policies(base: Plan, head: Plan) -> list[Change]:
    """What is loosened, or may be, in the policies of a gate."""
    return [item for item in changed_policies(base, head) if item.weakens]


def rule(source: str) -> dict[str, Any]:
    """A `validations` field of one rule."""
    return {"validations": [{"id": "r", "expression": source}]}


@pytest.mark.parametrize(
    ("base", "head", "kinds"),
    [
        (
            rule("has(params.free)"),
            {**rule("has(params.free)"), "params": {"limit": 100, "free": 1}},
            ["params-changed"],
        ),
        (rule('params["limit"] > 1'), {**rule('params["limit"] > 1'), "params": {"limit": 0}}, ["params-changed"]),
        (
            rule("case.id in params"),
            {**rule("case.id in params"), "params": {"limit": 100, "c": 1}},
            ["params-changed"],
        ),
        (rule("params.limit > 1"), {**rule("params.limit > 1"), "params": {"limit": 100.0}}, ["params-changed"]),
        (rule("params.limit > 1"), {**rule("params.limit > 1"), "params": {}}, ["params-changed"]),
        (
            {**rule("params.a.b > 1"), "params": {"a": {"b": 1, "c": 2}}},
            {**rule("params.a.b > 1"), "params": {"a": {"c": 2, "b": 3}}},
            ["params-changed"],
        ),
        (
            {**rule("1 in params.a"), "params": {"a": {"b": 1, "c": 2}}},
            {**rule("1 in params.a"), "params": {"a": {"c": 2, "b": 1}}},
            [],
        ),
        (rule("variables.x"), rule("variables.x"), []),
        (rule("variables.x"), {**rule("variables.x"), "params": {"limit": 7}}, ["params-changed"]),
        (rule("a ` b"), rule("a ` b"), []),
        (rule("a ` b"), rule("a `  b"), ["expression-changed"]),
        (rule("'a' == 'b'"), rule('"a" == "b"'), []),
        (rule("'a  b' == 'b'"), rule("'a b' == 'b'"), ["expression-changed"]),
        (
            {**rule("variables.x"), "variables": [{"name": "x", "expression": "true"}]},
            {**rule("variables.x"), "variables": []},
            ["variable-changed"],
        ),
        (
            {
                **rule("variables.x"),
                "variables": [{"name": "x", "expression": "variables.y"}, {"name": "y", "expression": "true"}],
            },
            {
                **rule("variables.x"),
                "variables": [{"name": "y", "expression": "true"}, {"name": "x", "expression": "variables.y"}],
            },
            ["expression-changed"],
        ),
    ],
    ids=str,
)
def test_what_an_expression_is_made_of(
    tmp_path: Path, base: dict[str, Any], head: dict[str, Any], kinds: list[str]
) -> None:
    """A rule that reads the same says something else once its params or variables do, in whatever way it names them."""
    assert [item.kind for item in loosened_policies(*policies(tmp_path, base, head))] == kinds


def test_conditions_follow_their_params(tmp_path: Path) -> None:
    """A match condition that reads the same lets other answers out when its param changes."""
    condition = {"matchConditions": [{"name": "large", "expression": "size(history) > params.from"}], **rule("true")}
    plans = policies(tmp_path, {**condition, "params": {"from": 1}}, {**condition, "params": {"from": 9}})
    (found,) = loosened_policies(*plans)
    assert (found.kind, found.message) == ("params-changed", "params.from changed from 1 to 9")


def test_very_many_conditions_are_compared_as_written(tmp_path: Path) -> None:
    """To put variables into thousands of conditions takes minutes, so there another name of one is reported too."""
    one = {"variables": [{"name": "n", "expression": "size(history)"}], **rule("true")}
    other = {"variables": [{"name": "m", "expression": "size(history)"}], **rule("true")}
    same = [{"name": f"c{number}", "expression": f"size(history) != {number}"} for number in range(64)]
    before = {"name": "last", "expression": "variables.n < 9"}, {"name": "last", "expression": "variables.m < 9"}
    for conditions, kinds in ((same[1:], []), (same, ["match-condition-changed"])):
        base = {**one, "matchConditions": [*conditions, before[0]]}
        head = {**other, "matchConditions": [*conditions, before[1]]}
        folder = tmp_path / str(len(conditions))
        assert [item.kind for item in loosened_policies(*policies(folder, base, head))] == kinds


@pytest.mark.parametrize(
    ("patterns", "side"),
    [
        (["policies/**/*.yaml", "policies/other.yaml"], "base"),
        (["./policies/*.yaml", "policies/other.yaml"], "base"),
        (["**/refunds.yaml", "policies/other.yaml"], "base"),
        (["policies/other.yaml"], "head"),
        (["**/other.yaml"], "head"),
        (["policies/refunds.yaml/**/x", "policies/other.yaml"], "head"),
        (["*/*/refunds.yaml", "policies/other.yaml"], "head"),
    ],
    ids=str,
)
def test_why_a_file_is_gone(tmp_path: Path, patterns: list[str], side: str) -> None:
    """The config is pointed at where its patterns leave the file out, the file itself where they do not."""
    base, head = policies(tmp_path, {}, {})
    names = tuple(pattern for pattern in patterns)
    write_document(tmp_path / "head", "runback.yaml", "Gate", "sample", {"policies": list(names)})
    document = parse_document((tmp_path / "head/runback.yaml").read_bytes(), "runback.yaml")
    gate = dataclasses.replace(head.gate, policies=names, document=document)
    (found,) = loosened_policies(base, dataclasses.replace(head, gate=gate, policies=()))
    assert (found.kind, found.side) == ("policy-removed", side)
    assert found.location.path == ("runback.yaml" if side == "head" else "policies/refunds.yaml")
