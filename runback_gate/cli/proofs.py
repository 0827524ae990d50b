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


@click.command(short_help="Prove that one event is in a record.")
@click.argument("record", type=click.Path(path_type=Path))
@click.argument("event")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The proof.")
@click.option("--values", is_flag=True, help="Put the values that the event names into the proof.")
@click.option("--key", metavar="KEY", help="Public key of whoever is to have signed the record.")
def prove(record: Path, event: str, out: Path, values: bool, key: str | None) -> int:
    """Prove that EVENT (RUN:N, events count from 0) is in RECORD, without giving away the rest of it.

    `audit verify` checks the proof: it needs no record.

    Exit codes: 0 written, 1 the record is invalid, 2 no such event, or not a record.
    """
    found = prove_event(record, event, out, values=values, check=checker(key, os.environ))
    if found.fault is not None:
        terminal.say(f"error: {record.as_posix()}: {found.reason}", err=True)
        return EXIT[found.status]
    terminal.say(f"proof that {event} is in {record.as_posix()}: {out.as_posix()}")
    return 0


@click.command("consistency", short_help="Prove that a record goes on where an earlier one ended.")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write a proof that needs no record.")
@click.option("--key", metavar="KEY", help="Public key of whoever is to have signed the later record.")
@JSON
def consistency_(old: Path, new: Path, out: Path | None, key: str | None, as_json: bool) -> int:
    """Say whether NEW begins with the lines that OLD stands for.

    OLD is a checkpoint or a record, NEW a record, or a proof that --out wrote: then the record itself is not needed.

    Exit codes: 0 it does, 1 it does not, 2 nobody vouches for NEW (not signed, or no --key).
    """
    return show(prove_consistency(old, new, out, check=checker(key, os.environ)), as_json=as_json)
