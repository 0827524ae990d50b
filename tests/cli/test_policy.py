"""`policy lint | test | explain`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Refused, change, process, write
from tests.cli.recordings import pays, recorded

TWO = """\
apiVersion: runback.dev/v1
kind: Policy
metadata: {name: two}
spec:
  params: {limit: 3}
  validations:
    - id: two.typo
      expression: |
        response.text != "" &&
          respnse.text.startsWith("a")
    - id: two.field
      expression: 'size(response.txt) < params.limit'
    - id: two.kind
      expression: size(response.text)
"""


@pytest.mark.usefixtures("gate")
def test_lint_of_a_sound_policy(command: Command) -> None:
    """Nothing found: exit 0, and how much was checked."""
    result = command("policy", "lint")
    assert (result.code, result.out, result.err) == (0, "1 policy, 0 errors, 0 warnings\n", "")
    assert json.loads(command("policy", "lint", "--json").out) == {"policies": 1, "findings": []}


@pytest.mark.usefixtures("gate")
def test_lint_names_every_fault(command: Command) -> None:
    """Each wrong expression is named with file, line and column, in block scalars too, and a hint: exit 2."""
    write("policies/two.yaml", TWO)
    result = command("policy", "lint")
    assert (result.code, result.err) == (2, "")
    lines = result.out.splitlines()
    assert lines[0] == "policies/two.yaml:10:11: error: two.typo: unknown name 'respnse' (did you mean 'response'?)"
    assert lines[1].startswith("policies/two.yaml:12:")
    assert lines[1].endswith("two.field: Response has no field txt (did you mean 'text'?)")
    assert lines[2] == "policies/two.yaml:14:19: error: two.kind: the expression is of type int, expected bool"
    assert lines[3] == "2 policies, 3 errors, 0 warnings"
    found = json.loads(command("policy", "lint", "--json").out)
    assert found["policies"] == 2
    assert found["findings"][0] == {
        "level": "error",
        "place": "policies/two.yaml:10:11",
        "message": "two.typo: unknown name 'respnse'",
        "hint": "did you mean 'response'?",
    }


@pytest.mark.integration
def test_lint_of_another_folder(gate: Path) -> None:
    """Places are paths that open from where the command was typed."""
    write(gate / "policies/two.yaml", TWO)
    (gate / "work").mkdir()
    result = process("policy", "lint", "../policies/two.yaml", cwd=gate / "work")
    assert (result.code, result.out.split(": ")[0]) == (2, "../policies/two.yaml:10:11")


def test_the_gate_of_another_folder(command: Command, refused: Refused) -> None:
    """With --root the policies of another gate are checked, tested and explained; its files are named from here."""
    assert command("init", "--root", "services/support").code == 0
    assert command("policy", "lint", "--root", "services/support").out == "1 policy, 0 errors, 0 warnings\n"
    assert command("policy", "test", "--mutate", "--survivors", "99", "--root", "services/support").code == 0
    recorded("r", pays(500))
    assert command("policy", "explain", "refunds.limit", "r", "0", "--root", "services/support").code == 0
    write("services/support/policies/two.yaml", TWO)
    lines = command("policy", "lint", "--root", "services/support").out.splitlines()
    assert lines[0].startswith("services/support/policies/two.yaml:10:11: error: two.typo")
    assert "no gate here" in refused("policy", "lint")
    assert "--root and policies were named" in refused("policy", "lint", "services", "--root", "services/support")


@pytest.mark.usefixtures("gate")
def test_warnings_do_not_fail(command: Command) -> None:
    """What is only risky is named with its remedy, and exits 0."""
    head = TWO.partition("    - id: two.typo")[0]
    write("policies/w.yaml", f"{head}    - id: w\n      expression: response.text.matches(request.model)\n")
    result = command("policy", "lint", "policies/w.yaml")
    assert (result.code, result.err) == (0, "")
    first, last = result.out.splitlines()
    assert first.startswith("policies/w.yaml:8:33: warning: w: the pattern is only known at run time")
    assert last == "1 policy, 0 errors, 1 warning"


@pytest.mark.usefixtures("gate")
def test_policy_tests_pass(command: Command) -> None:
    """On both engines: what each validation was seen to say, and the sum."""
    result = command("policy", "test")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "  rule           true  false  error  skip",
        "  refunds.limit     1      1      0     1",
        "",
        "3 expectations on 2 engines, 0 wrong; 1 rule, 0 not seen both true and false",
    ]
    assert command("policy", "test", "policies").out == result.out
    assert json.loads(command("policy", "test", "--json").out) == {
        "expectations": 3,
        "deviations": [],
        "coverage": {"refunds.limit": {"true": 1, "false": 1, "error": 0, "skip": 1, "gap": None}},
    }


@pytest.mark.usefixtures("gate")
def test_a_deviating_policy_test_is_red(command: Command) -> None:
    """A validation that says something else: exit 1, with the place of the expectation and what it said instead."""
    change("policies/refunds.yaml", "limit: 100", "limit: 300")
    result = command("policy", "test")
    assert (result.code, result.err) == (1, "")
    assert "  refunds.limit     2      0      0     1  never seen false" in result.out
    (line,) = [line for line in result.out.splitlines() if line.startswith("policies/refunds.test.yaml:")]
    assert line.endswith(": refunds.limit: expected fail, got pass [a large one is not]")
    assert result.out.splitlines()[-1] == (
        "3 expectations on 2 engines, 1 wrong; 1 rule, 1 not seen both true and false"
    )
    (found,) = json.loads(command("policy", "test", "--json").out)["deviations"]
    assert (found["validation"], found["example"]) == ("refunds.limit", "a large one is not")
    assert found["place"].startswith("policies/refunds.test.yaml:")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("policy: refunds", "policy: refund", "policies/refunds.test.yaml:6:11: no policy is named 'refund' (did you"),
        (
            "{refunds.limit: fail}",
            "{refunds.limt: fail}",
            "policies/refunds.test.yaml:13:30: policy 'refunds' has no rule 'refunds.limt' (did you mean",
        ),
        ("{refunds.limit: fail}", "{refunds.limit: no}", "policies/refunds.test.yaml:13:"),
        ("expect: {refunds.limit: fail}", "expct: {}", "policies/refunds.test.yaml:13:7: unknown field 'expct' (did"),
    ],
)
@pytest.mark.usefixtures("gate")
def test_policy_tests_that_cannot_be_run(refused: Refused, old: str, new: str, message: str) -> None:
    """A test of something that is not there is no test: exit 2, never 1."""
    change("policies/refunds.test.yaml", old, new)
    assert refused("policy", "test").startswith(message)


@pytest.mark.usefixtures("gate")
def test_no_policy_test(refused: Refused) -> None:
    """Policies without a test were not tested."""
    message = "no policy test (put a `kind: PolicyTest` file beside the policy)"
    assert refused("policy", "test", "policies/refunds.yaml") == message
    assert refused("policy", "test", "policies/refunds.test.yaml").startswith("policies/refunds.test.yaml: no policy")


@pytest.mark.parametrize(
    "command_line", [("run",), ("policy", "test"), ("backtest", "--policies", "policies", "--runs", "runs")]
)
@pytest.mark.usefixtures("gate")
def test_a_compile_error_is_worded_alike(refused: Refused, command_line: tuple[str, ...]) -> None:
    """Whatever command meets an expression that does not compile: the same place, the same hint as of `lint`."""
    recorded("a", pays(5))
    change("policies/refunds.yaml", "c.arguments.amount <= params.limit", "c.arguments.amount <= parms.limit")
    message = refused(*command_line)
    assert message.startswith("policies/refunds.yaml:14:")
    assert message.endswith(": refunds.limit: unknown name 'parms' (did you mean 'params'?)")


@pytest.mark.usefixtures("gate")
def test_explain(command: Command) -> None:
    """Every sub-expression of conditions and validation with its value for one step, and what decided."""
    recorded("a", pays(5), pays(250))
    result = command("policy", "explain", "refunds.limit", "a", "1")
    assert (result.code, result.err) == (0, "")
    for text in ("refunds money", "refunds.limit", "c.arguments.amount", "250", "decided by"):
        assert text in result.out
    found = json.loads(command("policy", "explain", "refunds.limit", "runs/a.jsonl", "1", "--json").out)
    assert [item["name"] for item in found] == ["refunds money", "refunds.limit"]
    assert found[0]["values"][0]["value"] is True
    assert found[1]["values"][0]["value"] is False
    assert found[1]["place"].startswith("policies/refunds.yaml:1")
    values = {item["expression"]: item.get("value") for item in found[1]["values"]}
    assert values["c.arguments.amount"] == 250
    found = json.loads(command("policy", "explain", "refunds.limit", "a", "0", "--json").out)
    assert found[1]["values"][0]["value"] is True


@pytest.mark.usefixtures("gate")
def test_explain_what_cannot_be_evaluated(command: Command) -> None:
    """The error stands at the sub-expression in which it happened; model text is inert."""
    recorded("a", pays("\x1b[2J"))
    change("policies/refunds.yaml", "c.arguments.amount <= params.limit", "c.arguments.amount + 1 <= params.limit")
    result = command("policy", "explain", "refunds.limit", "a", "0", "--policies", "policies")
    assert (result.code, result.err) == (0, "")
    assert "error: " in result.out
    assert "\x1b" not in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["refunds.limt", "a", "0"], "no rule is named 'refunds.limt' (did you mean 'refunds.limit'?)"),
        (["refunds.limit", "b", "0"], "runs/b.jsonl: no such file (known: a)"),
        (["refunds.limit", "a", "7"], "run a has no step 7 (its only step is 0)"),
        (["refunds.limit", "a", "0", "--policies", "absent"], "absent: no such file or folder"),
    ],
)
@pytest.mark.usefixtures("gate")
def test_what_cannot_be_explained(refused: Refused, arguments: list[str], message: str) -> None:
    """An unknown validation, run or step gets a hint."""
    recorded("a", pays(5))
    assert refused("policy", "explain", *arguments) == message


@pytest.mark.usefixtures("gate")
def test_explain_what_does_not_compile(refused: Refused) -> None:
    """An expression that does not compile has no values."""
    recorded("a", pays(5))
    change("policies/refunds.yaml", "params.limit", "prams.limit")
    assert "unknown name 'prams' (did you mean 'params'?)" in refused("policy", "explain", "refunds.limit", "a", "0")


@pytest.mark.usefixtures("gate")
def test_a_check_that_does_not_compile_is_not_blamed_on_a_policy(refused: Refused) -> None:
    """A fault in a dataset keeps its own words and place, whatever is wrong with a policy beside it."""
    write("policies/two.yaml", TWO.replace("respnse", "response"))
    write("datasets/support.yaml", Path("datasets/support.yaml").read_text() + "        - cel: response.text ==\n")
    message = refused("run")
    assert message.startswith("datasets/support.yaml:11:")
    assert message.endswith("expected a value, the expression ends")
