"""What can be asked as it was recorded."""

from __future__ import annotations

import pytest

from runback_gate.errors import ProviderError
from runback_gate.replay.providers.question import sendable
from runback_gate.step import Message, Part, Request


@pytest.mark.parametrize(("text", "asked"), [("[image]", False), ("See:\n[file]", False), ("an [image] tag", True)])
def test_what_was_not_recorded_is_not_asked(text: str, asked: bool) -> None:
    """Without its picture it is another question; text that only speaks of one goes out."""
    request = Request(messages=(Message("user", text),))
    if asked:
        assert sendable(request, "openai.chat") == (request, ())
        return
    with pytest.raises(ProviderError) as error:
        sendable(request, "openai.chat")
    assert error.value.kind == "refused"


@pytest.mark.parametrize(("part", "asked"), [(Part("image", blob="sha256:1"), False), (Part("image", url="u"), True)])
def test_a_part_whose_bytes_are_elsewhere_is_not_asked(part: Part, asked: bool) -> None:
    """A digest is no picture."""
    request = Request(messages=(Message("user", parts=(part,)),))
    if asked:
        assert sendable(request, "openai.chat") == (request, ())
        return
    with pytest.raises(ProviderError):
        sendable(request, "openai.chat")


@pytest.mark.parametrize("parameters", [{"n": 2}, {"messages": []}, {"model": "m"}, {"tools": []}])
def test_parameters_that_change_the_question(parameters: dict[str, object]) -> None:
    """They are refused."""
    with pytest.raises(ProviderError):
        sendable(Request(parameters=parameters), "openai.chat")
