"""As many recorded steps as wanted, made of recorded runs: each copy is a run of its own, with its own chain.

In: a folder of runs, an empty folder, a number. Out: run files with at least so many steps, and their number on
standard output. The same runs and number give the same bytes.

    python -m benchmarks.steps FOLDER/runs FOLDER/many --steps 1000000

A copy has another id; its values stay, so they are not hashed again, and a million steps take some two minutes.
"""

from __future__ import annotations

import argparse
import json
from itertools import count
from pathlib import Path

from runback_gate.canonical import digest_bytes
from runback_gate.chain import START, is_value_line


def copy(lines: list[bytes], name: str, new: str) -> list[bytes]:
    """The lines of a run under another id."""
    old, own = (f'"run":{json.dumps(text)}'.encode() for text in (name, new))
    found, prev, head = [], START.encode(), START.encode()
    for line in lines:
        if not is_value_line(line):
            before = line[line.index(b'"prev":"') + 8 :][: len(head)]
            line = line.replace(old, own).replace(before, prev, 1)
            prev = digest_bytes(line).encode()
        found.append(line)
    return found


def make(source: Path, target: Path, steps: int) -> int:
    """Write copies until there are so many steps; gives how many there are."""
    runs = [
        (path.stem, data.splitlines(keepends=True), data.count(b'"type":"model"'))
        for path in sorted(source.glob("*.jsonl"))
        if (data := path.read_bytes())
    ]
    target.mkdir(parents=True)
    made = 0
    for number in count():
        for name, lines, own in runs:
            if made >= steps:
                return made
            new = f"{name}-{number:05}"
            (target / f"{new}.jsonl").write_bytes(b"".join(copy(lines, name, new)))
            made += own
    raise AssertionError


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--steps", type=int, required=True)
    options = parser.parse_args()
    print(make(options.source, options.target, options.steps))
