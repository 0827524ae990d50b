"""`audit`: records of runs and reports that cannot be changed unseen, made and verified."""

from __future__ import annotations

import os
from pathlib import Path

import click

from runback_gate.app.records import RecordHeader, Verified, checker, export_record, signer, verify_named
from runback_gate.audit.show import contents, record_json
from runback_gate.audit.verify import verify_record
from runback_gate.cli import terminal
from runback_gate.cli.erase import erase
from runback_gate.cli.groups import Commands
from runback_gate.cli.keys import ask_password
from runback_gate.cli.options import JSON, path_option
from runback_gate.cli.proofs import consistency_, prove
from runback_gate.cli.records import show, tool
from runback_gate.cli.terminal import now
from runback_gate.documents.named_files import read_lines
from runback_gate.report.text import safe_terminal

ORIGIN = "runback.dev/audit"


@click.group(cls=Commands)
def audit() -> None:
    """Make and verify tamper-evident records."""


@audit.command("export", short_help="Put runs and reports into one tamper-evident record.")
@click.argument("sources", nargs=-1, required=True, metavar="RUN|REPORT…")
@path_option("--out", "Record file to write.", metavar="FILE", required=True)
@click.option("--key", metavar="KEY", help="Private key to sign the record with: a file, or env:NAME.")
@click.option(
    "--origin", default=ORIGIN, show_default=True, metavar="NAME", help="Name of the log; use the same one every time."
)
@click.option(
    "--disclose", multiple=True, metavar="EVENT", help="Disclose the values of this event only (RUN:N); repeatable."
)
@JSON
def export_(
    sources: tuple[str, ...], out: Path, key: str | None, origin: str, disclose: tuple[str, ...], as_json: bool
) -> int:
    """Put runs and reports, byte for byte, into one record with one checkpoint, and sign it.

    Name a run by its file or its id in runs/, a report by its file. Without --key, anybody could have made the record.
    With --disclose, values that the named events do not use are withheld; the rest of the record is unchanged.
    """
    header = RecordHeader(origin, now(), tool())
    found = export_record(sources, out, disclose, header, signer(key, os.environ, ask_password))
    if as_json:
        terminal.print_json({"file": out.as_posix(), **record_json(found)})
        return 0
    click.echo(safe_terminal(f"{contents(found)} in {out.as_posix()}"))
    click.echo("signed" if found.signed else "not signed: anybody could have made it (sign it with --key)")
    return 0


@audit.command(short_help="Check that a record is as it was signed, and locate any change.")
@click.argument("record", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--key", metavar="KEY", help="Public key of the expected signer: a file, or env:NAME.")
@path_option(
    "--checkpoint", "A checkpoint or record you kept; the record must begin with the same lines.", metavar="OLD"
)
@JSON
def verify(record: Path, key: str | None, checkpoint: Path | None, as_json: bool) -> int:
    """Check that a record is as it was signed, and show where it was changed if it was not (- is standard input).

    A proof written by `audit prove` or `audit consistency --out` is verified without the record.

    Exit codes: 0 valid, 1 invalid, 2 unverified (not signed, or no --key) or not a record.
    """
    return show(verify_named(record, checkpoint, check=checker(key, os.environ)), as_json=as_json)


@audit.command(short_help="Print the checkpoint of a record, to be kept elsewhere.")
@click.argument("record", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--key", metavar="KEY", help="Ed25519 private key to sign the checkpoint as a note: a file, or env:NAME.")
def checkpoint(record: Path, key: str | None) -> int:
    """Print the checkpoint of a record: three lines to keep elsewhere, for `audit verify --checkpoint`.

    Without --key, the lines are the body of a note. With --key, they are a signed note (C2SP) that transparency-log
    tools can open; the key that verifies it is printed on standard error.

    Exit codes: 0 printed, 1 the record is invalid, 2 not a record.
    """
    found = verify_record(read_lines(record))
    if found.fault is not None or found.statement is None:
        return show(Verified(found), as_json=False)
    at = found.statement.checkpoint
    if key is None:
        click.echo(at.text, nl=False)
        return 0
    from runback_gate.app.keys import private_key  # noqa: PLC0415  40 ms
    from runback_gate.attest.note import sign_note, verifier_key  # noqa: PLC0415

    private = private_key(key, os.environ, ask_password)
    click.echo(sign_note(private, at.text, at.origin).encode(), nl=False)
    terminal.say(f"key  {verifier_key(private.public_key(), at.origin)}", err=True)
    return 0


audit.add_command(prove)
audit.add_command(consistency_)
audit.add_command(erase)
