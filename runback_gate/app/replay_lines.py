"""A step or a run then and now, as lines and as JSON: what `replay` says.

"\\n".join(step_lines(replay_step(run, 3, edit, live), width=100))
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runback_gate.app.replay import StepReplay, WholeReplay
from runback_gate.plural import many
from runback_gate.replay.evidence import Answer
from runback_gate.replay.step import Divergence
from runback_gate.replay.whole_run import RunReplay
from runback_gate.report.columns import field
from runback_gate.report.spent import amounts
from runback_gate.report.text import line
from runback_gate.step import to_json
from runback_gate.summary import summarize
from runback_gate.view.plain import answer_text


def step_lines(found: StepReplay, width: int) -> Iterator[str]:
    """The recorded answer, then each different answer of today once, with how many trials gave it."""
    yield line(f"{found.run.id} step {found.index} · {found.step.agent} · {found.question.request.model or 'no model'}")
    # What an answer's question lacked, such as a field that its API has not, stands in the note of the answer.
    notes = [trial.answer.note for trial in found.trials if trial.answer.response is not None]
    yield from (field("note", note, width) for note in _distinct(*(notes or [found.question.note]), *found.notes))
    yield field("then", answer_text(found.step.response), width)
    groups: dict[tuple[str, str], int] = {}
    for trial in found.trials:
        key = (_words(trial.divergence), _said(trial.answer))
        groups[key] = groups.get(key, 0) + 1
    for (words, said), count in groups.items():
        yield field("now" if len(found.trials) == 1 else f"now {count}/{len(found.trials)}", said, width)
        yield field("", words, width)
    yield field("spent", " · ".join(amounts(found.spend)), width)


def whole_lines(found: WholeReplay, width: int) -> Iterator[str]:
    """Each trial: its answers with their differences, and where it ended."""
    yield line(f"{found.run.id} · {found.agent.name} under {found.agent.path}")
    yield from (field("note", note, width) for note in _distinct(*found.notes))
    for number, trial in enumerate(found.trials, 1):
        if len(found.trials) > 1:
            yield f"  trial {number} of {len(found.trials)}"
        for turn in trial.turns:
            said = "" if turn.answer.response is None else summarize(turn.answer.response)
            facts = ("" if turn.step is None else _words(turn.divergence), turn.answer.evidence, said)
            place = "beyond" if turn.step is None else f"step {turn.step}"
            yield field(place, "   ".join(filter(None, facts)), width)
        yield field("end", _end(trial), width)
    yield field("spent", " · ".join(amounts(found.spend)), width)


def _distinct(*notes: str) -> Iterator[str]:
    yield from dict.fromkeys(filter(None, notes))


def _end(trial: RunReplay) -> str:
    """Where a replay of a run ended, in a sentence."""
    if trial.end == "as recorded":
        return f"as recorded, after {many(len(trial.turns), 'answer')}"
    if trial.end == "answered":
        return "the agent answered where it then called a tool"
    if trial.frontier is not None:
        return f"frontier: nobody recorded what {trial.frontier.name}({trial.frontier.arguments}) answers"
    return f"no answer: {trial.turns[-1].answer.note}"


def _words(divergence: Divergence | None) -> str:
    if divergence is None:
        return "could not be compared"
    return f"{divergence.words}: {divergence.detail}" if divergence.detail else divergence.words


def _said(answer: Answer) -> str:
    return f"no answer: {answer.note}" if answer.response is None else answer_text(answer.response)


def step_json(found: StepReplay) -> dict[str, Any]:
    """The same for a program, with the whole answers."""
    return {
        "run": found.run.id,
        "step": found.index,
        "note": found.question.note,
        "then": to_json(found.step.response),
        "trials": [_trial_json(trial.answer, trial.divergence) for trial in found.trials],
        "notes": list(found.notes),
        "spend": to_json(found.spend),
    }


def whole_json(found: WholeReplay) -> dict[str, Any]:
    """The same for a program, with the whole answers."""
    trials = [
        {
            "end": trial.end,
            "frontier": to_json(trial.frontier),
            "turns": [{"step": turn.step, **_trial_json(turn.answer, turn.divergence)} for turn in trial.turns],
        }
        for trial in found.trials
    ]
    return {"run": found.run.id, "trials": trials, "notes": list(found.notes), "spend": to_json(found.spend)}


def _trial_json(answer: Answer, divergence: Divergence | None) -> dict[str, Any]:
    return {
        "divergence": None if divergence is None else divergence.words,
        "detail": None if divergence is None else divergence.detail,
        "evidence": answer.evidence,
        "note": answer.note,
        "now": None if answer.response is None else to_json(answer.response),
    }
