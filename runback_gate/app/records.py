"""Audit records as verbs: what a record is made of, and what a file says that may be a record or a proof.

In: the lines of runs, reports, records and proofs. Out: parts for a record, and what verifying found.

    parts = withhold([run_part("runs/a.jsonl", open_lines), report_part("report.json", data, open_lines)], ["a:3"])
    found = verify_record_or_proof(lines, check=check)
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from runback_gate.audit.checkpoint import Checkpoint, parse_checkpoint
from runback_gate.audit.frame import OWN, STATEMENT_LINE, read_statement
from runback_gate.audit.proof import ProofResult, is_proof, verify_proof
from runback_gate.audit.record import Part, Sign, export
from runback_gate.audit.show import EXIT, contents, proof_json, proof_rows, record_json, record_rows, scope_json
from runback_gate.audit.verify import Check, RecordVerification, verify_record
from runback_gate.canonical import parse_canonical
from runback_gate.capture.runs import FORMAT, FORMAT_V1
from runback_gate.chain import is_value_line, verify
from runback_gate.documents.named_files import read_file, read_lines, write_lines
from runback_gate.errors import DocumentError, InputError, IntegrityError, Location
from runback_gate.frozen import dataclass
from runback_gate.report.columns import row_lines
from runback_gate.report.model import MAX_REPORT_BYTES, read_report
from runback_gate.report.text import line
from runback_gate.store.folder import MAKE_RUNS, RUNS

if TYPE_CHECKING:
    from runback_gate.app.keys import Ask

MAX_CHECKPOINT_BYTES = 64 << 10
MAX_PROOF_BYTES = 256 << 20
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")

Lines = Callable[[], Iterable[bytes]]
"""Opens a file and gives its lines, each with its line end; called more than once."""


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """What a record says of itself."""

    origin: str
    """Name of the log."""
    created: str
    """RFC 3339 time in UTC."""
    tool: str
    """Name and version of the program that makes it."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What verifying a file found."""

    found: RecordVerification | ProofResult
    earlier: Checkpoint | None = None
    """What a record was held against."""

    @property
    def exit_code(self) -> int:
        """0 valid, 1 invalid, 2 unverified."""
        return EXIT[self.found.status]


def named_part(name: str) -> Part:
    """A report (by its file) or a run (by its file, or its id in runs/) as a part of a record.

    Raises:
        InputError: neither, or it cannot be read.
    """
    path = Path(name)
    if path.suffix == ".json":
        data = read_file(path, MAX_REPORT_BYTES)
        return report_part(path.as_posix(), data, lambda: _LINE.findall(data))
    if path.suffix != ".jsonl" and "/" not in name:
        path = RUNS / f"{name}.jsonl"
    return run_part(path.as_posix(), partial(read_lines, path, hint=MAKE_RUNS))


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint that a file is, or that the statement of a record holds. Nothing is verified: it was kept.

    Raises:
        InputError: neither.
    """
    first = next(read_lines(path), b"")
    if not first.startswith(OWN):
        data = read_file(path, MAX_CHECKPOINT_BYTES)
        return parse_checkpoint(data.decode("utf-8", "replace"), path.as_posix())
    for row in read_lines(path):
        if row.startswith(STATEMENT_LINE):
            return read_statement(row[len(STATEMENT_LINE) : -2]).checkpoint
    raise InputError("the record holds no statement", location=Location(path.as_posix()))


def read_proof(path: Path) -> bytes | None:
    """The bytes of a proof; None when its first line is that of something else.

    Raises:
        InputError: it cannot be read.
    """
    return read_file(path, MAX_PROOF_BYTES) if is_proof(next(read_lines(path), b"")) else None


def parse_event(text: str) -> tuple[str, int]:
    """The run and the number of an event, from `RUN:N`.

    Raises:
        InputError: not an event.
    """
    run, colon, number = text.rpartition(":")
    if not colon or not number.isdecimal():
        raise InputError(f"not an event: {text[:80]!r}", hint="RUN:N, with the number of the event, from 0")
    return run, int(number)


def signer(key: str | None, environ: Mapping[str, str], ask: Ask) -> Sign | None:
    """What signs with a private key (a file, or env:NAME), where one was named.

    Raises:
        InputError: it is none.
    """
    if key is None:
        return None
    from runback_gate.app.keys import private_key  # noqa: PLC0415  40 ms
    from runback_gate.attest.keys import sign_payload  # noqa: PLC0415

    return partial(sign_payload, private_key(key, environ, ask))


def checker(key: str | None, environ: Mapping[str, str]) -> Check | None:
    """What checks signatures of a public key (a file, or env:NAME), where one was named.

    Raises:
        InputError: it is none.
    """
    if key is None:
        return None
    from runback_gate.app.keys import public_key  # noqa: PLC0415  40 ms
    from runback_gate.attest.bundle import bundle_bytes, read_bundle  # noqa: PLC0415
    from runback_gate.attest.keys import verify_payload  # noqa: PLC0415

    known = public_key(key, environ)
    # Read as a bundle file is, which pins what no signature covers.
    return lambda kind, bundle: verify_payload(known, read_bundle(bundle_bytes(bundle), "signature"), kind)


def check_whole(file: Path) -> None:
    """Refuse a run or a record that does not verify: to erase in it would hide what is wrong with it.

    Raises:
        IntegrityError: the chain or the record is broken.
    """
    if not next(read_lines(file), b"").startswith(OWN):
        verify(read_lines(file), path=file.as_posix())
    elif (fault := verify_record(read_lines(file)).fault) is not None:
        raise IntegrityError(fault.message, hint="restore the file", location=Location(file.as_posix(), fault.line))


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
    first = next((row for row in lines() if not is_value_line(row)), b"")
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


def export_record(
    sources: Iterable[str], out: Path, disclose: Iterable[str], header: RecordHeader, sign: Sign | None
) -> RecordVerification:
    """Write runs and reports as one record, and read it back.

    Args:
        sources: as `named_part` takes them.
        out: the file of the record.
        disclose: events (RUN:N) whose values alone are given; all values where there is none.
        header: what the record says of itself.
        sign: signs it; None for a record that anybody could have made.

    Raises:
        InputError: a source cannot be read, an event is not there, or the record could not be read back.
        WriteError: the record cannot be written.
    """
    parts = withhold([named_part(name) for name in sources], disclose)
    made = export(parts, origin=header.origin, created=header.created, tool=header.tool, sign=sign)
    write_lines(out, made)
    found = verify_record(read_lines(out))
    if found.fault is not None or found.statement is None:
        raise InputError("the record could not be read back", location=Location(out.as_posix()))
    return found


def exported_json(found: RecordVerification, out: Path) -> dict[str, Any]:
    """A record that was written, for programs."""
    return {"file": out.as_posix(), **record_json(found)}


def exported_lines(found: RecordVerification, out: Path) -> Iterator[str]:
    """The same, line by line."""
    yield line(f"{contents(found)} in {out.as_posix()}")
    yield "signed" if found.signed else "not signed: anybody could have made it (sign it with --key)"


def checkpoint_note(at: Checkpoint, key: str, environ: Mapping[str, str], ask: Ask) -> tuple[str, str]:
    """A checkpoint as a signed note, and the key that verifies it.

    Raises:
        InputError: the key cannot be read, or is no Ed25519 key.
    """
    from runback_gate.app.keys import private_key  # noqa: PLC0415  40 ms
    from runback_gate.attest.note import sign_note, verifier_key  # noqa: PLC0415

    private = private_key(key, environ, ask)
    return sign_note(private, at.text, at.origin), verifier_key(private.public_key(), at.origin)


def verified_json(verified: Verified) -> dict[str, Any]:
    """What verifying found, for programs."""
    found = verified.found
    if isinstance(found, ProofResult):
        return proof_json(found)
    return {**record_json(found), **scope_json(found, verified.earlier)}


def verified_lines(verified: Verified) -> Iterator[str]:
    """The same, line by line."""
    found = verified.found
    return row_lines(proof_rows(found) if isinstance(found, ProofResult) else record_rows(found, verified.earlier))


def verify_named(record: Path, earlier: Path | None, *, check: Check | None) -> Verified:
    """What verifying a file found, a record or a proof; `earlier` is a checkpoint or a record that was kept.

    Raises:
        InputError: a file is none of these, or cannot be compared with the checkpoint.
    """
    kept = None if earlier is None else read_checkpoint(earlier)
    return Verified(verify_record_or_proof(read_lines(record), check=check, earlier=kept), kept)


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
