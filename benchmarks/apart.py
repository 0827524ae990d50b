"""Promises that are measured in their own process, each run in a child: the command that measures stays small.

In: a module and the name of a promise in it. Out: its figures, at the pace of the machine during the child's run.

    apart("benchmarks.redaction", "redaction")(Path("/some/empty/folder"))

The child prints JSON: the figures as found, or what is missing to find them.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.promises import Figure, Peer, UnmeasuredError, run_module


def apart(module: str, name: str, runs: int = 1, *, spread: bool = False) -> Callable[[Path], list[Figure]]:
    """The promise of that name, run in a child on one core, with `spread` on all; the medians of so many runs.

    Raises:
        UnmeasuredError: by the promise, when the child says so.
    """

    def figures(folder: Path) -> list[Figure]:
        rounds = []
        for _ in range(runs):
            with TemporaryDirectory(dir=folder) as own:
                rounds.append(_once(module, name, own, spread))
        return [median(found) for found in zip(*rounds, strict=True)]

    return figures


def median(found: tuple[Figure, ...]) -> Figure:
    """The figure in the middle of several of one promise; its peers are theirs in the middle."""
    middle = sorted(found, key=lambda figure: figure.value)[len(found) // 2]
    peers = [
        Peer(same[0].name, statistics.median(peer.value for peer in same))
        for same in zip(*(figure.peers for figure in found), strict=True)
    ]
    return dataclasses.replace(middle, peers=tuple(peers))


def _once(module: str, name: str, folder: str, spread: bool) -> list[Figure]:
    cost = run_module("benchmarks.apart", module, name, folder, spread=spread)
    found: dict[str, Any] = json.loads(cost.output)
    if "missing" in found:
        raise UnmeasuredError(found["missing"])
    return [
        Figure(**{**item, "peers": tuple(Peer(**peer) for peer in item["peers"])}).at(cost.pace)
        for item in found["figures"]
    ]


def main(module: str, name: str, folder: str) -> None:
    """Print the figures of a promise."""
    try:
        figures = getattr(importlib.import_module(module), name)(Path(folder))
    except UnmeasuredError as error:
        print(json.dumps({"missing": str(error)}))
    else:
        print(json.dumps({"figures": list(map(dataclasses.asdict, figures))}))


if __name__ == "__main__":
    # By its own name: what a promise raises is of the module that it imports, not of this one.
    main(*sys.argv[1:])
