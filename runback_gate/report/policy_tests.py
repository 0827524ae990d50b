"""Policy tests and mutants: as lines for a terminal, as JSON for programs.

In: what `analysis` found. Out: lines without their ends, or a JSON value. `locate` gives the place of a position in a
policy by a path that can be opened.

    "\\n".join(tests_lines(found))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from runback_gate.analysis.mutation import Mutation
from runback_gate.analysis.policy_tests import Conformance
from runback_gate.errors import Location
from runback_gate.plural import many
from runback_gate.policy.left_out import left_out_json, left_out_lines
from runback_gate.report.text import safe_terminal

Locate = Callable[[str, Location], Location]
MAX_LISTED: Final = 100
"""Faults that the text lists; JSON lists all."""


def tested_json(found: Conformance, tried: Mutation | None, locate: Locate) -> dict[str, object]:
    """What `policy test --json` prints, with the faults where some were tried."""
    more = {} if tried is None else {"mutation": mutation_json(tried, locate)}
    return {**tests_json(found), **more}


def tested_lines(found: Conformance, tried: Mutation | None, locate: Locate, *, unicode: bool) -> Iterator[str]:
    """The same, for a terminal."""
    yield from tests_lines(found)
    if tried is not None:
        yield from mutation_lines(tried, locate, unicode=unicode)


def tests_json(found: Conformance) -> dict[str, object]:
    """What `policy test --json` prints of the tests."""
    return {
        "expectations": found.expectations,
        "deviations": [
            {"validation": item.rule, "example": item.example, "message": item.message, "place": str(item.location)}
            for item in found.deviations
        ],
        "coverage": {
            item.rule: {
                "true": item.passed,
                "false": item.failed,
                "error": item.errors,
                "skip": item.skipped,
                "gap": item.gap,
            }
            for item in found.coverage
        },
        **left_out_json(found.left_out),
    }


def tests_lines(found: Conformance) -> Iterator[str]:
    """What a terminal shows of the tests: the outcomes seen of each rule, then what was not as expected."""
    size = max([len("rule"), *(len(item.rule) for item in found.coverage)])
    yield f"  {'rule':{size}}  true  false  error  skip"
    for item in found.coverage:
        gap = f"  {item.gap}" if item.gap else ""
        yield f"  {item.rule:{size}}  {item.passed:4}  {item.failed:5}  {item.errors:5}  {item.skipped:4}{gap}"
    yield ""
    for deviation in found.deviations:
        yield safe_terminal(f"{deviation.location}: {deviation.rule}: {deviation.message} [{deviation.example}]")
    yield from left_out_lines(found.left_out)
    gaps = sum(item.gap is not None for item in found.coverage)
    yield (
        f"{many(found.expectations, 'expectation')} on 2 engines, {len(found.deviations)} wrong; "
        f"{many(len(found.coverage), 'rule')}, {gaps} not seen both true and false"
    )


def mutation_json(found: Mutation, locate: Locate) -> dict[str, object]:
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
                "place": str(locate(item.policy.name, item.location)),
                "original": item.original,
                "mutated": item.mutated,
            }
            for item in found.survivors
        ],
    }


def mutation_lines(found: Mutation, locate: Locate, *, unicode: bool) -> Iterator[str]:
    """What a terminal shows of it."""
    arrow = "→" if unicode else ">"
    yield ""
    for item in found.survivors[:MAX_LISTED]:
        yield safe_terminal(f"{locate(item.policy.name, item.location)}: {item.where}: nobody notices")
        yield f"    {safe_terminal(item.original)}"
        yield f"  {arrow} {safe_terminal(item.mutated)}"
    if len(found.survivors) > MAX_LISTED:
        yield f"… and {len(found.survivors) - MAX_LISTED:,} more: --json lists all"
    asked = f"{found.by_steps:,} by {many(found.steps, 'recorded step')}, " if found.steps else ""
    yield (
        f"{many(found.tried, 'fault')} tried: {found.by_tests:,} noticed by tests, {asked}"
        f"{len(found.survivors):,} by nobody"
    )
    if found.survivors:
        yield "Add a test that notices it. A fault that can change no verdict has none: --survivors allows it."
