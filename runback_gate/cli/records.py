"""What the commands on audit records share: keys, the clock, and how a verification is shown.

check = checker("acme.pub")
verify_record(read_lines(path), check=check, earlier=read_checkpoint(old))
"""

from __future__ import annotations

import datetime
from functools import partial

from runback_gate import __version__
from runback_gate.audit.checkpoint import Checkpoint
from runback_gate.audit.record import Sign
from runback_gate.audit.show import EXIT, record_json, record_rows, scope_json
from runback_gate.audit.verify import Check, RecordVerification
from runback_gate.cli import terminal


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


def show(found: RecordVerification, earlier: Checkpoint | None, *, as_json: bool) -> int:
    """Print what verifying a record found, and give the exit code."""
    terminal.show(
        found,
        as_json=as_json,
        to_json=lambda found: {**record_json(found), **scope_json(found, earlier)},
        lines=lambda found: terminal.row_lines(record_rows(found, earlier)),
    )
    return EXIT[found.status]
