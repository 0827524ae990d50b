"""What a change of policies does, as text and as Markdown.

In: `PolicyEffect`s and a function that names a place. Out: text. Everything that stems from a file or a model is inert.

    print(as_text(effects, steps=1229, width=120, place=place))
    print(as_markdown(effects, steps=1229, place=place))
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from runback_gate.analysis.policy_effect import KINDS, FieldChange, Flip, Kind, PolicyEffect, judged_on
from runback_gate.documents import cut
from runback_gate.plural import many
from runback_gate.policy.left_out import left_out_json, off_record_lines
from runback_gate.report.model import Notice, OnArchive, Report
from runback_gate.report.text import markdown, markdown_code, safe_terminal, short

Place = Callable[[str, str, int], str]
"""Names a place: the side (`base` or `head`), the path there, the line."""

_ALWAYS: Final[tuple[Kind, ...]] = ("newly permitted", "newly failing")
_NAME_BYTES: Final = 200
_TEXT_BYTES: Final = 600
_ASCII: Final = str.maketrans({"·": "-", "→": ">", "…": "..."})


def named_place(report: Report) -> Place:
    """Names places of a report: in the head's files as they are, in the base's with its name."""

    def place(side: str, path: str, line: int) -> str:
        return f"{path}:{line}" + (f" in {report.base}" if side == "base" and report.base else "")

    return place


def judged(report: Report) -> int:
    """How many recorded steps the effects of a report rest on."""
    return judged_on(report.effects)


def as_text(
    effects: Sequence[PolicyEffect], *, steps: int, width: int, place: Place, show: int, unicode: bool = True
) -> str:
    """For a terminal, ended by a line break; `show` flips of each kind of each policy."""
    size = max((len(_inert(item.policy)) for item in effects), default=0)
    lines = [line for item in effects for line in _lines(item, size, width, place, show)]
    text = "".join(f"{line.rstrip()}\n" for line in (*lines, summary(effects, steps)))
    return text if unicode else text.translate(_ASCII)


def as_json(effects: Sequence[PolicyEffect]) -> dict[str, object]:
    """For programs: a word for each policy, every flip that was kept, and what changed."""
    flips = [flip for effect in effects for flip in effect.flips]
    return {
        "policies": {effect.policy: effect.word for effect in effects},
        "flips": [
            {
                "validation": flip.validation,
                "run": flip.run,
                "step": flip.step,
                "base": flip.base,
                "head": flip.head,
                "why": flip.why,
                "kind": flip.kind,
                "expression": flip.expression,
                "answer": flip.answer,
            }
            for flip in flips
        ],
        "effects": [
            {
                "policy": effect.policy,
                "word": effect.word,
                **({"scope": effect.scope} if effect.scope == "run" else {}),
                "vacuous": effect.vacuous,
                "steps": effect.steps,
                "same": effect.same,
                "matched": effect.matched,
                "changes": [dataclasses.asdict(change) for change in effect.changes],
                "validations": {
                    item.id: {"state": item.state, **dict(item.counts), "message only": item.messages}
                    for item in effect.validations
                },
                **left_out_json(effect.judged),
            }
            for effect in effects
        ],
    }


def summary(effects: Sequence[PolicyEffect], steps: int) -> str:
    """`2 policies changed: 1 looser, 1 same on record; 1,229 recorded steps`."""
    if not effects:
        return "no policy changed"
    words = [item.word for item in effects]
    counted = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    scopes = {item.scope for item in effects}
    parts = [many(steps, "recorded step")] if "step" in scopes else []
    parts += [many(judged_on(effects, "run"), "recorded run")] if "run" in scopes else []
    return f"{many(len(effects), 'policy')} changed: {counted}; {' and '.join(parts)}"


def _lines(effect: PolicyEffect, size: int, width: int, place: Place, show: int) -> Iterator[str]:
    word = effect.word + (" · vacuous" if effect.vacuous else "")
    changes = [(_inert(what), _inert(where)) for what, where in _changes(effect, place)]
    wide = max((len(what) for what, _ in changes), default=0)
    notes = [*(f"{what:{wide}}   {where}" for what, where in changes), *_notes(effect)]
    lead = f"{_inert(effect.policy):{size}}   {word}"
    yield f"{lead}   {notes[0]}"
    yield from (f"{'':{len(lead)}}   {note}" for note in notes[1:])
    if _counts(effect):
        yield ""
        yield from _kinds(effect, width, show)


def _kinds(effect: PolicyEffect, width: int, show: int) -> Iterator[str]:
    """Of each kind how many verdicts flip, and some of them."""
    for kind, number in _counts(effect):
        mark = "   needs approval" if kind == "newly permitted" and number else ""
        yield f"  {kind:16}  {_judged(effect, number) if number else '0'}{mark}"
        flips = [flip for flip in effect.flips if flip.kind == kind]
        for flip in flips[:show]:
            yield from _flip_lines(flip, width)
        if number > min(len(flips), show) > 0:
            yield f"    … and {number - min(len(flips), show):,} more"
    yield ""


def _flip_lines(flip: Flip, width: int) -> Iterator[str]:
    head = f"    {flip_place(flip)}   {_inert(flip.validation)}   {_inert(flip.answer)}"
    why = _inert(flip.why) or f"{flip.base} → {flip.head}"
    if len(head) + len(why) + 3 <= width:
        yield f"{head}   {why}"
    else:
        yield cut(head, width)
        yield f"      {why}"


def flip_place(flip: Flip) -> str:
    """`run 01JD… step 12`, or the case that was recorded."""
    run = _inert(flip.run)
    if isinstance(flip.step, int):
        return f"run {run} step {flip.step}"
    return f"run {run}" if flip.step is None else f"case {run}"


def _changes(effect: PolicyEffect, place: Place) -> Iterator[tuple[str, str]]:
    """Each change in words, and its place."""
    for change in effect.changes:
        direction = f" ({change.direction})" if change.direction else ""
        yield f"{_worded(change)}{direction}", place(change.side, change.path, change.line)


def _worded(change: FieldChange) -> str:
    if not change.base and not change.head:
        return change.what
    return f"{change.what} {change.base or '(none)'} → {change.head or '(removed)'}"


def _notes(effect: PolicyEffect) -> Iterator[str]:
    """What is to be known besides the flips."""
    if effect.vacuous:
        yield f"matched no recorded {effect.scope}"
    elif effect.word in ("new", "removed"):
        yield f"concerns {effect.matched:,} of {_judged(effect, effect.steps)}"
    elif not effect.changes:
        yield "the text changed, no rule did"
    yield from off_record_lines(effect.judged)
    only_judged = effect.judged and len(effect.judged) == len(effect.validations)
    if effect.changes and not only_judged and not effect.vacuous:
        same = f"same verdict on {effect.same:,} of {_judged(effect, effect.steps)}"
        yield f"text changed, {same} (not proven)" if effect.same == effect.steps else same
    messages = sum(item.messages for item in effect.validations)
    if messages:
        yield f"another message only on {_judged(effect, messages)}"


def _counts(effect: PolicyEffect) -> list[tuple[Kind, int]]:
    """Steps of each kind, the two that matter also where there are none; nothing where nothing flipped."""
    found = dict.fromkeys(KINDS, 0)
    for item in effect.validations:
        for kind, number in item.counts:
            found[kind] += number
    shown = [(kind, number) for kind, number in found.items() if number or kind in _ALWAYS]
    return shown if any(found.values()) else []


def _judged(effect: PolicyEffect, number: int) -> str:
    return many(number, f"recorded {effect.scope}")


def _inert(text: str) -> str:
    return safe_terminal(short(text, _TEXT_BYTES))


def as_markdown(effects: Sequence[PolicyEffect], *, steps: int, place: Place, show: int) -> str:
    """For a pull request: a table of the policies, then the flips of each."""
    lines = [f"**Policy changes**: {markdown(summary(effects, steps))}"]
    if effects:
        lines += ["", "| policy | effect | what changed |", "|---|---|---|"]
        lines += [_markdown_row(effect, place) for effect in effects]
    lines += [line for effect in effects for line in _markdown_kinds(effect, show)]
    return "\n".join(lines) + "\n"


def _markdown_kinds(effect: PolicyEffect, show: int) -> Iterator[str]:
    """Of each kind how many verdicts flip, and some of them as a table."""
    for kind, number in _counts(effect):
        if not number:
            continue
        flips = [flip for flip in effect.flips if flip.kind == kind][:show]
        yield from (
            "",
            f"{markdown_code(short(effect.policy, _NAME_BYTES))} **{kind}** on {_judged(effect, number)}",
            "",
        )
        yield from (f"| {effect.scope} | rule | answer | why |", "|---|---|---|---|") if flips else ()
        yield from map(_markdown_flip, flips)
        if number > len(flips):
            yield from ("", f"{number - len(flips):,} more")


def report_texts(report: Report, *, width: int, show: int) -> list[str]:
    """What changed policies do to recorded steps, and to archived ones: a text for a terminal each, if there is one."""
    texts = []
    if report.effects:
        steps, place = judged(report), named_place(report)
        texts.append(as_text(report.effects, steps=steps, width=width, place=place, show=show))
    if report.archive is not None:
        texts.append(archive_text(report.archive, width=width, show=show))
    return texts


def archive_text(found: OnArchive, *, width: int, show: int) -> str:
    """What changed policies do to archived steps, for a terminal, ended by a line break."""
    lines = [_inert(archive_line(found))]
    for effect in found.effects:
        if _counts(effect):
            lines += ["", _inert(effect.policy), *_kinds(effect, width, show)][:-1]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def archive_markdown(found: OnArchive, *, show: int) -> str:
    """The same for a pull request."""
    lines = [f"**Archive**: {markdown(short(archive_line(found), _TEXT_BYTES))}"]
    lines += [line for effect in found.effects for line in _markdown_kinds(effect, show)]
    return "\n".join(lines) + "\n"


def archive_line(found: OnArchive) -> str:
    """`newly permitted: 212 of 3,104,882 steps since 2026-10-01 in s3://acme/runs`, and how much was not judged."""
    counts = {scope: _flipped(found.effects, scope) for scope in ("step", "run")}
    judged = {"step": found.steps, "run": found.runs}
    said = [f"{text} of {many(judged[scope], scope)}" for scope, text in counts.items() if text]
    said = said or [f"no verdict flips on {many(found.steps, 'step')} (not proven)"]
    since = f" since {found.since}" if found.since else ""
    part = ""
    if not found.whole:
        left = f"{many(found.of_steps, 'step')} of {many(found.of_runs, 'run')}"
        part = f"; the {found.seconds} s were over before all {left} were judged, and the rest may flip too"
    said_not = off_record_lines([rule for effect in found.effects for rule in effect.judged])
    return "; ".join((f"{' and '.join(said)}{since} in {found.name}{part}", *said_not))


def _flipped(effects: Sequence[PolicyEffect], scope: str) -> str:
    found = dict.fromkeys(KINDS, 0)
    for effect in effects:
        for kind, number in _counts(effect) if effect.scope == scope else ():
            found[kind] += number
    return ", ".join(f"{kind}: {number:,}" for kind, number in found.items() if number)


def notices(report: Report) -> tuple[Notice, ...]:
    """The notices of a report, what an archive says before them: for every place that has no room for a sample."""
    return report.notices if report.archive is None else (Notice(archive_line(report.archive)), *report.notices)


def _markdown_row(effect: PolicyEffect, place: Place) -> str:
    word = f"**{effect.word}**" + (" · vacuous" if effect.vacuous else "")
    cells = [
        f"{markdown_code(short(what, _TEXT_BYTES))} {markdown(short(where, _NAME_BYTES))}"
        for what, where in _changes(effect, place)
    ]
    cells += [markdown(note) for note in _notes(effect)]
    return f"| {markdown_code(short(effect.policy, _NAME_BYTES))} | {word} | {'<br>'.join(cells)} |"


def _markdown_flip(flip: Flip) -> str:
    cells = (flip_place(flip), flip.validation, flip.answer, flip.why or f"{flip.base} → {flip.head}")
    return f"| {' | '.join(markdown_code(short(cell, _TEXT_BYTES)) for cell in cells)} |"
