"""`action` with an archive in an object store: what a change does to archived steps is said, and decides nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runback_gate.capture.runs import write_run
from runback_gate.store.archive.arrow import Storage
from runback_gate.store.archive.rows import run_row
from runback_gate.testing import sample_call, sample_run, sample_step
from tests.cli.action.conftest import Job, summary
from tests.cli.conftest import change
from tests.extras import needs
from tests.github.fake import FakeGitHub
from tests.store.archives import put
from tests.store.object_store import Faulty, bucket, server, uri

__all__ = ["bucket", "server"]

needs("pyarrow")
needs("moto.server")
pytestmark = pytest.mark.integration


@pytest.fixture
def archive(bucket: Storage, server: tuple[Faulty, int]) -> str:
    """Three refunds, of 40, 250 and 900."""
    runs = (
        sample_run(sample_step(sample_call("issue_refund", amount=amount)), run=f"r{amount}")
        for amount in (40, 250, 900)
    )
    put(bucket, *(run_row(write_run(run, bytes), run.id) for run in runs))
    return uri(bucket.root.partition("/")[0], server[1])


def test_a_change_is_judged_on_an_archive(job: Job, gate: Path, hub: FakeGitHub, archive: str) -> None:
    """A looser limit permits one more; it is as red as without, and the options of the URI stand nowhere."""
    change(gate / "policies/refunds.yaml", "limit: 100", "limit: 500")
    assert job().code == 1
    said = job(archive=archive)
    assert said.code == 1
    line = "newly permitted: 1 of 3 steps"
    (comment,), checks = hub.comments.values(), hub.checks.values()
    texts = [said.out, summary(gate), str(comment), *(json.dumps(check) for check in list(checks)[-1:])]
    for text in texts:
        assert line in text
        assert "r250" in text
        assert "endpoint_override" not in text
    report = json.loads((gate / ".runback/report.json").read_bytes())["archive"]
    assert (report["steps"], report["of_steps"], report["effects"][0]["word"]) == (3, 3, "looser")


def test_an_archive_that_cannot_be_read_is_no_verdict(job: Job, gate: Path, archive: str) -> None:
    """None is there: exit 2, also where the change is fine without; a change without policies does not look."""
    gone = archive.replace("team/runs", "none")
    assert job(archive=gone).code == 0
    change(gate / "policies/refunds.yaml", "limit: 100", "limit: 90")
    result = job(archive=gone)
    assert result.code == 2
    assert "there is no archive here" in result.out
