"""A row that can be decided in half a minute: who asked what, what was answered then and now, what changed, what next.

In: a `Report` and a row of it. Out: a `Story`, which the page and the terminal show alike.

    row = find_row(report, "disputed-charge-escalates")
    Stories(report).tell(row).customer          # "I want my $250 back, I never bought this."
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import TypeVar, cast

from runback_gate.canonical import JsonValue, unmarked
from runback_gate.dataset.recordings import recording_path
from runback_gate.documents import suggestion
from runback_gate.errors import InputError, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.gate.verdict import Row, Trial, Verdict
from runback_gate.policy.finding import Finding
from runback_gate.replay.evidence import Evidence
from runback_gate.report import wording
from runback_gate.report.model import Report
from runback_gate.step import Request, Response, Source, Step, from_json, to_json
from runback_gate.view.difference import Segment, hunks, lines, words
from runback_gate.view.plain import answer_text, message_text, speaker

_STEP = re.compile(r"step ([0-9]{1,6}): ")
"""How a rule over steps begins what it says of a step of a run."""
_Value = TypeVar("_Value", Request, Response)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was said."""

    who: str
    """`customer`, `agent`, `tool lookup_order`."""
    text: str


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of the request, other than the instructions, that is not as recorded."""

    path: str
    """`tools`, `parameters.temperature`, `model`."""
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Advice:
    """Something that can be done about a row."""

    text: str
    command: str = ""
    """A command line that does it, each word quoted for a shell; empty where it is no command."""


@dataclass(frozen=True, slots=True)
class Story:
    """What a person needs to decide about a row. What the report does not hold is empty, and `missing` says why."""

    customer: str
    """The last message of the customer, whole."""
    conversation: tuple[Entry, ...]
    """Every message, oldest first."""
    then: str
    """The recorded answer, whole."""
    now: str
    """The answer that decided, whole."""
    difference: tuple[Segment, ...]
    """From `then` to `now`; empty where one of them is missing, or nothing differs."""
    prompt: tuple[Segment | int, ...]
    """What changed in the instructions; a number counts lines that are the same."""
    fields: tuple[FieldChange, ...]
    trial: int | None
    """Which trial decided, from 0; None where none was made."""
    missing: str
    """Why something of it is not here; empty where all is."""
    next: tuple[Advice, ...]
    """How to go on."""


def find_row(report: Report, name: str) -> Row:
    """The row that somebody names: by its case, `dataset/case`, or `agent: dataset/case`.

    Raises:
        InputError: there is none, or the name stands for several.
    """
    labels = wording.labels(report.rows)
    for choices in (labels, [row.case for row in report.rows], [f"{row.dataset}/{row.case}" for row in report.rows]):
        found = [index for index, label in enumerate(choices) if label == name]
        if len(found) == 1:
            return report.rows[found[0]]
        if found:
            raise InputError(f"{len(found)} rows are named {name!r}", hint=f"say which: {labels[found[0]]!r}")
    raise InputError(f"the report has no row {name!r}", hint=suggestion(name, labels))


def deciding_trial(row: Row) -> Trial | None:
    """The trial whose findings the row shows, else the first that did not pass, else the first."""
    choices = [trial for trial in row.trials if trial.findings == row.findings and trial.verdict is row.verdict]
    choices += [trial for trial in row.trials if trial.verdict is not Verdict.PASS]
    return next(iter((*choices, *row.trials)), None)


class Stories:
    """The stories of a report, whose bodies and names are looked up once."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._bodies = {body.digest: body for body in (*report.requests, *report.answers)}
        self._labels = {id(row): label for row, label in zip(report.rows, wording.labels(report.rows), strict=True)}

    def step(self, row: Row) -> Step:
        """The step that was judged: what was asked and what was answered, live answers as well.

        Raises:
            InputError: the report does not hold it in full.
        """
        trial = deciding_trial(row)
        lost: list[str] = []
        asked = self._body(Request, "request", trial.request if trial else None, lost)
        said = self._body(Response, "answer", trial.answer_digest if trial else None, lost)
        if trial is None or asked is None or said is None:
            passed = "it passed, and a report holds no answers of rows that pass"
            why = passed if row.verdict is Verdict.PASS else " · ".join(lost) or row.note
            raise InputError(f"the report does not hold the answer of {row.case!r}", hint=why or None)
        return Step(row.agent, asked, said, Source(run=row.case, event=trial.index, grade="semantic"))

    def tell(self, row: Row) -> Story:
        """The story of a row, from what the report holds."""
        trial = deciding_trial(row)
        lost: list[str] = []
        asked = self._body(Request, "request", trial.request if trial else None, lost)
        said = self._body(Response, "answer", trial.answer_digest if trial else None, lost)
        before = self._body(Request, "request", row.recorded_request, lost)
        recorded = self._body(Response, "answer", row.recorded_answer, lost)
        shown = asked or before
        messages = shown.messages if shown else ()
        then, now = ("" if item is None else answer_text(item) for item in (recorded, said))
        return Story(
            customer=next((message_text(item) for item in reversed(messages) if item.role == "user"), ""),
            conversation=tuple(Entry(speaker(item), message_text(item)) for item in messages),
            then=then or row.then,
            now=now or row.now,
            difference=words(then, now) if then and now and then != now else (),
            prompt=_prompt(before, asked),
            fields=tuple(_fields(before, asked)),
            trial=None if trial is None else trial.index,
            missing=" · ".join(dict.fromkeys(lost)),
            next=tuple(_next(self._report, row, self._labels[id(row)])),
        )

    def _body(self, kind: type[_Value], noun: str, digest: str | None, lost: list[str]) -> _Value | None:
        body = self._bodies.get(digest or "")
        if body is None:
            return None
        if body.value is None:
            lost.append(f"the {noun} is too large for the report ({body.bytes:,} bytes, {body.digest})")
            return None
        try:
            return from_json(kind, unmarked(cast("JsonValue", body.value)), noun)
        except RunbackError:
            lost.append(f"the {noun} in the report cannot be read ({body.digest})")
            return None


def loosened(report: Report, finding: Finding) -> tuple[str, ...]:
    """What this change makes of the rule that spoke: `looser: params-changed refunds: 100 → 500`."""
    names = {finding.rule, finding.policy} - {""}
    return tuple(wording.change_line(change) for change in wording.decided_changes(report) if change.subject in names)


def _prompt(before: Request | None, asked: Request | None) -> tuple[Segment | int, ...]:
    if before is None or asked is None or before.system == asked.system:
        return ()
    return hunks(lines(before.system or "", asked.system or ""))


def _fields(before: Request | None, asked: Request | None) -> Iterator[FieldChange]:
    """Where two requests differ beside their instructions and their conversation."""
    if before is None or asked is None:
        return
    then, now = (_flat(cast("dict[str, JsonValue]", to_json(item))) for item in (before, asked))
    for path in sorted(then.keys() | now.keys()):
        if then.get(path) != now.get(path):
            yield FieldChange(path, then.get(path, ""), now.get(path, ""))


def _flat(request: dict[str, JsonValue]) -> dict[str, str]:
    """The fields of a request by path, parameters and tools one by one, as JSON text."""
    flat: dict[str, JsonValue] = {}
    for key, value in request.items():
        if key in ("parameters", "extra") and isinstance(value, dict):
            flat |= {f"{key}.{name}": item for name, item in value.items()}
        elif key == "tools" and isinstance(value, list):
            flat |= {f"tools.{item['name']}": item for item in value if isinstance(item, dict)}
        elif key not in ("system", "system_message", "messages"):
            flat[key] = value
    return {path: json.dumps(value, ensure_ascii=False, sort_keys=True) for path, value in flat.items()}


def _next(report: Report, row: Row, label: str) -> Iterator[Advice]:
    """What can be done about a row that is not green."""
    if accept := wording.acceptance(report, row):
        yield Advice(accept)
    if row.kind != "case" or row.verdict is Verdict.PASS:
        return
    if row.evidence is Evidence.MISSING or (row.verdict is Verdict.UNDECIDED and wording.lacks_answer(row)):
        yield Advice("Ask the models: it may cost money.", "runback-gate run --live")
        yield Advice("Or name the folder of known answers.", "runback-gate run --cache FOLDER")
        return
    if row.verdict in (Verdict.FAIL, Verdict.UNDECIDED):
        files = [item.path for item in wording.changed(report) if item.kind in ("agent", "prompt", "tools")]
        yield Advice(f"Fix {', '.join(files[:3]) or 'the prompt'}, and run it again.")
    rule = next((item for item in wording.deciding(row) if item.policy), None)
    if rule is not None and (what := _explained(row, rule, label)):
        command = f"runback-gate policy explain {shlex.quote(rule.rule)} {what}"
        yield Advice("See what each part of the rule was:", command)
    if row.verdict is Verdict.FAIL and rule is not None:
        yield Advice("If the rule is wrong, change it: a person then approves that very commit (--approve SHA).")
        yield Advice("If the breach is accepted for a time, write a waiver with an end.")


def _explained(row: Row, rule: Finding, label: str) -> str:
    """What `policy explain` is told to explain a rule on: the row, or the run that its case names, or a step of it.

    Empty for a run that was answered anew, which no report holds whole, and for a rule that a judge model decides.
    """
    if rule.rule in {grade.rule for trial in row.trials for grade in trial.judged}:
        return ""
    if row.run is None:
        return f"--case {shlex.quote(label)}"
    if row.evidence is not Evidence.RECORDED:
        return ""
    path = shlex.quote(recording_path(row.location.path, row.run, "jsonl"))
    step = _STEP.match(rule.message)
    return f"{path} {step[1]}" if step else path
