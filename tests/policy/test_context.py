"""What expressions see: known values only, JSON parsed, every engine the same, nothing hidden."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.environment import SCOPES
from runback_gate.cel.py_engine import PyEngine
from runback_gate.policy.context import (
    agent_facts,
    answer_facts,
    bindings,
    case_facts,
)
from runback_gate.policy.embedded_json import read_json
from runback_gate.policy.history import History, history
from runback_gate.step import Message, Part, Request, Response, Tool, ToolCall, Usage
from runback_gate.testing import sample_call

CPP, PY = CppEngine(), PyEngine()


def facts(request: Request, response: Response = Response(), baseline: Response | None = None) -> Any:  # noqa: B008
    """What an expression sees of a request and an answer."""
    return bindings(request, response, baseline=baseline, case=case_facts("d", "c"), agent=agent_facts("a"))


def turn(role: Any, content: str = "", *calls: ToolCall, **fields: Any) -> Message:
    """A message."""
    return Message(role, content, calls, **fields)


def test_parts_reasoning_and_refusal() -> None:
    """They are seen beside the text, without bytes and signatures; a plain text has none."""
    parts = (
        Part("reasoning", "Hm.", signature="s"),
        Part("text", "No."),
        Part("image", media_type="image/png", data="QUJD"),
        Part("refusal", "Not this."),
    )
    shown = [
        {"kind": "reasoning", "text": "Hm."},
        {"kind": "text", "text": "No."},
        {"kind": "image", "text": "", "media_type": "image/png"},
        {"kind": "refusal", "text": "Not this."},
    ]
    request = Request(messages=(Message("user", parts=parts), Message("user", "plain")))
    data: Any = bindings(
        request, Response(parts=parts), baseline=Response("x"), case=case_facts("d", "c"), agent=agent_facts("a")
    )
    assert data["request"]["messages"] == [
        {"role": "user", "content": "No.\n[image]", "parts": shown},
        {"role": "user", "content": "plain"},
    ]
    assert (data["response"]["parts"], data["response"]["text"]) == (shown, "No.\n[image]")
    assert (data["response"]["reasoning"], data["response"]["refusal"]) == ("Hm.", "Not this.")
    assert data["baseline"].keys().isdisjoint(("parts", "reasoning", "refusal"))


def test_everything_that_is_known() -> None:
    """Each root, with each of its fields."""
    request = Request(
        "openai/m",
        "Be kind.",
        (turn("user", "Hi"),),
        (Tool("t", "Does.", {"type": "object"}),),
        {"temperature": 0.5},
    )
    answer = Response(
        "Hello", (ToolCall("c1", "t", '{"a": 1}'),), "stop", "m-1", Usage(3, 4), 700, "0.25", "overloaded"
    )
    shown = {
        "text": "Hello",
        "tool_calls": [{"id": "c1", "name": "t", "arguments": {"a": 1}}],
        "finish_reason": "stop",
        "model": "m-1",
        "usage": {"input_tokens": 3, "output_tokens": 4},
        "latency_ms": 700,
        "cost_usd": 0.25,
        "error": "overloaded",
    }
    data = bindings(
        request,
        answer,
        baseline=answer,
        case=case_facts("refunds", "c1", ("vip",), "2026-11-03T10:00:00Z"),
        agent=agent_facts("support", {"team": "payments"}),
    )
    assert tuple(data) == SCOPES["step"]
    assert data == {
        "request": {
            "model": "openai/m",
            "system": "Be kind.",
            "messages": [{"role": "user", "content": "Hi"}],
            "tools": [{"name": "t", "description": "Does.", "parameters": {"type": "object"}}],
            "parameters": {"temperature": 0.5},
        },
        "response": shown,
        "baseline": shown,
        "history": [],
        "case": {"id": "c1", "dataset": "refunds", "tags": ["vip"], "now": "2026-11-03T10:00:00Z"},
        "agent": {"name": "support", "labels": {"team": "payments"}},
    }


def test_what_is_unknown_is_absent() -> None:
    """Nothing that the source did not keep is there as null, 0 or an empty text."""
    data = facts(Request())
    assert data["request"] == {"messages": [], "tools": [], "parameters": {}}
    assert data["response"] == {"text": "", "tool_calls": []}
    assert data["baseline"] == {}
    assert data["case"] == {"id": "c", "dataset": "d", "tags": []}
    assert answer_facts(Response(usage=Usage(output_tokens=0)))["usage"] == {"output_tokens": 0}


def test_what_nobody_knows_is_absent() -> None:
    """Fields that the source did not keep and that no config states, though they have an empty form."""
    request = Request(tools=(Tool("t"),), messages=(turn("user", "Hi"),))
    data: Any = bindings(
        request,
        Response(),
        baseline=None,
        case=case_facts("d", "c"),
        agent=agent_facts("a"),
        unknown=("parameters", "tools", "system"),
    )
    assert data["request"] == {"messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    "source",
    [
        "!has(request.model) && !has(request.system) && !has(response.usage) && !has(response.latency_ms)",
        "!has(response.cost_usd) && !has(response.error) && !has(baseline.text) && !has(case.now)",
        "!(has(response.usage) && response.usage.output_tokens < 5)",
    ],
)
def test_has_tells_what_is_unknown(source: str) -> None:
    """On both engines."""
    for engine in (CPP, PY):
        assert engine.compile(source).evaluate(engine.bind(facts(Request()))).verdict == "true"


def test_messages_show_their_calls() -> None:
    """A message of the conversation has its calls, and a result its call and tool; nothing else is added."""
    call = ToolCall("c1", "look", '{"order": "A"}')
    messages = (
        turn("assistant", "", call),
        turn("tool", "[1]", tool_call_id="c1", name="look", error="late"),
    )
    assert facts(Request(messages=messages))["request"]["messages"] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "name": "look", "arguments": {"order": "A"}}],
        },
        {"role": "tool", "content": "[1]", "tool_call_id": "c1", "name": "look"},
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        ("40", 40),
        ('"text"', "text"),
        ("", ""),
        ("paid", "paid"),
        ("{", "{"),
        ('{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", "9223372036854775808"),
        ('{"a": [-9223372036854775809]}', '{"a": [-9223372036854775809]}'),
        ("[" * 129 + "]" * 129, "[" * 129 + "]" * 129),
    ],
)
def test_json_text_is_parsed(text: str, value: object) -> None:
    """What is JSON for both engines becomes its value; whatever else stays the text that it is."""
    assert read_json(text) == value
    assert type(read_json(text)) is type(value)


def test_a_call_without_arguments_has_none() -> None:
    """Models write nothing, or blanks, where a tool takes nothing: an empty map, not an empty text."""
    answer = Response(tool_calls=(ToolCall("", "t", ""), ToolCall("", "t", " \n"), ToolCall("", "t", "{}")))
    calls: Any = answer_facts(answer)["tool_calls"]
    assert [call["arguments"] for call in calls] == [{}, {}, {}]


def test_history() -> None:
    """Calls in order with their results, whatever their order; a failed call has its error."""
    first, second = ToolCall("1", "look", '{"order": "A"}'), ToolCall("2", "pay", "amount 3")
    messages = (
        turn("user", "Hi"),
        turn("assistant", "", first, second),
        turn("tool", "declined", tool_call_id="2", error="card declined"),
        turn("tool", '{"charge": 3}', tool_call_id="1"),
        turn("assistant", "", ToolCall("3", "look", "{}")),
    )
    assert history(messages) == [
        {"name": "look", "arguments": {"order": "A"}, "result": {"charge": 3}},
        {"name": "pay", "arguments": "amount 3", "result": "declined", "error": "card declined"},
        {"name": "look", "arguments": {}},
    ]


def test_results_without_ids() -> None:
    """They belong to the calls of the latest answer: by name where it is given, else in order."""
    calls = (ToolCall("", "look", '{"n": 1}'), ToolCall("", "pay", '{"n": 2}'), ToolCall("", "look", '{"n": 3}'))
    messages = (
        turn("assistant", "", *calls),
        turn("tool", "paid", name="pay"),
        turn("tool", "first"),
        turn("tool", "third", name="look"),
        turn("tool", "alone", name="look"),
    )
    assert [(entry["arguments"], entry["result"]) for entry in history(messages)] == [  # type: ignore[index, call-overload]
        ({"n": 1}, "first"),
        ({"n": 2}, "paid"),
        ({"n": 3}, "third"),
        ({}, "alone"),
    ]


def test_results_never_answer_an_older_turn_without_ids() -> None:
    """A call of an earlier answer that got no result keeps none."""
    messages = (
        turn("assistant", "", ToolCall("", "look", '{"n": 1}')),
        turn("assistant", "", ToolCall("", "look", '{"n": 2}')),
        turn("tool", "found"),
    )
    assert history(messages) == [
        {"name": "look", "arguments": {"n": 1}},
        {"name": "look", "arguments": {"n": 2}, "result": "found"},
    ]


def test_results_of_unknown_calls_still_happened() -> None:
    """A result whose call is not in the conversation stands alone, under its own name."""
    messages = (turn("tool", "1", tool_call_id="9", name="look"), turn("tool", "2"))
    assert history(messages) == [
        {"name": "look", "arguments": {}, "result": 1},
        {"name": "", "arguments": {}, "result": 2},
    ]


def test_ids_that_are_used_again() -> None:
    """Providers that count calls from 0 in each turn: a result answers the call before it."""
    messages = (
        turn("assistant", "", ToolCall("0", "look", '{"n": 1}')),
        turn("tool", "one", tool_call_id="0"),
        turn("assistant", "", ToolCall("0", "look", '{"n": 2}')),
        turn("tool", "two", tool_call_id="0"),
    )
    assert [entry["result"] for entry in history(messages)] == ["one", "two"]  # type: ignore[index,call-overload]


ROLES = st.sampled_from(["user", "assistant", "tool"])
IDS = st.sampled_from(["", "1", "2"])
CALLS = st.lists(st.builds(ToolCall, IDS, st.sampled_from("ab"), st.just("{}")), max_size=2).map(tuple)
MESSAGES = st.lists(
    st.builds(Message, ROLES, st.text(max_size=2), CALLS, st.none() | IDS, st.none() | st.sampled_from("ab")),
    max_size=6,
).map(tuple)


@given(MESSAGES)
def test_history_loses_and_invents_nothing(messages: tuple[Message, ...]) -> None:
    """Every call is there once, and every result is there once, whatever the ids say."""
    entries: Any = history(messages)
    calls = sum(len(message.tool_calls) for message in messages)
    results = [message for message in messages if message.role == "tool"]
    assert sum("result" in entry for entry in entries) == len(results)
    assert calls <= len(entries) <= calls + len(results)


@given(st.text(max_size=5), st.text(max_size=5))
def test_both_engines_see_all_of_a_text(before: str, after: str) -> None:
    """Whatever stands in an answer, its end is seen, in the text, an argument, a message and a result."""
    text = f"{before}\0{after}END"
    messages = (turn("user", text), turn("tool", text, name="t"))
    data = facts(Request(messages=messages), Response(text, (sample_call("t", a=text),)), Response(text))
    source = (
        'response.text.endsWith("END") && baseline.text.endsWith("END") && history[0].result.endsWith("END") && '
        'response.tool_calls[0].arguments.a.endsWith("END") && request.messages[0].content.endsWith("END")'
    )
    for engine in (CPP, PY):
        assert engine.compile(source).evaluate(engine.bind(data)).verdict == "true"


NAMES = st.sampled_from(["a", "b", "c"])


@given(st.lists(NAMES, max_size=8), st.lists(st.none() | NAMES, max_size=12))
def test_results_without_ids_go_to_the_first_open_call_of_their_name(
    calls: list[str], results: list[str | None]
) -> None:
    """As a plain search through the open calls would find it; one that finds none stands alone."""
    messages = [Message("assistant", "", tuple(ToolCall("", name, "") for name in calls))]
    messages += [Message("tool", str(number), name=name) for number, name in enumerate(results)]
    expected: list[dict[str, Any]] = [{"name": name, "arguments": {}} for name in calls]
    waiting = list(expected)
    for number, name in enumerate(results):
        found = next((entry for entry in waiting if name in (None, entry["name"])), None)
        if found is None:
            expected.append(found := {"name": name or "", "arguments": {}})
        else:
            waiting = [entry for entry in waiting if entry is not found]
        found["result"] = number
    assert history(messages) == expected


RESULTS = st.builds(turn, st.just("tool"), NAMES, tool_call_id=st.none() | NAMES, name=st.none() | NAMES)
CALL = st.builds(ToolCall, st.just("") | NAMES, NAMES, st.just("{}"))
ASKED = st.builds(lambda calls: turn("assistant", "", *calls), st.lists(CALL, max_size=3))


@given(st.lists(RESULTS | ASKED, max_size=8), st.lists(st.integers(0, 8), max_size=5))
def test_conversations_that_go_on_are_read_as_each_by_itself(messages: list[Message], cuts: list[int]) -> None:
    """What was given of an earlier conversation stays as it was."""
    calls = History()
    given_before = [(cut, calls.of(tuple(messages[:cut]))) for cut in cuts]
    assert given_before == [(cut, history(messages[:cut])) for cut in cuts]
