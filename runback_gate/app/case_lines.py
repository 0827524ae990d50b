"""Cases as lines and as JSON: what `dataset add`, `list` and `show` say.

"\\n".join(case_lines(find_case(Path(), "refunds/chats-0001-3")))
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from runback_gate.app.cases import AddedCase, FoundCase, SavedCases
from runback_gate.plural import many
from runback_gate.report.text import line
from runback_gate.step import Message, Step, to_json
from runback_gate.summary import summarize


def added_lines(added: AddedCase, step: Step, dataset: str, *, proposed: bool, unjudged: str | None) -> Iterator[str]:
    """A case that was added: its checks, why the recorded answer does not keep one, why `run` judges none of them."""
    yield f"added {line(added.id)} to {line(dataset)}: {line(summarize(step.response))}"
    for number, check in enumerate(added.checks):
        what = f"{'proposed check' if proposed else 'check'}: {json.dumps(check, ensure_ascii=False)}"
        broken = f"  {line(added.broken[number])}" if number in added.broken else ""
        yield f"  {line(what)}{broken}"
    if unjudged:
        yield f"note: {line(unjudged)}"


def saved_lines(saved: SavedCases, dataset: str) -> Iterator[str]:
    """How many cases were added to a dataset file."""
    more = f" ({saved.there:,} there already)" if saved.there else ""
    yield f"added {many(saved.added, 'case')} to {PurePosixPath(dataset).as_posix()}{more}"


def kept_lines(added: AddedCase, dataset: str, unjudged: str | None) -> Iterator[str]:
    """A case that was kept of a replay, with its checks, and why `run` does not judge it, where it does not."""
    yield f"saved: {line(dataset)} case {line(added.id)}"
    for check in added.checks:
        yield f"  {line(f'proposed check: {json.dumps(check, ensure_ascii=False)}')}"
    if unjudged:
        yield f"note: {line(unjudged)}"


def list_json(found: Sequence[FoundCase]) -> list[dict[str, Any]]:
    """An object for each case."""
    return [_case_json(item) for item in found]


def _case_json(found: FoundCase) -> dict[str, Any]:
    case, step = found.case, found.step
    return {
        "dataset": found.dataset.name,
        "case": case.id,
        "answer": summarize(step.response) if step.source.run else None,
        "checks": [check.title for check in case.checks],
        "tags": list(case.tags),
        "why": case.why,
        "step": case.step,
        **({"run": case.run} if case.run else {}),
        "place": str(case.location),
    }


def list_lines(found: Sequence[FoundCase]) -> Iterator[str]:
    """A line for each case: its title, how many checks it has, its recorded answer."""
    rows = [(line(item.title), many(len(item.case.checks), "check"), line(_answer(item.step))) for item in found]
    wide, middle = (max(map(len, column)) for column in list(zip(*rows, strict=True))[:2])
    for title, count, answer in rows:
        yield f"{title:{wide}}  {count:{middle}}  {answer}"


def step_json(found: FoundCase) -> Any:
    """The recorded step of a case."""
    return to_json(found.step)


def case_lines(found: FoundCase) -> Iterator[str]:
    """A case: where it is from, its conversation, its recorded answer, its checks and the CEL that each stands for."""
    # A word before each line: no text of a model begins one, so none is taken for a command by a CI runner.
    for label, text in _rows(found):
        yield f"{label:10} {line(text)}".rstrip()


def _rows(found: FoundCase) -> Iterator[tuple[str, str]]:
    case, request = found.case, found.step.request
    yield "case", f"{found.title}  {case.location}"
    if case.why:
        yield "why", case.why
    if case.tags:
        yield "tags", ", ".join(case.tags)
    if name := case.step or case.run:
        yield "recorded", f"{name}, a whole run, of which this is the last step" if case.run else name
    prompt = "no system prompt" if request.system is None else f"system prompt of {len(request.system):,} characters"
    yield "asked", f"{request.model or 'model unknown'}, {prompt}, {many(len(request.tools), 'tool')}"
    yield "", ""
    for message in request.messages:
        yield from _message(message)
    yield "answer", _answer(found.step)
    yield "", ""
    for check in case.checks:
        yield "check", check.title
        if check.expression is not None:
            yield "  as CEL", check.expression


def _message(message: Message) -> Iterator[tuple[str, str]]:
    texts = message.content.strip().splitlines()
    texts += [f"calls {call.name}({call.arguments})" for call in message.tool_calls]
    texts += [f"error: {message.error}"] if message.error else []
    for number, text in enumerate(texts or [""]):
        yield "  |" if number else f"  {message.role}", text


def _answer(step: Step) -> str:
    return summarize(step.response) if step.source.run else "no answer recorded, the conversation is written by hand"
