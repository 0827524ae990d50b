"""Files that an earlier version wrote: each must be read for ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runback_gate.app.samples import sample_run
from runback_gate.canonical import digest_bytes, parse_canonical
from runback_gate.capture.runs import read_run
from runback_gate.dataset.recordings import recording
from runback_gate.replay.cache import ResponseCache, answer_entry, answer_name
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


def test_a_report_is_read() -> None:
    """The report agrees with itself."""
    report = read_report((SPECIMENS / "report.json").read_bytes())
    assert (report.verdict, report.exit_code, report.totals.failed) == ("FAIL", 1, 1)
