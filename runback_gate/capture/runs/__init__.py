"""Run files: chained event lines, and value lines that hold what was said once (design: `docs/formats/run.md`).

In: a `Run` and a source of salt. Out: the bytes of `runs/<run id>.jsonl`; and back, with the chain verified.

    data = write_run(run, salt=secrets.token_bytes)
    run = read_run(data, "runs/airline-0001.jsonl")

Version 2 is written, versions 1 and 2 are read. N turns of one conversation take O(N) bytes, time and memory: each says
what it adds to the turn that it continues.
"""

from __future__ import annotations

from runback_gate.capture.runs.reader import MAX_RUN_BYTES as MAX_RUN_BYTES
from runback_gate.capture.runs.reader import read_run as read_run
from runback_gate.capture.runs.turns import Conversations as Conversations
from runback_gate.capture.runs.turns import Turn as Turn
from runback_gate.capture.runs.turns import Turns as Turns
from runback_gate.capture.runs.writer import FORMAT as FORMAT
from runback_gate.capture.runs.writer import FORMAT_V1 as FORMAT_V1
from runback_gate.capture.runs.writer import RunWriter as RunWriter
from runback_gate.capture.runs.writer import write_run as write_run
