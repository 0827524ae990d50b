"""What the commands on audit records share: the clock, the name of this program, how a verification is shown.

return show(verify_named(path, None, check=None), as_json=False)
"""

from __future__ import annotations

from runback_gate import __version__
from runback_gate.app.records import Verified, verified_json, verified_lines
from runback_gate.cli import terminal


def tool() -> str:
    """Name and version of this program."""
    return f"runback-gate {__version__}"


def show(verified: Verified, *, as_json: bool) -> int:
    """Print what verifying a record or a proof found, and give the exit code."""
    terminal.show(verified, as_json=as_json, to_json=verified_json, lines=verified_lines)
    return verified.exit_code
