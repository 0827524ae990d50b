"""What is signed says what the report says, and never more."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runback_gate.attest.statement import (
    FACTS,
    MAX_SUBJECTS,
    SVR,
    TEST_RESULT,
    Origin,
    gate_statement,
    manifest,
    read_statement,
    row_name,
    statement_bytes,
    svr_bytes,
)
from runback_gate.canonical import canonical_bytes, digest_bytes
from runback_gate.errors import DocumentError, InputError
from runback_gate.gate.verdict import Verdict
from runback_gate.report.model import GatedAgent, Input, Report, Shard, write_report
from tests.attest.samples import BASE, ORIGIN, REPOSITORY, green, red, statement
from tests.report.reports import make_finding, make_report, make_row, red_rows
from tests.sigstack.stack import COMMIT, REF


def value(report: Report, origin: Origin = ORIGIN) -> dict[str, Any]:
    """The statement of a report as other programs read it."""
    data = statement_bytes(gate_statement(report, digest_bytes(write_report(report)), origin))
    found: dict[str, Any] = json.loads(data)
    return found


def test_the_form() -> None:
    """An in-toto Statement v1 over the report and the agent file, with the predicate test-result."""
    found = value(green())
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["predicateType"] == TEST_RESULT
    report = digest_bytes(write_report(green())).removeprefix("sha256:")
    assert found["subject"] == [
        {"name": "report.json", "digest": {"sha256": report}},
        {"name": "agents/support.yaml", "digest": {"sha256": "77" * 32}},
    ]
    assert set(found["predicate"]) == {
        "result",
        "configuration",
        "url",
        "passedTests",
        "warnedTests",
        "failedTests",
        FACTS,
    }
    assert found["predicate"]["url"] == f"{REPOSITORY}/actions/runs/7/attempts/1"


def test_what_the_result_depends_on() -> None:
    """Commits, every input but the subjects, tools and model; recordings by one list; each can be looked up."""
    found = value(green())["predicate"]["configuration"]
    assert [item["name"] for item in found] == [
        "source",
        "head",
        "base",
        "runback.yaml",
        "agents/prompts/support.md",
        "datasets/refunds.yaml",
        "datasets/tone.yaml",
        "policies/pii.yaml",
        "policies/refunds.yaml",
        "waivers/pii.yaml",
        "recordings",
        "tool",
        "engine",
        "model",
    ]
    assert found[0] == {"name": "source", "uri": f"git+{REPOSITORY}", "digest": {"gitCommit": COMMIT}}
    assert [item["digest"] for item in found[1:3]] == [{"gitCommit": COMMIT}, {"gitCommit": BASE}]
    assert found[7]["annotations"] == {"kind": "policy"}
    assert found[10]["annotations"] == {"kind": "recording", "files": "1"}
    assert found[12]["uri"] == "pkg:generic/cel-cpp@0.1.3"
    assert found[13]["uri"] == "pkg:generic/openai%2Fgpt-4o-2024-08-06"
    assert all(item.get("uri") or item.get("digest") for item in found)


@pytest.mark.integration
def test_recordings_are_listed_as_sha256sum_does(tmp_path: Path) -> None:
    """The list of recordings is one that sha256sum checks, whatever the order in the report."""
    files = {"datasets/b.json": b"b", "datasets/a.json": b"a"}
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    inputs = tuple(Input("recording", name, digest_bytes(data)) for name, data in files.items())
    expected = subprocess.run(["sha256sum", *sorted(files)], cwd=tmp_path, capture_output=True, check=True).stdout
    assert manifest((item.path, item.digest) for item in inputs) == expected
    found = statement(dataclasses.replace(green(), inputs=inputs))
    (listed,) = (item for item in found.configuration if item.name == "recordings")
    assert listed.digest == {"sha256": digest_bytes(expected).removeprefix("sha256:")}
    assert dict(listed.annotations)["files"] == "2"


def test_files_of_the_base_are_told_apart() -> None:
    """What was read from the base is noted as such, and its recordings have a list of their own."""
    digest = "sha256:" + "ab" * 32
    more = (
        Input("policy", "policies/pii.yaml", digest, "base"),
        Input("agent", "agents/support.yaml", digest, "base"),
        Input("recording", "datasets/a.json", digest, "base"),
    )
    found = statement(dataclasses.replace(green(), inputs=(*green().inputs, *more))).configuration
    of_base = [(item.name, item.annotations["kind"]) for item in found if item.annotations.get("side") == "base"]
    assert of_base == [("policies/pii.yaml", "policy"), ("agents/support.yaml", "agent"), ("recordings", "recording")]
    assert len([item for item in found if item.name == "recordings"]) == 2


def test_passed() -> None:
    """Every case passed: PASSED, without a reason."""
    found = statement(green())
    assert (found.result, found.facts.reason, found.warned, found.failed) == ("PASSED", None, (), ())
    assert found.passed == ("support: refunds/tone", "support: refunds/refund")


@pytest.mark.parametrize("verdict", [Verdict.WARN, Verdict.WAIVED])
def test_warned(verdict: Verdict) -> None:
    """A pass with a warning or a waiver is WARNED, and says which case."""
    found = statement(make_report([make_row("tone", verdict), make_row("refund", Verdict.PASS)]))
    assert (found.result, found.warned) == ("WARNED", ("support: refunds/tone",))


def test_failed() -> None:
    """A failing case makes it FAILED, and its rule is named."""
    found = statement(red())
    assert (found.result, found.facts.verdict, found.facts.reason) == ("FAILED", "FAIL", None)
    assert found.failed == ("support: refunds/disputed-charge-escalates",)
    assert [(item.verdict, item.rules) for item in found.facts.failures] == [("FAIL", ("refunds.limit",))]


def test_what_could_not_be_judged_has_failed() -> None:
    """UNDECIDED is FAILED, and says that it could not be judged."""
    unknown = make_finding("refunds.person", outcome="error")
    found = statement(make_report([make_row("tone", Verdict.UNDECIDED, findings=(unknown,))]))
    assert (found.result, found.facts.verdict) == ("FAILED", "UNDECIDED")
    assert found.facts.reason == "the gate could not be judged"
    assert [(item.verdict, item.rules) for item in found.facts.failures] == [("UNDECIDED", ("refunds.person",))]


def test_nothing_judged_has_failed() -> None:
    """No case is no pass."""
    found = statement(make_report([]))
    assert (found.result, found.facts.reason) == ("FAILED", "no case was judged")


def test_a_part_is_no_pass() -> None:
    """A run of a part of the gate is FAILED, and says which part, although every case in it passed."""
    found = statement(dataclasses.replace(green(), selection=("agent=support",)))
    assert (found.result, found.facts.reason) == ("FAILED", "only a part of the gate was judged: agent=support")


def test_a_shard_is_no_pass() -> None:
    """One part of a run that was split is FAILED as well: only the merged report speaks for the gate."""
    found = statement(dataclasses.replace(green(), shard=Shard(1, 2, ())))
    assert (found.result, found.facts.reason) == ("FAILED", "only a part of the gate was judged: part 1 of 2")


def test_a_pass_with_failing_rows_is_no_clean_one() -> None:
    """Where only regressions block, a row that failed before is listed as failed, and the result is WARNED."""
    row = make_row("refund", Verdict.FAIL, findings=(make_finding(),), status="already failing", blocking=False)
    report = make_report([row, make_row("tone", Verdict.PASS)])
    assert report.verdict is Verdict.PASS
    found = statement(report)
    assert (found.result, len(found.failed)) == ("WARNED", 1)


def test_every_row_is_in_one_list() -> None:
    """Rows of every kind and verdict are named once."""
    report = make_report(red_rows())
    found = statement(report)
    assert sorted((*found.passed, *found.warned, *found.failed)) == sorted(map(row_name, report.rows))
    assert [name for name in found.failed if name.startswith("waiver ")] != []


@pytest.mark.parametrize(
    "origin", [ORIGIN, Origin(), Origin(commit=COMMIT, number=3, attempt=2, previous="sha256:" + "0" * 64)]
)
@pytest.mark.parametrize(
    "report", [green(), red(), make_report([]), make_report(red_rows())], ids=lambda item: item.verdict
)
def test_what_is_written_is_read(report: Report, origin: Origin) -> None:
    """A statement comes back as it was; what is unknown stays unknown."""
    found = gate_statement(report, digest_bytes(write_report(report)), origin)
    assert read_statement(statement_bytes(found), "b") == found
    assert found.facts.ref == origin.ref


def test_subjects_are_found_by_name() -> None:
    """A file's digest by its name, None for another file."""
    assert statement().subject("agents/support.yaml") == "sha256:" + "77" * 32
    assert statement().subject("agents/other.yaml") is None


def changed(change: str, to: object) -> bytes:
    """The bytes of a statement with a field of its predicate changed; `-` leaves it out."""
    found = value(green())
    part = found["predicate"][FACTS] if change.startswith("facts.") else found["predicate"]
    name = change.removeprefix("facts.")
    if to == "-":
        del part[name]
    else:
        part[name] = to
    return canonical_bytes(found)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        canonical_bytes({"predicateType": SVR}),
        canonical_bytes({"predicateType": TEST_RESULT}),
        canonical_bytes({"predicateType": TEST_RESULT, "subject": [], "predicate": []}),
        statement_bytes(statement()) + b"\n",
        changed("result", "passed"),
        changed("result", "-"),
        changed("passedTests", "all"),
        changed("more", 1),
        changed("url", None),
        changed("facts.more", 1),
        changed("facts.number", "1"),
        changed("facts.number", True),
        changed("facts.base", None),
        changed(FACTS, "-"),
    ],
)
def test_other_statements_are_refused(data: bytes) -> None:
    """What is no result of a gate, in the one form of it, is not read as one."""
    with pytest.raises(DocumentError):
        read_statement(data, "b")


def test_names_are_kept_apart() -> None:
    """An agent file that bears the name of the report is refused, and so are more files than others verify."""
    agent = green().agents[0]
    twice = dataclasses.replace(green(), agents=(dataclasses.replace(agent, path="report.json"),))
    with pytest.raises(InputError, match=r"two of the files to attest have one name"):
        statement(twice)
    many = tuple(GatedAgent(str(n), f"agents/{n}.yaml", agent.digest, None) for n in range(MAX_SUBJECTS))
    with pytest.raises(InputError, match="more than 1,023 agent files"):
        statement(dataclasses.replace(green(), agents=many))


def test_a_simple_verification_result() -> None:
    """On a pass it names the policies, the time and one property; there is none of a gate that did not pass."""
    found = json.loads(svr_bytes(statement(), "2026-11-23T07:40:12Z"))
    assert found["predicateType"] == SVR
    assert found["subject"][0]["name"] == "report.json"
    predicate = found["predicate"]
    assert [item["name"] for item in predicate["verifier"]["policies"]] == [
        "policies/pii.yaml",
        "policies/refunds.yaml",
    ]
    assert predicate["timeCreated"] == "2026-11-23T07:40:12Z"
    assert predicate["properties"] == ["RUNBACK_GATE_PASSED"]
    warned = statement(make_report([make_row("tone", Verdict.WARN)]))
    assert json.loads(svr_bytes(warned, ""))["predicate"]["properties"] == ["RUNBACK_GATE_PASSED_WITH_WARNINGS"]
    with pytest.raises(InputError, match="did not pass"):
        svr_bytes(statement(red()), "2026-11-23T07:40:12Z")


def test_the_branch_is_named() -> None:
    """Repository, ref and commits stand where the origin put them."""
    facts = statement().facts
    assert (facts.repository, facts.ref, facts.commit) == (REPOSITORY, REF, COMMIT)
    assert (facts.head, facts.base) == (COMMIT, BASE)
    bare = statement(make_report([])).facts
    assert (bare.head, bare.base) == (None, None)
