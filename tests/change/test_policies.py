"""What was changed in a policy: every field, its place, and its direction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runback_gate.change.policies import Change, policy_changes, validation_changes
from runback_gate.name_pattern import covers
from runback_gate.policy.document import Policy, load_policies
from runback_gate.testing import REFUNDS, write_document

FULL: dict[str, Any] = {
    **REFUNDS,
    "match": {"agents": ["support*"], "tags": ["a"]},
    "variables": [{"name": "n", "expression": "size(response.tool_calls)"}],
}


def policy(root: Path, spec: dict[str, Any], name: str = "refunds", path: str = "p.yaml") -> Policy:
    """The policy of a spec."""
    write_document(root, path, "Policy", name, spec)
    return load_policies(root, [path])[0][0]


def changed(root: Path, base: dict[str, Any], head: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """What, base, head and direction of each change of a policy."""
    found = policy_changes(policy(root, base), policy(root, head))
    return [(item.what, item.base, item.head, item.direction) for item in found]


def test_nothing(tmp_path: Path) -> None:
    """The same policy has no change, whatever its description says."""
    assert changed(tmp_path, FULL, {**FULL, "description": "other words"}) == []


def test_a_param(tmp_path: Path) -> None:
    """A param has its path, both values, and its line in head's file."""
    base, head = policy(tmp_path, FULL), policy(tmp_path, {**FULL, "params": {"limit": 500}})
    (found,) = policy_changes(base, head)
    assert found == Change("params.limit", "100", "500", "", "head", "p.yaml", found.line)
    assert '"limit": 500' in (tmp_path / "p.yaml").read_text().splitlines()[found.line - 1]


@pytest.mark.parametrize(
    ("base", "head", "expected"),
    [
        (
            {"a": {"b": 1, "c": [1]}},
            {"a": {"b": 2, "c": [1, 2]}},
            [("params.a.b", "1", "2"), ("params.a.c", "[1]", "[1, 2]")],
        ),
        ({"a": 1}, {"b": 1}, [("params.b", "", "1"), ("params.a", "1", "")]),
        ({"a": {}}, {"a": {"b": 1}}, [("params.a.b", "", "1"), ("params.a", "{}", "")]),
        ({"a": "x" * 100}, {"a": "x" * 99 + "y"}, [("params.a", '"' + "x" * 58 + "…", '"' + "x" * 58 + "…")]),
        ({}, {}, []),
    ],
)
def test_params(tmp_path: Path, base: dict[str, Any], head: dict[str, Any], expected: list[tuple[str, ...]]) -> None:
    """Nested params are told leaf by leaf, and compared whole where only their beginning is shown."""
    assert changed(tmp_path, {**FULL, "params": base}, {**FULL, "params": head}) == [(*item, "") for item in expected]


def test_what_was_removed_lies_on_base(tmp_path: Path) -> None:
    """The place of something that is gone is the one that it had."""
    base, head = policy(tmp_path, {**FULL, "params": {"limit": 1, "x": 2}}), policy(tmp_path, FULL, path="q.yaml")
    found = {item.what: (item.side, item.path) for item in policy_changes(base, head)}
    assert found == {"params.limit": ("head", "q.yaml"), "params.x": ("base", "p.yaml")}


FIELDS = [
    ("validationActions", {"validationActions": ["Deny"]}, {"validationActions": ["Warn"]}, "Deny", "Warn"),
    ("validationActions", {"validationActions": ["Deny"]}, {"validationActions": ["Audit"]}, "Deny", "Audit"),
    ("validationActions", {"validationActions": ["Warn"]}, {"validationActions": ["Audit"]}, "Warn", "Audit"),
    ("failurePolicy", {}, {"failurePolicy": "Ignore"}, "Fail", "Ignore"),
    ("match.agents", {"match": {}}, {"match": {"agents": ["a"]}}, "all", "a"),
    ("match.agents", {"match": {"agents": ["a", "b"]}}, {"match": {"agents": ["a"]}}, "a, b", "a"),
    ("match.agents", {"match": {"agents": ["a*"]}}, {"match": {"agents": ["ab*"]}}, "a*", "ab*"),
    ("match.tags", {"match": {}}, {"match": {"tags": ["x"]}}, "all", "x"),
    ("match.tags", {"match": {"tags": ["x", "y"]}}, {"match": {"tags": ["y"]}}, "x, y", "y"),
]


@pytest.mark.parametrize(("what", "base", "head", "was", "now"), FIELDS)
def test_directions(tmp_path: Path, what: str, base: Any, head: Any, was: str, now: str) -> None:
    """What is looser one way is stricter the other way."""
    assert changed(tmp_path, {**FULL, **base}, {**FULL, **head}) == [(what, was, now, "looser")]
    assert changed(tmp_path, {**FULL, **head}, {**FULL, **base}) == [(what, now, was, "stricter")]


def test_directions_that_are_none(tmp_path: Path) -> None:
    """Other agents are neither fewer nor more; the same agents in other words, and errors of a warning, are nothing."""
    spec = {**FULL, "validationActions": ["Warn"]}
    assert changed(tmp_path, spec, {**spec, "failurePolicy": "Ignore"}) == [("failurePolicy", "Fail", "Ignore", "")]
    other = {"match": {"agents": ["b"], "tags": ["a"]}}
    assert changed(tmp_path, FULL, {**FULL, **other}) == [("match.agents", "support*", "b", "mixed")]
    same = {"match": {"agents": ["support-eu", "support*"], "tags": ["a"]}}
    assert changed(tmp_path, FULL, {**FULL, **same}) == [("match.agents", "support*", "support-eu, support*", "")]


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("*", "", True),
        ("*", "a?b*", True),
        ("a*", "ab", True),
        ("a*", "ab*", True),
        ("a?", "a?", True),
        ("a?", "ab", True),
        ("a*", "a", True),
        ("a?*", "a*", False),
        ("a?", "a*", False),
        ("a*", "*", False),
        ("a[b]", "a[b]", True),
        ("[ab]", "a", False),
        ("a", "b", False),
    ],
)
def test_patterns_of_names(wide: str, narrow: str, expected: bool) -> None:
    """A pattern covers another one when it takes every name that the other takes."""
    assert covers(wide, narrow) is expected


def test_conditions_and_variables(tmp_path: Path) -> None:
    """One condition more is looser, one less stricter; another name for the same condition is no change."""
    one = {"name": "one", "expression": "size(response.tool_calls) > 0"}
    two = {"name": "two", "expression": 'response.text == ""'}
    base, head = {**FULL, "matchConditions": [one]}, {**FULL, "matchConditions": [one, two]}
    text = 'response.text == ""'
    assert changed(tmp_path, base, head) == [("matchConditions.two", "", text, "looser")]
    assert changed(tmp_path, head, base) == [("matchConditions.two", text, "", "stricter")]
    renamed = {**FULL, "matchConditions": [{**one, "name": "other"}]}
    assert changed(tmp_path, base, renamed) == []
    reworded = {**FULL, "matchConditions": [{**one, "expression": text}]}
    assert changed(tmp_path, base, reworded) == [("matchConditions.one", one["expression"], text, "")]
    variables = {**FULL, "variables": [{"name": "n", "expression": "1"}]}
    assert changed(tmp_path, FULL, variables) == [("variables.n", "size(response.tool_calls)", "1", "")]


def test_validations(tmp_path: Path) -> None:
    """Its expression and what it says when it fails are told apart; one more is stricter, one less looser."""
    rule = {"id": "r", "expression": "1 < 2", "message": "m"}
    specs = [{"validations": [{**rule, **change}]} for change in ({}, {"expression": "1 < 3"}, {"message": "n"})]
    base, text, words = (policy(tmp_path, spec, path=f"{index}.yaml") for index, spec in enumerate(specs))
    sides = [(item, item.validations[0]) for item in (base, text, words)]
    found = [validation_changes(sides[0], side) for side in sides]
    assert [[(item.what, item.base, item.head, item.direction) for item in items] for items in found] == [
        [],
        [("r expression", "1 < 2", "1 < 3", "")],
        [("r message", "m", "n", "")],
    ]
    (more,), (less,) = validation_changes(None, sides[0]), validation_changes(sides[0], None)
    assert (more.what, more.base, more.head, more.direction, more.side) == (
        "validation r",
        "",
        "1 < 2",
        "stricter",
        "head",
    )
    assert (less.what, less.base, less.head, less.direction, less.side) == (
        "validation r",
        "1 < 2",
        "",
        "looser",
        "base",
    )
    assert validation_changes(None, None) == []


def test_what_a_validation_says_when_it_fails(tmp_path: Path) -> None:
    """Its own message expression, else its message, else the description of the policy."""
    rule = {"id": "r", "expression": "1 < 2"}
    base = policy(tmp_path, {"description": "d", "validations": [rule]})
    head = policy(tmp_path, {"description": "d", "validations": [{**rule, "messageExpression": '"x"'}]}, path="q.yaml")
    (found,) = validation_changes((base, base.validations[0]), (head, head.validations[0]))
    assert (found.what, found.base, found.head, found.path) == ("r message", "d", '"x"', "q.yaml")
