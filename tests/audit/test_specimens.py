"""Records, proofs and checkpoints that an earlier version wrote: each must verify for ever."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from runback_gate.attest.keys import load_public_key, new_key, public_pem, sign_payload, verify_payload
from runback_gate.audit.checkpoint import parse_checkpoint
from runback_gate.audit.frame import Counts
from runback_gate.audit.proof import consistency, inclusion, verify_proof
from runback_gate.audit.record import export
from runback_gate.audit.verify import Check, verify_record
from runback_gate.canonical import digest_bytes
from runback_gate.chain import erasure
from tests.audit.conftest import NOW, ORIGIN, report_part, run_part, split

SPECIMENS = Path(__file__).parent.parent / "specimens" / "v1" / "audit"
DIGEST = "sha256:5fd55a872b444e235a15d6314e57447501620cca5bc534c8442139f442c0c57c"


@pytest.fixture(scope="module", autouse=True)
def written() -> None:
    """Write the specimens, when somebody asks for it because a new format is released. The key is thrown away."""
    if not os.environ.get("RUNBACK_NEW_SPECIMENS"):
        return
    key = new_key("p256")
    sign = partial(sign_payload, key)
    report = report_part((SPECIMENS.parent / "report.json").read_bytes())
    parts = [run_part("first", 9, erased=(1,)), report, run_part("second", 5, disclosed=frozenset({1}))]
    old, new = (
        list(export(chosen, origin=ORIGIN, created=NOW, tool="runback-gate 0.1.0", sign=sign))
        for chosen in (parts[:2], parts)
    )
    told = verify_record(old).statement
    assert told is not None
    SPECIMENS.mkdir(parents=True, exist_ok=True)
    (SPECIMENS / "key.pub").write_bytes(public_pem(key.public_key()))
    (SPECIMENS / "record.jsonl").write_bytes(b"".join(new))
    (SPECIMENS / "checkpoint.txt").write_text(told.checkpoint.text, encoding="utf-8")
    (SPECIMENS / "inclusion.json").write_bytes(inclusion(lambda: new, "first", 5, values=True))
    (SPECIMENS / "consistency.json").write_bytes(consistency(lambda: new, told.checkpoint))


def check() -> Check:
    """Checks signatures of the key that was thrown away."""
    key = load_public_key((SPECIMENS / "key.pub").read_bytes())
    return lambda kind, bundle: verify_payload(key, bundle, kind)


def test_a_record_is_valid() -> None:
    """Under its key and its old checkpoint, with an erased and a withheld value."""
    data = (SPECIMENS / "record.jsonl").read_bytes()
    assert digest_bytes(data) == DIGEST
    kept = parse_checkpoint((SPECIMENS / "checkpoint.txt").read_text("utf-8"))
    found = verify_record(split(data), check=check(), earlier=kept)
    assert (found.status, found.signed_erasures) == ("valid", 1)
    assert found.counts == Counts(runs=2, reports=1, events=14, held=4, erased=1, withheld=1)
    [tombstone] = [line for line in split(data) if b'"tombstone"' in line]
    assert erasure(tombstone) == (NOW, "asked for by the customer")


def test_an_inclusion_proof_is_valid() -> None:
    """It gives its event and the value of it."""
    found = verify_proof((SPECIMENS / "inclusion.json").read_bytes(), check=check())
    assert (found.status, found.index, len(found.values)) == ("valid", 9, 1)
    assert found.event is not None
    assert b'"n":5' in found.event


def test_a_consistency_proof_is_valid() -> None:
    """From the checkpoint that was kept."""
    found = verify_proof((SPECIMENS / "consistency.json").read_bytes(), check=check())
    assert found.status == "valid"
    assert found.old == parse_checkpoint((SPECIMENS / "checkpoint.txt").read_text("utf-8"))
