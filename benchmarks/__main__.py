"""The command line of the benchmarks.

In: names of promises, all when none is given. Out: a table or JSON; exit code 1 when a promise is broken.

    python -m benchmarks help gate --json

CPU times are those of the machine that the limits were set on: what was measured here, times how fast this one was
during that run. A ratio of CPU times is one of two such figures. Others are as they were found.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.apart import apart
from benchmarks.live import direct, through_litellm
from benchmarks.live_run import large_run, whole_run
from benchmarks.promises import PROMISES, Figure, UnmeasuredError
from benchmarks.scale import backtests, memory

PROMISES |= {"live": direct, "litellm": through_litellm, "run": whole_run, "large": large_run}
PROMISES |= {"import": apart("benchmarks.importing", "imports", runs=5)}
PROMISES |= {name: apart("benchmarks.redaction", name) for name in ("redaction", "secrets")}
PROMISES |= {"viewer": apart("benchmarks.viewer", "viewer", spread=True), "cause": apart("benchmarks.cause", "cause")}
PROMISES |= {"memory": memory, "scale": backtests}
PROMISES |= {"proof": apart("benchmarks.proofs", "proofs"), "trials": apart("benchmarks.trials", "trials")}


def line(figure: Figure) -> str:
    """One row of the table."""
    if figure.missing:
        return f"– {figure.promise}: not measured: {figure.missing}"
    sign = "✓" if figure.ratio <= 1 else "✗"
    peers = ", ".join(f"{peer.name} {peer.value:.3g} ({figure.value / peer.value:.3g} x)" for peer in figure.peers)
    found, limit = f"{figure.value:.3g} {figure.unit}", f"{figure.limit:g}"
    return f"{sign} {figure.promise:<42} {found:>12}  of {limit:>5}  {figure.ratio:>5.2f} x  {peers}".rstrip()


def main(arguments: list[str]) -> int:
    """Measure and print; 0 when every promise is kept, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(PROMISES)}")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(PROMISES)):
        parser.error(f"no promise is named {', '.join(unknown)}; there are: {', '.join(PROMISES)}")
    if not options.json:
        print("  promise                                           figure     limit  of limit  beside it")
    rows: list[Figure] = []
    missing: dict[str, str] = {}
    for name in (name for name in PROMISES if not options.names or name in options.names):
        try:
            with TemporaryDirectory() as folder:
                found = PROMISES[name](Path(folder))
        except UnmeasuredError as error:
            missing[name], text = str(error), f"– {name}: not measured: {error}"
        else:
            rows += [figure for figure in found if not figure.missing]
            missing |= {figure.promise: figure.missing for figure in found if figure.missing}
            text = "\n".join(map(line, found))
        if not options.json:
            print(text, flush=True)
    broken = sum(figure.ratio > 1 for figure in rows)
    if options.json:
        shown = [{**dataclasses.asdict(figure), "raw": figure.raw, "ratio": figure.ratio} for figure in rows]
        print(json.dumps({"figures": shown, "not_measured": missing}, indent=2))
    else:
        paces = [figure.pace for figure in rows if figure.has_pace] or [math.nan]
        print(f"  {len(rows) - broken} of {len(rows)} kept, {len(missing)} not measured; ", end="")
        print(f"this machine: {min(paces):.2f} to {max(paces):.2f} of the reference's pace")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
