"""Secrets and personal data in what a gate commits: agents, prompts, tools, datasets and recordings.

In: a plan and a level of redaction. Out: a red row for each file that holds something; a value stands in none of them.

    scan_rows(plan, "standard")
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal, get_args

from runback_gate.dataset.recordings import MAX_RECORDING_BYTES, recording_path
from runback_gate.documents import safe_read
from runback_gate.errors import Location, RunbackError
from runback_gate.gate.contest import Base
from runback_gate.gate.gate_rows import gate_row
from runback_gate.gate.plan import Plan
from runback_gate.gate.verdict import Row, Verdict
from runback_gate.plural import many

if TYPE_CHECKING:
    from runback_gate.redact import Found

Level = Literal["off", "standard", "strict"]
"""Of redaction, from the weakest."""
_SHOWN: Final = 5
"""Places that one row names."""
_KEY: Final = b"the pseudonyms of a scan are shown to nobody"


def stricter(*levels: Level) -> Level:
    """The strictest of some levels."""
    return max(levels, key=get_args(Level).index)


def scan_level(plan: Plan, base: Base | None) -> Level:
    """The level that a run looks for: the stricter of head and base, unless a person approved what the head loosens."""
    kept = base.plan if base is not None and not base.approval else None
    return stricter(plan.gate.scan, kept.gate.scan if kept else "off")


def scan_rows(plan: Plan, level: Level, base: Base | None = None) -> list[Row]:
    """The rows, in the order of the files; none at level `off`.

    What the rules of the base find counts too, unless a person approved what the head loosens.
    """
    if level == "off":
        return []
    # Imported here: a gate that looks for nothing does not pay for the rules.
    from runback_gate.redact import Redactor, scan_bytes  # noqa: PLC0415

    kept = base.plan if base is not None and not base.approval else None
    projects = dict.fromkeys([plan.gate.project(), *([kept.gate.project()] if kept else [])])
    redactors = [Redactor(level, key=_KEY, own_key=False, project=project) for project in projects]
    rows: list[Row] = []
    for path in dict.fromkeys(_files(plan)):
        try:
            data = safe_read(plan.root, path, MAX_RECORDING_BYTES)
            found = list(dict.fromkeys(item for redactor in redactors for item in scan_bytes(data, path, redactor)))
        except RunbackError as error:
            why = f"could not be looked through: {error.message}"
            rows.append(gate_row("scan", path, why, Location(path), verdict=Verdict.UNDECIDED))
            continue
        if found:
            rows.append(gate_row("scan", path, _why(found, level), found[0].location))
    return rows


def _files(plan: Plan) -> Iterator[str]:
    for agent in plan.agents:
        yield from (file.path for file in agent.files)
    for dataset in plan.datasets:
        yield dataset.path
        for case in dataset.cases:
            if name := case.step or case.run:
                yield recording_path(dataset.path, name, "json" if case.step else "jsonl")


def _why(found: list[Found], level: Level) -> str:
    places = [f"{item.rule} at {item.pointer or f'line {item.line}'}" for item in found[:_SHOWN]]
    more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    return f"holds {many(len(found), 'value')} that level {level} redacts: {', '.join(places)}{more}"
