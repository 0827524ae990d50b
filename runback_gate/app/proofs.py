"""`audit prove` and `audit consistency`: proofs that stand alone, made of records.

In: files of records, checkpoints and proofs. Out: what verifying them found; the proof is written where that holds.

    prove_event(Path("record.jsonl"), "support-1:3", Path("proof.jsonl"), check=check)
    prove_consistency(Path("old.txt"), Path("record.jsonl"), None, check=check)
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from runback_gate.app.records import Verified, parse_event, read_checkpoint, read_proof
from runback_gate.audit.proof import consistency, inclusion, verify_proof
from runback_gate.audit.verify import Check, RecordVerification, verify_record
from runback_gate.documents.named_files import read_lines, write_file
from runback_gate.errors import InputError, Location


def prove_event(
    record: Path, event: str, out: Path, *, values: bool = False, check: Check | None = None
) -> RecordVerification:
    """Write a proof that an event (RUN:N) is in a record; of a record with a fault nothing is proven.

    Raises:
        InputError: not a record, or no such event.
        WriteError: the proof cannot be written.
    """
    found = verify_record(read_lines(record), check=check)
    if found.fault is None:
        run, number = parse_event(event)
        write_file(out, inclusion(partial(read_lines, record), run, number, values=values))
    return found


def prove_consistency(old: Path, new: Path, out: Path | None, *, check: Check | None = None) -> Verified:
    """Whether a record, or a proof made of it, begins with the lines that an old checkpoint or record stands for.

    Raises:
        InputError: one of the files is none of these, or the proof starts from another state than the old one.
        WriteError: the proof cannot be written to `out`.
    """
    earlier = read_checkpoint(old)
    if (proof := read_proof(new)) is not None:
        proved = verify_proof(proof, check=check)
        if proved.old != earlier:
            raise InputError("the proof starts from another state than the old one", location=Location(new.as_posix()))
        return Verified(proved)
    found = verify_record(read_lines(new), check=check, earlier=earlier)
    if found.fault is None and out is not None:
        write_file(out, consistency(partial(read_lines, new), earlier))
    return Verified(found, earlier)
