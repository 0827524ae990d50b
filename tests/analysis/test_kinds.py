"""What depends on the order of a map, and what may mix ints and doubles, wherever the values come from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from runback_gate.analysis.diagnostic import Diagnostic
from runback_gate.analysis.kinds import Known, Reading, read_kinds
from runback_gate.analysis.lint import lint_policy
from runback_gate.canonical import JsonValue
from runback_gate.cel.limits import parse
from runback_gate.policy.document import load_policies
from runback_gate.testing import write_document

PARAMS: dict[str, JsonValue] = {
    "tiers": {"gold": 1, "silver": 2},
    "bags": {"gold": {"economy": 1, "business": 2}, "silver": {"economy": 0, "business": 1}},
    "mixed": {"a": 1, "b": 1.5},
    "limit": 100,
    "rate": 0.5,
    "words": ["a", "b"],
}


def read(source: str, variables: Mapping[str, str] | None = None) -> Reading:
    known: dict[str, Known] = {}
    for name, text in (variables or {}).items():
        known[name] = read_kinds(parse(text), PARAMS, known).value
    return read_kinds(parse(source), PARAMS, known)


@pytest.mark.parametrize(
    ("source", "at"),
    [
        ("agent.labels.map(k, k)[0] == 'team'", "["),
        ("agent.labels.map(k, k) == ['team']", "=="),
        ("['team'] != agent.labels.filter(k, k != '')", "!="),
        ("params.tiers.map(k, params.tiers[k])[0] > 1", "["),
        ("{'a': 1, 'b': 2}.map(k, k)[1] == 'b'", "["),
        ("request.parameters.map(k, k) in [['temperature']]", "in"),
        ("response.tool_calls[0].arguments.map(k, k)[0] == 'amount'", "[0] =="),
        ("calls(response, 'pay').all(c, c.arguments.map(k, k) == ['amount'])", "=="),
        ("history.all(h, h.arguments.filter(k, k != 'id')[0] == 'amount')", "["),
        ("history.all(h, h.result.map(k, h.result[k])[0] == 1)", "[0]"),
        ("(agent.labels.map(k, k) + ['x'])[0] == 'x'", "[0]"),
        ("agent.labels.map(k, k).filter(k, k != 'x').map(k, k)[0] == 'x'", "[0]"),
        ("distinct(agent.labels.map(k, agent.labels[k]))[0] == 'x'", "[0]"),
        ("response.tool_calls.map(c, c.arguments.map(k, k)) == [['a']]", "=="),
        ("response.tool_calls.map(c, c.arguments.map(k, k))[0][0] == 'a'", "[0] =="),
        ("response.tool_calls.map(c, c.arguments.map(k, k)).all(ks, ks[0] == 'a')", "[0]"),
        ("includes(response.tool_calls[0].arguments, {'keys': agent.labels.map(k, k)})", "includes"),
        ("agent.labels.map(k, k).before(k, k == 'x').size() > 1", "before"),
        ("agent.labels.map(k, k).index_where(k, k == 'x') == 1", "index_where"),
        ("(true ? agent.labels.map(k, k) : ['a'])[0] == 'a'", "[0]"),
    ],
)
def test_the_order_of_a_map_decides(source: str, at: str) -> None:
    """Where a list that was made of a map is indexed, compared or cut."""
    (found,) = read(source).ordered
    assert source[found.at :].startswith(at) or found.kind == "index"


@pytest.mark.parametrize(
    "source",
    [
        "agent.labels.map(k, k).exists(k, k == 'team') && 'team' in agent.labels.map(k, k)",
        "agent.labels.all(k, agent.labels[k] != '') && size(agent.labels.filter(k, k != '')) == 1",
        "sum(params.tiers.map(k, params.tiers[k])) == 3 && max(params.tiers.map(k, params.tiers[k])) == 2",
        "agent.labels == {'team': 'x'} && params.tiers.gold == 1 && agent.labels['team'] == 'x'",
        "response.tool_calls.map(c, c.name) == ['pay'] && response.tool_calls.map(c, c.name)[0] == 'pay'",
        "response.tool_calls.map(c, c.arguments.map(k, k))[0].size() == 1",
        "history.all(h, h.result.items.map(i, i.price)[0] == 1 && h.result.map(i, i.id) == [1])",
        "params.words.map(w, w)[0] == 'a' && request.messages.map(m, m.role)[0] == 'user'",
        "mentions(response.text, agent.labels.map(k, k))",
    ],
)
def test_what_no_order_decides(source: str) -> None:
    """Members, sizes and sums of what was made of a map, and lists that were always lists."""
    assert read(source).ordered == ()


def test_variables_carry_where_a_list_comes_from() -> None:
    """Through any number of them; the place is where it is used."""
    variables = {
        "labels": "agent.labels",
        "keys": "variables.labels.map(k, k)",
        "rest": "variables.keys.filter(k, k != '')",
    }
    found = read("variables.rest[0] == 'team'", variables)
    assert [node.kind for node in found.ordered] == ["index"]
    assert read("variables.rest.exists(k, k == 'team')", variables).ordered == ()
    calls = {"pays": "calls(response, 'pay')", "first": "variables.pays[0]"}
    assert len(read("variables.first.arguments.map(k, k)[0] == 'a'", calls).ordered) == 1
    assert len(read("variables.pays.all(c, c.arguments.map(k, k)[0] == 'a')", calls).ordered) == 1


@pytest.mark.parametrize(
    "source",
    [
        "response.cost_usd * 100 > 1.0",
        "response.tool_calls[0].arguments.amount * 2 > params.limit",
        "2.5 * response.tool_calls[0].arguments.amount > 1.0",
        "history.all(h, h.result.price * h.result.count > 1)",
        "params.limit - history[0].result.paid > 0",
        "parse_json(response.text).a + 1 > 1",
        "request.parameters.temperature / 2.0 > 1.0",
        "params.mixed[case.id] + 1 > 1",
        "sum(history.map(h, h.result.paid)) + 1 > 2",
        "-history[0].result.paid + 1 > 2",
        "(true ? 1 : history[0].result.paid) + 1 > 2",
    ],
)
def test_numbers_that_may_be_of_two_kinds(source: str) -> None:
    """A value that is only known when it runs, in arithmetic with any number."""
    assert len(read(source).mixed) == 1


@pytest.mark.parametrize(
    "source",
    [
        "size(history) + 1 > params.limit - 2 && double(history[0].result.paid) * 2.0 > params.rate",
        "params.bags[case.id][agent.name] * size(case.tags) > 1",
        "'above ' + string(params.limit) == 'a' && 'x' + history[0].result.id == 'xy'",
        "int(history[0].result.paid) % 2 == 0 && response.usage.input_tokens + 1 > 2",
        "timestamp(case.now).getHours() + 1 > 2 && timestamp(case.now) - duration('1h') > timestamp(case.now)",
        "history.map(h, h.name) + ['a'] == ['a'] && history.count_if(h, h.name == 'a') + 1 == 2",
        "average(history.map(h, h.result.paid)) * 2.0 > 1.0",
        "history[0].result.paid > 1 && history[0].result.paid == params.limit",
    ],
)
def test_numbers_of_one_kind(source: str) -> None:
    """Those of which the kind is known; comparisons take both."""
    assert read(source).mixed == ()


def lint(root: Path, text: str) -> list[tuple[str, str, str]]:
    write_document(root, "p.yaml", "Policy", "p", yaml.safe_load(text))
    (policy,), _ = load_policies(root, ["p.yaml"])
    found: tuple[Diagnostic, ...] = lint_policy(policy)
    return [(item.level, item.message, item.hint or "") for item in found]


def test_lint_says_so(tmp_path: Path) -> None:
    """The order of a map is an error, once, where it decides; mixed arithmetic a warning."""
    text = """
params: {limit: 100}
variables:
  - {name: keys, expression: 'agent.labels.map(k, k)'}
  - {name: first, expression: 'variables.keys[0]'}
validations:
  - {id: a, expression: 'variables.first == "team"'}
  - {id: b, expression: 'response.tool_calls.all(c, c.arguments.amount * 2 <= params.limit)'}
"""
    assert [(level, message) for level, message, _ in lint(tmp_path, text)] == [
        ("error", "first: a map has no order, so each engine may say something else here"),
        (
            "warning",
            "b: arithmetic takes two ints or two doubles: an error where the other number is of the other kind",
        ),
    ]
