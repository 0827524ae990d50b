"""Erasure by pseudonym: no byte of runs, recordings and cached answers holds it, and whoever reads them is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from runback_gate.app.erase_everywhere import erase_everywhere, project_erasure_json, project_erasure_lines
from runback_gate.canonical import digest
from runback_gate.capture.runs import read_run, write_run
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.dataset.document import load_dataset
from runback_gate.errors import InputError
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import run_gate
from runback_gate.gate.verdict import Verdict
from runback_gate.replay.cache import ResponseCache
from runback_gate.step import Message, Response, Run, Step, to_json
from runback_gate.testing import Answers, in_turn, sample_call, sample_case, sample_step, write_gate

JANE, JOHN = "<email:3f9a1c07be21>", "<email:111111111111>"
WHEN: dict[str, Any] = {"at": "2026-01-31T12:00:00Z", "reason": "request 17", "dry_run": False}
NOTES = "# kept: why this case is here\n"


def step(who: str) -> Step:
    """A step in which somebody wrote, and whose answer names them in an argument."""
    call = sample_call("issue_refund", amount=40, to=who)
    return sample_step(call, messages=(Message("user", f"I am {who} and my mug broke"),))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A gate with two cases, two runs and two cached answers: one of each is Jane's."""
    write_gate(tmp_path, cases=[sample_case("jane", step(JANE)), sample_case("john", step(JOHN))])
    dataset = tmp_path / "datasets/cases.yaml"
    dataset.write_text(NOTES + dataset.read_text())
    (tmp_path / "runs").mkdir()
    cache = ResponseCache(tmp_path / ".runback/responses")
    for name, who in (("jane", JANE), ("john", JOHN)):
        run = Run(name, "support", (step(who),), status="ok")
        (tmp_path / f"runs/{name}.jsonl").write_bytes(write_run(run, lambda size: bytes(size)))
        cache.write("sha256:" + name.encode().hex().zfill(64), 0, Response(f"Hello {who}"), step(who).request)
    return tmp_path


def holding(root: Path, text: str) -> list[str]:
    """The files in which a text stands."""
    files = (path for path in root.rglob("*") if path.is_file())
    return sorted(path.relative_to(root).as_posix() for path in files if text.encode() in path.read_bytes())


def test_nothing_holds_it_but_tombstones(project: Path) -> None:
    """Jane's texts are gone everywhere; the tombstones name when, why and the pseudonym; John's stay."""
    johns = {path: (project / path).read_bytes() for path in holding(project, JOHN)}
    assert len(holding(project, "my mug broke")) == 6
    found = erase_everywhere(project, [JANE], **WHEN)
    assert len(holding(project, "my mug broke")) == 3
    run = read_run((project / "runs/jane.jsonl").read_bytes(), "jane.jsonl")
    assert run.steps[0].source.grade == "view-only"
    assert run.steps[0].request.messages[0].content == f"[erased 2026-01-31T12:00:00Z: request 17 ({JANE})]"
    assert holding(project, f"request 17 ({JANE})") == holding(project, JANE)
    assert {path: (project / path).read_bytes() for path in holding(project, JOHN)} == johns
    assert ([case.title for case in found.cases], len(found.answers)) == (["cases/jane"], 2)


def test_no_line_of_a_segment_holds_it(project: Path) -> None:
    """Answers, requests, and what a killed process left of a line; John's lines stay."""
    cache = ResponseCache(project / ".runback/responses")
    for number, who in enumerate((JANE, JOHN, JANE)):
        request = step(who).request
        cache.put(digest(to_json(request)), number, Response(f"Hello {who}"), request)
    (segment,) = cache.folder.glob("*.jsonl")
    with segment.open("ab") as file:
        file.write(f'{{"digest":"{JANE}'.encode())
    erase_everywhere(project, [JANE], **WHEN)
    assert [path for path in holding(project, JANE) if path.startswith(".runback")] == []
    assert ResponseCache(cache.folder).get(digest(to_json(step(JOHN).request)), 1) is not None


def test_the_case_names_its_new_recording(project: Path) -> None:
    """The dataset keeps every other byte; the old recording is gone; the case is not judged, and the gate not green."""
    dataset, before = project / "datasets/cases.yaml", (project / "datasets/cases.yaml").read_text()
    (case,) = erase_everywhere(project, [JANE], **WHEN).cases
    assert dataset.read_text() == before.replace(case.before, case.after)
    assert NOTES in dataset.read_text()
    named = {item.step for item in load_dataset(project, "datasets/cases.yaml").cases}
    assert {f"sha256:{path.stem}" for path in project.rglob("recordings/*/*.json")} == named
    result = run_gate(load_plan(project, day="2026-06-01"), CppEngine(), in_turn(Answers()))
    rows = {row.case: row for row in result.rows}
    assert rows["jane"].verdict is Verdict.UNDECIDED
    assert rows["john"].verdict is Verdict.PASS


def test_a_second_time_changes_nothing(project: Path) -> None:
    """What was erased before stays as it was."""
    erase_everywhere(project, [JANE], **WHEN)
    whole = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="no run, recording or cached answer"):
        erase_everywhere(project, [JANE], **{**WHEN, "at": "2027-01-01T00:00:00Z"})
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == whole


def test_a_dry_run_writes_nothing(project: Path) -> None:
    """It says what would go."""
    whole = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    found = erase_everywhere(project, [JANE, JOHN], **{**WHEN, "dry_run": True})
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == whole
    assert len(found.cases) == 2
    lines = list(project_erasure_lines(found))
    assert lines[-2].endswith("values, 2 cases, 4 cached files would be erased")
    assert project_erasure_json(found)["dryRun"] is True


@pytest.mark.parametrize("where", ["dataset", "run"])
def test_nothing_is_done_where_not_all_can_be(project: Path, where: str) -> None:
    """A conversation written by hand holds it, or a run was changed: an error, and every file as it was."""
    if where == "dataset":
        dataset = project / "datasets/cases.yaml"
        dataset.write_text(f"# about {JANE}\n{dataset.read_text()}")
    else:
        run = project / "runs/jane.jsonl"
        run.write_bytes(run.read_bytes().replace(b"my mug", b"my cup"))
    whole = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="holds"):
        erase_everywhere(project, [JANE], **WHEN)
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == whole


@pytest.mark.parametrize("text", ["jane@example.org", "<email:3f9a>", "step 0 response"])
def test_only_pseudonyms_are_erased_in_a_folder(project: Path, text: str) -> None:
    """Whatever else is named is refused; a pattern too."""
    with pytest.raises(InputError, match="not a pseudonym"):
        erase_everywhere(project, [text], **WHEN)
    with pytest.raises(InputError, match="not a pseudonym"):
        erase_everywhere(project, [], ".*", **WHEN)


def test_a_text_that_only_looks_like_a_tombstone_goes(project: Path) -> None:
    """Whoever writes as a tombstone does keeps nothing."""
    fake = Message("user", f"[erased 2026-01-31T12:00:00Z: no ({JANE})]")
    odd = dataclasses.replace(step(JOHN), request=dataclasses.replace(step(JOHN).request, messages=(fake,)))
    write_gate(project, cases=[sample_case("odd", odd)])
    (case,) = erase_everywhere(project, [JANE], **WHEN).cases
    assert case.title == "cases/odd"
