"""The report: one object from which every surface is rendered.

In: what the gate judged. Out: `Report`, and its JSON `runback.report/v1`. A renderer is a function `Report -> str`; it counts nothing
for itself and shows nothing that is not here.

    report = read_report(data)
    text = runback_gate.report.markdown.render(report)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import orjson

from runback_gate.canonical import parse_json
from runback_gate.errors import InputError, Location
from runback_gate.gate.verdict import Row, Verdict, gate_verdict
from runback_gate.step import from_json, to_json

SCHEMA = "runback.report/v1"
MAX_REPORT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Software:
    """A program that took part, by name and version."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class GatedAgent:
    """An agent config under judgement."""

    name: str
    path: str
    digest: str
    """SHA-256 of the agent file's bytes."""
    model: str | None
    """None when the config leaves the model as recorded."""


@dataclass(frozen=True, slots=True)
class Input:
    """One file that the verdict depends on."""

    kind: Literal["gate", "agent", "prompt", "tools", "dataset", "recording", "policy", "waiver", "answer"]
    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy validation that took part: what SARIF calls a rule."""

    id: str
    policy: str
    description: str
    action: Literal["Deny", "Warn", "Audit"]
    expression: str
    location: Location
    runbook: str = ""
    """From the policy's annotations; a path or URL for people. Empty when none is named."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a reviewer should know that is no row: a policy that concerned nothing, a run of a part only."""

    message: str
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts, made once from the rows."""

    rows: int
    passed: int
    failed: int
    warned: int
    waived: int
    undecided: int
    cases: int
    datasets: int
    policies: int
    recorded: int
    """Rows judged on recorded evidence."""
    cached: int
    live: int
    missing: int


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known about one run of the gate."""

    schema: Literal["runback.report/v1"]
    tool: Software
    engine: Software
    gate: str
    """The name in `runback.yaml`."""
    verdict: Verdict
    """PASS, FAIL or UNDECIDED."""
    exit_code: int
    """0 pass, 1 fail, 2 could not judge."""
    date: str
    """The day (YYYY-MM-DD, UTC) that waivers were held against. An input, like the files."""
    selection: tuple[str, ...]
    """Filters that left part of the gate out (`agent=support`); empty for a whole run."""
    agents: tuple[GatedAgent, ...]
    inputs: tuple[Input, ...]
    rules: tuple[Rule, ...]
    rows: tuple[Row, ...]
    """Worst first: FAIL, UNDECIDED, WARN, WAIVED, PASS; inside that by dataset and case as written."""
    notices: tuple[Notice, ...]
    totals: Totals


def count(rows: Sequence[Row], policies: int) -> Totals:
    """Count the rows, once, for every surface."""
    verdicts = Counter(row.verdict for row in rows)
    evidence = Counter(row.evidence for row in rows if row.evidence is not None)
    cases = [row for row in rows if row.kind == "case"]
    return Totals(
        rows=len(rows),
        passed=verdicts[Verdict.PASS],
        failed=verdicts[Verdict.FAIL],
        warned=verdicts[Verdict.WARN],
        waived=verdicts[Verdict.WAIVED],
        undecided=verdicts[Verdict.UNDECIDED],
        cases=len(cases),
        datasets=len({row.dataset for row in cases}),
        policies=policies,
        **{kind: evidence[kind] for kind in ("recorded", "cached", "live", "missing")},  # type: ignore[index]
    )


def write_report(report: Report) -> bytes:
    """The report as indented JSON with sorted keys, ending in a newline: the same report is the same bytes."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(to_json(report), option=options)


def read_report(data: bytes, path: str = "report.json") -> Report:
    """Read a report and hold it against itself.

    Raises:
        InputError: not a report, another schema, or a verdict, exit code or total that its own rows contradict.
    """
    value = parse_json(data, path=path, max_bytes=MAX_REPORT_BYTES)
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise InputError(f"{path}: not a {SCHEMA} report", hint="give the report.json that `runback-gate run` wrote")
    report = from_json(Report, cast("dict[str, object]", value), path)  # type: ignore[arg-type]
    verdict = gate_verdict(report.rows)
    honest = (verdict, verdict.exit_code, count(report.rows, report.totals.policies))
    if honest != (report.verdict, report.exit_code, report.totals):
        raise InputError(f"{path}: the verdict or the totals contradict the rows", hint="the file was changed")
    return report
