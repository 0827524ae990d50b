"""One row of a report in a terminal, whole: what was asked, then and now, whose rule says no, what to do.

In: a `Report` and a row of it. Out: lines for a terminal of a width; every text in them is inert.

    click.echo(show(report, find_row(report, "disputed-charge-escalates"), width=100))
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from runback_gate.gate.verdict import Row, Verdict
from runback_gate.policy.finding import Finding
from runback_gate.report import wording
from runback_gate.report.columns import field, field_lines, labelled, wrapped
from runback_gate.report.model import Report
from runback_gate.report.story import Stories, Story, loosened
from runback_gate.report.text import safe_terminal
from runback_gate.view.difference import Segment

_SIGNS: Final = {
    Verdict.PASS: "✓ pass",
    Verdict.FAIL: "✗ FAIL",
    Verdict.WARN: "! warn",
    Verdict.WAIVED: "~ waived",
    Verdict.UNDECIDED: "? undecided",
}
_MARKS: Final = {"same": "  ", "removed": "- ", "added": "+ "}
_END: Final = "\x1b[0m"
_COLOURS: Final = {"removed": "\x1b[31m", "added": "\x1b[32m"}


def show(report: Report, row: Row, *, width: int = 100, colour: bool = False, talk: bool = False) -> str:
    """The row as text; `talk` shows every message of the conversation."""
    told = Stories(report).tell(row)
    paint = _COLOURS if colour else {}
    parts = [
        _head(row),
        field("why kept", wording.purpose(row), width),
        field("note", row.note if row.findings else "", width),
        *_asked(told, talk, width),
        *_answers(told, width),
        *(line for item in row.findings for line in _rule(report, item, width)),
        *_changes(told, paint, width),
        *_advice(told, width),
    ]
    if row.verdict is not Verdict.PASS and not row.findings:
        parts.insert(1, field("why", wording.explanation(row), width))
    return "\n".join(part for part in parts if part) + "\n"


def _head(row: Row) -> str:
    facts = (
        row.agent,
        row.dataset,
        f"{row.evidence}, {wording.trials(row)}" if row.evidence else "",
        str(row.location),
    )
    place = " · ".join(safe_terminal(fact) for fact in facts if fact)
    sign, _, word = _SIGNS[row.verdict].partition(" ")
    return f"{sign} {wording.standing(row, {row.verdict: word})}   {safe_terminal(row.case)}   {place}\n"


def _asked(told: Story, talk: bool, width: int) -> Iterator[str]:
    yield field("customer", told.customer, width)
    if talk:
        for entry in told.conversation:
            yield field(entry.who, entry.text, width)
    elif len(told.conversation) > 1:
        yield field("", f"({len(told.conversation)} messages in all: --conversation)", width)


def _answers(told: Story, width: int) -> Iterator[str]:
    same = told.then == told.now
    if told.then and not same:
        yield field("then" if told.now else "recorded", told.then, width)
    if told.now:
        yield field("answer" if same or not told.then else "now", told.now, width)
    yield field("", told.missing, width)


def _rule(report: Report, item: Finding, width: int) -> Iterator[str]:
    side = wording.whose(report, item) or ("by the head's rule" if report.base and item.policy else "")
    waived = f"waived by {item.waiver}" if item.waiver else ""
    facts = (wording.finding_text(item), "" if item.outcome == "fail" else "could not be evaluated", side, waived)
    yield field("rule", f"{item.rule}   {' · '.join(filter(None, facts))}   {item.location}", width)
    yield field("", "\n".join(f"  {source} = {value}" for source, value in item.values), width)
    for change in loosened(report, item):
        yield field("", f"this change: {change}", width)


def _advice(told: Story, width: int) -> Iterator[str]:
    for number, item in enumerate(told.next):
        yield field("" if number else "next", item.text, width)
        # A command stays on one line: it is there to be copied.
        yield from labelled("", [f"  {safe_terminal(item.command)}"] if item.command else [])


def _changes(told: Story, paint: dict[str, str], width: int) -> Iterator[str]:
    shown = [line for part in told.prompt for line in _diff_lines(part, paint, width)]
    yield from labelled("prompt", shown)
    fields = (f"{field.path}: {field.before or 'nothing'} → {field.after or 'nothing'}" for field in told.fields)
    yield from field_lines("changed", fields, width)


def _diff_lines(part: Segment | int, paint: dict[str, str], width: int) -> Iterator[str]:
    if isinstance(part, int):
        yield f"  … {part} lines as before"
        return
    begin = paint.get(part.kind, "")
    for line in part.text.splitlines():
        for number, piece in enumerate(wrapped(line, width - 2)):
            yield f"{begin}{_MARKS[part.kind] if number == 0 else '  '}{piece}{_END if begin else ''}"
