"""Traces and logs of one process are one run, in whichever files they lie."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest

from runback_gate.capture.log import Redaction
from runback_gate.capture.otlp import read_exports
from tests.capture.otlp.exports import TRACES, logs
from tests.capture.otlp.spans import GEN_AI, export, span

OTHERS = export(span(GEN_AI, 7))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_logs_meet_their_spans(order: tuple[int, ...]) -> None:
    """In any order the run is that of the file with the spans; the file of the logs is used, not refused."""
    files = [("traces", TRACES), ("logs", logs(1)), ("others", OTHERS)]
    found = dict(
        zip((files[place][0] for place in order), read_exports([files[place] for place in order]), strict=True)
    )
    (run,) = found["traces"].runs
    assert run.steps[0].response.text == "Hello"
    assert (found["traces"].notices, found["logs"].runs, found["logs"].joined) == ((), [], True)
    assert len(found["others"].runs) == 1


def test_logs_alone_and_traces_alone() -> None:
    """Logs alone are runs of their own; traces without their logs say what is missing."""
    (alone,) = read_exports([("logs", logs(1))])
    assert (len(alone.runs), alone.joined) == (1, False)
    (silent,) = read_exports([("traces", TRACES)])
    assert (silent.runs, len(silent.notices)) == ([], 1)


def test_two_files_of_one_trace() -> None:
    """Spans of a trace in two files make one run."""
    second = span(GEN_AI, 2) | {"traceId": f"{1:032x}"}
    found = read_exports([("a", export(span(GEN_AI, 1))), ("b", export(second))])
    assert [len(item.runs) for item in found] == [1, 0]
    assert len(found[0].runs[0].steps) == 2


def test_a_broken_file_hides_no_other() -> None:
    """It has its fault, and the others are read."""
    broken, whole = read_exports([("broken", b'{"resourceSpans": [{"scopeSpans": 7}]}'), ("whole", OTHERS)])
    assert broken.fault is not None
    assert (broken.runs, len(whole.runs)) == ([], 1)


def test_everything_is_redacted() -> None:
    """Names of agents, tools and services, ids of calls, errors: what a span says of itself is redacted as well."""

    def apply(value: Any) -> tuple[Any, dict[str, int]]:
        return json.loads(json.dumps(value).replace("ann@example.org", "<email>")), {}

    who = "ann@example.org"
    failed = {"status": {"code": 2, "message": f"no {who}"}}
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": f"mail {who}",
        "gen_ai.tool.call.id": who,
        "gen_ai.tool.call.arguments": json.dumps({"to": who}),
        "gen_ai.tool.call.result": f"sent to {who}",
    }
    call = {
        **GEN_AI,
        "gen_ai.agent.name": f"agent of {who}",
        "gen_ai.conversation.id": who,
        "gen_ai.request.model": who,
    }
    data = export(span(call, 1, **failed), span(tool, 2, **failed) | {"traceId": f"{1:032x}"})
    (found,) = read_exports([("traces", data)], redaction=Redaction("standard", apply))
    (run,) = found.runs
    assert len(run.tool_runs) == 1
    assert who not in repr((run.agent, run.id, run.labels, run.error, run.tool_runs, tuple(run.steps)))
