"""Evidence: a recorded answer counts only for the recorded request."""

from __future__ import annotations

import dataclasses

import pytest

from runback_gate.replay.evidence import Evidence, Query, compare_requests, replay
from runback_gate.step import Message, Request, Response, Source, Step, Tool

REQUEST = Request("openai/m", "Be kind.", (Message("user", "hi"),), (Tool("t"),), {"temperature": 0.5})
STEP = Step("a", REQUEST, Response("hello"), Source("run", 0, "exact"))


class Answers:
    """A store that knows one answer to everything, or none."""

    def __init__(self, answer: Response | None = None) -> None:
        self.answer = answer

    def get(self, request: str, trial: int) -> tuple[Response, str] | None:
        """The answer, whatever is asked."""
        return None if self.answer is None else (self.answer, f"{request}/{trial}")


def step(**source: object) -> Step:
    """The step with another source."""
    return dataclasses.replace(STEP, source=dataclasses.replace(STEP.source, **source))  # type: ignore[arg-type]


def test_the_identical_request_has_recorded_evidence() -> None:
    """Nothing changed: the recorded answer counts, also where the cache knows another."""
    question = compare_requests(STEP, REQUEST)
    found = replay(Query(STEP, question, 0), Answers(Response("other")))
    assert (found.evidence, found.response, found.note) == (Evidence.RECORDED, STEP.response, "")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"model": "openai/n"}, "request.model"),
        ({"system": "Be brief."}, "request.system"),
        ({"parameters": {"temperature": 1}}, "request.parameters.temperature"),
        ({"tools": ()}, "request.tools[0]"),
        ({"messages": ()}, "request.messages"),
        ({"tools": (Tool("t"), Tool("u"))}, "request.tools[1]"),
    ],
)
def test_a_changed_request_has_none(change: dict[str, object], place: str) -> None:
    """Whatever the config changes, the recorded answer is no evidence, and the row says what changed."""
    question = compare_requests(STEP, dataclasses.replace(REQUEST, **change))  # type: ignore[arg-type]
    assert not question.recorded
    assert question.note == f"{place} differs from the recording"
    assert replay(Query(STEP, question, 0), Answers()).evidence is Evidence.MISSING
    cached = replay(Query(STEP, question, 2), Answers(Response("other")))
    assert (cached.evidence, cached.response) == (Evidence.CACHED, Response("other"))
    assert cached.stored_digest == f"{question.digest}/2"


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_a_prompt_that_differs_by_line_ends_says_so(end: str) -> None:
    """It is another request, and the row names the cause; a difference in words is none of line ends."""
    recorded = dataclasses.replace(STEP, request=dataclasses.replace(REQUEST, system="Be kind.\nBe brief.\n"))
    same, other = (dataclasses.replace(REQUEST, system=text + end) for text in (f"Be kind.{end}Be brief.", "Be kind."))
    question = compare_requests(recorded, same)
    assert not question.recorded
    assert question.note == "request.system differs from the recording in nothing but line ends (CR LF and LF)"
    assert compare_requests(recorded, other).note == "request.system differs from the recording"


@pytest.mark.parametrize(
    ("recorded", "asked", "expected"),
    [
        ("gpt-4o-mini", "openai/gpt-4o-mini", True),
        ("gpt-4o-mini", "openai/gpt-4o", False),
        ("gpt-4o-mini", "gpt-4o", False),
        ("azure/gpt-4o-mini", "openai/gpt-4o-mini", False),
        ("m", "openai/org/m", False),
        ("openai/gpt-4o-mini", "gpt-4o-mini", False),
        ("", "openai/", False),
    ],
)
def test_a_log_without_the_provider_is_of_the_same_model(recorded: str, asked: str, expected: bool) -> None:
    """A provider's name that was added alone is no difference, and the row says that it was unknown."""
    kept = dataclasses.replace(STEP, request=dataclasses.replace(REQUEST, model=recorded))
    question = compare_requests(kept, dataclasses.replace(REQUEST, model=asked))
    assert question.recorded == expected
    assert question.note == ("the model's provider unknown" if expected else "request.model differs from the recording")
    assert question.request.model == asked


def test_numbers_are_compared_by_value() -> None:
    """A temperature of 1.0 in one file is the 1 of the other."""
    one = dataclasses.replace(REQUEST, parameters={"temperature": 1})
    recorded = dataclasses.replace(STEP, request=dataclasses.replace(REQUEST, parameters={"temperature": 1.0}))
    assert compare_requests(recorded, one).recorded
    assert not compare_requests(recorded, dataclasses.replace(REQUEST, parameters={"temperature": True})).recorded


def test_what_the_source_did_not_keep_is_named() -> None:
    """Unknown fields are left out of the comparison, and the row says so; known ones still count."""
    recorded = step(grade="semantic", unknown=("parameters", "model"))
    asked = dataclasses.replace(REQUEST, parameters={"temperature": 1}, model="openai/n")
    assert compare_requests(recorded, asked).note == "parameters, model unknown"
    assert compare_requests(recorded, asked).recorded
    assert not compare_requests(recorded, dataclasses.replace(asked, system="Be brief.")).recorded


def test_view_only_recordings_are_never_judged() -> None:
    """Not even an identical request, not even with an answer in the cache."""
    question = compare_requests(step(grade="view-only"), REQUEST)
    found = replay(Query(step(grade="view-only"), question, 0), Answers(Response("x")))
    assert found.evidence is Evidence.MISSING
    assert "view-only" in found.note


def test_a_conversation_by_hand_has_no_recorded_answer() -> None:
    """It needs an answer from the cache or the model."""
    question = compare_requests(step(run=""), REQUEST)
    assert not question.recorded
    assert replay(Query(step(run=""), question, 0), Answers(Response("x"))).evidence is Evidence.CACHED
