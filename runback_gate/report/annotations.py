"""The report as annotations: each stands on the line that explains the verdict.

In: a `Report`. Out: `Annotation` values, the worst first, for a check; or GitHub workflow commands, one on each line,
never more than GitHub keeps of one step, where what is left out is counted in one line.

    click.echo(render(report), nl=False)
    for item in remarks(report, folder="services/support"): ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, Literal

from runback_gate.errors import Location
from runback_gate.frozen import dataclass
from runback_gate.gate.verdict import Row, Verdict
from runback_gate.plural import many
from runback_gate.report.effects import notices
from runback_gate.report.model import Report
from runback_gate.report.text import command_data, command_property, short
from runback_gate.report.wording import answers, changed, deciding, explanation, finding_text, labels, purpose, tally

MAX_PER_LEVEL: Final = 10
"""Errors, warnings and notices that GitHub keeps of one step; the rest is dropped without a word."""

Level = Literal["error", "warning", "notice"]

_LEVELS: Final[dict[Verdict, Level]] = {
    Verdict.FAIL: "error",
    Verdict.UNDECIDED: "error",
    Verdict.WARN: "warning",
}
_TITLE: Final = "Runback gate"
_CASES: Final = 10
_FINDINGS: Final = 5
_VALUES: Final = 6
_NAME: Final = 160
_TEXT: Final = 400
_PATH: Final = 1000


@dataclass(frozen=True, slots=True)
class Annotation:
    """One remark on a line of a file. Its texts are visible and cut, not yet escaped for a medium."""

    level: Level
    location: Location | None
    """With the path from the root of the repository; None where the remark is on no file."""
    title: str
    message: str
    """Lines of text."""


def remarks(report: Report, *, folder: str = "") -> Iterator[Annotation]:
    """Every remark of the report: its rows as they stand there, then its notices. `folder` is that of the gate."""
    return (make() for _, make in _all(report, folder))


def render(report: Report, *, folder: str = "") -> str:
    """Workflow commands: at most 10 errors, 10 warnings and 10 notices, each on one line.

    `folder` is that of the gate below the root of the repository, from which GitHub counts paths.
    """
    return _shown(_all(report, folder))


def commands(items: Iterable[Annotation]) -> str:
    """The same of remarks that are made already."""
    return _shown((item.level, partial(_itself, item)) for item in items)


def _itself(item: Annotation) -> Annotation:
    return item


def _shown(items: Iterable[tuple[Level, Callable[[], Annotation]]]) -> str:
    shown: dict[Level, list[Annotation]] = {"error": [], "warning": [], "notice": []}
    left = 0
    # One notice is kept for saying what was left out.
    room: dict[Level, int] = {"error": MAX_PER_LEVEL, "warning": MAX_PER_LEVEL, "notice": MAX_PER_LEVEL - 1}
    for level, make in items:
        if len(shown[level]) < room[level]:
            shown[level].append(make())
        else:
            left += 1
    if left:
        shown["notice"].append(Annotation("notice", None, _TITLE, f"{left:,} more stand in the report"))
    return "".join(f"{command(item)}\n" for level in shown.values() for item in level)


def command(item: Annotation) -> str:
    """One remark as a workflow command, on one line."""
    properties = {"title": item.title}
    if item.location is not None and item.location.path:
        places = {"file": item.location.path, "line": item.location.line, "col": item.location.column}
        properties = {key: str(value) for key, value in places.items() if value is not None} | properties
    stated = ",".join(f"{key}={command_property(value)}" for key, value in properties.items())
    return f"::{item.level} {stated}::{command_data(item.message)}"


def _all(report: Report, folder: str) -> Iterator[tuple[Level, Callable[[], Annotation]]]:
    """Every remark with its level; its text is made only when it is shown."""
    if not report.totals.cases:
        yield "error", partial(Annotation, "error", None, _TITLE, ", ".join(tally(report)))
    yield from _blamed(report, folder)
    for name, row in zip(labels(report.rows), report.rows, strict=True):
        if level := _level(row):
            yield level, partial(_remark, level, name, row, folder)
    for notice in notices(report):
        message = short(notice.message, _TEXT) or "notice"
        yield "notice", partial(Annotation, "notice", _place(notice.location, folder), _TITLE, message)


def _level(row: Row) -> Level | None:
    """What does not block, because the base fails as well, is no error."""
    return "warning" if row.verdict is Verdict.FAIL and not row.blocking else _LEVELS.get(row.verdict)


def _blamed(report: Report, folder: str) -> Iterator[tuple[Level, Callable[[], Annotation]]]:
    """On each changed file of an agent: the cases that do not pass with it, where a reviewer of the change looks."""
    files = [item for item in changed(report) if item.kind in ("prompt", "agent", "tools")]
    named = zip(labels(report.rows), report.rows, strict=True)
    red = [
        f"{row.verdict} {short(name, _NAME)}" for name, row in named if row.kind == "case" and _level(row) == "error"
    ]
    if not red:
        return
    more = [f"and {len(red) - _CASES:,} more"] if len(red) > _CASES else []
    title = f"{many(len(red), 'case')} {'does' if len(red) == 1 else 'do'} not pass"
    for item in files:
        place = _place(Location(item.path, 1), folder)
        yield "error", partial(Annotation, "error", place, f"{title} with this change", "\n".join(red[:_CASES] + more))


def _remark(level: Level, name: str, row: Row, folder: str) -> Annotation:
    """One row, on the line of the rule that decided, or of the case where no rule did."""
    findings = deciding(row)
    location = findings[0].location if findings else row.location
    rule = f": {short(findings[0].rule, _NAME)}" if findings else ""
    title = f"{row.verdict} {short(name, _NAME)}{rule}"
    return Annotation(level, _place(location, folder), title, "\n".join(_lines(row)) or row.verdict)


def _place(location: Location | None, folder: str) -> Location | None:
    path = short(location.path, _PATH) if location else ""
    if location is None or not path:
        return None
    return Location(f"{folder}/{path}" if folder else path, location.line, location.column)


def _lines(row: Row) -> Iterator[str]:
    findings = deciding(row)
    for index, finding in enumerate(findings[:_FINDINGS]):
        rule = f"{short(finding.rule, _NAME)}: " if index else ""
        yield rule + short(finding_text(finding), _TEXT)
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
