"""The report as GitHub Markdown: for the check, the comment and the step summary.

In: a `Report` and a limit in bytes. Out: Markdown that never exceeds it. What does not pass comes first; what had to be
left out is counted. No text of the report can become markup, a mention, a reference or a link.

    render(report)                          # at most 65,535 bytes, what GitHub takes for a check
    render(report, max_bytes=1_000_000)     # for a step summary
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from runback_gate.gate.verdict import Row, Verdict
from runback_gate.policy.finding import Finding
from runback_gate.report import effects
from runback_gate.report.guarantee import guarantee_text
from runback_gate.report.model import Report, report_digest
from runback_gate.report.spent import interval, spending
from runback_gate.report.text import cut, markdown, markdown_code, short
from runback_gate.report.wording import (
    acceptance,
    against,
    answers,
    change_line,
    changed,
    decided_changes,
    deciding,
    evidence,
    explanation,
    finding_text,
    labels,
    next_step,
    purpose,
    scope,
    sources,
    standing,
    tally,
    trials,
    whose,
)

MAX_BYTES: Final = 65_535
"""What GitHub takes for the summary of a check, in bytes of UTF-8."""

_NAME: Final = 160
_TEXT: Final = 400
_FINDINGS: Final = 5
_FLIPS: Final = 10
_VALUES: Final = 6
_NOTICES: Final = 10
_AGENTS: Final = 10
_CHANGES: Final = 20
_FILES: Final = 10
_RESERVE: Final = 300
"""Bytes kept for what frames the rows: the fold and the two sentences on rows that were left out."""

_SIGNS: Final = {
    Verdict.PASS: ("🟢", "passed"),
    Verdict.FAIL: ("🔴", "failed"),
    Verdict.WARN: ("🟡", "warned"),
    Verdict.WAIVED: ("🔵", "waived"),
    Verdict.UNDECIDED: ("⚪", "undecided"),
}
_WORDS: Final = {verdict: word for verdict, (_, word) in _SIGNS.items()}
_TITLES: Final = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.UNDECIDED: "?"}
_TABLE: Final = "| | case | then → now | rule | evidence |\n|---|---|---|---|---|\n"


def render(report: Report, *, max_bytes: int = MAX_BYTES) -> str:
    """The report as Markdown of at most `max_bytes`; below about 2,000 bytes only the headline is sure to fit."""
    title = _title(report)
    head, foot = _head(report), _effects(report, max_bytes // 4) + _changes(report) + _foot(report)
    room = max_bytes - _size(title + head + foot) - _RESERVE
    if room < 0:
        return cut(title, max(max_bytes, 0))
    named = list(zip(labels(report.rows), report.rows, strict=True))
    red, cut_red = _table(report, [item for item in named if item[1].verdict is not Verdict.PASS], room)
    passed = [item for item in named if item[1].verdict is Verdict.PASS]
    green, cut_green = _table(report, passed, room - _size(red))
    if green:
        green = f"<details><summary>{report.totals.passed:,} passed</summary>\n\n{green}</details>\n\n"
    return title + head + red + _missing(cut_red, "do not pass") + green + _missing(cut_green, "pass") + foot


def _size(text: str) -> int:
    return len(text.encode("utf-8"))


def _title(report: Report) -> str:
    return f"### {_TITLES[report.verdict]} Runback gate: {' · '.join(tally(report))}\n"


def _head(report: Report) -> str:
    """What was judged."""
    lines = [f"{markdown_code(short(report.gate, _NAME))} {' · '.join(scope(report))}"]
    for agent in report.agents[:_AGENTS]:
        model = f"on {markdown_code(short(agent.model, _NAME))}" if agent.model else "with the model as recorded"
        lines.append(f"agent {markdown_code(short(agent.name, _NAME))} {model}")
    if len(report.agents) > _AGENTS:
        lines.append(f"and {len(report.agents) - _AGENTS:,} more agents")
    if held := against(report):
        lines.append(markdown(short(held, _TEXT)))
    if files := changed(report):
        more = f" and {len(files) - _FILES:,} more" if len(files) > _FILES else ""
        lines.append(f"changed {', '.join(markdown_code(short(item.path, _NAME)) for item in files[:_FILES])}{more}")
    if report.selection:
        only = ", ".join(markdown_code(short(item, _NAME)) for item in report.selection[:_AGENTS])
        lines.append(f"⚠️ only {only}: a part of the gate was judged, not all of it")
    return "<br>\n".join(lines) + "\n\n"


def _table(report: Report, named: Sequence[tuple[str, Row]], room: int) -> tuple[str, int]:
    """As many rows as there is room for, and the number of those that had to be left out."""
    lines, left = [_TABLE], room - _size(_TABLE) - 1
    for name, row in named:
        line = _row(report, name, row)
        left -= _size(line)
        if left < 0:
            break
        lines.append(line)
    shown = len(lines) - 1
    return ("".join(lines) + "\n" if shown else ""), len(named) - shown


def _missing(number: int, word: str) -> str:
    return f"{number:,} rows that {word} are not shown here: see the whole report.\n\n" if number else ""


def _row(report: Report, name: str, row: Row) -> str:
    sign = "🟠" if not row.blocking else _SIGNS[row.verdict][0]
    word = standing(row, _WORDS)
    count = trials(row)
    case = f"{markdown_code(short(name, _NAME))} {word}{'' if count == '–' else f' {count}'}"
    if row.interval:
        case += f"<br>{markdown(short(interval(row), _NAME))}"
    if purpose(row) and row.verdict is not Verdict.PASS:
        case += f"<br>{markdown(short(purpose(row), _TEXT))}"
    cells = (sign, case, _change(row), _rules(report, row), _evidence(row))
    return f"| {' | '.join(cells)} |\n"


def _change(row: Row) -> str:
    before, now = (markdown_code(short(answer, _TEXT)) for answer in answers(row))
    return " → ".join(part for part in (before, now or ("–" if before else "")) if part) or "–"


def _rules(report: Report, row: Row) -> str:
    """The rules that decided, each with its message and values; or who waived them."""
    if row.verdict is Verdict.WAIVED and row.waivers:
        told = [explanation(row), *row.waivers] if row.kind == "weakening" else row.waivers
        return _lines((markdown(short(text, _TEXT)) for text in told[:_FINDINGS]), len(told))
    shown = deciding(row)
    if not shown and row.evidence is None:
        place = f"<br>{markdown_code(short(str(row.location), _TEXT))}" if row.kind == "weakening" else ""
        accept = acceptance(report, row)
        place += f"<br>{markdown(accept)}" if accept else ""
        return (markdown(short(explanation(row), _TEXT)) or "–") + place
    return _lines((_finding(report, item) for item in shown[:_FINDINGS]), len(shown)) or "–"


def _lines(parts: Iterable[str], number: int) -> str:
    more = [f"and {number - _FINDINGS:,} more"] if number > _FINDINGS else []
    return "<br>".join([*parts, *more])


def _finding(report: Report, finding: Finding) -> str:
    parts = [f"{markdown_code(short(finding.rule, _NAME))} {markdown(short(finding_text(finding), _TEXT))}"]
    parts += [markdown(short(by, _NAME))] if (by := whose(report, finding)) else []
    parts += [markdown_code(short(f"{expression} = {value}", _TEXT)) for expression, value in finding.values[:_VALUES]]
    return "<br>".join(parts)


def _evidence(row: Row) -> str:
    if row.evidence is None:
        return "–"
    note = markdown(short(row.note, _TEXT))
    return f"{row.evidence}: {note}" if note else str(row.evidence)


def _effects(report: Report, room: int) -> str:
    """What changed policies do to recorded and to archived steps; the counts alone where the whole would not fit."""
    if not report.effects:
        return _archive(report, room // 2)
    steps, place = effects.judged(report), effects.named_place(report)
    texts = (effects.as_markdown(report.effects, steps=steps, place=place, show=show) + "\n" for show in (_FLIPS, 1, 0))
    brief = f"**Policy changes**: {markdown(effects.summary(report.effects, steps))}\n\n"
    return next((text for text in texts if _size(text) <= room), brief) + _archive(report, room // 2)


def _archive(report: Report, room: int) -> str:
    if report.archive is None:
        return ""
    texts = [effects.archive_markdown(report.archive, show=show) + "\n" for show in (_FLIPS, 1, 0)]
    brief = f"**Archive**: {markdown(short(effects.archive_line(report.archive), _TEXT))}\n\n"
    return next((text for text in texts if _size(text) <= room), brief)


def _changes(report: Report) -> str:
    """What the gate of the head asks otherwise, folded; nothing where it asks the same."""
    listed = decided_changes(report)
    if not listed:
        return ""
    lines = [
        f"- {markdown(short(change_line(item), _TEXT))} {markdown_code(short(str(item.location), _TEXT))}"
        for item in listed[:_CHANGES]
    ]
    more = f"\n- and {len(listed) - _CHANGES:,} more" if len(listed) > _CHANGES else ""
    head = f"<details><summary>{len(listed):,} changed in what the gate asks</summary>\n\n"
    return head + "\n".join(lines) + more + "\n\n</details>\n\n"


def _foot(report: Report) -> str:
    """Notices, and what the verdict rests on."""
    notices = [
        f"- {markdown(short(notice.message, _TEXT))}"
        + (f" {markdown_code(short(str(notice.location), _TEXT))}" if notice.location else "")
        for notice in report.notices[:_NOTICES]
    ]
    if len(report.notices) > _NOTICES:
        notices.append(f"- {len(report.notices) - _NOTICES:,} more notices stand in the report")
    programs = (f"{item.name} {item.version}" for item in (report.tool, report.engine))
    step = next_step(report)
    last = [
        f"next: {markdown(step)}" if step else "",
        " · ".join(markdown(short(part, _NAME)) for part in spending(report)),
        f"trials {markdown(short(kept, _TEXT))}" if (kept := guarantee_text(report)) else "",
        " · ".join(evidence(report)),
        " · ".join(sources(report)),
        f"judged by {' · '.join(markdown(short(program, _NAME)) for program in programs)}"
        f" · waivers as of {markdown(short(report.date, _NAME))}",
        f"exit {report.exit_code} · report {markdown_code(report_digest(report))}",
    ]
    listed = "**Notices**\n\n" + "\n".join(notices) + "\n\n" if notices else ""
    return listed + "<br>\n".join(part for part in last if part) + "\n"
