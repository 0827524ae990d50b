"""`audit`: records of runs and reports that cannot be changed unseen: made, verified, proved from, erased from."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import click

from runback_gate import __version__
from runback_gate.app import erase as erasing
from runback_gate.app import erase_everywhere as everywhere
from runback_gate.app import records as app
from runback_gate.app.proofs import prove_consistency, prove_event
from runback_gate.audit.show import EXIT
from runback_gate.audit.verify import verify_record
from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.cli.keys import ask_password
from runback_gate.cli.options import JSON, PATH, argument, option
from runback_gate.cli.terminal import now
from runback_gate.documents.named_files import read_lines

ORIGIN = "runback.dev/audit"
RECORD: Any = argument()


@click.group(cls=Commands)
def audit() -> None:
    """Make and verify tamper-evident records."""


@audit.command("export", short_help="Put runs and reports into one tamper-evident record.")
def export_(
    sources: tuple[str, ...] = argument("RUN|REPORT…", required=True),
    out: Path = option("--out FILE", "Record file to write.", type=PATH),
    key: str | None = option("--key KEY", "Private key to sign the record with: a file, or env:NAME."),
    origin: str = option("--origin NAME", "Name of the log; use the same one every time.", shown=ORIGIN),
    disclose: tuple[str, ...] = option(
        "--disclose EVENT", "Disclose the values of this event only (RUN:N); repeatable."
    ),
    as_json: bool = JSON,
) -> int:
    """Put runs and reports, byte for byte, into one record with one checkpoint, and sign it.

    Name a run by its file or its id in runs/, a report by its file. Without --key, anybody could have made the record.
    With --disclose, values that the named events do not use are withheld; the rest of the record is unchanged.
    """
    header = app.RecordHeader(origin, now(), f"runback-gate {__version__}")
    found = app.export_record(sources, out, disclose, header, app.signer(key, os.environ, ask_password))
    to_json, lines = partial(app.exported_json, out=out), partial(app.exported_lines, out=out)
    return terminal.show(found, as_json=as_json, to_json=to_json, lines=lines)


@audit.command(short_help="Check that a record is as it was signed, and locate any change.")
def verify(
    record: Path = RECORD,
    key: str | None = option("--key KEY", "Public key of the expected signer: a file, or env:NAME."),
    checkpoint: Path | None = option(
        "--checkpoint OLD", "A checkpoint or record you kept; the record must begin with the same lines."
    ),
    as_json: bool = JSON,
) -> int:
    """Check that a record is as it was signed, and show where it was changed if it was not (- is standard input).

    A proof written by `audit prove` or `audit consistency --out` is verified without the record.

    Exit codes: 0 valid, 1 invalid, 2 unverified (not signed, or no --key) or not a record.
    """
    return _show(app.verify_named(record, checkpoint, check=app.checker(key, os.environ)), as_json=as_json)


@audit.command(short_help="Print the checkpoint of a record, to be kept elsewhere.")
def checkpoint(
    record: Path = RECORD,
    key: str | None = option("--key KEY", "Ed25519 private key to sign the checkpoint as a note: a file, or env:NAME."),
) -> int:
    """Print the checkpoint of a record: three lines to keep elsewhere, for `audit verify --checkpoint`.

    Without --key, the lines are the body of a note. With --key, they are a signed note (C2SP) that transparency-log
    tools can open; the key that verifies it is printed on standard error.

    Exit codes: 0 printed, 1 the record is invalid, 2 not a record.
    """
    found = verify_record(read_lines(record))
    if found.fault is not None or found.statement is None:
        return _show(app.Verified(found), as_json=False)
    at = found.statement.checkpoint
    if key is None:
        click.echo(at.text, nl=False)
        return 0
    note, verifier = app.checkpoint_note(at, key, os.environ, ask_password)
    click.echo(note.encode(), nl=False)
    terminal.say(f"key  {verifier}", err=True)
    return 0


@audit.command(short_help="Prove that an event is in a record.")
def prove(
    record: Path = RECORD,
    event: str = argument(),
    out: Path = option("--out FILE", "Proof file to write.", type=PATH),
    values: bool = option("--values", "Include the values that the event refers to."),
    key: str | None = option("--key KEY", "Public key of the expected signer of the record."),
) -> int:
    """Prove that EVENT (RUN:N, counted from 0) is in RECORD without disclosing the rest of it.

    `audit verify` checks the proof without the record.

    Exit codes: 0 written, 1 the record is invalid, 2 no such event, or not a record.
    """
    found = prove_event(record, event, out, values=values, check=app.checker(key, os.environ))
    if found.fault is not None:
        terminal.say(f"error: {record.as_posix()}: {found.reason}", err=True)
        return EXIT[found.status]
    terminal.say(f"proof that {event} is in {record.as_posix()}: {out.as_posix()}")
    return 0


@audit.command("consistency", short_help="Prove that a record continues an earlier one.")
def consistency_(
    old: Path = argument(),
    new: Path = argument(),
    out: Path | None = option("--out FILE", "Write a proof that can be checked without the record.", type=PATH),
    key: str | None = option("--key KEY", "Public key of the expected signer of the later record."),
    as_json: bool = JSON,
) -> int:
    """Check that NEW begins with the lines that OLD stands for.

    OLD is a checkpoint or a record. NEW is a record, or a proof written by --out, which needs no record.

    Exit codes: 0 it does, 1 it does not, 2 nobody vouches for NEW (not signed, or no --key).
    """
    return _show(prove_consistency(old, new, out, check=app.checker(key, os.environ)), as_json=as_json)


@audit.command(short_help="Erase values from a run, a record or a project.")
def erase(
    file: Path = argument("RUN|RECORD|FOLDER"),
    values: tuple[str, ...] = argument("VALUE…"),
    pattern: str | None = option("--match PATTERN", "Also erase every value that matches this regular expression."),
    reason: str = option("--reason TEXT", "Reason, which is written into the tombstone.", parse=erasing.parse_reason),
    dry_run: bool = option("--dry-run", "Print what would be erased; change nothing."),
    as_json: bool = JSON,
) -> int:
    """Replace values with tombstones that hold the time and the reason.

    VALUE is an id (sha256:…, or at least its first eight digits) or a path such as 'step 3 request.messages[2]' or 'RUN
    event 0 labels'. A value is erased as a whole, in every event that refers to it. The file is replaced; copies
    elsewhere, and recordings made from the run, are not touched.

    In FOLDER, the folder of a gate, VALUE is a pseudonym (<email:…>). Everything under it is erased from runs/, from
    the recordings of datasets (their cases are updated) and from the cached answers.

    Exit codes: 0 erased (or would be), 2 nothing was changed.
    """
    if not values and pattern is None:
        raise click.UsageError("no value was named, and no --match was given")
    if file.is_dir():
        project = everywhere.erase_everywhere(file, values, pattern, at=now(), reason=reason, dry_run=dry_run)
        to_json, lines = everywhere.project_erasure_json, everywhere.project_erasure_lines
        return terminal.show(project, as_json=as_json, to_json=to_json, lines=lines)
    found = erasing.erase_values(file, erasing.Selection(values, pattern), at=now(), reason=reason, dry_run=dry_run)
    return terminal.show(found, as_json=as_json, to_json=erasing.erasure_json, lines=erasing.erasure_lines)


def _show(found: app.Verified, *, as_json: bool) -> int:
    return terminal.show(
        found, as_json=as_json, to_json=app.verified_json, lines=app.verified_lines, code=found.exit_code
    )
