"""The report in a terminal: what was judged, the rows that are not green, the totals.

In: a `Report`, the width in columns, and what the stream can show. Out: text that ends in a line break, with ANSI
colours only when asked. Rows that pass are folded; a sign and a word carry each verdict, colour only adds to them.

    render(report, width=80, colour=False, show_all=False)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from runback_gate.errors import Location
from runback_gate.frozen import dataclass
from runback_gate.gate.verdict import Row, Verdict
from runback_gate.policy.finding import Finding
from runback_gate.replay.evidence import Evidence
from runback_gate.report import effects
from runback_gate.report.guarantee import guarantee_text
from runback_gate.report.model import Report
from runback_gate.report.spent import interval, spending
from runback_gate.report.text import ELLIPSIS, safe_terminal, short
from runback_gate.report.wording import (
    acceptance,
    against,
    answers,
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

MIN_WIDTH: Final = 60
MAX_WIDTH: Final = 400

_PASSES: Final = 5
_OTHERS: Final = 50
_NOTICES: Final = 20
_FINDINGS: Final = 5
_FLIPS: Final = 5
_VALUES: Final = 12
_NAME_BYTES: Final = 200
_TEXT_BYTES: Final = 600

_VERDICTS: Final = {
    Verdict.PASS: ("✓", "pass", "green"),
    Verdict.FAIL: ("✗", "FAIL", "bold red"),
    Verdict.WARN: ("!", "warn", "yellow"),
    Verdict.WAIVED: ("~", "waived", "cyan"),
    Verdict.UNDECIDED: ("?", "undecided", "magenta"),
}
_WORDS: Final = {verdict: word for verdict, (_, word, _) in _VERDICTS.items()}
_HEADS: Final = ("case", "evidence", "trials", "verdict", "why")
_ASCII: Final = str.maketrans({"✓": "+", "✗": "x", "·": "-", "–": "-", "…": "..."})
# Below this the last column is too narrow to read; the reasons then stand under the row.
_ENOUGH: Final = 56


@dataclass(frozen=True, slots=True)
class _Cells:
    """A row before it is laid out."""

    row: Row
    name: str
    evidence: str
    trials: str
    verdict: str
    style: str
    reasons: tuple[tuple[str, str], ...]
    """Each with the values that decided, where they are known."""
    details: tuple[str, ...]


def render(report: Report, *, width: int, colour: bool, show_all: bool, unicode: bool = True) -> str:
    """The report for a terminal.

    Args:
        report: what to show.
        width: columns of the terminal; held between 60 and 400.
        colour: whether to write ANSI colours.
        show_all: whether to list every row, also those that pass.
        unicode: whether the stream can show more than ASCII; if not, other characters are spelled out.
    """
    page = _Page(max(MIN_WIDTH, min(width, MAX_WIDTH)), unicode=unicode)
    _head(page, report)
    _rows(page, report, show_all=show_all)
    _effects(page, report)
    for notice in report.notices[:_NOTICES]:
        page.flow([_clean(notice.message) + _at(notice.location)], first="note  ", style="yellow")
    if len(report.notices) > _NOTICES:
        more = f"{len(report.notices) - _NOTICES:,} more notices stand in the report"
        page.flow([more], first="note  ", style="yellow")
    if report.notices:
        page.add(Text())
    _foot(page, report)
    return page.text(colour=colour)


class _Page:
    """Lines of a fixed width."""

    def __init__(self, width: int, *, unicode: bool) -> None:
        self.width = width
        self.unicode = unicode
        self.lines: list[Text] = []
        self.console = _console(width)

    def say(self, text: str) -> str:
        """The text in characters that the stream can show."""
        if self.unicode:
            return text
        return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")

    def fit(self, text: str, width: int) -> str:
        """Text that `say` gave, cut to `width` cells."""
        mark = self.say(ELLIPSIS)
        return text if cell_len(text) <= width else f"{set_cell_size(text, width - len(mark)).rstrip()}{mark}"

    def add(self, line: Text) -> None:
        """Add a line as it is."""
        line.rstrip()
        # CI runners take a line that starts with `::` for a command, wherever our own layout broke it.
        if line.plain.lstrip().startswith("::"):
            indent = len(line.plain) - len(line.plain.lstrip())
            line = Text(f"{' ' * max(indent - 1, 0)}\\") + line[indent:]
        self.lines.append(line)

    def flow(self, texts: Iterable[str], *, first: str, rest: str | None = None, style: str = "") -> None:
        """Add each text, wrapped; `first` stands before its first line, `rest` (or blanks) before the others."""
        for text in texts:
            start, follow = self.say(first), " " * cell_len(self.say(first)) if rest is None else rest
            for piece in self.wrap(text, self.width - cell_len(start)):
                self.add(Text.assemble((start, style), piece))
                start = follow

    def wrap(self, text: str, width: int) -> list[Text]:
        """The text in lines of at most `width` cells."""
        return list(Text(self.say(text)).wrap(self.console, max(width, 1)))

    def text(self, *, colour: bool) -> str:
        """All lines."""
        if not colour:
            return "".join(f"{line.plain}\n" for line in self.lines)
        with self.console.capture() as capture:
            for line in self.lines:
                self.console.print(line, no_wrap=True, crop=False, overflow="ignore", emoji=False, markup=False)
        return capture.get()


def _console(width: int) -> Console:
    return Console(
        width=width,
        color_system="standard",
        force_terminal=True,
        legacy_windows=False,
        highlight=False,
        # No variable of the environment may change what the same report looks like.
        _environ={},
    )


def _clean(text: str) -> str:
    return safe_terminal(short(text, _TEXT_BYTES))


def _at(location: Location | None) -> str:
    return "" if location is None else f"  {_clean(str(location))}"


def _head(page: _Page, report: Report) -> None:
    scoped = " · ".join(scope(report))
    page.flow([f"{safe_terminal(short(report.gate, _NAME_BYTES))}   {scoped}"], first="")
    page.lines[0].stylize("bold")
    names = [page.say(safe_terminal(short(agent.name, _NAME_BYTES))) for agent in report.agents]
    width = min(max(map(cell_len, names), default=0), page.width // 3)
    for name, agent in zip(names, report.agents, strict=True):
        model = "model as recorded" if agent.model is None else safe_terminal(short(agent.model, _NAME_BYTES))
        page.flow([model], first=f"  {set_cell_size(page.fit(name, width), width)}   ", style="bold")
    if held := against(report):
        page.flow([_clean(held)], first="  ", style="dim")
    if report.selection:
        only = ", ".join(_clean(item) for item in report.selection)
        page.flow([f"only {only}: a part of the gate was judged, not all of it"], first="  ! ", style="yellow")
    page.add(Text())


def _rows(page: _Page, report: Report, *, show_all: bool) -> None:
    """The table, and what of it was folded."""
    named = list(zip(labels(report.rows), report.rows, strict=True))
    passes = [item for item in named if item[1].verdict is Verdict.PASS]
    others = [item for item in named if item[1].verdict is not Verdict.PASS]
    repeated: Counter[object] = Counter()
    told = 0
    if not show_all:
        others, repeated = _once(others)
        told = sum(repeated.values()) - len(repeated)
        passes, others = passes[:_PASSES], others[:_OTHERS]
    cells = [_cells(page, report, name, row) for name, row in (*others, *passes)]
    if not cells:
        return
    widths = _widths(page, cells)
    room = page.width - sum(widths) - 2 * len(widths) - 2
    beside = room >= min(_ENOUGH, max(map(_longest, cells)))
    heads = [set_cell_size(head, width) for head, width in zip(_HEADS, widths, strict=False)]
    page.add(Text("  " + "  ".join([*heads, _HEADS[-1]] if beside else heads), "dim"))
    for item in cells:
        _row(page, item, widths, beside=beside)
        if (more := repeated[_undecided(item.row)] - 1) > 0:
            what = "row is" if more == 1 else "rows are"
            page.flow([f"{more:,} more {what} undecided for the same reason   show all: --all"], first="  ")
    totals = report.totals
    if more := totals.rows - totals.passed - len(others) - told:
        page.flow([f"{more:,} more rows do not pass   show all: --all"], first="  ")
    if more := totals.passed - len(passes):
        page.flow([f"{more:,} more {'row passes' if more == 1 else 'rows pass'}   show all: --all"], first="  ")
    page.add(Text())


def _effects(page: _Page, report: Report) -> None:
    """What changed policies do to recorded steps, and to archived ones."""
    for text in effects.report_texts(report, width=page.width, show=_FLIPS):
        for line in text.splitlines():
            page.flow([line] if line else [], first="", rest="      ")
        page.add(Text())


def _cells(page: _Page, report: Report, name: str, row: Row) -> _Cells:
    sign, _, style = _VERDICTS[row.verdict]
    shown = deciding(row)
    told: set[tuple[str, str]] = set()
    reasons = [(_reason(report, item), _values(item, told)) for item in shown[:_FINDINGS]]
    if len(shown) > _FINDINGS:
        reasons.append((f"and {len(shown) - _FINDINGS:,} more findings", ""))
    if row.verdict is Verdict.WAIVED and row.waivers:
        # What was loosened is not told by who accepted it.
        told_by = [explanation(row), *row.waivers] if row.kind == "weakening" else row.waivers
        reasons = [(_clean(text), "") for text in told_by[:_FINDINGS]]
    details: list[str] = []
    if row.verdict in (Verdict.FAIL, Verdict.UNDECIDED):
        details = [*_details(row), *([_clean(interval(row))] if row.interval else [])]
    note = _clean(explanation(row))
    if row.kind == "weakening":
        details.append(f"at: {_clean(str(row.location))}")
        details += [_clean(text) for text in (acceptance(report, row),) if text]
    if note and not reasons:
        # That a green answer is live or cached is said by its column.
        reasons = [(note, "")] if row.verdict is not Verdict.PASS or row.evidence is Evidence.RECORDED else []
    elif note and row.kind == "case":
        details.append(f"{row.evidence}: {note}")
    return _Cells(
        row,
        page.say(safe_terminal(short(name, _NAME_BYTES))),
        page.say("–" if row.evidence is None else row.evidence),
        page.say(trials(row)),
        page.say(f"{sign} {standing(row, _WORDS)}"),
        style,
        tuple(reasons),
        tuple(details),
    )


def _once(named: Sequence[tuple[str, Row]]) -> tuple[list[tuple[str, Row]], Counter[object]]:
    """The rows without those that are undecided for a reason that an earlier one tells, and how many these are."""
    kept: list[tuple[str, Row]] = []
    counts: Counter[object] = Counter()
    for name, row in named:
        reason = _undecided(row)
        if reason is None or reason not in counts:
            kept.append((name, row))
        if reason is not None:
            counts[reason] += 1
    return kept, counts


def _undecided(row: Row) -> object:
    """Why a case is undecided; None for every other row."""
    if row.verdict is not Verdict.UNDECIDED or row.kind != "case":
        return None
    return row.note, tuple((item.rule, item.message) for item in deciding(row))


def _reason(report: Report, finding: Finding) -> str:
    by = whose(report, finding)
    return f"{_clean(finding.rule)}: {_clean(finding_text(finding))}" + (f" ({_clean(by)})" if by else "")


def _values(finding: Finding, told: set[tuple[str, str]]) -> str:
    """The values that decided, on one line, save those that an earlier finding of the row told; adds to these."""
    new = [pair for pair in finding.values[:_VALUES] if pair not in told]
    told.update(new)
    return "   ".join(f"{_clean(expression)} = {_clean(value)}" for expression, value in new)


def _details(row: Row) -> list[str]:
    """The answers then and now, and why the case is there."""
    before, now = (_clean(answer) for answer in answers(row))
    said_now = [f"was: {before}"] if before else []
    if now:
        said_now.append(f"now: {now}" if before else f"answer: {now}")
    reason = [f"case: {_clean(purpose(row))}"] if purpose(row) else []
    return [*said_now, *reason]


def _longest(cells: _Cells) -> int:
    """Columns of the longest line of the last column, unwrapped."""
    texts = [text for reason, values in cells.reasons for text in (reason, f"  {values}")]
    return max(map(cell_len, (*texts, *(f"  {detail}" for detail in cells.details))), default=0)


def _widths(page: _Page, cells: Sequence[_Cells]) -> tuple[int, ...]:
    columns = zip(*((item.name, item.evidence, item.trials, item.verdict) for item in cells), strict=True)
    widest = [max(map(cell_len, (head, *column))) for head, column in zip(_HEADS, columns, strict=False)]
    return (min(widest[0], max(page.width - sum(widest[1:]) - 10, 8), max(page.width // 3, 24)), *widest[1:])


def _row(page: _Page, item: _Cells, widths: Sequence[int], *, beside: bool) -> None:
    texts = (page.fit(item.name, widths[0]), item.evidence, item.trials, item.verdict)
    padded = [set_cell_size(text, width) for text, width in zip(texts, widths, strict=True)]
    head = Text.assemble("  ", "  ".join(padded[:3]), "  ", (padded[3], item.style))
    indent = "    "
    if beside:
        indent = " " * (sum(widths) + 2 * len(widths) + 2)
        lines = page.wrap(item.reasons[0][0], page.width - len(indent)) if item.reasons else []
        page.add(Text.assemble(head, "  ", *lines[:1]))
        for line in lines[1:]:
            page.add(Text.assemble(indent, line))
    else:
        page.add(head)
    for number, (reason, values) in enumerate(item.reasons):
        page.flow([reason] if number or not beside else [], first=indent)
        page.flow([values] if values else [], first=f"{indent}  ")
    page.flow(item.details, first=f"{indent}  ")


def _foot(page: _Page, report: Report) -> None:
    """The verdict with its totals and exit code, and what it rests on."""
    _, word, style = _VERDICTS[report.verdict]
    summary = page.say(f"   {' · '.join(tally(report))}")
    code = f"exit {report.exit_code}"
    gap = page.width - cell_len(word.upper() + summary) - len(code)
    if gap >= 3:
        page.add(Text.assemble((word.upper(), style), summary, " " * gap, code))
    else:
        page.flow([" · ".join(tally(report))], first=f"{word.upper()}   ", style=style)
        page.add(Text(code))
    if step := next_step(report):
        page.flow([step], first="next       ")
    if spent := spending(report):
        page.flow([" · ".join(map(_clean, spent))], first="spent      ")
    if kept := guarantee_text(report):
        page.flow([_clean(kept)], first="trials     ", style="dim")
    if shown := evidence(report):
        page.flow([" · ".join(shown)], first="evidence   ", style="dim")
    page.flow([" · ".join(sources(report)) or "none"], first="inputs     ", style="dim")
    programs = [f"{item.name} {item.version}" for item in (report.tool, report.engine)]
    by = [*(safe_terminal(short(program, _NAME_BYTES)) for program in programs), f"waivers as of {_clean(report.date)}"]
    page.flow([" · ".join(by)], first="judged by  ", style="dim")
