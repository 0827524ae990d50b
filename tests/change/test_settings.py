"""What was changed in the settings of a gate: a field that nobody compares is no harmless one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from runback_gate.change.settings import weaker_settings
from runback_gate.documents import parse_document
from runback_gate.gate.config import load_gate
from runback_gate.testing import sample_case, sample_step, write_gate


def test_a_field_that_nobody_compares_is_no_harmless_one(tmp_path: Path) -> None:
    """What a later version adds to the gate config is compared as a whole, so that it cannot be changed unseen."""
    write_gate(tmp_path, [sample_case("c", sample_step(text="Hi"))])
    gate = load_gate(tmp_path)
    values = [{"judge": {"model": model, "samples": 3}} for model in ("a", "b")]
    base, head = (
        dataclasses.replace(
            gate, digest=str(number), document=parse_document(json.dumps({"spec": spec}), "runback.yaml")
        )
        for number, spec in enumerate(values)
    )
    (found,) = weaker_settings(base, head)
    assert (found.kind, found.message) == ("gate-changed", "judge.model changed from a to b")
    assert found.location.line == 1
