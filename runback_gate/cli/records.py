"""What the commands on audit records share: the clock, the name of this program, how a verification is shown.

return show(verify_record(read_lines(path)), None, as_json=False)
"""

from __future__ import annotations

import datetime

from runback_gate import __version__
from runback_gate.audit.checkpoint import Checkpoint
from runback_gate.audit.show import EXIT, record_json, record_rows, scope_json
from runback_gate.audit.verify import RecordVerification
from runback_gate.cli import terminal


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
