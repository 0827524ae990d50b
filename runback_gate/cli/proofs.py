"""`audit prove` and `audit consistency`: proofs that stand alone, made from records and shown."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click

from runback_gate.app.records import checker, parse_event, read_checkpoint, read_proof
from runback_gate.audit.proof import ProofResult, consistency, inclusion, verify_proof
from runback_gate.audit.show import EXIT, proof_json, proof_rows
from runback_gate.audit.verify import verify_record
from runback_gate.cli import terminal
from runback_gate.cli.options import JSON
from runback_gate.cli.records import show
from runback_gate.documents.named_files import read_lines, write_file
from runback_gate.errors import InputError, Location


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
    found = verify_record(read_lines(record), check=checker(key, os.environ))
    if found.fault is not None:
        terminal.say(f"error: {record.as_posix()}: {found.reason}", err=True)
        return EXIT[found.status]
    run, number = parse_event(event)
    write_file(out, inclusion(partial(read_lines, record), run, number, values=values))
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
    earlier, check = read_checkpoint(old), checker(key, os.environ)
    if (proof := read_proof(new)) is not None:
        proved = verify_proof(proof, check=check)
        if proved.old != earlier:
            raise InputError("the proof is of another state than the old one", location=Location(new.as_posix()))
        return show_proof(proved, as_json=as_json)
    found = verify_record(read_lines(new), check=check, earlier=earlier)
    if found.fault is None and out is not None:
        write_file(out, consistency(partial(read_lines, new), earlier))
    return show(found, earlier, as_json=as_json)


def show_proof(proved: ProofResult, *, as_json: bool) -> int:
    """Print what a proof says, and give the exit code."""
    terminal.show(
        proved, as_json=as_json, to_json=proof_json, lines=lambda proved: terminal.row_lines(proof_rows(proved))
    )
    return EXIT[proved.status]
