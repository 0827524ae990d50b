"""`policy test --mutate`: which faults in the policies nobody would notice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runback_gate.cli import terminal
from runback_gate.cli.files import MAKE_RUNS
from runback_gate.cli.policy_diff import recorded_steps
from runback_gate.errors import InputError, Location
from runback_gate.report.text import terminal as inert

if TYPE_CHECKING:
    from runback_gate.analysis.mutants import Mutant
    from runback_gate.analysis.mutation import Mutation
    from runback_gate.cli.policy import Place
    from runback_gate.policy.document import Policy
    from runback_gate.policy.policy_test_document import PolicyTest

MAX_LISTED = 100
"""Faults that the text lists; JSON lists all."""


def mutate(
    policies: Sequence[Policy], tests: Sequence[PolicyTest], *, runs: Path | None, gate: bool, quiet: bool
) -> Mutation:
    """Try every fault on the tests, then on the steps of `runs`, or on the recordings of the gate here when `gate`.

    Raises:
        InputError: runs were named, and there is no step in them.
    """
    from runback_gate.analysis.mutation import try_mutants  # noqa: PLC0415
    from runback_gate.cel.cpp_engine import CppEngine  # noqa: PLC0415

    steps = recorded_steps(Path(), runs) if runs is not None or gate else iter(())
    with terminal.progress(quiet=quiet, noun="fault") as progress:
        found = try_mutants(policies, tests, CppEngine(), steps, progress)
    if runs is not None and not found.steps:
        raise InputError("no recorded step", hint=MAKE_RUNS, location=Location(runs.as_posix()))
    return found


def mutation_json(found: Mutation, places: Mapping[str, Place]) -> dict[str, object]:
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
                "place": _place(item, places),
                "original": item.original,
                "mutated": item.mutated,
            }
            for item in found.survivors
        ],
    }


def mutation_lines(found: Mutation, places: Mapping[str, Place]) -> Iterator[str]:
    """What a terminal shows of it."""
    arrow = "→" if terminal.unicode() else ">"
    yield ""
    for item in found.survivors[:MAX_LISTED]:
        yield inert(f"{_place(item, places)}: {item.where}: nobody notices")
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


def _place(mutant: Mutant, places: Mapping[str, Place]) -> str:
    return str(places[mutant.policy.name].move(mutant.location))
