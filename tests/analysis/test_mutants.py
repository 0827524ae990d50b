"""Faults put into policies: which, where, and each of them a policy that differs in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.analysis.mutants import edits, mutants
from runback_gate.cel.limits import parse
from runback_gate.policy.document import Policy, load_policies
from runback_gate.testing import REFUNDS, write_document


def policy(root: Path, spec: dict[str, Any]) -> Policy:
    """The policy of a spec."""
    write_document(root, "p.yaml", "Policy", "p", spec)
    return load_policies(root, ["p.yaml"])[0][0]


def faults(source: str) -> list[str]:
    """Every faulty form of an expression."""
    return [source[:start] + text + source[end:] for start, end, text in edits(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", ["a <= b", "a >= b"]),
        ("a <= b", ["a < b", "a > b"]),
        ("a > b", ["a <= b", "a >= b"]),
        ("a >= b", ["a < b", "a > b"]),
        ("a == b", ["a != b"]),
        ("a != b", ["a == b"]),
        ("a && b", ["a || b"]),
        ("(a && b) && c", ["(a || b) && c", "(a && b) || c"]),
        ("a || b || c && d", ["a && b || c && d", "a || b && c && d", "a || b || c || d"]),
        (
            "a && b && '&&' == c",
            ["a || b && '&&' == c", "a && b || '&&' == c", 'a && b && "" == c', "a && b && '&&' != c"],
        ),
        ("!a", ["a"]),
        ("!!a", ["!a", "!a"]),
        ("-a", []),
        ("x.all(i, i)", ["x.exists(i, i)"]),
        ("x.exists(i, i)", ["x.all(i, i)"]),
        ("x.exists_one(i, i)", ["x.exists(i, i)"]),
        ("x.filter(i, i).map(i, i)", []),
        ("1", ["0", "2"]),
        ("-1", ["(-2)", "0"]),
        ("1u", ["0u", "2u"]),
        ("0u", ["1u"]),
        ("1.5", ["0.5", "2.5"]),
        ("true", ["false"]),
        ("null", []),
        ("'a'", ['""']),
        ("''", ['"x"']),
        ("x[0].y in ['a']", ["x[(-1)].y in ['a']", "x[1].y in ['a']", 'x[0].y in [""]']),
    ],
)
def test_faults(source: str, expected: list[str]) -> None:
    """Comparisons, operators, negations, quantifiers and constants; nothing that is written inside a text."""
    assert sorted(faults(source)) == sorted(expected)


def test_places(tmp_path: Path) -> None:
    """Params, conditions, variables and validations, each with the file's line and column and a little around it."""
    spec = {
        **REFUNDS,
        "params": {"limit": 100, "words": ["a", ""], "deep": {"on": True, "none": None}},
        "variables": [{"name": "v", "expression": "1 < 2"}],
    }
    found = list(mutants(policy(tmp_path, spec)))
    lines = (tmp_path / "p.yaml").read_text().splitlines()
    assert [(item.original, item.mutated) for item in found if item.where.startswith("params")] == [
        ("params.limit: 100", "params.limit: 101"),
        ("params.limit: 100", "params.limit: 99"),
        ('params.words.0: "a"', 'params.words.0: ""'),
        ('params.words.1: ""', 'params.words.1: "x"'),
        ("params.deep.on: true", "params.deep.on: false"),
    ]
    assert {item.where for item in found} >= {"refunds money", "v", "refunds.limit"}
    for item in found:
        assert item.location.path == "p.yaml"
        rest = lines[(item.location.line or 0) - 1][(item.location.column or 0) - 1 :]
        assert rest
        if item.original == "1 < 2":
            assert rest.startswith(("1 < 2", "< 2", "2"))
    limit = [item for item in found if item.where == "refunds.limit" and "amount < " in item.mutated]
    assert limit[0].original == '…und").all(c, c.arguments.amount <= params.limit)'
    assert limit[0].mutated == '…und").all(c, c.arguments.amount < params.limit)'


def test_one_place_each(tmp_path: Path) -> None:
    """Everything else of the policy stays as it was."""
    spec = {**REFUNDS, "variables": [{"name": "v", "expression": "1 < 2"}, {"name": "w", "expression": "variables.v"}]}
    whole = policy(tmp_path, {**spec, "validations": [*REFUNDS["validations"], {"id": "b", "expression": "1 > 0"}]})

    def parts(item: Policy) -> list[str]:
        expressions = [*item.conditions, *item.variables, *(rule.expression for rule in item.rules)]
        return [str(item.params), *(one.source for one in expressions)]

    for item in mutants(whole):
        pairs = zip(parts(whole), parts(item.policy), strict=True)
        assert sum(one != other for one, other in pairs) == 1


ATOMS = st.sampled_from(["a", "1", "'&& ||'", "x.all(i, i > 0)", "f(a, 'b')", "a.b", "[1, 2]"])
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["&&", "||", "==", "<", "+"]), inner),
        st.builds("{} && {} || {}".format, inner, inner, inner).map("({})".format),
        st.builds("!{}".format, inner.filter(lambda text: not text.startswith("-"))),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS)
def test_every_fault_parses_and_differs(source: str) -> None:
    """A fault is another expression that can be read."""
    for text in faults(source):
        assert text != source
        parse(text)
