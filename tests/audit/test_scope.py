"""What a verification covers, and what it cannot exclude."""

from __future__ import annotations

from runback_gate.audit.scope import covers, excludes_not
from runback_gate.audit.verify import verify_record
from tests.audit.conftest import record, report_part, run_lines, run_part, verified
from tests.audit.faults import SAMPLE


def test_only_what_is_there_is_covered() -> None:
    """A record of reports has no events, and one of erased values none to read."""
    assert covers(verified(record(report_part()))) == ("every report line, byte for byte, in this order",)
    assert len(covers(verified(record(run_part("a", 3, erased=(0,)))))) == 3


def test_what_cannot_be_excluded_is_said() -> None:
    """An outside checkpoint, a signature, an end of the run: each takes one sentence away."""
    lines = run_lines("a", 5)[:-1]
    parts = [run_part("a"), run_part("b")]
    cut = record(parts[0].__class__("run", "a", lambda: lines), signed=False)
    found = verify_record(cut)
    assert found.unended == 1
    texts = excludes_not(found, earlier=False)
    assert [text.split()[1] for text in texts] == ["1", "somebody", "lines", "something"]
    assert [text.split()[1] for text in excludes_not(verified(SAMPLE), earlier=True)] == ["something"]
    assert covers(verified(SAMPLE[:-1])) == ()
