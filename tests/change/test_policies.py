"""What was changed in a policy: every field, its place, and its direction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runback_gate.change.model import Change
from runback_gate.change.policies import policy_changes, rule_added, rule_removed
from runback_gate.errors import Location
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
    """Field, before, after and direction of each change of a policy."""
    found = policy_changes(policy(root, base), policy(root, head, path="head.yaml"))
    return [(item.field, item.before, item.after, item.direction) for item in found]


def test_nothing(tmp_path: Path) -> None:
    """The same policy has no change, whatever its description says."""
    assert changed(tmp_path, FULL, {**FULL, "description": "other words"}) == []


def test_a_param(tmp_path: Path) -> None:
    """A param has its path, both values, and its line in head's file."""
    base, head = policy(tmp_path, FULL), policy(tmp_path, {**FULL, "params": {"limit": 500}})
    (found,) = policy_changes(base, head)
    message = "params.limit changed from 100 to 500"
    place = Location("p.yaml", found.location.line, found.location.column)
    assert found == Change("params-changed", "unknown", "refunds", "100", "500", place, "head", "params.limit", message)
    assert '"limit": 500' in (tmp_path / "p.yaml").read_text().splitlines()[(found.location.line or 0) - 1]


@pytest.mark.parametrize(
    ("base", "head", "expected"),
    [
        (
            {"a": {"b": 1, "c": [1]}},
            {"a": {"b": 2, "c": [1, 2]}},
            [("params.a.b", "1", "2"), ("params.a.c", "[1]", "[1, 2]")],
        ),
        ({"a": 1}, {"b": 1}, [("params.b", "", "1"), ("params.a", "1", "")]),
        ({"a": {}}, {"a": {"b": 1}}, [("params.a.b", "", "1")]),
        ({"a": 1}, {"a": "1"}, [("params.a", "1", '"1"')]),
        ({"a": "x" * 100}, {"a": "x" * 99 + "y"}, [("params.a", '"' + "x" * 58 + "…", '"' + "x" * 58 + "…")]),
        ({}, {}, []),
    ],
)
def test_params(tmp_path: Path, base: dict[str, Any], head: dict[str, Any], expected: list[tuple[str, ...]]) -> None:
    """Nested params are told leaf by leaf, and compared whole where only their beginning is shown; one that no rule
    reads asks for no less and no more.
    """
    rule = {"validations": [{"id": "r", "expression": "true"}]}
    sides = [{**FULL, **rule, "params": params} for params in (base, head)]
    assert changed(tmp_path, *sides) == [(*item, "neutral") for item in expected]
    rule = {"validations": [{"id": "r", "expression": "size(params) > 0"}]}
    sides = [{**FULL, **rule, "params": params} for params in (base, head)]
    assert sorted(changed(tmp_path, *sides)) == sorted((*item, "unknown") for item in expected)


def test_what_was_removed_lies_on_base(tmp_path: Path) -> None:
    """The place of something that is gone is the one that it had."""
    base, head = policy(tmp_path, {**FULL, "params": {"limit": 1, "x": 2}}), policy(tmp_path, FULL, path="q.yaml")
    found = {item.field: (item.side, item.location.path) for item in policy_changes(base, head)}
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
    assert changed(tmp_path, spec, {**spec, "failurePolicy": "Ignore"}) == [
        ("failurePolicy", "Fail", "Ignore", "neutral")
    ]
    other = {"match": {"agents": ["b"], "tags": ["a"]}}
    assert changed(tmp_path, FULL, {**FULL, **other}) == [
        ("match.agents", "support*", "b", direction) for direction in ("looser", "stricter")
    ]
    same = {"match": {"agents": ["support-eu", "support*"], "tags": ["a"]}}
    assert changed(tmp_path, FULL, {**FULL, **same}) == [
        ("match.agents", "support*", "support-eu, support*", "neutral")
    ]


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
    assert changed(tmp_path, base, reworded) == [("matchConditions.one", one["expression"], text, "unknown")]
    variables = {**FULL, "variables": [{"name": "n", "expression": "1"}]}
    assert changed(tmp_path, FULL, variables) == [("variables.n", "size(response.tool_calls)", "1", "neutral")]


def test_rules(tmp_path: Path) -> None:
    """Its expression and what it says when it fails are told apart; one more is stricter, one less looser."""
    rule = {"id": "r", "expression": "1 < 2", "message": "m"}
    changes = ({"expression": "1 < 3"}, {"expression": "1  <  2"}, {"message": "n"})
    found = [changed(tmp_path, {"validations": [rule]}, {"validations": [{**rule, **change}]}) for change in changes]
    assert found == [
        [("r expression", "1 < 2", "1 < 3", "unknown")],
        [("r expression", "1 < 2", "1 < 2", "neutral")],
        [("r message", "m", "n", "neutral")],
    ]
    (only,) = policy(tmp_path, {"validations": [rule]}).rules
    more, less = rule_added(only), rule_removed(only)
    assert (more.kind, more.field, more.before, more.after) == ("validation-added", "rule r", "", "1 < 2")
    assert (less.kind, less.field, less.before, less.after) == ("validation-removed", "rule r", "1 < 2", "")
    assert (more.direction, more.side, less.direction, less.side) == ("stricter", "head", "looser", "base")


def test_what_a_rule_says_when_it_fails(tmp_path: Path) -> None:
    """Its own message expression, else its message, else the description of the policy."""
    rule = {"id": "r", "expression": "1 < 2"}
    base = policy(tmp_path, {"description": "d", "validations": [rule]})
    head = policy(tmp_path, {"description": "d", "validations": [{**rule, "messageExpression": '"x"'}]}, path="q.yaml")
    (found,) = policy_changes(base, head)
    assert (found.field, found.before, found.after) == ("r message", "d", '"x"')
    assert (found.direction, found.location.path) == ("neutral", "q.yaml")
