"""Import: CPU seconds for 100 MB of transcript, and how a run grows with its turns.

In: the airline runs of the shared data. Out: figures of CPU time.

    python -m benchmarks import
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from benchmarks.promises import AIRLINE, Figure, need_airline
from runback_gate.app.import_runs import ImportOptions, import_file, redaction
from runback_gate.redact import Level

_COPIES = 4
_SHORT, _LONG = 1_000, 10_000


def imports(_folder: Path) -> list[Figure]:
    """Transcripts without and with redaction, and a run of 10,000 turns beside one of 1,000."""
    need_airline()
    data = (AIRLINE / "runs.jsonl").read_bytes() * _COPIES
    short, long = _long(_SHORT), _long(_LONG)
    _seconds(short, "off")
    plain, redacted = _seconds(data, "off"), _seconds(data, "standard")
    of_short = sum(_seconds(short, "off") for _ in range(_LONG // _SHORT)) / (_LONG // _SHORT)
    return [
        Figure("import, redaction off", "CPU s/100 MB", plain * 1e8 / len(data), 5),
        Figure("import, level standard", "CPU s/100 MB", redacted * 1e8 / len(data), 12.5),
        Figure("10,000 turns beside 1,000, bytes", "x", _size(long) / _size(short), 11),
        Figure("10,000 turns beside 1,000, CPU", "x", _seconds(long, "off") / of_short, 15),
    ]


def _long(turns: int) -> bytes:
    """A conversation of so many questions and answers."""
    messages = []
    for turn in range(turns):
        messages += [
            {"role": "user", "content": f"Where is order {turn}?"},
            {"role": "assistant", "content": "On its way."},
        ]
    return json.dumps({"messages": messages}).encode()


def _size(data: bytes) -> int:
    return sum(map(len, import_file(data, "long.json", ImportOptions("a"), os.urandom).files.values()))


def _seconds(data: bytes, level: Level) -> float:
    """CPU seconds of an import."""
    options = ImportOptions("a", redaction=redaction(level, None, os.urandom))
    start = time.process_time()
    imported = import_file(data, "runs.jsonl", options, os.urandom)
    seconds = time.process_time() - start
    if imported.faults or not imported.runs:
        raise RuntimeError(f"not all was imported: {imported.refused}")
    return seconds
