"""Wording that several renderers share.

In: a `Report` or a `Row`. Out: short plain texts; a renderer makes them fit for its medium.

    tally(report)                               # ("1 regressed", "11 passed")
    standing(row, words)                        # "already failing"
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, assert_never

from runback_gate.change.model import Change
from runback_gate.gate.verdict import Row, Verdict
from runback_gate.plural import many, plural
from runback_gate.policy.finding import Finding
from runback_gate.replay.evidence import Evidence
from runback_gate.report.model import Input, Report

_NOUNS: Final = {"tools": "tool list"}
"""Kinds of inputs whose noun is another word."""


def labels(rows: Sequence[Row]) -> tuple[str, ...]:
    """For each row the shortest name that no other row has: its case, `dataset/case`, or `agent: dataset/case`."""
    names = [_names(row) for row in rows]
    taken = Counter(name for choices in names for name in dict.fromkeys(choices))
    return tuple(next((name for name in choices if taken[name] == 1), choices[-1]) for choices in names)


def _names(row: Row) -> tuple[str, ...]:
    if row.kind != "case":
        return (f"{row.kind} {row.case}",)
    return (row.case, f"{row.dataset}/{row.case}", f"{row.agent}: {row.dataset}/{row.case}")


def deciding(row: Row) -> tuple[Finding, ...]:
    """The findings that make the row what it is; none for a row that passes or that nothing judged."""
    live = tuple(finding for finding in row.findings if finding.waiver is None)
    match row.verdict:
        case Verdict.FAIL:
            return tuple(item for item in live if item.outcome == "fail" and item.action == "Deny")
        case Verdict.UNDECIDED:
            return tuple(item for item in live if item.outcome == "error" and item.action == "Deny")
        case Verdict.WARN:
            return tuple(item for item in live if item.action == "Warn")
        case Verdict.WAIVED:
            return tuple(item for item in row.findings if item.waiver is not None)
        case Verdict.PASS:
            return ()
        case _:
            assert_never(row.verdict)


def finding_text(finding: Finding) -> str:
    """The message of a finding without the rule that it repeats, for use beside the rule."""
    return finding.message.removesuffix(f": {finding.rule}")


def whose(report: Report, finding: Finding) -> str:
    """`by main's rule`, where the base's rule spoke and not the head's; else empty."""
    return f"by {report.base.name}'s rule" if finding.side == "base" and report.base is not None else ""


def acceptance(report: Report, row: Row) -> str:
    """How to accept what the change loosens; empty for every other row."""
    if row.kind != "weakening" or row.verdict not in (Verdict.FAIL, Verdict.UNDECIDED):
        return ""
    if report.head is None or not report.head.commit:
        return "to accept it: commit it, then approve that commit (--approve SHA)"
    return f"to accept it: --approve {report.head.commit}"


def next_step(report: Report) -> str:
    """What to do about rows that lack an answer; empty where none does."""
    if not any(row.verdict is Verdict.UNDECIDED and lacks_answer(row) for row in report.rows):
        return ""
    if report.spend.calls:
        return "run it again with the same cache: only what is still missing is asked"
    return "ask the models with --live, or name known answers with --cache FOLDER"


def lacks_answer(row: Row) -> bool:
    """Whether a row lacks an answer that a model could give: to its question, or about an answer by a judge."""
    grades = (grade for trial in row.trials for grade in trial.judged)
    ungraded = any(grade.passed is None and grade.request and None in grade.stored for grade in grades)
    return row.evidence is Evidence.MISSING or ungraded


def change_line(change: Change) -> str:
    """`unknown: params-changed refunds: 100 → 500`."""
    values = " → ".join((change.before or "nothing", change.after or "nothing"))
    return f"{change.direction}: {change.kind} {change.subject}: {values}"


def decided_changes(report: Report) -> tuple[Change, ...]:
    """What changed in what the gate asks; the files that merely differ are left to `changed`."""
    return tuple(change for change in report.changes if change.direction != "neutral")


def explanation(row: Row) -> str:
    """What the row says for itself where no finding speaks: the fault of the gate, or the note on the evidence."""
    return row.note if row.kind == "case" else row.why


def purpose(row: Row) -> str:
    """Why the case is there, in its author's words; empty for rows of another kind."""
    return row.why if row.kind == "case" else ""


def answers(row: Row) -> tuple[str, str]:
    """The answer then and now, in short; the first is empty when it would only repeat the second."""
    return ("" if row.then == row.now else row.then, row.now)


def story(row: Row, say: Callable[[str], str]) -> Iterator[str]:
    """The answers then and now and why the case is there, a line each, as `say` makes each text fit for its medium."""
    before, now = map(say, answers(row))
    if before:
        yield f"then: {before}"
    if now:
        yield f"now: {now}"
    if purpose(row):
        yield f"case: {say(purpose(row))}"


def trials(row: Row) -> str:
    """`1/3`: trials that passed, of those planned, and what is needed when that is less; `–` without an answer.

    `9/10 of 68`: of a sequential test those that passed, of those that were asked, of those that might have been.
    """
    if row.evidence in (None, Evidence.MISSING):
        return "–"
    if row.sequential is not None:
        return f"{row.passed}/{len(row.trials)} of {row.planned}"
    needs = f", needs {row.needed}" if row.needed < row.planned else ""
    return f"{row.passed}/{row.planned}{needs}"


def tally(report: Report) -> tuple[str, ...]:
    """The rows by verdict, worst first, without the zeros; says so when no case was judged."""
    totals = report.totals
    nothing = () if totals.cases else ("no case was judged",)
    if report.incomplete:
        nothing = (f"incomplete: {report.incomplete}", *nothing)
    weaker = "weakening" if totals.weakenings == 1 else plural("weakening")
    against_base = [
        (totals.regressed, "regressed"),
        (totals.newly_failing, "newly failing"),
        (totals.weakenings, weaker),
        (totals.already_failing, "already failing"),
    ]
    pairs = [(totals.failed - sum(number for number, _ in against_base), "failed"), *against_base]
    pairs += [(getattr(totals, word), word) for word in ("undecided", "warned", "waived", "passed")]
    fixed = (f"{totals.fixed:,} of them fixed",) if totals.fixed else ()
    return nothing + _counts(pairs) + fixed


def standing(row: Row, words: Mapping[Verdict, str]) -> str:
    """The verdict of a row in one of the given words, or its status against the base where that says more."""
    failing = {"regressed": "regressed", "new": "newly failing", "already failing": "already failing"}
    if row.verdict is Verdict.FAIL:
        return failing.get(row.status, words[row.verdict])
    return "fixed" if row.status == "fixed" and row.verdict is Verdict.PASS else words[row.verdict]


def against(report: Report) -> str:
    """`against main@4be1f02 · head 9ac3e11`: the revisions; empty for a run of one alone."""
    parts = [] if report.base is None else [f"against {report.base}"]
    return " · ".join([*parts, *([] if report.head is None else [f"head {report.head}"])])


def changed(report: Report) -> tuple[Input, ...]:
    """The files of the head that the base does not have so; none without a base, or where that has no gate."""
    theirs = {(item.kind, item.path, item.digest) for item in report.inputs if item.side == "base"}
    stored = ("recording", "answer")
    ours = (item for item in report.inputs if item.side == "head" and item.kind not in stored)
    if report.base is None or not theirs:
        return ()
    return tuple(item for item in ours if (item.kind, item.path, item.digest) not in theirs)


def scope(report: Report) -> tuple[str, ...]:
    """How much was judged: datasets, cases, policies."""
    totals = report.totals
    return (many(totals.datasets, "dataset"), many(totals.cases, "case"), many(totals.policies, "policy"))


def evidence(report: Report) -> tuple[str, ...]:
    """The rows by the origin of their evidence, without the zeros."""
    return _counts((getattr(report.totals, kind), kind) for kind in ("recorded", "cached", "live", "missing"))


def sources(report: Report) -> tuple[str, ...]:
    """The inputs of the head by kind, in the order in which they are listed."""
    kinds = Counter(item.kind for item in report.inputs if item.side == "head")
    return input_counts({str(kind): number for kind, number in kinds.items()})


def _counts(pairs: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(f"{number:,} {word}" for number, word in pairs if number)


def input_counts(kinds: Mapping[str, int]) -> tuple[str, ...]:
    """`2 policies`, `1 tool list`: what was judged by, one text for each kind."""
    return tuple(many(number, _NOUNS.get(kind, kind)) for kind, number in kinds.items())
