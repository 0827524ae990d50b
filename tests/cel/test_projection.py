"""Facts about what rules read of a step: laid out alone, it gives every rule the outcome that the whole step gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.analysis.recorded import RecordedStep
from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine
from runback_gate.cel.limits import parse
from runback_gate.cel.projection import needs, paths
from runback_gate.cel.py_engine import PyEngine
from runback_gate.policy.context import Layout
from runback_gate.policy.document import load_policies
from runback_gate.policy.evaluate import compile_policy, results
from runback_gate.policy.run_context import run_data
from runback_gate.step import Message, Run, Step, Tool
from runback_gate.testing import sample_call, sample_step

ENGINES: tuple[Engine, ...] = (CppEngine(), PyEngine())
EXAMPLES = Path(__file__).parents[2] / "examples" / "airline" / "policies"
STEPS = [
    sample_step(sample_call("pay", amount=40)),
    sample_step(sample_call("pay", amount="x"), sample_call("look", id={"a": None}), text="Paid."),
    sample_step(
        text="No.",
        messages=(
            Message("user", "Hi", name="ann"),
            Message("assistant", "", tool_calls=(sample_call("look", id=7),)),
            Message("tool", '{"a": [1]}', tool_call_id="", name="look"),
        ),
        tools=(Tool("pay", "Pays", {"type": "object"}), Tool("look", "", {})),
    ),
]


def read(source: str) -> list[str]:
    """What an expression reads, without the lists that are counted where their elements are read too."""
    found = sorted(paths(parse(source)))
    return [path for path in found if not any(other.startswith(f"{path}.") for other in found)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('response.text != "" && history.exists(h, h.name == "pay")', ["history.*.name", "response.text"]),
        ("size(history) > 1", ["history.*"]),
        ("request.messages[0].content.x == 1", ["request.messages.*.content"]),
        ("history == []", ["history"]),
        ('calls(response, "pay").size() == 0', ["response.tool_calls.*.name"]),
        ('history.filter(h, h.name == "a")[0].result.b', ["history.*.name", "history.*.result"]),
        ('response.all(k, k != "")', ["response"]),
        ('request["tools"][0]["name"] == "a"', ["request.tools.*.name"]),
        ("true ? response.text : agent.name", ["agent.name", "response.text"]),
        (
            "response.tool_calls.all(c, c.arguments.exists(k, k == case.id))",
            ["case.id", "response.tool_calls.*.arguments"],
        ),
        ('case.tags.exists(t, t == "a")', ["case.tags.*"]),
    ],
)
def test_what_is_read(source: str, expected: list[str]) -> None:
    """Fields by name, elements by what is read of each; what is compared, or of no known shape, whole."""
    assert read(source) == expected


def test_an_element_that_is_used_whole_keeps_its_list_whole() -> None:
    """Whatever follows an index or a loop variable that is compared or given on, or is asked for an unknown field."""
    for source in (
        "history[0] == history[1]",
        "size(history[0]) == 2",
        "history.exists(h, h == {})",
        "history.map(h, h) == []",
        "history.map(h, h.n) == []",
        'history[0]["n"] == 1',
    ):
        assert "history" in paths(parse(source))
        assert needs(paths(parse(source))) == {"history": None}


def test_schemas_are_read_by_a_function() -> None:
    """`matchesSchema` looks at the tools of the request, which its expression does not name."""
    assert "request.tools" in paths(parse("response.tool_calls.all(c, matchesSchema(c))"))


FIELDS = """response.text response.tool_calls history request.messages request.tools request response.usage baseline
request.messages[0] history[0].arguments response.tool_calls[1] case.tags agent""".split()
ELEMENTS = 'x x.name x.arguments x.content x.result.a x["name"] x.missing'.split()
FORMS = """\
has({0}.name)
size({0}) > 1
{0} == {1}
{0}.exists(x, {2} == {1})
{0}.all(x, has({2}.a))
{0}.filter(x, size({2}) > 0) == {1}
{0}.map(x, {2}) != []
true || {0}.exists(x, {2} == "")
{0}.filter(x, true)[0] == {1}
{0}.exists(x, x.name == "pay") ? size({1}) == 1 : {0} == {1}
{0}[size({0}) - 1] == {1}
"name" in {0}
string({0}) != ""
""".splitlines()


ANY = st.sampled_from(FIELDS)


@given(st.sampled_from(FORMS), st.tuples(ANY, ANY, st.sampled_from(ELEMENTS)), st.sampled_from(STEPS), st.data())
def test_outcomes_are_the_same(form: str, fields: tuple[str, str, str], step: Step, data: st.DataObject) -> None:
    """For any expression, value and error alike, in both engines."""
    source = form.format(*fields)
    recorded, engine = RecordedStep("r", 0, step), data.draw(st.sampled_from(ENGINES))
    program = engine.compile(source)
    layout = Layout(needs(paths(parse(source))))
    whole, part = (program.evaluate(engine.bind(seen)) for seen in (recorded.data(), recorded.data(layout)))
    assert part == whole


RUN_FIELDS = """run.calls run.steps run.labels run.status run run.calls[0].arguments run.calls[1].result run.steps[0]
run.steps[0].response.tool_calls run.steps[1].history run.steps[2].request.messages run.steps[2].request.tools
case.id""".split()
RUN_ELEMENTS = [*ELEMENTS, *"x.response.text x.request.messages x.history[0].name x.response.tool_calls[0]".split()]
RUN_FORMS = [*FORMS, '{0}.before(x, {2} == "pay") == {1}', '{0}.after(x, {2} == "pay").exists(y, y == {1})']
RUN_ANY = st.sampled_from(RUN_FIELDS)
DATA = [RecordedStep("r", 0, step).data() for step in STEPS]
RUN_DATA = run_data(Run("r", "a", tuple(STEPS), {"a": "pay"}, status="ok"))
# A policy test may hold values of other kinds than a recording has.
ODD: dict[str, JsonValue] = {
    "request": {"messages": {"*": 1, "content": "x"}, "tools": "none", "system": ["x"]},
    "response": {"tool_calls": [[{"name": "pay"}], {"name": {"a": 1}}, None, "pay"], "text": {"name": "pay"}},
    "history": {"0": {"name": "pay"}},
    "baseline": None,
    "run": {"calls": "pay", "steps": [{"response": [1], "history": {"name": "pay"}}, 7]},
}
# Fields that no recording has, beside one that each has.
UNKNOWN: dict[str, JsonValue] = {
    "request": {"messages": [{"missing": "x", "content": "y"}], "tools": [{"missing": 1}], "missing": "z"},
    "response": {"tool_calls": [{"name": "pay", "missing": "pay"}, {"missing": {"a": 1}}], "text": "", "missing": []},
    "history": [{"missing": "pay"}, {"name": "pay", "missing": ""}],
    "run": {"calls": [{"missing": "pay"}], "steps": [{"missing": "pay"}], "missing": 1},
}


@given(
    st.one_of(
        st.tuples(st.sampled_from(FORMS), ANY, ANY, st.sampled_from(ELEMENTS)),
        st.tuples(st.sampled_from(RUN_FORMS), RUN_ANY, RUN_ANY, st.sampled_from(RUN_ELEMENTS)),
    ),
    st.sampled_from([*DATA, RUN_DATA, ODD, UNKNOWN]),
)
def test_an_engine_that_is_given_less_says_the_same(
    form: tuple[str, str, str, str], data: dict[str, JsonValue]
) -> None:
    """An engine holds what its own expressions read; one that knew of none, and one that knew of others, hold more."""
    source = form[0].format(*form[1:])
    own, others = CppEngine(), CppEngine()
    all_of_it = CppEngine().bind(data)
    others.compile("response.tool_calls.all(c, c.name != '') && size(run.calls) > 0")
    other = others.bind(data)
    program = own.compile(source)
    said = [program.evaluate(bound) for bound in (own.bind(data), all_of_it, other)]
    assert said[0] == said[1] == said[2]


def test_nothing_is_converted_that_nobody_reads() -> None:
    """What an engine holds of a step is what its expressions read, until one comes that reads more."""
    engine = CppEngine()
    engine.compile("response.tool_calls.all(c, c.name != 'pay')")
    bound = engine.bind({"response": {"text": "Hi", "tool_calls": []}, "request": {"system": "x"}})
    assert bound.reads == frozenset({"response.tool_calls.*", "response.tool_calls.*.name"})
    assert engine.compile("request.system == 'x' && response.text == 'Hi'").evaluate(bound).value is True
    assert engine.compile("x == request.system", local=("x",)).evaluate(bound).error is not None


@pytest.mark.parametrize("step", STEPS)
def test_policies_say_the_same(step: Step) -> None:
    """The airline's policies, variables, conditions and messages included."""
    engine = ENGINES[0]
    found, _ = load_policies(EXAMPLES, ["*.yaml"])
    sets = [compile_policy(policy, engine) for policy in found if policy.scope == "step"]
    layout = Layout(needs(path for rules in sets for path in rules.paths))
    recorded = RecordedStep("r", 0, step)
    for _ in range(2):
        assert results(sets, recorded.projected(engine, layout)) == results(sets, recorded.under_test(engine))
