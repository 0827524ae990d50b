"""Steps: what is written is read, unknown stays unknown, and foreign shapes are refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.canonical import JsonValue, canonical_bytes, parse_canonical
from runback_gate.errors import DocumentError, InputError
from runback_gate.step import (
    REQUEST_FIELDS,
    Message,
    Part,
    Request,
    Response,
    Source,
    Step,
    Tool,
    ToolCall,
    ToolRun,
    Usage,
    from_json,
    step_from_json,
    to_canonical,
    to_json,
    tools_from_json,
)
from runback_gate.testing import sample_call, sample_step
from runback_gate.values import _READERS, _validator
from tests.examples import examples

TEXT = st.text(max_size=6)
MAYBE = st.none() | TEXT
COUNT = st.none() | st.integers(0, 9)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-2, 2) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=2)
CALLS = st.lists(st.builds(ToolCall, TEXT, TEXT, TEXT), max_size=2).map(tuple)
MESSAGES = st.builds(
    Message, st.sampled_from(["system", "developer", "user", "assistant", "tool"]), TEXT, CALLS, MAYBE, MAYBE, MAYBE
)
TOOLS = st.builds(Tool, TEXT, TEXT, OBJECTS, st.none() | st.booleans())
REQUESTS = st.builds(
    Request,
    MAYBE,
    MAYBE,
    st.lists(MESSAGES, max_size=2).map(tuple),
    st.lists(TOOLS, max_size=2).map(tuple),
    OBJECTS,
)
RESPONSES = st.builds(
    Response,
    TEXT,
    CALLS,
    MAYBE,
    MAYBE,
    st.builds(Usage, COUNT, COUNT),
    COUNT,
    st.none() | st.sampled_from(["0", "0.0001"]),
    MAYBE,
)
SOURCES = st.builds(
    Source,
    TEXT,
    st.integers(0, 9),
    st.sampled_from(["exact", "semantic", "view-only"]),
    st.sampled_from([(), ("model",), REQUEST_FIELDS]),
    MAYBE,
    st.none() | st.sampled_from(["off", "standard", "strict"]),
    MAYBE,
    COUNT,
)
STEPS = st.builds(Step, TEXT, REQUESTS, RESPONSES, SOURCES, st.none() | OBJECTS)


@given(STEPS)
def test_what_is_written_is_read(step: Step) -> None:
    """Through canonical bytes and back a step is the same, whatever is unknown or empty in it."""
    assert step_from_json(parse_canonical(canonical_bytes(to_json(step)))) == step


@given(STEPS)
def test_the_short_way_to_canonical_bytes_gives_the_same(step: Step) -> None:
    """The bytes that are made of the fields are those of the JSON."""
    for value in (step, step.request, step.response, *step.request.messages, step.source):
        assert to_canonical(value) == canonical_bytes(to_json(value))
    request = step.request
    known = {
        name: canonical_bytes(to_json(held)) for name in ("tools", "parameters") if (held := getattr(request, name))
    }
    assert to_canonical(request, known) == to_canonical(request)


@given(
    MESSAGES | RESPONSES | SOURCES | TOOLS,
    st.sampled_from(["role", "content", "tool_calls", "usage", "extra", "event", "unknown", "strict", "cost_usd", "x"]),
    JSON
    | st.sampled_from([[{"id": "1", "name": "pay", "arguments": "{}"}], [{"id": 1}], {"input_tokens": 1}, ["model"]]),
)
def test_the_short_way_of_reading_gives_the_same(value: Any, name: str, other: Any) -> None:
    """A value that is plainly there is what pydantic reads, whatever stands in one of its fields, or neither reads
    it."""
    read, refused = _validator(cast("Hashable", type(value)))
    kept = to_json(value)
    assert isinstance(kept, dict)
    for json in (kept, {**kept, name: other}, {key: item for key, item in kept.items() if key != name}):
        try:
            expected = repr(read(json))
        except refused:
            with pytest.raises(InputError):
                from_json(type(value), json, "value")
        else:
            assert repr(from_json(type(value), json, "value")) == expected


@pytest.mark.parametrize("kind", [Message, Tool, ToolCall, Usage, Response, Source, ToolRun, Part])
def test_what_is_plain_is_read_the_short_way(kind: type) -> None:
    """Every kind of value that a run file holds has a reader of its own."""
    assert _READERS[kind] is not None


def test_values_that_are_made_wrongly_are_refused() -> None:
    """A field that lacks or is not known is an error, and each value has an empty mapping of its own."""
    with pytest.raises(TypeError, match="role"):
        Message()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="mood"):
        Message("user", mood="calm")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="cost_usd"):
        Response(cost_usd="much")
    assert Message("user").extra is not Message("user").extra


def plainly(value: Any) -> Any:
    """The JSON of a value, said in the shortest way."""
    if isinstance(value, tuple):
        return [plainly(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    found = {}
    for item in dataclasses.fields(value):
        inner = plainly(getattr(value, item.name))
        stated = item.default is None or (item.default is item.default_factory is dataclasses.MISSING)
        left_out: tuple[Any, ...] = (item.default,) if item.metadata else () if stated else ({}, [])
        if inner is not None and inner not in left_out:
            found[item.name] = inner
    return found


@settings(max_examples=examples(200))
@given(STEPS)
def test_json_has_what_was_said(step: Step) -> None:
    """What is unknown, and what is empty by default, is left out, and nothing else."""
    assert to_json(step) == plainly(step)


def test_numbers_of_others_take_the_long_way() -> None:
    """A number that canonical JSON writes in another way has the same bytes by either way."""
    for number in (0.5, 2.0, 2**60, -0.0, True):
        for value in (
            Response("x", extra={"n": number}),
            Message("user", "x", extra={"n": [number]}),
            # What a source of another type than the field put there.
            Response("x", latency_ms=number),  # type: ignore[arg-type]
            Message("user", number),  # type: ignore[arg-type]
        ):
            assert to_canonical(value) == canonical_bytes(to_json(value))


@pytest.mark.parametrize("name", ["$decimal", "$integer", "\ud800"])
def test_names_of_others_that_have_no_canonical_form_are_refused(name: str) -> None:
    """By the short way too; and nesting that is too deep."""
    deep: dict[str, object] = {}
    for _ in range(200):
        deep = {"a": deep}
    for extra in ({name: "1"}, {"a": [{name: "1"}]}, deep):
        with pytest.raises(DocumentError):
            to_canonical(Response("x", extra=extra))


def test_names_beyond_ascii_are_in_their_order() -> None:
    """UTF-16 order, which is not that of code points."""
    value = Response("x", extra={"\ufffd": 1, "\U00010000": 2})
    assert to_canonical(value) == canonical_bytes(to_json(value))


def test_a_text_that_is_none_is_refused_by_either_way() -> None:
    """A lone surrogate has no UTF-8, whoever looks."""
    with pytest.raises(DocumentError, match="lone surrogate"):
        to_canonical(Message("user", "\ud800"))


def test_unknown_is_left_out() -> None:
    """What a source did not keep has no entry, so nobody can take it for a value; an empty text is a value."""
    value: Any = to_json(sample_step(text=""))
    assert value["response"] == {"text": ""}
    assert set(value["source"]) == {"run", "event", "grade"}


def test_a_step_of_nothing_can_be_read() -> None:
    """A turn that opens a conversation, of a model that nobody noted, has an empty request."""
    step = Step("a", Request(), Response("Hello!"), Source("r", 0, "semantic"))
    assert to_json(step) == {
        "agent": "a",
        "request": {},
        "response": {"text": "Hello!"},
        "source": {"run": "r", "event": 0, "grade": "semantic"},
    }
    assert step_from_json(to_json(step)) == step


def test_steps_of_the_same_tools_share_them() -> None:
    """What differs in a letter, or in 1 and 1.0, is another list; a wrong one is named by its place."""

    def tools(parameters: Any) -> tuple[Tool, ...]:
        value: Any = to_json(sample_step())
        value["request"]["tools"] = [{"name": "look", "parameters": parameters}]
        return step_from_json(value).request.tools

    whole = tools({"minimum": 1})
    assert tools({"minimum": 1}) is whole
    assert whole == (Tool("look", parameters={"minimum": 1}),)
    for other in ({"minimum": 1.0}, {"minimum": True}, {"maximum": 1}):
        kept = tools(other)[0].parameters
        assert repr(kept) == repr(other)
    with pytest.raises(InputError, match=r"step: request\.tools\.0\.parameters: "):
        tools([])


def test_steps_of_the_same_instructions_share_them() -> None:
    """A thousand recordings of an agent hold its prompt once."""
    value: Any = to_json(sample_step())
    value["request"] |= {"tools": [{"name": "look"}], "system": "Be kind to customers."}
    one, other = (step_from_json(parse_canonical(canonical_bytes(value))).request for _ in range(2))
    assert one.system == "Be kind to customers."
    assert one.system is other.system


def test_json_inside_a_step_is_kept_as_it_is() -> None:
    """Empty lists and nulls in parameters and schemas say something, so they stay."""
    plain: dict[str, Any] = {"stop": [], "response_format": None, "logit_bias": {}}
    value: Any = to_json(Request(parameters=plain, tools=(Tool("t", parameters={"required": []}),)))
    assert value["parameters"] == plain
    assert value["tools"] == [{"name": "t", "description": "", "parameters": {"required": []}}]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("request", "messages"), 3, "step: request.messages: Input should be a valid tuple"),
        (("request", "colour"), "red", "step: request.colour: Unexpected keyword argument"),
        (("source", "grade"), "perfect", "step: source.grade: Input should be"),
        (("source", "unknown"), ["messages"], "step: source.unknown.0: Input should be"),
        (("response", "cost_usd"), 0.5, "step: response.cost_usd: Input should be a valid string"),
        (("response", "cost_usd"), "cheap", "step: response: cost_usd: not a decimal amount: 'cheap'"),
        (("response", "cost_usd"), "1e99", "step: response: cost_usd: not a decimal amount"),
        (("response", "cost_usd"), "nan", "step: response: cost_usd: not a decimal amount"),
    ],
)
def test_foreign_fields_are_refused(place: tuple[str, str], value: JsonValue, message: str) -> None:
    """The error names the field; money that is no decimal number never reaches an expression."""
    found: Any = to_json(sample_step(text="hi"))
    found[place[0]] = {**found[place[0]], place[1]: value}
    with pytest.raises(InputError) as error:
        step_from_json(found)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("value", [None, 3, [], {}, {"agent": "a"}])
def test_what_is_no_step_is_refused(value: JsonValue) -> None:
    """Anything without the required fields is an input error that says what was read."""
    with pytest.raises(InputError, match=r"^recordings/x\.json: "):
        step_from_json(value, "recordings/x.json")


def test_money_of_our_own_is_checked_too() -> None:
    """A recorder that hands over a float as text, or a negative cost, is stopped at once."""
    with pytest.raises(ValueError, match="not a decimal amount"):
        Response(cost_usd="-1")
    assert Response(cost_usd="0.00000025").cost_usd == "0.00000025"


def test_tools_in_both_shapes() -> None:
    """The wire's `{type: function, function: …}` and the bare function are the same tool."""
    bare: dict[str, Any] = {
        "name": "escalate",
        "description": "Call.",
        "parameters": {"type": "object"},
        "strict": True,
    }
    tool = Tool("escalate", "Call.", {"type": "object"}, strict=True)
    assert tools_from_json([bare], "tools") == (tool,)
    assert tools_from_json([{"type": "function", "function": bare}], "tools") == (tool,)
    assert tools_from_json([], "tools") == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": "t"}, "tools: a list of tools was expected (OpenAI function format)"),
        ([{"name": "t"}, {"name": "t"}], "tools: two tools are named 't'"),
        ([{"name": "t"}, 5], "tools: tool 2: "),
        ([{"type": "function", "function": {"title": "t"}}], "tools: tool 1: name: Field required"),
    ],
)
def test_bad_tools(value: JsonValue, message: str) -> None:
    """The error names the list and the number of the tool."""
    with pytest.raises(InputError) as error:
        tools_from_json(value, "tools")
    assert str(error.value).startswith(message)


def test_any_dataclass_can_be_read() -> None:
    """`from_json` reads every value of this package by its type."""
    assert from_json(ToolCall, {"id": "1", "name": "t", "arguments": "{}"}, "call") == ToolCall("1", "t", "{}")
    assert to_json((sample_call("t", a=1),)) == [{"id": "call_1", "name": "t", "arguments": '{"a": 1}'}]
