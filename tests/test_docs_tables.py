"""The tables of the docs name what the code has: fields of the formats, what an expression sees, limits."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from runback_gate.attest import statement
from runback_gate.canonical import JsonValue
from runback_gate.capture import formats, runs
from runback_gate.cel import limits as syntax
from runback_gate.change.model import Change
from runback_gate.change.proof import Proof
from runback_gate.dataset import recordings
from runback_gate.documents import parser
from runback_gate.gate.sequential import SequentialTest
from runback_gate.gate.trials import Interval
from runback_gate.gate.verdict import Row, Trial
from runback_gate.policy.context import agent_facts, bindings, case_facts
from runback_gate.policy.finding import Finding, Grade
from runback_gate.policy.run_context import run_data
from runback_gate.replay import cache
from runback_gate.replay.spend import Spend
from runback_gate.report import model as report
from runback_gate.report.bodies import Body
from runback_gate.step import Message, Part, Request, Response, Run, Source, Step, Tool, ToolCall, ToolRun, Usage

DOCS = Path(__file__).parent.parent / "docs"


def documented(page: str, heading: str) -> set[str]:
    """The names in the first column of the tables under a heading: its code, without what the docs add to it."""
    section = re.split(rf"^#+ {re.escape(heading)}$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
    section = re.split(r"^#", section, flags=re.MULTILINE)[0]
    cells = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    return {code for cell in cells for code in re.findall("`([^`]+)`", cell)}


def fields(kind: type, prefix: str = "") -> set[str]:
    """The fields of a dataclass as the docs write them."""
    return {f"{prefix}{item.name}" for item in dataclasses.fields(kind)}


def everything() -> dict[str, JsonValue]:
    """What expressions see of a step of which all is known."""
    call = ToolCall("1", "refund", "{}")
    parts = Part("image", "x", "image/png", "https://x"), Part("reasoning", "hm"), Part("refusal", "no")
    said = (
        Message("assistant", "", (call,), "1", "refund", parts=parts),
        Message("tool", "{}", (), "1", "refund", "late"),
    )
    tools = (Tool("refund", "", {"type": "object"}),)
    answer = Response("x", (call,), "stop", "m", Usage(1, 1), 1, "0.1", "late", parts=parts)
    case = case_facts("refunds", "one", ("tag",), "2026-01-01T00:00:00Z")
    return bindings(
        Request("m", "s", said, tools, {"seed": 1}),
        answer,
        baseline=answer,
        case=case,
        agent=agent_facts("a", {"b": "c"}),
    )


def paths(value: JsonValue, path: str) -> Iterator[str]:
    """The fields of a JSON value, save those inside of data that users, tools and providers shape."""
    if isinstance(value, list):
        for entry in value:
            yield from paths(entry, f"{path}[]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield f"{path}.{key}"
            if key not in ("arguments", "parameters", "result", "labels"):
                yield from paths(item, f"{path}.{key}")


def test_what_an_expression_sees_is_documented() -> None:
    """The table of the policy guide names what an expression sees, all of it and nothing else."""
    data = everything()
    seen = {place for root in ("request", "response", "history", "case", "agent") for place in paths(data[root], root)}
    assert documented("guides/policies.md", "What an expression sees") == seen | {"baseline", "history"}


def test_what_a_policy_over_runs_sees_is_documented() -> None:
    """Its table names the fields of a run and of its calls; a step has what the table above it names."""
    step = Step("a", Request(), Response("", (ToolCall("1", "refund", "{}"),)), Source("r", 0, "exact"))
    seen = ToolRun(0, 0, "refund", "{}", "1", "{}", "late")
    run = cast("Any", run_data(Run("r", "a", (step,), {"b": "c"}, None, (seen,), (), "ok", at="now"), ()))["run"]
    known = {place for place in paths(run, "run") if not place.startswith("run.steps[]")} | {"case.now"}
    assert documented("guides/policies.md", "What a policy over runs sees") == known


def test_fields_of_a_recording_are_documented() -> None:
    """The format page of recordings names every field of a step."""
    expected = (
        fields(Step)
        | fields(Request, "request.")
        | fields(Message, "request.messages[].")
        | fields(Part, "request.messages[].parts[].")
        | fields(ToolCall, "request.messages[].tool_calls[].")
        | fields(Tool, "request.tools[].")
        | fields(Response, "response.")
        | fields(Usage, "response.usage.")
        | fields(Source, "source.")
    )
    assert documented("formats/recording.md", "Fields") == expected


def test_fields_of_an_attestation_are_documented() -> None:
    """The format page of attestations names every field of the predicate, and every field of ours in it."""
    predicate = {"result", "configuration", "passedTests", "warnedTests", "failedTests", "url", statement.FACTS}
    named = {"source", "head", "base", "recordings", "answers", "tool", "engine", "model"}
    assert documented("formats/attestation.md", "Fields") == fields(statement.Facts) | predicate | named


def test_fields_of_a_report_are_documented() -> None:
    """The format page of reports names every field of a report."""
    expected = (
        fields(report.Report)
        | fields(Row, "rows[].")
        | fields(Trial, "rows[].trials[].")
        | fields(Finding, "rows[].findings[].")
        | fields(report.GatedAgent, "agents[].")
        | fields(report.Input, "inputs[].")
        | fields(report.Rule, "rules[].")
        | fields(report.Notice, "notices[].")
        | fields(report.Totals, "totals.")
        | fields(Interval, "rows[].interval.")
        | fields(SequentialTest, "rows[].sequential.")
        | fields(Spend, "spend.")
        | fields(Body, "answers[].")
        | fields(Change, "changes[].")
        | fields(Proof, "proofs[].")
        | fields(report.Guarantee, "guarantee.")
        | fields(report.OnArchive, "archive.")
        | fields(Grade, "rows[].trials[].judged[].")
    )
    assert documented("formats/report.md", "Fields") == expected


@pytest.mark.parametrize(
    ("page", "limit"),
    [
        ("formats/run.md", f"{runs.MAX_RUN_BYTES >> 20} MiB"),
        ("formats/run.md", runs.FORMAT),
        ("formats/recording.md", f"{recordings.MAX_RECORDING_BYTES >> 20} MiB"),
        ("formats/response-cache.md", f"{cache.MAX_ANSWER_BYTES >> 20} MiB"),
        ("formats/response-cache.md", cache.FORMAT),
        ("formats/report.md", f"{report.MAX_REPORT_BYTES >> 20} MiB"),
        ("formats/report.md", report.SCHEMA),
        ("guides/datasets.md", f"{formats.MAX_TRANSCRIPT_BYTES >> 20} MiB"),
        ("guides/policies.md", f"{syntax.MAX_SOURCE >> 10} KiB"),
        ("guides/policies.md", f"{syntax.MAX_DEPTH} levels"),
        ("concepts/trust.md", f"{parser.MAX_BYTES >> 20} MiB"),
        ("concepts/trust.md", f"depth {parser.MAX_DEPTH}"),
    ],
)
def test_limits_are_those_of_the_code(page: str, limit: str) -> None:
    """A limit or a name that a page states is the one in force."""
    assert limit in (DOCS / page).read_text(encoding="utf-8")
