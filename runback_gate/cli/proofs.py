"""`audit prove` and `audit consistency`: proofs that stand alone, made from records and shown."""

from __future__ import annotations

import os
from pathlib import Path

import click

from runback_gate.app.proofs import prove_consistency, prove_event
from runback_gate.app.records import checker
from runback_gate.audit.show import EXIT
from runback_gate.cli import terminal
from runback_gate.cli.options import JSON
from runback_gate.cli.records import show


@click.command(short_help="Prove that an event is in a record.")
@click.argument("record", type=click.Path(path_type=Path))
@click.argument("event")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Proof file to write.")
@click.option("--values", is_flag=True, help="Include the values that the event refers to.")
@click.option("--key", metavar="KEY", help="Public key of the expected signer of the record.")
def prove(record: Path, event: str, out: Path, values: bool, key: str | None) -> int:
    """Prove that EVENT (RUN:N, counted from 0) is in RECORD without disclosing the rest of it.

    `audit verify` checks the proof without the record.

    Exit codes: 0 written, 1 the record is invalid, 2 no such event, or not a record.
    """
    found = prove_event(record, event, out, values=values, check=checker(key, os.environ))
    if found.fault is not None:
        terminal.say(f"error: {record.as_posix()}: {found.reason}", err=True)
        return EXIT[found.status]
    terminal.say(f"proof that {event} is in {record.as_posix()}: {out.as_posix()}")
    return 0


@click.command("consistency", short_help="Prove that a record continues an earlier one.")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a proof that can be checked without the record.",
)
@click.option("--key", metavar="KEY", help="Public key of the expected signer of the later record.")
@JSON
def consistency_(old: Path, new: Path, out: Path | None, key: str | None, as_json: bool) -> int:
    """Check that NEW begins with the lines that OLD stands for.

    OLD is a checkpoint or a record. NEW is a record, or a proof written by --out, which needs no record.

    Exit codes: 0 it does, 1 it does not, 2 nobody vouches for NEW (not signed, or no --key).
    """
    return show(prove_consistency(old, new, out, check=checker(key, os.environ)), as_json=as_json)
