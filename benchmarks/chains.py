"""Verifying the chain of a run beside hashing the same lines, and records of any number of events to verify.

In: a folder and a number of events, or none. Out: a record in the folder; or JSON, the least CPU seconds of each.

    python -m benchmarks.chains                                # {"verify": 0.011, "hash": 0.006}
    python -m benchmarks.chains FOLDER --events 1000000        # FOLDER/record.jsonl

It runs as a process of its own: what it imports must not count as memory of the commands that are measured afterwards.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from runback_gate.audit.record import Part, export
from runback_gate.capture.runs import write_run
from runback_gate.chain import append, value_line, verify
from runback_gate.documents import write_parts
from runback_gate.step import Message, Request, Response, Run, Source, Step

STEPS, ROUNDS = 250, 60
SAID = "The order was paid by card and sent on Monday; the customer says that the cup in it was broken. " * 12
WINDOW = 16
"""Messages that a request repeats: as many as in a recorded run of a shop's agent, on average."""


def long_run() -> Run:
    """A run with messages of 200 to 1,100 bytes, each repeated by the requests that follow."""
    said = tuple(
        Message("assistant" if turn % 2 else "user", f"{turn} {SAID[: 200 + 37 * turn % 900]}")
        for turn in range(2 * STEPS)
    )
    steps = tuple(
        Step(
            "support",
            Request("openai/gpt-4o", SAID, said[max(0, 2 * turn + 1 - WINDOW) : 2 * turn + 1]),
            Response(said[2 * turn + 1].content),
            Source("long", turn, "exact"),
        )
        for turn in range(STEPS)
    )
    return Run("long", "support", steps)


def least(*works: Callable[[], object]) -> list[float]:
    """CPU seconds of each, the least of several rounds in turn: what is more was not the work's."""
    found = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        for number, work in enumerate(works):
            start = time.process_time()
            work()
            found[number] = min(found[number], time.process_time() - start)
    return found


def chains() -> dict[str, float]:
    """Verify a run and hash its lines."""
    lines = write_run(long_run(), lambda size: b"salt" * (size // 4)).splitlines(keepends=True)

    def hashed() -> None:
        sha256 = hashlib.sha256
        for line in lines:
            sha256(line).digest()

    verified, floor = least(lambda: verify(lines), hashed)
    return {"verify": verified, "hash": floor, "lines": len(lines), "bytes": sum(map(len, lines))}


def events(count: int) -> Iterator[bytes]:
    """The lines of a run: a value for every tenth event."""
    line, head = append(None, {"type": "run.start", "format": "runback.run/v1", "run": "long", "agent": "support"})
    yield line
    name = ""
    for number in range(count - 2):
        if number % 10 == 0:
            line, name = value_line(number.to_bytes(16, "big"), f"{number} {SAID[:200]}")
            yield line
        line, head = append(head, {"type": "tool", "n": number, "result": name})
        yield line
    yield append(head, {"type": "run.end", "steps": 0})[0]


def main() -> None:
    """Print the figures, or write the record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chains", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--events", type=int, default=10_000)
    options = parser.parse_args()
    if options.folder is None:
        print(json.dumps(chains()))
        return
    part = Part("run", "long", lambda: events(options.events))
    made = export([part], origin="benchmark", created="2026-01-31T12:00:00Z", tool="benchmarks")
    write_parts(options.folder / "record.jsonl", made)


if __name__ == "__main__":
    main()
