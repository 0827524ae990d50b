"""The ten emitters of the sample traces, held against the HTTP requests that were really sent."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from runback_gate import wire
from runback_gate.capture.otlp import OtlpRuns, read_otlp
from runback_gate.step import Step
from tests.conftest import SHARED_DATA
from tests.extras import needs, needs_data

FOLDER = SHARED_DATA / "otlp"
BODY = {"parallel_tool_calls", "stream_options", "tool_choice"}
EXPECTED: dict[str, tuple[str, set[str], int, int]] = {
    # emitter: grade, lost fields, runs of tools, those that failed
    "langgraph-openinference": ("exact", set(), 2, 1),
    "litellm-otel": ("view-only", BODY, 0, 0),
    "openinference-openai": ("exact", set(), 0, 0),
    "otel-genai-openai": ("semantic", BODY | {"user"}, 0, 0),
    "otel-genai-openai-eventonly": ("semantic", BODY | {"user"}, 0, 0),
    "otel-openai-v2-legacy-events": ("view-only", BODY | {"stream", "user"}, 0, 0),
    "traceloop-openai": ("semantic", BODY | {"seed"}, 0, 0),
    "vercel-ai-v6": ("exact", set(), 2, 1),
    "vercel-ai-v6-stream": ("semantic", {"stream_options"}, 2, 1),
}
SILENT = "otel-genai-openai-DEFAULT-nocontent"
WHOLE = [name for name, (grade, _, _, _) in EXPECTED.items() if grade != "view-only"]

pytestmark = needs_data(FOLDER)


@cache
def read(name: str, ending: str = "json") -> OtlpRuns:
    paths = [FOLDER / f"{name}.{ending}", FOLDER / f"{name}.logs.{ending}"]
    return read_otlp([path.read_bytes() for path in paths if path.exists()], path=name)


def sent(name: str) -> list[dict[str, Any]]:
    lines = (FOLDER / f"{name}.requests.jsonl").read_text().splitlines()
    return [json.loads(line)["body"] for line in lines if line.strip()]


def written(step: Step) -> dict[str, Any]:
    return wire.format_of("openai.chat").write_request(step.request, step.request.model)


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A body whose arguments are values: some emitters keep those, and not their text."""
    body = json.loads(json.dumps(body))
    for message in body["messages"]:
        message["content"] = message.get("content") or None
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return dict(body)


@pytest.mark.parametrize("name", EXPECTED)
def test_one_run_of_three_steps(name: str) -> None:
    """Three calls are one run of three steps, whether they came in one trace or in three."""
    assert [len(run.steps) for run in read(name).runs] == [3]


@pytest.mark.parametrize("name", EXPECTED)
def test_grade_and_lost_fields(name: str) -> None:
    """Each step has the grade of its emitter, and names the fields that the emitter has no place for."""
    grade, lost, _, _ = EXPECTED[name]
    for step in read(name).runs[0].steps:
        assert step.source.grade == grade
        named = {path.removeprefix("$.") for path in step.source.lost if path.startswith("$.")}
        assert lost - {"stream", "stream_options"} <= named <= lost


@pytest.mark.parametrize("name", WHOLE)
def test_requests_mean_what_was_sent(name: str) -> None:
    """A step that can be replayed sends what was sent, but for the fields that it names as lost."""
    for step, body in zip(read(name).runs[0].steps, sent(name), strict=True):
        lost = {path.removeprefix("$.") for path in step.source.lost}
        known = {field: value for field, value in meaning(body).items() if field not in lost}
        assert meaning(written(step)) == known


@pytest.mark.parametrize("name", [name for name in EXPECTED if EXPECTED[name][0] == "exact"])
def test_exact_requests_are_what_was_sent(name: str) -> None:
    """The replay of an exact step sends the recorded body."""
    for step, body in zip(read(name).runs[0].steps, sent(name), strict=True):
        assert wire.grade(body, written(step)) == ("exact", ())


@pytest.mark.parametrize("name", EXPECTED)
def test_answers(name: str) -> None:
    """Calls, words and tokens of the answers are there, and an id wherever the emitter has one."""
    steps = read(name).runs[0].steps
    calls = [[(call.name, json.loads(call.arguments)) for call in step.response.tool_calls] for step in steps]
    assert calls == [
        [("lookup_order", {"order_id": "A-1001"})],
        [("refund_payment", {"order_id": "A-1001", "amount": 42.5})],
        [],
    ]
    assert steps[2].response.text.startswith("I could not refund order A-1001")
    assert [step.response.finish_reason for step in steps] in (
        ["tool_calls", "tool_calls", "stop"],
        [None, None, "stop"],
    )
    if name != "langgraph-openinference":
        assert steps[1].response.usage.input_tokens == 140


@pytest.mark.parametrize("name", EXPECTED)
def test_tool_runs(name: str) -> None:
    """Each span of a tool is a run of the call that asked for it, with the error that it ended with."""
    _, _, many, failed = EXPECTED[name]
    runs = read(name).runs[0].tool_runs
    assert (len(runs), sum(run.error is not None for run in runs)) == (many, failed)
    assert [(run.step, run.call, run.id) for run in runs] == [(0, 0, "call_lookup_1"), (1, 0, "call_refund_2")][:many]
    assert all("card_declined" in run.error and "\n" not in run.error for run in runs if run.error)


def test_no_content() -> None:
    """A default export has no steps; the notice names the variable that turns the content on."""
    found = read(SILENT)
    assert (found.runs, found.calls, found.without_content) == ((), 3, 3)
    assert "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=span_only" in found.notices[0]


@pytest.mark.parametrize("name", [*EXPECTED, SILENT])
def test_protobuf_and_json_agree(name: str) -> None:
    """The two encodings of an export are the same export."""
    needs("opentelemetry.proto.trace.v1.trace_pb2")
    assert read(name, "pb") == read(name)


def test_emitters_are_all_of_the_samples() -> None:
    """No sample is left out of this table."""
    found = {path.name.removesuffix(".requests.jsonl") for path in FOLDER.glob("*.requests.jsonl")}
    assert found == {*EXPECTED, SILENT}
