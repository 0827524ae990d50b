"""What was changed in cases: their checks by what they demand, their tags, and files that ask the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from runback_gate.change.cases import weaker_datasets
from runback_gate.change.gates import find_weakenings
from runback_gate.documents import Document
from runback_gate.gate.plan import load_plan
from runback_gate.testing import sample_case, sample_step, write_gate

DAY = "2026-06-01"


def test_an_expression_that_cannot_be_read_may_read_anything(tmp_path: Path) -> None:
    """Where the base's expression is not CEL, a changed tag is reported: nobody knows that it means nothing."""
    for name, tag in (("base", "a"), ("head", "b")):
        case = sample_case("c", sample_step(text="Hi"), tags=[tag])
        write_gate(
            tmp_path / name, [case], policies={"odd": {"validations": [{"id": "odd", "expression": "case ` x"}]}}
        )
    base, head = (load_plan(tmp_path / name, day=DAY) for name in ("base", "head"))
    assert [item.kind for item in find_weakenings(base, head)] == ["tags-changed"]


def test_checks_are_told_apart_by_what_they_demand(tmp_path: Path) -> None:
    """Arguments in another order demand the same; a bound is kept by any that is as low; one of two is no more."""
    call = {"toolCalled": {"name": "t", "arguments": {"a": 1, "b": 2}}}
    turned = {"toolCalled": {"name": "t", "arguments": {"b": 2, "a": 1}}}
    schema = [{"jsonSchema": {"type": kind}} for kind in ("object", "array")]
    for base, head, kinds in (
        ([call], [turned], []),
        ([call, call], [call], []),
        ([{"maxTokens": 9}, {"maxTokens": 5}], [{"maxTokens": 5}], []),
        ([{"maxCostUsd": "0.10"}], [{"maxCostUsd": "0.1"}], []),
        ([{"maxCostUsd": "0.10"}], [{"maxCostUsd": "0.11"}], ["check-changed"]),
        (schema[:1], schema[:1], []),
        (schema[:1], schema[1:], ["check-changed"]),
        ([{"contains": "1"}], [{"cel": 'response.text.contains("1")'}], ["check-removed"]),
        ([{"contains": "1"}, {"contains": "2"}], [{"contains": "3"}], ["check-changed", "check-removed"]),
        ([{"jsonSchema": {"const": 1}}], [{"jsonSchema": {"const": True}}], ["check-changed"]),
        ([{"jsonSchema": {"const": 1}}], [{"jsonSchema": {"const": 1.0}}], ["check-changed"]),
        ([{"toolCalled": {"name": "t", "arguments": {"a": 1}}}], [{"toolCalled": "t"}], ["check-changed"]),
    ):
        for name, checks in (("base", base), ("head", head)):
            write_gate(tmp_path / name, [sample_case("c", sample_step(text="Hi"), *checks)])
        plans = [load_plan(tmp_path / name, day=DAY) for name in ("base", "head")]
        assert [item.kind for item in find_weakenings(*plans)] == kinds, head


def test_files_whose_cases_ask_the_same_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where layout alone differs, what was read of the cases says it."""
    for name in ("base", "head"):
        write_gate(tmp_path / name, [sample_case("c", sample_step(text="Hi"), {"contains": "Hi"})])
    path = tmp_path / "head/datasets/cases.yaml"
    path.write_text(f"# Another layout.\n{path.read_text()}")
    base, head = (load_plan(tmp_path / name, day=DAY) for name in ("base", "head"))
    monkeypatch.setattr(Document, "value", property(lambda _: pytest.fail("it was read again")))
    assert tuple(weaker_datasets(base, head)) == ()
