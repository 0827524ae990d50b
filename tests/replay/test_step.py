"""A step asked again: what is asked with changes, and how two answers differ."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.agent import unstated
from runback_gate.errors import InputError
from runback_gate.replay.step import Changes, Setting, changed_request, diverge, parse_setting, trials_of
from runback_gate.step import Message, Part, Request, Response, ToolCall, to_json
from runback_gate.testing import sample_call, sample_step

STEP = sample_step(
    sample_call("issue_refund", amount=250),
    messages=(
        Message("user", "My mug is broken."),
        Message("assistant", parts=(Part("reasoning", "Hm."), Part("text", "Which order?"))),
        Message("user", "P-1042"),
    ),
)


def asked(*settings: str) -> Request:
    return changed_request(STEP, Changes(unstated("support"), tuple(map(parse_setting, settings))))


def test_without_changes_the_recorded_request_is_asked() -> None:
    """An agent that states nothing and no setting leave the request as it was."""
    assert asked() == STEP.request


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("parameters.temperature=0.5", ("parameters", "temperature"), 0.5),
        ("model=openai/gpt-5", ("model",), "openai/gpt-5"),
        ("messages[2].content=Order P-7 = mine", ("messages", 2, "content"), "Order P-7 = mine"),
        ('system="quoted"', ("system",), "quoted"),
        ("parameters.stop=null", ("parameters", "stop"), None),
        ("tools[0].parameters.properties.amount.maximum=100", None, 100),
    ],
)
def test_a_setting_is_a_path_and_json_or_text(setting: str, path: tuple[str | int, ...] | None, value: Any) -> None:
    """What follows the first equals sign is JSON, or text where it is none; the path reads back as written."""
    found = parse_setting(setting)
    assert found.value == value
    assert str(found) == setting.partition("=")[0]
    assert path is None or found.path == path


@pytest.mark.parametrize(
    "setting",
    ["", "=1", "parameters", "temperature=0", "messages[x]=1", ".model=a", "parameters..a=1", "api=x", "[0]=1"],
)
def test_what_is_no_setting_is_refused(setting: str) -> None:
    """Without a path, an equals sign, or a field of a request."""
    with pytest.raises(InputError):
        parse_setting(setting)


def test_a_setting_changes_its_place_alone() -> None:
    """Everything else stays as it was, and so does the recorded step."""
    before = json.dumps(to_json(STEP))
    request = asked("messages[2].content=P-7", "parameters.temperature=1", "parameters.seed=7")
    assert [message.content for message in request.messages] == ["My mug is broken.", "Which order?", "P-7"]
    assert request.parameters == {"temperature": 1, "seed": 7}
    assert dataclasses.replace(request, messages=STEP.request.messages, parameters={"temperature": 0}) == STEP.request
    assert json.dumps(to_json(STEP)) == before


def test_content_replaces_the_parts() -> None:
    """Whoever sets the text of a message that had parts means the text to be all of it."""
    assert asked("messages[1].content=Tell me.").messages[1] == Message("assistant", "Tell me.")


def test_null_takes_away_and_a_list_grows_by_one() -> None:
    """A message is taken out of the middle, and one is added at the end."""
    assert len(asked("messages[1]=null").messages) == 2
    assert asked('messages[3]={"role": "user", "content": "Now!"}').messages[3] == Message("user", "Now!")
    assert asked("parameters.temperature=null").parameters == {}


@pytest.mark.parametrize(
    "setting",
    ["messages[4].content=x", "messages[3].content=x", "messages.a=1", "model.a=1", "messages[0].role=king", "tools=1"],
)
def test_what_leads_nowhere_is_refused(setting: str) -> None:
    """A place that is not there, and a value that makes no request."""
    with pytest.raises(InputError):
        asked(setting)


def test_trials_want_answers_of_today() -> None:
    """The recorded answer is never one of them, though the request is the recorded one."""
    queries = trials_of(STEP, STEP.request, 3)
    assert [(query.trial, query.fresh, query.question.recorded) for query in queries] == [
        (0, True, True),
        (1, True, True),
        (2, True, True),
    ]


CALLS = st.lists(
    st.builds(
        ToolCall,
        st.text(max_size=3),
        st.sampled_from(["a", "b", "c"]),
        st.one_of(
            st.dictionaries(st.sampled_from("xy"), st.integers(0, 3)).map(json.dumps), st.sampled_from(["", "no"])
        ),
    ),
    max_size=3,
).map(tuple)
ANSWERS = st.builds(Response, st.sampled_from(["", "yes", " yes\n", "no"]), CALLS)


@given(ANSWERS, ANSWERS)
def test_a_difference_has_no_direction(one: Response, other: Response) -> None:
    """Two answers differ in the same words whichever was first, and an answer is equivalent to itself."""
    assert diverge(one, other).words == diverge(other, one).words
    assert diverge(one, one).words == "equivalent"


@given(ANSWERS, st.randoms())
def test_order_ids_and_layout_decide_nothing(answer: Response, chance: Any) -> None:
    """Calls in another order, with other ids and the same JSON written otherwise, are the same calls."""
    calls = list(answer.tool_calls)
    chance.shuffle(calls)
    again = tuple(
        dataclasses.replace(
            call, id="other", arguments=f" {call.arguments} " if call.arguments[:1] == "{" else call.arguments
        )
        for call in calls
    )
    text = f"{answer.text} " if answer.text else ""
    assert diverge(answer, Response(text, again)).words == "equivalent"


@pytest.mark.parametrize(
    ("now", "words", "detail"),
    [
        (Response("", (sample_call("escalate"),)), "tool changed", "issue_refund → escalate"),
        (Response("Sorry."), "tool changed", "issue_refund → no call"),
        (Response("", (sample_call("issue_refund", amount=50),)), "arguments changed", "issue_refund: amount"),
        (Response("", (ToolCall("", "issue_refund", "{"),)), "arguments changed", "issue_refund: (all)"),
        (Response("Here.", (sample_call("issue_refund", amount=250.0),)), "text changed", ""),
        (Response("", (ToolCall("", "issue_refund", '{"amount":250}'),)), "equivalent", ""),
        (
            Response("", (sample_call("issue_refund", amount=250),), parts=(Part("reasoning", "Hm."), Part("call"))),
            "equivalent",
            "",
        ),
        (
            Response("", (sample_call("issue_refund", amount=250),), parts=(Part("refusal", "No."), Part("call"))),
            "text changed",
            "",
        ),
    ],
)
def test_the_gravest_difference_is_named(now: Response, words: str, detail: str) -> None:
    """The tool before its arguments, these before the text; where it lies stands beside it."""
    found = diverge(STEP.response, now)
    assert (found.words, found.detail) == (words, detail)


def test_a_setting_says_where_it_stands() -> None:
    """As it would be written."""
    assert str(Setting(("messages", 3, "content"), "x")) == "messages[3].content"
