"""Laws of base against head: no set of rules makes green what the base fails, and configs are compared by bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.gate.alike import config
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import Result, run_gate
from runback_gate.gate.verdict import Row, Verdict
from runback_gate.step import Step
from runback_gate.testing import in_turn, sample_case, sample_step
from tests.examples import examples
from tests.gate.folders import CPP, DAY, LARGE, SMALL
from tests.gate.sides import Said, gates, held


@settings(max_examples=examples(30))
@given(st.sampled_from([0, 1, 1.0, False, True, None, "0", [], [0], {}, {"a": 0}, {"a": False}]), st.data())
def test_two_configs_are_one_when_their_bytes_are(value: object, data: st.DataObject) -> None:
    """A parameter that is another value asks anew, whatever Python's == says of the two."""
    other = data.draw(st.sampled_from([0, 1, 1.0, False, True, None, "0", [], [0], {}, {"a": 0}, {"a": False}]))
    for root in folders():
        listed = [sample_case("c", sample_step(SMALL))]
        sides = {"base_agent": {"parameters": {"p": value}}, "head_agent": {"parameters": {"p": other}}}
        gates(root, listed, listed, **sides)
        base, head = (load_plan(root / name, day=DAY).agents[0] for name in ("base", "head"))
        assert (config(base) == config(head)) is (json.dumps(value) == json.dumps(other))


EXPRESSIONS = (
    "true",
    "false",
    'calls(response, "issue_refund").all(c, c.arguments.amount <= 100)',
    'calls(response, "issue_refund").all(c, c.arguments.amount > 100)',
    'response.text == "Hi"',
    "size(response.tool_calls) == 0",
    "response.nothing == 1",
)
POLICIES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(EXPRESSIONS), min_size=1, max_size=3)
STEPS = (sample_step(SMALL), sample_step(LARGE), sample_step(text="Hi"), sample_step(text="Ho"))


def written(rules: Mapping[str, str], action: str = "Deny") -> dict[str, Any]:
    """A policy for each expression."""
    return {
        name: {"validations": [{"id": f"{name}.r", "expression": text}], "validationActions": [action]}
        for name, text in rules.items()
    }


def folders() -> Iterator[Path]:
    """A folder for one example."""
    with TemporaryDirectory() as name:
        yield Path(name)


@settings(max_examples=examples(40))
@given(POLICIES, POLICIES, st.sampled_from(STEPS), st.sampled_from(["Deny", "Warn", "Audit"]))
def test_whatever_the_head_holds_a_failing_rule_of_the_base_fails(
    base: dict[str, str], head: dict[str, str], step: Step, action: str
) -> None:
    """No set of head rules makes a case green, or waived, that the base's rules fail."""
    for root in folders():
        listed = [sample_case("c", step)]
        gates(root, listed, listed, base_policies=written(base), head_policies=written(head, action))
        alone = _row(run_gate(load_plan(root / "base", day=DAY), CPP, in_turn(Said())))
        row = _row(held(root))
        if alone.verdict is Verdict.FAIL:
            assert row.verdict is Verdict.FAIL
        failing = {item.rule for item in alone.findings if item.outcome == "fail"}
        assert failing <= {item.rule for item in row.findings if item.outcome == "fail"}


@settings(max_examples=examples(40))
@given(POLICIES, st.sampled_from(EXPRESSIONS), st.sampled_from(STEPS))
def test_adding_a_rule_never_turns_a_red_gate_green(rules: dict[str, str], more: str, step: Step) -> None:
    """What failed or was undecided before does not pass with one rule more."""
    for root in folders():
        listed = [sample_case("c", step)]
        gates(root, listed, listed, base_policies=written(rules), head_policies=written({**rules, "z": more}))
        alone = _row(run_gate(load_plan(root / "base", day=DAY), CPP, in_turn(Said())))
        row = _row(held(root))
        if alone.verdict is not Verdict.PASS:
            assert row.verdict is not Verdict.PASS
        if alone.verdict is Verdict.FAIL:
            assert row.verdict is Verdict.FAIL


def _row(result: Result) -> Row:
    (row,) = (item for item in result.rows if item.kind == "case")
    return row
