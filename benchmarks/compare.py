"""The time to compare two gates.

In: an empty folder and two counts. Out: one JSON object of CPU seconds: `compare` for finding what the head takes away
from the base, `load` for reading both, which comes before it and is beside it for comparison.

    python -m benchmarks.compare FOLDER --cases 1000 --policies 20

Every file of the head has other bytes, one rule says something else, and one case is gone: a file that is the same on
both sides costs nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import time
from pathlib import Path

from benchmarks import workload
from runback_gate.change.gates import find_weakenings
from runback_gate.gate.plan import Plan, load_plan

ROUNDS = 5
DAY = "2026-06-01"
EXPECTED = ["params-changed", "case-removed"]


def load(root: Path) -> tuple[Plan, Plan]:
    """The plans of base and head."""
    return load_plan(root / "base", day=DAY), load_plan(root / "head", day=DAY)


def prepare(root: Path, cases: int, policies: int) -> None:
    """Write the base, and the head with an edit in every file."""
    workload.write(root / "base", cases, policies)
    shutil.copytree(root / "base", root / "head", ignore=shutil.ignore_patterns("recordings"))
    for file in sorted((root / "head").glob("*/*.yaml")):
        file.write_text(f"# Another layout.\n{file.read_text()}")
    rule = root / "head" / "policies" / "rule-00.yaml"
    rule.write_text(rule.read_text().replace("limit: 100", "limit: 500"))
    dataset = sorted((root / "head" / "datasets").glob("*.yaml"))[0]
    head, *rest = dataset.read_text().split("    - id:")
    dataset.write_text("    - id:".join([head, *rest[1:]]))


def main(root: Path, cases: int, policies: int) -> None:
    """Print the figures."""
    prepare(root, cases, policies)
    figures: dict[str, list[float]] = {"load": [], "compare": []}
    for _ in range(ROUNDS):
        start = time.process_time()
        plans = load(root)
        read = time.process_time()
        found = find_weakenings(*plans)
        figures["load"].append(read - start)
        figures["compare"].append(time.process_time() - read)
        if [item.kind for item in found] != EXPECTED:
            raise RuntimeError(f"the comparison found something else: {found}")
    print(json.dumps({name: statistics.median(seconds) for name, seconds in figures.items()}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time the comparison of two gates.")
    parser.add_argument("root", type=Path)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--policies", type=int, default=20)
    arguments = parser.parse_args()
    main(arguments.root, arguments.cases, arguments.policies)
