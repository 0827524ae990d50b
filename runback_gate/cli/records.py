"""What the commands on audit records share: keys, checkpoints, the clock, and how a verification is shown.

check = checker("acme.pub")
verify_record(read_lines(path), check=check, earlier=read_checkpoint(old))
"""

from __future__ import annotations

import datetime
from functools import partial
from pathlib import Path

from runback_gate import __version__
from runback_gate.audit.checkpoint import Checkpoint, parse_checkpoint
from runback_gate.audit.frame import OWN, STATEMENT_LINE, read_statement
from runback_gate.audit.proof import is_proof
from runback_gate.audit.record import Sign
from runback_gate.audit.show import EXIT, record_json, record_rows, scope_json
from runback_gate.audit.verify import Check, RecordVerification
from runback_gate.cli import terminal
from runback_gate.documents.named_files import read_file, read_lines
from runback_gate.errors import InputError, Location

MAX_CHECKPOINT_BYTES = 64 << 10


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint that a file is, or that the statement of a record holds. Nothing is verified: it was kept."""
    first = next(read_lines(path), b"")
    if not first.startswith(OWN):
        data = read_file(path, MAX_CHECKPOINT_BYTES)
        return parse_checkpoint(data.decode("utf-8", "replace"), path.as_posix())
    for line in read_lines(path):
        if line.startswith(STATEMENT_LINE):
            return read_statement(line[len(STATEMENT_LINE) : -2]).checkpoint
    raise InputError("the record holds no statement", location=Location(path.as_posix()))


def signer(key: str | None) -> Sign | None:
    """What signs with a private key, where one was named."""
    if key is None:
        return None
    from runback_gate.attest.keys import sign_payload  # noqa: PLC0415  40 ms
    from runback_gate.cli.keys import private_key  # noqa: PLC0415

    return partial(sign_payload, private_key(key))


def checker(key: str | None) -> Check | None:
    """What checks signatures of a public key, where one was named."""
    if key is None:
        return None
    from runback_gate.attest.bundle import bundle_bytes, read_bundle  # noqa: PLC0415  40 ms
    from runback_gate.attest.keys import verify_payload  # noqa: PLC0415
    from runback_gate.cli.keys import public_key  # noqa: PLC0415

    known = public_key(key)
    # Read as a bundle file is, which pins what no signature covers.
    return lambda kind, bundle: verify_payload(known, read_bundle(bundle_bytes(bundle), "signature"), kind)


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tool() -> str:
    """Name and version of this program."""
    return f"runback-gate {__version__}"


def is_proof_file(path: Path) -> bool:
    """Whether a file is a proof, by its first line."""
    return is_proof(next(read_lines(path), b""))


def show(found: RecordVerification, earlier: Checkpoint | None, *, as_json: bool) -> int:
    """Print what verifying a record found, and give the exit code."""
    if as_json:
        terminal.print_json({**record_json(found), **scope_json(found, earlier)})
    else:
        for name, text in record_rows(found, earlier):
            terminal.row(name, text)
    return EXIT[found.status]
