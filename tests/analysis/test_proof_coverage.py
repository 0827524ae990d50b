"""What rules tell apart: steps on each side of each bound, and rules that never fail, never apply or are implied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runback_gate.agent import load_agent
from runback_gate.analysis.proof.bounds import bounds_of
from runback_gate.analysis.proof.coverage import RuleCoverage, cover
from runback_gate.analysis.proof.form import Form
from runback_gate.analysis.proof.witness import Fault
from runback_gate.analysis.unconstrained import unconstrained
from runback_gate.app.coverage import cover_policies, proposed_tests
from runback_gate.app.policies import load_policy_files, named_policies
from runback_gate.app.policy_tests import run_policy_tests
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.parser import read
from runback_gate.cel.py_engine import PyEngine
from runback_gate.cel.write import write
from runback_gate.policy.document import Policy, load_policies
from runback_gate.report.coverage import fault_words
from tests.extras import needs

PAY = 'calls(response, "pay").all(c, c.arguments.amount <= params.limit)'


def policies(folder: Path, rules: dict[str, str], conditions: tuple[str, ...] = (), more: str = "") -> list[Policy]:
    """A policy file with these rules."""
    lines = ["apiVersion: runback.dev/v1", "kind: Policy", "metadata: {name: p}", "spec:", "  params: {limit: 100}"]
    lines += [more] if more else []
    lines += ["  matchConditions:"] if conditions else []
    lines += [f"    - {{name: c{number}, expression: '{text}'}}" for number, text in enumerate(conditions)]
    lines += ["  validations:"] + [f"    - {{id: {name}, expression: '{text}'}}" for name, text in rules.items()]
    (folder / "p.yaml").write_text("\n".join(lines) + "\n")
    return list(load_policies(folder, ["p.yaml"])[0])


def covered(folder: Path, rules: dict[str, str], conditions: tuple[str, ...] = ()) -> dict[str, RuleCoverage]:
    """What is found out about these rules, without tests."""
    needs("z3")
    found = cover(policies(folder, rules, conditions), [], (CppEngine(), PyEngine()))
    return {item.rule: item for item in found}


def faults(found: dict[str, RuleCoverage]) -> dict[str, tuple[str, tuple[str, ...], bool]]:
    """The faults, by rule."""
    return {name: (one.kind, one.by, one.every_length) for name, item in found.items() for one in item.faults}


@pytest.mark.slow
def test_every_seeded_rule_without_effect_is_found_and_no_other(tmp_path: Path) -> None:
    """Dead, vacuous and implied rules are named, and of the others none."""
    rules = {
        "limit": PAY,
        "wider": 'calls(response, "pay").all(c, c.arguments.amount <= 200)',
        "twin": 'response.tool_calls.all(c, c.name != "pay" || 100 >= c.arguments.amount)',
        "once": 'size(calls(response, "pay")) <= 1',
        "both": f'size(calls(response, "pay")) <= 1 && {PAY}',
        "sure": "size(history) >= 0",
        "either": 'response.text == "a" || response.text != "a"',
        "errs": "response.tool_calls.all(c, c.arguments.n < 5 || c.arguments.n >= 5)",
        "nobody": 'response.tool_calls.filter(c, c.name == "a" && c.name == "b").all(c, c.arguments.n < 5)',
        "long": "size(response.tool_calls) <= 40",
    }
    found = covered(tmp_path, rules)
    assert faults(found) == {
        "wider": ("implied", ("limit",), True),
        "twin": ("implied", ("limit",), True),
        "both": ("implied", ("limit", "once"), True),
        "sure": ("never fails", (), True),
        "either": ("never fails", (), True),
        "errs": ("never fails", (), True),
        "nobody": ("never applies", (), True),
    }
    assert found["errs"].faults[0].detail == "it stops only what it cannot be evaluated on"


def test_conditions_that_exclude_each_other_are_found(tmp_path: Path) -> None:
    """A rule whose conditions are never all true never applies."""
    found = covered(tmp_path, {"r": 'response.text != ""'}, ('response.text == "a"', 'response.text == "b"'))
    assert faults(found) == {"r": ("never applies", (), True)}


def test_a_bound_has_a_step_on_each_side(tmp_path: Path) -> None:
    """Two steps stand for a bound: the last on which the rule holds, the first on which it fails."""
    found = covered(tmp_path, {"r": PAY})["r"]
    amounts = {
        one.what: (one.step["response"]["tool_calls"][0]["arguments"]["amount"], one.outcome)  # type: ignore[index, call-overload]
        for one in found.witnesses
        if one.step and "100" in one.what
    }
    assert amounts == {
        "c.arguments.amount <= 100, at 100": (100, "pass"),
        "c.arguments.amount <= 100, above 100": (101, "fail"),
    }


@pytest.mark.parametrize(
    ("rule", "moved"),
    [
        ("size(history) < 3", ["size(history) <= 3", "size(history) < 2"]),
        ("3 < size(history)", ["3 <= size(history)", "4 < size(history)"]),
        ("size(history) >= 3", ["size(history) > 3", "size(history) >= 2"]),
        ("response.latency_ms > 2.5", ["response.latency_ms >= 2.5", "response.latency_ms > 3.5"]),
        ("size(history) <= 9223372036854775807", ["size(history) < 9223372036854775807"]),
        ("1 < 2", []),
        ('response.text == "a"', []),
    ],
)
def test_a_bound_is_moved_by_one(rule: str, moved: list[str]) -> None:
    """A bound is moved to the next number on either side, whatever the comparison."""
    sides = [side for bound in bounds_of(Form("r", (), read(rule))) for side in bound.sides]
    assert [write(side.form.rule).text for side in sides] == moved


def test_a_number_of_two_loops_is_two_bounds() -> None:
    """The same comparison in loops over different lists is two bounds."""
    rule = 'calls(response, "a").all(c, c.arguments.n < 5) && calls(response, "b").all(c, c.arguments.n < 5)'
    assert len(bounds_of(Form("r", (), read(rule)))) == 2


@pytest.mark.integration
def test_the_proposed_tests_hold_and_cover_what_was_missing(tmp_path: Path) -> None:
    """The policy tests that are written pass, and nothing is missing afterwards."""
    needs("z3")
    policies(tmp_path, {"r": PAY}, more="  match: {agents: [desk*], tags: [money]}")
    files = load_policy_files([named_policies(str(tmp_path))])
    for path, (data, _mode) in proposed_tests(files, cover_policies(files)).items():
        path.write_bytes(data)
    files = load_policy_files([named_policies(str(tmp_path))])
    assert not run_policy_tests(files).deviations
    again = cover_policies(files)
    assert again.witnesses == {"covered": 4}
    assert proposed_tests(files, again) == {}


def test_tools_and_arguments_that_no_rule_names(tmp_path: Path) -> None:
    """A tool or an argument that agents offer and no rule names is listed."""
    tools = "".join(
        f"    - {{name: {name}, parameters: {{type: object, properties: {{amount: {{}}, note: {{}}}}}}}}\n"
        for name in ("pay", "mail")
    )
    (tmp_path / "a.yaml").write_text(
        f"apiVersion: runback.dev/v1\nkind: Agent\nmetadata: {{name: desk}}\nspec:\n  tools:\n{tools}"
    )
    agent = load_agent(tmp_path, "a.yaml")
    found = unconstrained(policies(tmp_path, {"r": PAY}), [agent])
    assert [(one.tool, one.argument) for one in found] == [("pay", "note"), ("mail", None)]


@pytest.mark.slow
def test_a_rule_that_is_alive_is_not_named() -> None:
    """Of the rules of the demo and all airline rules one alone has no effect: another goes over the same list."""
    needs("z3")
    files = load_policy_files([named_policies("policies"), named_policies("examples/airline/policies")])
    found = cover_policies(files).rules
    implied = Fault("implied", every_length=True, by=("airline.user_id_given",))
    assert {item.rule: item.faults for item in found if item.faults} == {"airline.reservation_read": (implied,)}
    failing = {item.rule: witness.state for item in found for witness in item.witnesses if witness.what == "fail"}
    assert {rule: state for rule, state in failing.items() if state not in ("covered", "shown")} == {}


def test_a_claim_up_to_a_bound_is_not_called_proved() -> None:
    """The word proved stands for every length alone."""
    fault = Fault("never fails", every_length=False)
    assert fault_words(fault) == (
        "never fails, up to 3 calls in the answer, 8 before it and 2 elements of other lists; beyond that not proved"
    )


@pytest.mark.slow
def test_a_rule_that_warns_or_concerns_fewer_implies_nothing(tmp_path: Path) -> None:
    """Only rules that deny, for the same agents or more, make another superfluous."""
    needs("z3")
    strict = "size(response.tool_calls) <= 1"
    for more in ("  match: {agents: [desk]}", "  match: {tags: [money]}", "  validationActions: [Warn]"):
        wide = policies(tmp_path, {"wide": "size(response.tool_calls) <= 2"})[0]
        narrow = replace(policies(tmp_path, {"narrow": strict}, more=more)[0], name="n")
        found = cover([narrow, wide], [], (CppEngine(), PyEngine()))
        assert not any(item.faults for item in found)
