"""Policy files: every expression at its place, one action, and no two of one name."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from runback_gate.canonical import digest_bytes
from runback_gate.dataset.recordings import load_recording
from runback_gate.errors import ExpressionError, InputError, Location
from runback_gate.policy.document import Policy, load_policies

POLICY = """\
apiVersion: runback.dev/v1
kind: Policy
metadata: {name: refunds, annotations: {runbook: docs/refunds.md}}
spec:
  description: Refunds above the limit need a person
  match: {agents: ["support*"], tags: [refund]}
  params: {limit: 100}
  matchConditions:
    - {name: refunds money, expression: 'size(variables.refunds) > 0'}
  variables:
    - name: refunds
      expression: >-
        calls(response,
          "issue_refund")
  validations:
    - id: refunds.limit
      expression: variables.refunds.all(c, c.arguments.amount <= params.limit)
      message: refund above the limit
      messageExpression: '"refund above " + string(params.limit)'
    - id: refunds.once
      expression: "size(variables.refunds) == 1"
"""
TEST = """\
apiVersion: runback.dev/v1
kind: PolicyTest
metadata: {name: refunds}
spec:
  policy: refunds
  cases: [{name: a, step: {response: {}}, expect: {refunds.limit: skip}}]
"""
BARE = "apiVersion: runback.dev/v1\nkind: Policy\nmetadata: {name: NAME}\nspec:\n"


def load(root: Path, *texts: str) -> tuple[Policy, ...]:
    """The policies of files a.yaml, b.yaml, …"""
    for name, text in zip("abc", texts, strict=False):
        (root / f"{name}.yaml").write_text(text)
    return load_policies(root, ["*.yaml"])[0]


def bare(spec: str, name: str = "p") -> str:
    """A policy with this `spec`, whose lines are those from 5 on."""
    return BARE.replace("NAME", name) + spec


def refused(root: Path, *texts: str) -> str:
    """The error for such files, on one line."""
    with pytest.raises(InputError) as error:
        load(root, *texts)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_policy(tmp_path: Path) -> None:
    """All that the file says, and its digest."""
    (policy,) = load(tmp_path, POLICY)
    assert (policy.name, policy.path, policy.digest) == ("refunds", "a.yaml", digest_bytes(POLICY.encode()))
    assert (policy.description, policy.annotations) == (
        "Refunds above the limit need a person",
        {"runbook": "docs/refunds.md"},
    )
    assert (policy.agents, policy.tags, policy.params) == (("support*",), ("refund",), {"limit": 100})
    assert (policy.action, policy.ignore_errors, policy.location) == ("Deny", False, Location("a.yaml", 3, 18))
    assert [rule.id for rule in policy.rules] == ["refunds.limit", "refunds.once"]
    assert [rule.message for rule in policy.rules] == ["refund above the limit", ""]


def test_expressions_know_their_place(tmp_path: Path) -> None:
    """Plain, quoted and folded: where the CEL begins, and where an error inside it stands."""
    (policy,) = load(tmp_path, POLICY)
    limit, once = policy.rules
    expressions = [*policy.variables, *policy.conditions, limit.expression, once.expression]
    assert [item.source for item in expressions] == [
        'calls(response,\n  "issue_refund")',
        "size(variables.refunds) > 0",
        "variables.refunds.all(c, c.arguments.amount <= params.limit)",
        "size(variables.refunds) == 1",
    ]
    assert [item.name for item in expressions] == ["refunds", "refunds money", "refunds.limit", "refunds.once"]
    assert [(item.location.line, item.location.column) for item in expressions] == [
        (13, 9),
        (9, 42),
        (17, 19),
        (21, 20),
    ]
    assert limit.message_expression is not None
    assert (limit.message_expression.name, limit.message_expression.location.line) == (
        "refunds.limit messageExpression",
        19,
    )
    assert once.message_expression is None
    placed = policy.variables[0].place(ExpressionError("no such name", hint="h", location=Location("", 2, 3)))
    assert str(placed) == "a.yaml:14:11: refunds: no such name (h)"
    assert str(once.expression.place(ExpressionError("empty"))) == "a.yaml:21:20: refunds.once: empty"


@pytest.mark.parametrize(
    ("actions", "action"),
    [
        ("[Deny]", "Deny"),
        ("[Warn]", "Warn"),
        ("[Audit]", "Audit"),
        ("[Audit, Deny]", "Deny"),
        ("[Audit, Warn]", "Warn"),
    ],
)
def test_the_strictest_action_holds(tmp_path: Path, actions: str, action: str) -> None:
    """Audit may stand beside another, which then holds."""
    spec = f'  validationActions: {actions}\n  validations: [{{id: a, expression: "true"}}]\n'
    assert load(tmp_path, bare(spec))[0].action == action


def test_failure_policy(tmp_path: Path) -> None:
    """Ignore is said out loud."""
    spec = '  failurePolicy: Ignore\n  validations: [{id: a, expression: "true"}]\n'
    assert load(tmp_path, bare(spec))[0].ignore_errors


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("  validations: []\n", "a.yaml:5:16: spec.validations must not be empty"),
        ("  params: {}\n", "a.yaml:5:3: spec.validations is missing"),
        (
            '  validationActions: [Deny, Warn]\n  validations: [{id: a, expression: "true"}]\n',
            "a.yaml:5:3: spec: validationActions holds both Deny and Warn: which is it?",
        ),
        (
            '  validationActions: [Deny, Deny]\n  validations: [{id: a, expression: "true"}]\n',
            "a.yaml:5:3: spec: validationActions names an action twice",
        ),
        (
            '  validations: [{id: a, expresion: "true"}]\n',
            "a.yaml:5:25: unknown field 'expresion' (did you mean 'expression'?)",
        ),
        ("  validations: [{id: a, expression: true}]\n", "expected text, found true (put it in quotes)"),
        (
            '  validations: [{id: a b, expression: "true"}]\n',
            "a.yaml:5:22: spec.validations[0].id does not have the form",
        ),
        (
            '  variables: [{name: a-b, expression: "1"}]\n  validations: [{id: a, expression: "true"}]\n',
            "variables[0].name",
        ),
        ('  failurePolicy: Open\n  validations: [{id: a, expression: "true"}]\n', "expected 'Fail' or 'Ignore'"),
        (f"  validations: [{{id: a, expression: '{'1' * 4097}'}}]\n", "is longer than 4096 characters"),
    ],
)
def test_bad_policies(tmp_path: Path, spec: str, message: str) -> None:
    """One line that says where and what."""
    assert message in refused(tmp_path, bare(spec))


RULE = '  validations: [{id: ID, expression: "true"}]\n'


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            bare(RULE.replace("ID", "a"), "same/name"),
            bare(RULE.replace("ID", "b"), "same/name"),
            "b.yaml:3:18: two policy entries are named 'same/name' (the other: a.yaml:3:18)",
        ),
        (
            bare(RULE.replace("ID", "same")),
            bare(RULE.replace("ID", "same"), "q"),
            "b.yaml:5:41: two rule entries are named 'same' (the other: a.yaml:5:41)",
        ),
        (
            bare('  variables: [{name: v, expression: "1"}, {name: v, expression: "2"}]\n' + RULE.replace("ID", "a")),
            bare(RULE.replace("ID", "b"), "q"),
            "a.yaml:5:66: two variable entries are named 'v' (the other: a.yaml:5:38)",
        ),
    ],
)
def test_twins_are_refused(tmp_path: Path, first: str, second: str, message: str) -> None:
    """A waiver, a diff and a report name policies and validations by their names."""
    assert refused(tmp_path, first, second) == message


def test_variables_of_two_policies_may_share_a_name(tmp_path: Path) -> None:
    """Each policy has its own."""
    spec = '  variables: [{name: v, expression: "1"}]\n'
    assert len(load(tmp_path, bare(spec + RULE.replace("ID", "a")), bare(spec + RULE.replace("ID", "b"), "q"))) == 2


def test_policies_and_their_tests(tmp_path: Path) -> None:
    """Both kinds come from the same patterns; another kind is an error."""
    (tmp_path / "a.yaml").write_text(POLICY)
    (tmp_path / "a.test.yaml").write_text(TEST)
    policies, tests = load_policies(tmp_path, ["*.yaml"], recordings=partial(load_recording, tmp_path))
    assert [policy.name for policy in policies] == ["refunds"]
    assert [(test.policy, test.path) for test in tests] == [("refunds", "a.test.yaml")]
    assert refused(tmp_path, "apiVersion: runback.dev/v1\nkind: Polisy\n").startswith(
        "a.yaml:2:7: unknown kind 'Polisy'"
    )


def test_judging_reads_no_test(tmp_path: Path) -> None:
    """A test that is malformed is no reason not to judge; `policy test` says what is wrong with it."""
    (tmp_path / "a.yaml").write_text(POLICY)
    (tmp_path / "b.yaml").write_text(TEST.replace("cases", "casess"))
    assert load_policies(tmp_path, ["*.yaml"])[1] == ()
    with pytest.raises(InputError, match="unknown field 'casess'"):
        load_policies(tmp_path, ["*.yaml"], recordings=partial(load_recording, tmp_path))


JUDGE = "judge: {model: j/judge-1, rubric: Is calm.}"


def test_a_rule_with_a_judge(tmp_path: Path) -> None:
    """It stands beside the rules that expressions decide, with its place; ids are unique among both."""
    (policy,) = load(tmp_path, POLICY.replace('      expression: "size(variables.refunds) == 1"\n', f"      {JUDGE}\n"))
    (rule,) = policy.judged
    assert [item.id for item in policy.every_rule] == ["refunds.limit", "refunds.once"]
    assert (rule.text, rule.rubric.threshold, rule.location.line) == ("Is calm.", 70, 21)
    twin = POLICY.replace('      expression: "size(variables.refunds) == 1"\n', f"      {JUDGE}\n")
    with pytest.raises(InputError, match=r"two rule entries are named 'refunds\.limit'"):
        load(tmp_path, twin.replace("refunds.once", "refunds.limit"))


@pytest.mark.parametrize(
    ("fields", "scope", "said"),
    [
        (JUDGE + "\n      expression: 'true'", "step", "both `expression` and `judge`"),
        ("message: nothing", "step", "neither `expression` nor `judge`"),
        (JUDGE + "\n      messageExpression: '\"a\"'", "step", "decided by a judge"),
        (JUDGE, "run", "has a judge, which grades one answer"),
        ("judge: {model: j/judge-1, rubric: Is calm., samples: 2}", "step", "an odd number has a median"),
    ],
)
def test_a_judge_stands_alone(tmp_path: Path, fields: str, scope: str, said: str) -> None:
    """Exactly one decides; a rubric is about one answer, and has the fields of the check."""
    text = f"{BARE.replace('NAME', 'tone')}  scope: {scope}\n  validations:\n    - id: tone.calm\n      {fields}\n"
    with pytest.raises(InputError, match=said):
        load(tmp_path, text)
