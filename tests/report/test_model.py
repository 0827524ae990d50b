"""The report is written, read back and held against itself; its wording is made once for all surfaces."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import jsonschema
import orjson
import pytest

from runback_gate.canonical import digest_bytes
from runback_gate.errors import InputError
from runback_gate.gate.verdict import Verdict
from runback_gate.replay.evidence import Evidence
from runback_gate.report.model import (
    Input,
    Report,
    read_report,
    render,
    report_digest,
    report_parts,
    report_schema,
    write_report,
)
from runback_gate.report.wording import (
    answers,
    deciding,
    evidence,
    explanation,
    finding_text,
    labels,
    purpose,
    scope,
    sources,
    tally,
    trials,
)


@pytest.mark.parametrize("name", ["green", "red", "empty", "cut_short", "hostile"])
def test_parts_are_the_whole(name: str, request: pytest.FixtureRequest) -> None:
    """Written row by row it is the JSON of the whole, whatever its texts hold."""
    report: Report = request.getfixturevalue(name)
    whole = json.dumps(json.loads(orjson.dumps(report)), indent=2, sort_keys=True, ensure_ascii=False)
    assert b"".join(report_parts(report)).decode() == f"{whole}\n"


@pytest.mark.parametrize("name", ["green", "red", "empty", "cut_short", "hostile"])
def test_round_trip(name: str, request: pytest.FixtureRequest) -> None:
    """What was written reads back as the same report, and writes the same bytes again."""
    report: Report = request.getfixturevalue(name)
    data = write_report(report)
    assert read_report(data) == report
    assert write_report(read_report(data)) == data


def test_json(red: Report, golden: Callable[[str, str], None]) -> None:
    """The file is indented JSON with sorted keys that leaves nothing out."""
    golden("red.report.json", render(red))
    value = json.loads(render(red))
    assert render(red) == json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert value["selection"] == ["agent=support"]
    assert value["rows"][1]["evidence"] is None


def test_digest(red: Report, green: Report) -> None:
    """A report is named by the digest of its file."""
    assert report_digest(red) == digest_bytes(write_report(red))
    assert report_digest(red) != report_digest(green)


@cache
def validator() -> jsonschema.Draft7Validator:
    """The JSON Schema of reports, which is itself valid draft-07."""
    schema = report_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("name", ["green", "red", "empty", "cut_short", "hostile"])
def test_schema(name: str, request: pytest.FixtureRequest) -> None:
    """Every report is valid by its JSON Schema, which is itself valid draft-07."""
    validator().validate(json.loads(render(request.getfixturevalue(name))))


@pytest.mark.parametrize(
    "damage", [{"schema": "runback.report/v3"}, {"rows": [{}]}, {"exit_code": "one"}, {"totals": None}]
)
def test_schema_refuses(damage: dict[str, Any], red: Report) -> None:
    """A damaged report is not valid by the schema."""
    assert not validator().is_valid(json.loads(render(red)) | damage)


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "PASS", "exit_code": 0},
        {"exit_code": 0},
        {"rows": []},
        {"totals": {"failed": 0}},
        {"totals": {"passed": 10}},
        {"totals": {"live": 2}},
    ],
)
def test_changed_figures_are_refused(change: dict[str, Any], red: Report) -> None:
    """A verdict, exit code or total that the rows contradict is refused."""
    value = json.loads(render(red))
    for key, item in change.items():
        value[key] = value[key] | item if isinstance(item, dict) else item
    with pytest.raises(InputError, match="contradict the rows") as caught:
        read_report(json.dumps(value).encode())
    assert caught.value.hint == "the file was changed"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"schema": "runback.report/v3"}',
        b'{"schema": "runback.report/v1"}',
        b'{"schema": "runback.report/v2"}',
        b'{"schema": "runback.report/v2", "schema": "runback.report/v2"}',
        b"[" * 200_000,
    ],
)
def test_garbage_is_refused(data: bytes) -> None:
    """What is no report is an error that names the file."""
    with pytest.raises(InputError) as caught:
        read_report(data, "some/report.json")
    assert "some/report.json" in str(caught.value)


@pytest.mark.parametrize(
    "path",
    [("verdict",), ("rows", 0, "verdict"), ("rows", 0, "location"), ("rows", 0, "trials", 0, "index"), ("date",)],
)
def test_wrong_types_are_refused(path: tuple[str | int, ...], red: Report) -> None:
    """A value of another type is an error, wherever it stands."""
    value: Any = json.loads(render(red))
    place = value
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = {"not": "this"}
    with pytest.raises(InputError, match=r"report\.json"):
        read_report(json.dumps(value).encode())


@pytest.mark.parametrize("extra", [{"signed": True}, {"exit_code": "1"}, {"rules": [{"x": 1}]}])
def test_more_than_the_schema_is_refused(extra: dict[str, Any], red: Report) -> None:
    """A field that the schema does not have is not dropped in silence, nor a type put right."""
    value = json.loads(render(red))
    if "rules" in extra:
        extra = {"rules": [value["rules"][0] | extra["rules"][0]]}
    assert not validator().is_valid(value | extra)
    with pytest.raises(InputError, match="does not have"):
        read_report(json.dumps(value | extra).encode())


def test_labels(make: SimpleNamespace) -> None:
    """A row is called by the shortest name that no other row has."""
    rows = [
        make.row("only", Verdict.PASS),
        make.row("twice", Verdict.PASS),
        make.row("twice", Verdict.PASS, dataset="tone"),
        make.row("thrice", Verdict.PASS),
        make.row("thrice", Verdict.PASS, agent="billing"),
        make.row("old", Verdict.FAIL, kind="waiver"),
    ]
    assert labels(rows) == (
        "only",
        "refunds/twice",
        "tone/twice",
        "support: refunds/thrice",
        "billing: refunds/thrice",
        "waiver old",
    )


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict.FAIL, ["deny"]),
        (Verdict.UNDECIDED, ["broken"]),
        (Verdict.WARN, ["warn"]),
        (Verdict.WAIVED, ["waived"]),
        (Verdict.PASS, []),
    ],
)
def test_deciding(verdict: Verdict, expected: list[str], make: SimpleNamespace) -> None:
    """A row is decided by the findings of its own kind only."""
    findings = (
        make.finding("deny"),
        make.finding("broken", outcome="error"),
        make.finding("warn", action="Warn"),
        make.finding("audit", action="Audit"),
        make.finding("waived", waiver="some"),
    )
    assert [item.rule for item in deciding(make.row("case", verdict, findings=findings))] == expected


def test_said(make: SimpleNamespace) -> None:
    """A message that ends in its own rule is said without it."""
    assert finding_text(make.finding("contains x", message="check does not hold: contains x")) == "check does not hold"
    assert finding_text(make.finding("x", message="above x")) == "above x"


def test_reasons(make: SimpleNamespace) -> None:
    """The words of a case are its purpose, those of a waiver its fault."""
    case = make.row("case", Verdict.FAIL, why="an incident", note="offline")
    waiver = make.row("waiver", Verdict.FAIL, kind="waiver", why="expired")
    assert (purpose(case), explanation(case)) == ("an incident", "offline")
    assert (purpose(waiver), explanation(waiver)) == ("", "expired")


def test_answers(make: SimpleNamespace) -> None:
    """An answer that did not change is given once."""
    assert answers(make.row("case", Verdict.PASS, then="a", now="a")) == ("", "a")
    assert answers(make.row("case", Verdict.PASS, then="a", now="b")) == ("a", "b")
    assert answers(make.row("case", Verdict.PASS, then="a", now="")) == ("a", "")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"evidence": None}, "–"),
        ({"evidence": Evidence.MISSING}, "–"),
        ({}, "1/1"),
        ({"planned": 3, "needed": 3}, "1/3"),
        ({"planned": 3, "needed": 2}, "1/3, needs 2"),
    ],
)
def test_trials(changes: dict[str, Any], expected: str, make: SimpleNamespace) -> None:
    """Trials are shown where there was an answer, with the need where it is not all."""
    assert trials(make.row("case", Verdict.PASS, **changes)) == expected


def test_figures(red: Report, green: Report, empty: Report) -> None:
    """Every figure of a surface comes from the totals and is said once for all of them."""
    assert tally(red) == ("2 failed", "2 undecided", "1 warned", "1 waived", "9 passed")
    assert tally(green) == ("2 passed",)
    assert tally(empty) == ("no case was judged",)
    assert scope(red) == ("2 datasets", "14 cases", "3 policies")
    assert evidence(red) == ("11 recorded", "1 cached", "1 live", "1 missing")
    assert evidence(empty) == ()
    assert sources(red)[:4] == ("1 gate", "1 agent", "1 prompt", "2 datasets")


def test_figures_of_a_large_report(make: SimpleNamespace) -> None:
    """Large figures are grouped."""
    many = make.report([make.row("red", Verdict.FAIL)] * 2000 + [make.row("green", Verdict.PASS)] * 3000)
    inputs = tuple(Input("policy", f"policies/{number}.yaml", "") for number in range(1200))
    assert tally(many) == ("2,000 failed", "3,000 passed")
    assert sources(dataclasses.replace(many, inputs=inputs)) == ("1,200 policies",)


def test_only_waivers_is_not_judged(make: SimpleNamespace) -> None:
    """A report of waivers alone says that no case was judged."""
    report = make.report([make.row("old", Verdict.FAIL, kind="waiver", evidence=None)])
    assert tally(report) == ("no case was judged", "1 failed")
