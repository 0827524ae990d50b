"""The CPU time of a keyless `attest`, against a Sigstore on this machine.

In: a folder with a judged gate. Out: one JSON object with the median CPU seconds of the command alone, without those of
the services, at the pace of the reference, and the pace of this machine.

    python -m benchmarks.signing FOLDER

The services are those of the tests, and need what the tests need.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.measure import measure
from tests.sigstack.stack import Stack


def main(folder: Path, command: str) -> None:
    """Print the figure."""
    with Stack() as stack:
        (folder / "trust.json").write_text(json.dumps(stack.trust_config()))
        (folder / "token").write_text(stack.token())
        words = [command, "attest", "--identity-token", "token", "--trust-config", "trust.json"]
        cost = measure(words, folder)
        print(json.dumps({"cpu": cost.cpu, "pace": cost.pace}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), str(Path(sys.executable).with_name("runback-gate")))
