"""The loop: each case to its request, its answers, its findings and its row.

In: a `Plan`, a CEL engine, and a `Drive` that finds the answers. Out: `Result`. It decides nothing by clock or chance.

    result = run_gate(plan, engine, in_turn(ResponseCache(folder)))
    gate_verdict(result.rows)

With a base it is held against that revision (`gate.base`): the rules of both judge, and the worse of the two counts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from runback_gate.dataset.recordings import recording_path
from runback_gate.gate.base import Base, Comparison
from runback_gate.gate.duties import waiver_rows
from runback_gate.gate.judge import Judging, Rules, Work, judge_case, unanswered
from runback_gate.gate.plan import Plan
from runback_gate.gate.verdict import Row, Verdict, by_rank
from runback_gate.policy.engine import Engine
from runback_gate.replay.evidence import Answers, Ask, Replay, replay

Stored = tuple[Literal["recording", "answer"], str, str]
"""Kind, path and digest of a file that was used."""

Progress = Callable[[int, int, Row], None]
"""Called after each case with the cases done, the cases in all, and the row."""

Drive = Callable[[Sequence[Callable[[], Judging]]], Iterator[tuple[int, Row]]]
"""Finds the answers of many rows, one by one or many at once, and gives each row with its index as it is done."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the gate judged."""

    rows: tuple[Row, ...]
    """Worst first, then as written."""
    stored: tuple[Stored, ...]
    """Every recording and cached answer that was used."""
    vacuous: tuple[str, ...]
    """Names of the policies that concerned no answer."""


def in_turn(answers: Answers) -> Drive:
    """A drive that takes one case after the other and knows the answers of a store alone; no model is asked."""

    def drive(works: Sequence[Callable[[], Judging]]) -> Iterator[tuple[int, Row]]:
        for index, start in enumerate(works):
            yield index, finish(start(), lambda ask: replay(ask, answers))

    return drive


def finish(judging: Judging, answer: Callable[[Ask], Replay]) -> Row:
    """Make one row, each of its questions answered by a function."""
    try:
        asked = next(judging)
        while True:
            asked = judging.send(answer(asked))
    except StopIteration as end:
        row: Row = end.value
        return row


def run_gate(
    plan: Plan, engine: Engine, drive: Drive, progress: Progress = lambda *_: None, base: Base | None = None
) -> Result:
    """Judge every case of the plan.

    Raises:
        InputError: a policy or check does not compile, or a recording or stored answer is missing or was changed.
    """
    head = Rules(plan, engine)
    comparison = None if base is None else Comparison(head, base, engine)
    works: list[Callable[[], Judging]] = (
        [_alone(head, work) for work in head.works] if comparison is None else comparison.works()
    )
    rows: list[Row] = []
    for index, row in drive(works):
        rows.append(dataclasses.replace(row, order=index))
        progress(len(rows), len(works), row)
    cases = by_rank(rows)
    undecided = {row.case for row in cases if row.verdict is Verdict.UNDECIDED}
    others = waiver_rows(plan, head.used, undecided)
    if comparison is not None:
        others = comparison.duties(others)
    others = [dataclasses.replace(row, order=len(works) + index) for index, row in enumerate(others)]
    return Result(by_rank([*cases, *others]), _stored(cases, head.works), _vacuous(plan, cases))


def _alone(rules: Rules, work: Work) -> Callable[[], Judging]:
    return lambda: judge_case(rules, work, rules.plan.agent(work.dataset.agent))


def _stored(rows: Iterable[Row], works: Iterable[Work]) -> tuple[Stored, ...]:
    paths = {work.case.step: recording_path(work.dataset.path, work.case.step) for work in works if work.case.step}
    found: list[Stored] = []
    for row in rows:
        if row.recording in paths:
            found.append(("recording", paths[row.recording], row.recording))
        found += [("answer", f"{item.request}.{item.index}", item.stored) for item in row.trials if item.stored]
    return tuple(found)


def _vacuous(plan: Plan, rows: Sequence[Row]) -> tuple[str, ...]:
    # A policy that met no answer because there was none says nothing of itself.
    if any(map(unanswered, rows)):
        return ()
    judged = {rule for row in rows for trial in row.trials for rule in trial.passed}
    judged |= {finding.rule for row in rows for trial in row.trials for finding in trial.findings}
    return tuple(item.name for item in plan.policies if judged.isdisjoint(rule.id for rule in item.validations))
