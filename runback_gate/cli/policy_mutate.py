"""`policy test --mutate`: which faults in the policies nobody would notice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from runback_gate.cli import terminal
from runback_gate.report.text import terminal as inert

if TYPE_CHECKING:
    from runback_gate.analysis.mutants import Mutant
    from runback_gate.analysis.mutation import Mutation
    from runback_gate.app.policies import PolicyFiles

MAX_LISTED = 100
"""Faults that the text lists; JSON lists all."""


def mutation_json(found: Mutation, files: PolicyFiles) -> dict[str, object]:
    """What `--json` prints of it."""
    return {
        "tried": found.tried,
        "by_tests": found.by_tests,
        "by_steps": found.by_steps,
        "steps": found.steps,
        "survivors": [
            {
                "policy": item.policy.name,
                "where": item.where,
                "place": _place(item, files),
                "original": item.original,
                "mutated": item.mutated,
            }
            for item in found.survivors
        ],
    }


def mutation_lines(found: Mutation, files: PolicyFiles) -> Iterator[str]:
    """What a terminal shows of it."""
    arrow = "→" if terminal.unicode() else ">"
    yield ""
    for item in found.survivors[:MAX_LISTED]:
        yield inert(f"{_place(item, files)}: {item.where}: nobody notices")
        yield f"    {inert(item.original)}"
        yield f"  {arrow} {inert(item.mutated)}"
    if len(found.survivors) > MAX_LISTED:
        yield f"… and {len(found.survivors) - MAX_LISTED:,} more: --json lists all"
    asked = f"{found.by_steps:,} by {terminal.many(found.steps, 'recorded step')}, " if found.steps else ""
    yield (
        f"{terminal.many(found.tried, 'fault')} tried: {found.by_tests:,} noticed by tests, {asked}"
        f"{len(found.survivors):,} by nobody"
    )
    if found.survivors:
        yield "Add a test that notices it. A fault that can change no verdict has none: --survivors allows it."


def _place(mutant: Mutant, files: PolicyFiles) -> str:
    return str(files.locate(mutant.policy.name, mutant.location))
