"""Files that an earlier version wrote: each must be read for ever."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from runback_gate.app.samples import sample_run
from runback_gate.canonical import digest_bytes, parse_canonical
from runback_gate.capture.runs import read_run
from runback_gate.dataset.recordings import recording
from runback_gate.replay.cache import ResponseCache, answer_entry, answer_name
from runback_gate.report import FORMATS, renderer
from runback_gate.report.model import read_report
from runback_gate.step import step_from_json

SPECIMENS = Path(__file__).parent / "specimens" / "v1"
REQUEST = "sha256:" + "5" * 64


@pytest.fixture(scope="module", autouse=True)
def written() -> None:
    """Write the specimens, when somebody asks for it because a new format is released."""
    if not os.environ.get("RUNBACK_NEW_SPECIMENS"):
        return
    run = sample_run()
    target = SPECIMENS / answer_name(REQUEST, 0)
    target.parent.mkdir(parents=True, exist_ok=True)
    (SPECIMENS / "recording.json").write_bytes(recording(run.steps[0], "datasets/d.yaml")[2])
    target.write_bytes(answer_entry(REQUEST, 0, run.steps[0].response))


def test_a_run_is_read() -> None:
    """The chain verifies, and the steps are those of the sample."""
    assert read_run((SPECIMENS / "run.jsonl").read_bytes(), "run.jsonl") == sample_run()


def test_a_recording_is_read() -> None:
    """The bytes keep their digest, and the step its value."""
    data = (SPECIMENS / "recording.json").read_bytes()
    assert digest_bytes(data) == "sha256:89d3cb14aa3d93e9ae33769a24d6e8033cbaacb14aed98112747017beafd941f"
    assert step_from_json(parse_canonical(data)) == sample_run().steps[0]


def test_an_answer_is_read() -> None:
    """The entry is found by its request, and holds the answer."""
    found = ResponseCache(SPECIMENS).get(REQUEST, 0)
    assert found is not None
    assert found[0] == sample_run().steps[0].response


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_report_is_read(version: str) -> None:
    """The report of each version agrees with itself, and every renderer takes it."""
    report = read_report((SPECIMENS.parent / version / "report.json").read_bytes())
    assert report.schema == f"runback.report/{version}"
    assert (report.verdict, report.exit_code) == ("FAIL", 1)
    options = {"console": {"width": 80, "colour": False, "show_all": True}}
    assert all(renderer(name)(report, **options.get(name, {})) for name in FORMATS)


def test_a_report_of_version_2_holds_what_a_reader_needs() -> None:
    """Every answer and request that a red row names is there, by the digest of its canonical JSON."""
    report = read_report((SPECIMENS.parent / "v2" / "report.json").read_bytes())
    there = {body.digest for body in (*report.answers, *report.requests)}
    red = [row for row in report.rows if row.kind == "case" and row.verdict == "FAIL"]
    named = {name for row in red for name in (row.recorded_request, row.recorded_answer, row.trials[0].answer_digest)}
    assert red
    assert named <= there
    assert {row.trials[0].request for row in red} <= there
    for body in (*report.answers, *report.requests):
        data = orjson.dumps(body.value, option=orjson.OPT_SORT_KEYS)
        assert (digest_bytes(data), len(data)) == (body.digest, body.bytes)
    assert {finding.side for row in red for finding in row.findings} == {"base", "head"}
    assert {change.direction for change in report.changes} == {"unknown", "neutral"}
