"""The report as GitHub workflow commands: each shows as an annotation on the line that explains the verdict.

In: a `Report`. Out: one command on each line, never more than GitHub keeps of one step; what is left out is counted in
one line.

    click.echo(render(report), nl=False)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Literal

from runback_gate.errors import Location
from runback_gate.gate.verdict import Row, Verdict
from runback_gate.report.model import Report, answers, deciding, explanation, labels, purpose, said, tally
from runback_gate.report.text import command_data, command_property, short

MAX_PER_LEVEL: Final = 10
"""Errors, warnings and notices that GitHub keeps of one step; the rest is dropped without a word."""

Level = Literal["error", "warning", "notice"]

_LEVELS: Final[dict[Verdict, Level]] = {
    Verdict.FAIL: "error",
    Verdict.UNDECIDED: "error",
    Verdict.WARN: "warning",
}
_FINDINGS: Final = 5
_VALUES: Final = 6
_NAME: Final = 160
_TEXT: Final = 400
_PATH: Final = 1000


def render(report: Report) -> str:
    """Workflow commands: at most 10 errors, 10 warnings and 10 notices, each on one line."""
    shown: dict[Level, list[str]] = {"error": [], "warning": [], "notice": []}
    left = 0
    # One notice is kept for saying what was left out.
    room: dict[Level, int] = {"error": MAX_PER_LEVEL, "warning": MAX_PER_LEVEL, "notice": MAX_PER_LEVEL - 1}
    for level, command in _commands(report):
        if len(shown[level]) < room[level]:
            shown[level].append(command())
        else:
            left += 1
    if left:
        shown["notice"].append(_command("notice", None, "Runback gate", f"{left:,} more stand in the report"))
    return "".join(f"{command}\n" for commands in shown.values() for command in commands)


def _commands(report: Report) -> Iterator[tuple[Level, Callable[[], str]]]:
    """Every command with its level; its text is made only when it is shown."""
    if not report.totals.cases:
        yield "error", partial(_command, "error", None, "Runback gate", ", ".join(tally(report)))
    for name, row in zip(labels(report.rows), report.rows, strict=True):
        if level := _LEVELS.get(row.verdict):
            yield level, partial(_annotation, level, name, row)
    for notice in report.notices:
        message = short(notice.message, _TEXT) or "notice"
        yield "notice", partial(_command, "notice", notice.location, "Runback gate", message)


def _annotation(level: Level, name: str, row: Row) -> str:
    """One row, on the line of the rule that decided, or of the case where no rule did."""
    findings = deciding(row)
    location = findings[0].location if findings else row.location
    rule = f": {short(findings[0].rule, _NAME)}" if findings else ""
    return _command(level, location, f"{row.verdict} {short(name, _NAME)}{rule}", "\n".join(_lines(row)) or row.verdict)


def _lines(row: Row) -> Iterator[str]:
    findings = deciding(row)
    for index, finding in enumerate(findings[:_FINDINGS]):
        rule = f"{short(finding.rule, _NAME)}: " if index else ""
        yield rule + short(said(finding), _TEXT)
        yield from (short(f"{expression} = {value}", _TEXT) for expression, value in finding.values[:_VALUES])
    if len(findings) > _FINDINGS:
        yield f"and {len(findings) - _FINDINGS:,} more findings"
    if note := short(explanation(row), _TEXT):
        yield note if row.evidence is None else f"{row.evidence}: {note}"
    before, now = (short(answer, _TEXT) for answer in answers(row))
    if before or now:
        yield f"{before} → {now}" if before and now else f"was: {before}" if before else f"now: {now}"
    if purpose(row):
        yield short(purpose(row), _TEXT)


def _command(level: Level, location: Location | None, title: str, message: str) -> str:
    properties = {"title": title}
    if location is not None and (path := short(location.path, _PATH)):
        places = {"file": path, "line": location.line, "col": location.column}
        properties = {key: str(value) for key, value in places.items() if value is not None} | properties
    stated = ",".join(f"{key}={command_property(value)}" for key, value in properties.items())
    return f"::{level} {stated}::{command_data(message)}"
