"""What somebody changed in a form is asked otherwise, and nothing else."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.app.replay import Edit
from runback_gate.errors import InputError
from runback_gate.step import Message, Request, Tool
from runback_gate.web.forms import case_from, edit_from, fields_of, read_form, trials_from

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
REQUEST = st.builds(
    Request,
    st.none() | st.sampled_from(["m", "openai/m"]),
    st.none() | TEXT,
    st.lists(st.builds(Message, st.sampled_from(["user", "assistant"]), TEXT), max_size=3).map(tuple),
    st.lists(st.builds(Tool, st.sampled_from(["a", "b"]), TEXT), max_size=2, unique_by=lambda tool: tool.name).map(
        tuple
    ),
    st.dictionaries(st.sampled_from(["seed", "top_p"]), st.integers(0, 9) | st.floats(0, 1), max_size=2),
)


def sent(request: Request, **changed: str) -> Any:
    """The form of a request as a browser sends it: every line end is CR LF."""
    fields = fields_of(request, {})
    form = {name: fields[name] for name in ("model", "system", "parameters", "tools")}
    form |= {f"message-{index}": text for index, _, _, text in fields["messages"]}
    text = {name: value.replace("\r\n", "\n").replace("\n", "\r\n") for name, value in (form | changed).items()}
    return read_form(urlencode(text).encode())


@given(REQUEST)
def test_what_was_not_changed_is_not_asked_otherwise(request: Request) -> None:
    """A form that comes back as it was is no edit."""
    assert edit_from(sent(request), request, None) == Edit()


@given(REQUEST, TEXT)
def test_a_changed_prompt_is_one_setting(request: Request, text: str) -> None:
    """The prompt is asked as it was written, braces and all."""
    settings = edit_from(sent(request, system=text), request, None).settings
    plain = text.replace("\r\n", "\n")
    same = plain == (request.system or "").replace("\r\n", "\n")
    assert [(item.path, item.value) for item in settings] == ([] if same else [(("system",), plain)])


@pytest.mark.parametrize("text", ["0", "101", "-1", "1.5", "²", "", "x", "99999999999"])
def test_trials(text: str) -> None:
    """A number of trials is one from 1 to 100."""
    with pytest.raises(InputError):
        trials_from({"trials": text})
    assert trials_from({"trials": " 7 "}) == 7


@pytest.mark.parametrize("field", ["parameters", "tools"])
@pytest.mark.parametrize("text", ["{", "[1]", '"x"', "{'a': 1}", json.dumps([{"name": "a"}, {"name": "a"}])])
def test_what_is_no_json_is_refused(field: str, text: str) -> None:
    """Parameters and tools that cannot be read are an error with a name, never a shorter request."""
    with pytest.raises(InputError):
        edit_from({field: text}, Request("m", "", ()), None)


def test_a_case_has_a_reason() -> None:
    """A case is kept with a reason, and with checks that can be read."""
    assert case_from({"why": " it  broke "}, "My Agent").why == "it broke"
    assert case_from({"why": "x"}, "My Agent").dataset == "datasets/my-agent.yaml"
    for form in ({}, {"why": ""}, {"why": "x", "checks": "nothing: 1"}):
        with pytest.raises(InputError):
            case_from(form, "a")
