"""The loop: each case to its request, its answers, its findings and its row.

In: a `Plan`, a CEL engine, and a `Driver` that finds the answers. Out: `Result`. It decides nothing by clock or chance.

    result = run_gate(plan, engine, Live(ResponseCache(folder)))
    gate_verdict(result.rows)

With a base it is held against that revision (`gate.contest`): the rules of both judge, and the worse of the two counts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from typing import Literal

from runback_gate.analysis.policy_effect import PolicyEffect
from runback_gate.cel.engine import Engine
from runback_gate.dataset.recordings import recording_path
from runback_gate.frozen import dataclass
from runback_gate.gate.alike import shared_tests
from runback_gate.gate.bodies import Bodies
from runback_gate.gate.contest import Against, Alone, Base, Contest
from runback_gate.gate.gate_rows import waiver_rows
from runback_gate.gate.judge import CaseRef, RowTask, Rules, unanswered
from runback_gate.gate.plan import Plan
from runback_gate.gate.scanned import scan_level, scan_rows
from runback_gate.gate.sequential import SequentialTest
from runback_gate.gate.verdict import Row, Verdict, by_rank

Stored = tuple[Literal["recording", "answer"], str, str, Literal["head", "base"]]
"""Kind, path, digest and revision of a file that was used."""

Progress = Callable[[int, int, Row], None]
"""Called after each case with the cases done, the cases in all, and the row."""

Driver = Callable[[Sequence[Callable[[], RowTask]]], Iterator[tuple[int, Row]]]
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
    duties: tuple[Row, ...] = ()
    """Of a part of a run: the rows of waivers, which stand only if every part has them."""
    bodies: Bodies = field(default_factory=Bodies)
    """Whole answers and requests that the rows name by digest."""
    effects: tuple[PolicyEffect, ...] = ()
    """Against a base: what changed policies do to the recorded steps and, in a whole run, to the new answers."""
    own_effects: tuple[PolicyEffect, ...] = ()
    """Of a part of a run: what they do to its new answers alone."""
    tests: tuple[SequentialTest, ...] = ()
    """The sequential tests that cases ask for, each once, also those that another part of a run judges."""


def run_gate(
    plan: Plan,
    engine: Engine,
    drive: Driver,
    progress: Progress = lambda *_: None,
    *,
    base: Base | None = None,
    shard: tuple[int, int] = (1, 1),
) -> Result:
    """Judge every case of the plan.

    Args:
        plan: what is judged, and by what.
        engine: the CEL engine that judges.
        drive: finds the answers.
        progress: is told of each row.
        base: the revision that it is held against.
        shard: (i, n): judge the cases i, i + n, i + 2n … alone, counted from 1.

    Raises:
        InputError: a policy or check does not compile, or a recording or stored answer is missing or was changed.
    """
    other = None if base is None or base.approval else base.plan
    head = Rules(plan, engine, tests=shared_tests(plan, other))
    contest: Contest = Alone(head) if base is None else Against(head, base)
    tasks = contest.tasks()
    number, of = shard
    part = tasks[number - 1 :: of]
    rows = _judged(drive, part, shard, progress)
    undecided = {row.case for row in rows if row.verdict is Verdict.UNDECIDED}
    duties, weakened = contest.settled(waiver_rows(plan, head.used, undecided)), contest.weakened()
    duties += scan_rows(plan, scan_level(plan, base), base)
    ordered = [dataclasses.replace(row, order=len(tasks) + index) for index, row in enumerate([*weakened, *duties])]
    weakened, duties = ordered[: len(weakened)], ordered[len(weakened) :]
    kept = [*rows, *weakened] if of > 1 else [*rows, *weakened, *duties]
    stored = _stored(rows, *contest.refs)
    # All parts say the same of the record, and each its own of new answers: these add up.
    effects = contest.effects(head.new_answers() if of == 1 else ())
    own = contest.effects(head.new_answers(), record=False) if of > 1 else ()
    return Result(
        rows=by_rank(kept),
        stored=stored,
        vacuous=_vacuous(plan, rows),
        duties=tuple(duties) if of > 1 else (),
        bodies=head.bodies,
        effects=effects,
        own_effects=own,
        tests=_tests(contest.judges),
    )


def _judged(
    drive: Driver, part: Sequence[Callable[[], RowTask]], shard: tuple[int, int], progress: Progress
) -> list[Row]:
    number, of = shard
    rows: list[Row] = []
    for index, row in drive(part):
        rows.append(dataclasses.replace(row, order=number - 1 + index * of))
        progress(len(rows), len(part), row)
    return rows


def _tests(judges: Iterable[Rules]) -> tuple[SequentialTest, ...]:
    return tuple(dict.fromkeys(test for rules in judges for test in rules.sequential))


def _stored(rows: Iterable[Row], base: Iterable[CaseRef], head: Iterable[CaseRef]) -> tuple[Stored, ...]:
    sides: tuple[tuple[Iterable[CaseRef], Literal["head", "base"]], ...] = ((base, "base"), (head, "head"))
    places = {
        name: (recording_path(ref.dataset.path, name, "json" if ref.case.step else "jsonl"), side)
        for refs, side in sides
        for ref in refs
        if (name := ref.case.step or ref.case.run)
    }
    found: list[Stored] = []
    for row in rows:
        name = row.recording or row.run
        if name in places:
            path, side = places[name]
            found.append(("recording", path, name, side))
        answers = (item for item in row.trials if item.stored)
        found += [("answer", f"{item.request}.{item.index}", item.stored or "", "head") for item in answers]
        for grade in (grade for item in row.trials for grade in item.judged):
            names = enumerate(grade.stored)
            found += [("answer", f"{grade.request}.{index}", name, "head") for index, name in names if name]
    return tuple(found)


def _vacuous(plan: Plan, rows: Sequence[Row]) -> tuple[str, ...]:
    # A policy that met no answer because there was none says nothing of itself.
    if any(map(unanswered, rows)):
        return ()
    judged = {rule for row in rows for trial in row.trials for rule in trial.passed}
    judged |= {finding.rule for row in rows for trial in row.trials for finding in trial.findings}
    return tuple(item.name for item in plan.policies if judged.isdisjoint(rule.id for rule in item.every_rule))
