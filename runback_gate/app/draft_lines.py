"""A drafted rule as lines and as JSON: the rule, its warrant, and what was tried before it.

"\\n".join(draft_lines(found, written=True))
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runback_gate.app.cases import why_not_judged
from runback_gate.app.draft import Draft
from runback_gate.documents import expand
from runback_gate.gate.config import GATE_FILE, load_gate
from runback_gate.report.text import line


def draft_lines(found: Draft, *, written: bool) -> Iterator[str]:
    """The rule, a line for each claim, then the files that were written, or why none was."""
    names, item = found.names, found.candidate
    yield f"{line(names.rule)}   {line(item.description)}   ({item.template})"
    for name, value in item.params.items():
        yield f"  params.{line(name)} = {line(str(value))}"
    yield f"  {line(item.expression)}"
    yield ""
    yield f"warrant {'' if found.admitted else 'not '}given"
    for claim in found.claims:
        yield f"  {'✓' if claim.holds else '✗'} {claim.text}: {line(claim.detail)}"
    for other in found.tried:
        why = next(claim for claim in other.claims if not claim.holds)
        yield f"  not admitted: {line(other.candidate.message)} ({why.text}: {line(why.detail)})"
    yield ""
    if not found.admitted:
        yield "nothing was written"
        return
    yield from (f"{'wrote' if written else 'would write'} {line(path)}" for path in found.files)
    yield f"case {line(found.case)} of {line(names.dataset)} is red until the agent no longer does it"


def draft_json(found: Draft, *, written: bool) -> dict[str, Any]:
    """The same for a program."""
    return {
        **_one(found),
        "case": found.case,
        "dataset": found.names.dataset,
        "files": {path: data.decode() for path, data in found.files.items() if path.endswith(".yaml")},
        "written": sorted(found.files) if written else [],
        "tried": [_one(item) for item in found.tried],
    }


def _one(found: Draft) -> dict[str, Any]:
    item = found.candidate
    return {
        "admitted": found.admitted,
        "rule": found.names.rule,
        "policy": found.names.policy,
        "template": item.template,
        "tool": item.tool,
        "description": item.description,
        "message": item.message,
        "params": dict(item.params),
        "condition": item.condition,
        "expression": item.expression,
        "warrant": [{"claim": claim.text, "holds": claim.holds, "detail": claim.detail} for claim in found.claims],
    }


def draft_notes(root: Path, found: Draft, folder: Path | None) -> Iterator[str]:
    """What to know of a draft: how little it was held against, and what of it the gate does not read yet."""
    if folder is None:
        yield "no folder of runs: the rule was held against this run and the recordings of the gate alone"
    if found.admitted:
        if found.names.policy_file not in expand(root, load_gate(root).policies):
            yield f"{GATE_FILE} does not name {line(found.names.policy_file)}; add it to `spec.policies`"
        if why := why_not_judged(root, found.names.dataset):
            yield line(why)
