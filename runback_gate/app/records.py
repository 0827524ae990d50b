"""Audit records as verbs: what a record is made of, and what a file says that may be a record or a proof.

In: the lines of runs, reports, records and proofs. Out: parts for a record, and what verifying found.

    parts = withhold([run_part("runs/a.jsonl", open_lines), report_part("report.json", data, open_lines)], ["a:3"])
    found = verify_record_or_proof(lines, check=check)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from itertools import chain, islice
from pathlib import PurePath

from runback_gate.audit.checkpoint import Checkpoint
from runback_gate.audit.proof import ProofResult, is_proof, verify_proof
from runback_gate.audit.record import Part
from runback_gate.audit.verify import Check, RecordVerification, verify_record
from runback_gate.canonical import parse_canonical
from runback_gate.capture.runs import FORMAT, FORMAT_V1
from runback_gate.chain import is_value_line
from runback_gate.errors import DocumentError, InputError, Location
from runback_gate.report.model import read_report
from runback_gate.store.folder import MAKE_RUNS

Lines = Callable[[], Iterable[bytes]]
"""Opens a file and gives its lines, each with its line end; called more than once."""


def report_part(name: str, data: bytes, lines: Lines) -> Part:
    """A report as a part of a record; `lines` gives the same bytes line by line.

    Raises:
        InputError: no report.
    """
    read_report(data, name)
    return Part("report", PurePath(name).name, lines)


def run_part(name: str, lines: Lines) -> Part:
    """A run as a part of a record; it is called by the id that its first event says.

    Raises:
        InputError: no run.
    """
    first = next((line for line in lines() if not is_value_line(line)), b"")
    try:
        event = parse_canonical(first[:-1])
    except DocumentError:
        event = None
    if isinstance(event, dict) and event.get("format") in (FORMAT, FORMAT_V1) and isinstance(event.get("run"), str):
        return Part("run", str(event["run"]), lines)
    raise InputError("not a run file", hint=MAKE_RUNS, location=Location(name))


def withhold(parts: list[Part], disclose: Iterable[str]) -> list[Part]:
    """The same parts, with the values of other events than those named `RUN:N` withheld; all parts where none is named.

    Raises:
        InputError: no run here has such an event.
    """
    wanted: dict[str, set[int]] = {}
    runs = [part.name for part in parts if part.kind == "run"]
    for text in disclose:
        name, colon, number = text.rpartition(":")
        name = name if colon else (runs[0] if len(runs) == 1 else "")
        if not number.isdecimal() or name not in runs:
            hint = "RUN:N, with the number of the event in the run, from 0"
            raise InputError(f"no run here has an event {text[:80]!r}", hint=hint)
        wanted.setdefault(name, set()).add(int(number))
    if not wanted:
        return parts
    return [
        dataclasses.replace(part, disclosed=frozenset(wanted.get(part.name, ()))) if part.kind == "run" else part
        for part in parts
    ]


def verify_record_or_proof(
    lines: Iterable[bytes], *, check: Check | None = None, earlier: Checkpoint | None = None
) -> RecordVerification | ProofResult:
    """What verifying a file found, which is a record or, where no earlier checkpoint was given, a proof.

    Raises:
        InputError: neither, or a checkpoint that cannot be compared with it.
    """
    source = iter(lines)
    first = next(source, b"")
    if earlier is None and is_proof(first):
        return verify_proof(b"".join([first, *islice(source, 2)]), check=check)
    return verify_record(chain([first] if first else [], source), check=check, earlier=earlier)
