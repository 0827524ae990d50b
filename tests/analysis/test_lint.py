"""Facts about checking expressions before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.analysis.lint import (
    CheckedType,
    Expect,
    check_expression,
    lint_policy,
    warnings,
)
from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.functions import FUNCTIONS, KNOWN, STANDARD
from runback_gate.cel.py_engine import PyEngine
from runback_gate.documents import parse_document
from runback_gate.errors import ExpressionError
from runback_gate.policy.document import load_policies
from tests.examples import examples

PARAMS: dict[str, JsonValue] = {
    "limit": 100,
    "rate": 0.5,
    "words": ["a", "b"],
    "mixed": [1, "a"],
    "tiers": {"gold": {"bags": 2}},
    "nothing": None,
    "bad": "[a",
    "a-b": 1,
}


def type_of(source: str, variables: dict[str, str] | None = None, expect: Expect = "any") -> str:
    """The checked type of an expression with variables, each checked before it."""
    types: dict[str, CheckedType] = {}
    for name, text in (variables or {}).items():
        types[name] = check_expression(text, params=PARAMS, variables=types, expect="any")
    return check_expression(source, params=PARAMS, variables=types, expect=expect).name


def problem(
    source: str, expect: Expect = "bool", variables: dict[str, str] | None = None
) -> tuple[str, str, str | None]:
    """Message, place and hint of an expression that is refused."""
    with pytest.raises(ExpressionError) as caught:
        type_of(source, variables, expect)
    return caught.value.message, str(caught.value.location), caught.value.hint


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("response.tool_calls", "list<ToolCall>"),
        ("response.tool_calls.map(c, c.name)", "list<string>"),
        ("response.tool_calls[0].arguments.anything.at.all", "dyn"),
        ('calls(response, "x")', "list<ToolCall>"),
        ('response.calls("x")[0].name', "string"),
        ("history.filter(h, h.result.total > 1)", "list<PastCall>"),
        ("response.cost_usd < 1 && response.cost_usd < 1.5", "bool"),
        ("response.usage.input_tokens > 4000.5", "bool"),
        ("baseline.text == response.text", "bool"),
        ("request.messages.exists(m, m.content.contains('x') && m.role == 'user')", "bool"),
        ("request.parameters.temperature", "dyn"),
        ("request.tools.map(t, t.parameters.type)", "list<dyn>"),
        ("case.tags", "list<string>"),
        ("timestamp(case.now)", "timestamp"),
        ("agent.labels.team", "dyn"),
        ("parse_json(response.text).a", "dyn"),
        ('mentions(response.text, params.words) && response.text.mentions("x")', "bool"),
        ("includes(response.tool_calls[0].arguments, {'a': 1}) && history[0].result.includes({})", "bool"),
        ("includes(history[0], {'name': 'x'})", "bool"),
        ("params.limit", "int"),
        ("params.rate", "double"),
        ("params.words", "list<string>"),
        ("params.mixed", "list<dyn>"),
        ("params.tiers.gold.bags", "int"),
        ("params.nothing == null", "bool"),
        ('params["a-b"]', "dyn"),
        ("has(params.limit) && params.limit > 1", "bool"),
        ("has(params.zz)", "bool"),
        ("type(response.cost_usd) == int", "bool"),
        ("{'a': 1}.map(k, k)", "list<string>"),
    ],
)
def test_types(source: str, expected: str) -> None:
    """Expressions have the types of what they see; arguments, results and numbers of usage stay dynamic."""
    assert type_of(source) == expected


def test_variables_have_types() -> None:
    """A variable has the type of its expression, also in the variables behind it."""
    variables = {"refunds": 'calls(response, "x")', "names": "variables.refunds.map(c, c.name)"}
    assert type_of("variables.names", variables) == "list<string>"
    assert problem('variables.refunds.all(c, c.nmae == "x")', variables=variables) == (
        "ToolCall has no field nmae",
        ":1:28",
        "did you mean 'name'?",
    )
    assert problem("variables.names.all(n, n == 1)", variables=variables)[0] == "`==` does not take (string, int)"


@pytest.mark.parametrize(
    ("source", "message", "place", "hint"),
    [
        ("response.txt == ''", "Response has no field txt", ":1:10", "did you mean 'text'?"),
        ("true &&\n  has(response.useage)", "Response has no field useage", ":2:3", "did you mean 'usage'?"),
        ("response.usage.tokens > 1", "Usage has no field tokens", ":1:16", "did you mean 'input_tokens'?"),
        ("tool_calls.size() > 0", "unknown name 'tool_calls'", ":1:1", "did you mean response.tool_calls?"),
        ("reponse.text == ''", "unknown name 'reponse'", ":1:1", "did you mean 'response'?"),
        ("case.tags.all(t, s == '')", "unknown name 's'", ":1:18", None),
        ("sise(response.text) > 1", "unknown function 'sise'", ":1:1", "did you mean 'size'?"),
        ("response.text.mention('x')", "unknown function 'mention'", ":1:15", "did you mean 'mentions'?"),
        ("case.tags.any(t, t == '')", "unknown function 'any'", ":1:11", None),
        ("params.limits > 1", "params has no 'limits'", ":1:8", "did you mean 'limit'?"),
        ("variables.x", "unknown variable 'x'", ":1:11", None),
        ("response.text == 1", "`==` does not take (string, int)", ":1:15", None),
        ("response.text == null", "`==` does not take (string, null_type)", ":1:15", None),
        ("response.text > params.limit", "`>` does not take (string, int)", ":1:15", None),
        ("1 in [1.0]", "`@in` does not take (int, list(double))", ":1:3", None),
        ("response.text.matches('(')", "invalid regular expression: missing ): (", ":1:23", None),
        ("response.text.matches(params.bad)", "invalid regular expression: missing ]: [a", ":1:23", None),
        ("duration('1d') > duration('1h')", "duration() does not take '1d'", ":1:10", None),
        ("int(params.bad) > 1", "int() does not take '[a'", ":1:5", None),
        ("response.tool_calls.size()", "the expression is of type int, expected bool", ":1:1", None),
        ("  (response.text)", "the expression is of type string, expected bool", ":1:4", None),
        ("calls(response, 1).size() > 0", "calls does not take (Response, int)", ":1:1", None),
        ("mentions(response.text, [1])", "mentions does not take (string, list(int))", ":1:1", None),
        ("bytes('a') == bytes('a')", "unknown function 'bytes'", ":1:1", None),
        ("case.tags.map(t, t == 'a', t).size() > 1", "map() takes a loop variable and an expression", ":1:11", None),
        ("response.?text == ''", "optional values are not supported", ":1:10", None),
        ("math.abs(1) == 1", "unknown function 'abs'", ":1:6", None),
        ("'a'.split(',').size() > 1", "unknown function 'split'", ":1:5", None),
        ("`response`.text == ''", "names in back-quotes are not portable", ":1:1", None),
        ("case.tags.all(int, true)", "the loop variable `int` hides a name that has a meaning", ":1:11", None),
    ],
)
def test_problems(source: str, message: str, place: str, hint: str | None) -> None:
    """What cannot work is an error in words, at its place in the source as it is written, with the nearest name."""
    found = problem(source)
    assert found[:2] == (message, place)
    assert hint is None or found[2] == hint


def test_what_is_expected() -> None:
    """Conditions give a bool, messages a string; what is only known at run time passes for both."""
    dynamic = "response.tool_calls[0].arguments.x"
    assert [type_of(source, expect="bool") for source in ("true", dynamic)] == ["bool", "dyn"]
    assert [type_of(source, expect="string") for source in ("response.text", dynamic)] == ["string", "dyn"]
    assert problem("1 == 1", "string")[0] == "the expression is of type bool, expected string"


@pytest.mark.parametrize(
    ("source", "line", "column", "message"),
    [
        ("true ||\n response.text.matches(case.id)", 2, 16, "the pattern is only known at run time"),
        ("string(1 == 1) == ''", 1, 1, "string() of a bool is not the same text in every CEL engine"),
        ("string(has(response.text)) == ''", 1, 1, "string() of a bool"),
        ("string(!true) == string(true)", 1, 1, "string() of a bool"),
        ("string(response.text.contains('a')) == ''", 1, 1, "string() of a bool"),
        ("!!true", 1, 1, "`!!` does not check the type of what follows"),
        ("--size(case.tags) == 1", 1, 1, "`--` does not check"),
        ("response.cost_usd * 100 > 1.0", 1, 19, "arithmetic takes two ints or two doubles"),
        ("has(response.usage.input_tokens)", 1, 1, "has() is an error, not false, where response.usage is missing"),
        ("has(history[0].result.total)", 1, 1, "has() is an error, not false, where history[0].result is missing"),
    ],
)
def test_warnings(source: str, line: int, column: int, message: str) -> None:
    """What works but is risky is a warning with a place and a way out."""
    found = warnings(source)[0]
    assert (found.line, found.column) == (line, column)
    assert found.message.startswith(message)
    assert found.hint


@pytest.mark.parametrize(
    "source",
    [
        "response.tool_calls.map(c, c.name).filter(n, n != '').size() > 0",
        "agent.labels.all(k, k != '') && agent.labels.exists(k, k == 'a')",
        "response.text.matches('a') && response.text.matches(params.patterns[0])",
        "string(response.cost_usd) == string(size(response.text)) && string(response.text + 'a') == ''",
        "!true || -1 == 1 || !(!true)",
        "double(response.cost_usd) * 100.0 > 1.0 && size(response.text) * 2 > 1",
        "has(response.usage) && has(response.usage.input_tokens)",
        "history.all(h, has(h.result) && has(h.result.total) && has(h.arguments.total) && has(h.error))",
        "has(variables.x.y) && has(response.tool_calls[0].name)",
        "'a' == \"b\"",
    ],
)
def test_no_warnings(source: str) -> None:
    """What is portable and guarded gives no warning."""
    assert warnings(source) == ()


def test_known_functions_are_known_to_both_engines() -> None:
    """Both engines have every function that a policy may use."""
    calls = {
        "size": "size('a')",
        "matches": "'a'.matches('a')",
        "duration": "duration('1s')",
        "timestamp": "timestamp(case.now)",
        "getMilliseconds": "duration('1s').getMilliseconds()",
    }
    for name in STANDARD:
        if name.startswith("get"):
            calls.setdefault(name, f"timestamp(case.now).{name}()")
        elif name in ("contains", "endsWith", "startsWith"):
            calls[name] = f"'a'.{name}('a')"
        else:
            calls.setdefault(name, f"{name}({'1' if name != 'bool' else 'true'})")
    for source in calls.values():
        for engine in (CppEngine(), PyEngine()):
            outcome = engine.compile(f"{source} == {source}").evaluate(
                engine.bind({"case": {"now": "2026-11-03T10:00:00Z"}})
            )
            assert outcome.verdict == "true", (engine.name, source, outcome)
    assert {function.name for function in FUNCTIONS} == KNOWN - STANDARD


POLICY = """\
apiVersion: runback.dev/v1
kind: Policy
metadata: {name: refunds}
spec:
  params: {limit: 100}
  matchConditions:
    - {name: money, expression: 'response.tool_cals.exists(c, c.name == "x")'}
  variables:
    - {name: refunds, expression: 'calls(response, "issue_refund")'}
    - {name: broken, expression: 'calls(responses, "x")'}
  validations:
    - id: refunds.limit
      expression: |
        variables.refunds.all(c,
          c.arguments.amount <= params.limit &&
          c.nmae == "x")
      messageExpression: '"above " + params.limit'
    - id: refunds.broken
      expression: variables.broken.size() == 0
    - id: refunds.labels
      expression: 'agent.labels.map(k, k) == ["team"]'
"""


def test_a_policy_is_checked_whole(tmp_path: Path) -> None:
    """Every finding of a policy file has its place there; a broken variable is reported once."""
    (tmp_path / "refunds.yaml").write_text(POLICY)
    (policy,), _ = load_policies(tmp_path, ["refunds.yaml"])
    found = [(item.level, str(item.location), item.message, item.hint) for item in lint_policy(policy)]
    assert found == [
        (
            "error",
            "refunds.yaml:10:41",
            "broken: unknown name 'responses'",
            "did you mean 'response'?",
        ),
        (
            "error",
            "refunds.yaml:7:43",
            "money: Response has no field tool_cals",
            "did you mean 'tool_calls'?",
        ),
        (
            "error",
            "refunds.yaml:16:13",
            "refunds.limit: ToolCall has no field nmae",
            "did you mean 'name'?",
        ),
        (
            "error",
            "refunds.yaml:17:36",
            "refunds.limit messageExpression: `+` does not take (string, int)",
            None,
        ),
        (
            "error",
            "refunds.yaml:21:43",
            "refunds.labels: a map has no order, so each engine may say something else here",
            "ask with exists(), all(), in, size() or a sum, or name the key",
        ),
    ]


def test_positions_in_every_yaml_style() -> None:
    """The document that the positions of the policy refer to is the text as it lies in the file."""
    lines = POLICY.splitlines()
    assert lines[15].index("c.nmae") + 2 == 12
    assert parse_document(POLICY, "refunds.yaml").expression(("spec", "validations", 0, "expression")).startswith("var")


@settings(max_examples=examples(60))
@given(st.one_of(st.text(max_size=40), st.sampled_from(["size()", "matches()", "string()", "has(a)", "''.matches()"])))
def test_any_text_is_checked_or_refused(source: str) -> None:
    """Whatever is written, checking gives a type or one ExpressionError with a place."""
    try:
        checked = check_expression(source, params={}, variables={}, expect="any")
    except ExpressionError as error:
        assert error.location is not None
        assert error.location.line
    else:
        assert checked.name
        assert isinstance(warnings(source), tuple)
