"""Base against head: the rules of both revisions judge the changed agent, and each row says what became of it.

In: the compiled rules of the head and the plan of the base. Out: the refs of the loop, in which each row is the worse
of what both sets of rules say, with its status against the base.

    contest = Against(Rules(head, engine), Base(load_plan(folder, day=day)))
    rows = [run_to_row(start(), answer) for start in contest.tasks()]    # `testing.run_to_row`

Three judgements make a row: the head's agent by the head's rules, the same by the base's rules (a change cannot take
out what it is judged by), and the base's agent by the base's rules and the base's k of n (who is to blame). A rule is
known by what decides it, on both sides, never by a title. `Alone` is the same for a run without a base.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import Any, Protocol, TypeVar

from runback_gate.agent import Agent
from runback_gate.analysis.policy_effect import PolicyEffect
from runback_gate.analysis.recorded import Recorded
from runback_gate.change.model import Change
from runback_gate.errors import Location
from runback_gate.frozen import dataclass
from runback_gate.gate.alike import config, demand, same_rules
from runback_gate.gate.config import GATE_FILE
from runback_gate.gate.gate_rows import gate_row, waiver_rows
from runback_gate.gate.judge import CaseRef, RowTask, Rules, severity
from runback_gate.gate.plan import Plan
from runback_gate.gate.record import recorded_case, recorded_cases
from runback_gate.gate.run_case import judge_ref
from runback_gate.gate.verdict import RANK, Row, Status, Trial, Verdict
from runback_gate.policy.finding import Finding
from runback_gate.replay.evidence import Answer, Evidence, Query

T = TypeVar("T")

_NO_GATE = "the base has no gate, so the change alone says what is right: approve this head, or name another base"

MAX_FLIPS = 20
"""Flips of each rule and kind that a report lists; all are counted."""


@dataclass(frozen=True, slots=True)
class Base:
    """The revision that a change is held against."""

    plan: Plan | None
    """What it gates, and how; None when it has no gate that can be read: then the head's rules judge alone, and that is
    undecided until a person approved it."""
    changes: tuple[Change, ...] = ()
    """What the head says otherwise, as `change.compare_gates` found it; what weakens the gate is red."""
    approval: str = ""
    """Commit for which a person accepted what the head loosens: its rules judge alone then. Empty without approval."""


class Contest(Protocol):
    """Who judges the cases of a run, and what is said beside them."""

    @property
    def refs(self) -> tuple[Iterable[CaseRef], Iterable[CaseRef]]:
        """The cases of the base and those of the head."""

    @property
    def judges(self) -> Sequence[Rules]:
        """Whose rules may make the head's agent red."""

    def tasks(self) -> list[Callable[[], RowTask]]:
        """The making of each row, in the order in which they are written."""

    def settled(self, rows: Sequence[Row]) -> list[Row]:
        """The rows of the head's waivers, with their status; call it once every case is judged."""

    def weakened(self) -> list[Row]:
        """A row for each thing that the head takes away."""

    def effects(self, answers: Iterable[Recorded], *, record: bool = True) -> tuple[PolicyEffect, ...]:
        """What changed policies do to the recorded steps, unless they are left out, and to these new answers."""


@dataclass(frozen=True, slots=True)
class _Task:
    """The making of one row; a fifth of what `partial` takes."""

    make: Callable[[Any], RowTask]
    of: Any

    def __call__(self) -> RowTask:
        return self.make(self.of)


def _tasks(make: Callable[[T], RowTask], items: Iterable[T]) -> list[Callable[[], RowTask]]:
    return [_Task(make, item) for item in items]


class Alone:
    """One revision, which nothing is held against."""

    def __init__(self, head: Rules) -> None:
        self.head = head

    @property
    def refs(self) -> tuple[Iterable[CaseRef], Iterable[CaseRef]]:
        """Those of the head alone."""
        return (), self.head.refs

    @property
    def judges(self) -> Sequence[Rules]:
        """Those of the head."""
        return (self.head,)

    def tasks(self) -> list[Callable[[], RowTask]]:
        """The cases as written."""
        return _tasks(self._row, self.head.refs)

    def _row(self, ref: CaseRef) -> RowTask:
        return (yield from judge_ref(self.head, ref, self.head.plan.agent(ref.dataset.agent)))

    def settled(self, rows: Sequence[Row]) -> list[Row]:
        """As they are."""
        return list(rows)

    def weakened(self) -> list[Row]:
        """None."""
        return []

    def effects(self, answers: Iterable[Recorded], *, record: bool = True) -> tuple[PolicyEffect, ...]:  # noqa: ARG002
        """None."""
        return ()


class Against:
    """Two revisions of one gate."""

    def __init__(self, head: Rules, base: Base) -> None:
        # Imported here: a run without a base does without it.
        from runback_gate.change.matches import match_policies  # noqa: PLC0415

        self.head = head
        self.change = base
        self.approved = bool(base.approval)
        self.base = None if base.plan is None else Rules(base.plan, head.engine, "base", head.bodies, head.tests)
        head.beside = None if self.approved else self.base
        head.remembers = base.plan is not None and bool(match_policies(base.plan.policies, head.plan.policies))
        self.ours = {ref.key: ref for ref in head.refs}
        self.theirs = {} if self.base is None else {ref.key: ref for ref in _selected(self.base, head.plan)}
        self.same_rules = self.base is not None and same_rules(self.base.plan, head.plan)
        plans = [head.plan] if self.base is None or self.approved else [head.plan, self.base.plan]
        self.block_all = any(plan.gate.block == "all" for plan in plans)
        self.used: set[str] = set()
        self.undecided: set[str] = set()

    @property
    def refs(self) -> tuple[Iterable[CaseRef], Iterable[CaseRef]]:
        """The cases of the base and those of the head."""
        return self.theirs.values(), self.head.refs

    @property
    def judges(self) -> Sequence[Rules]:
        """Those of both, unless a person approved the head."""
        return (self.head,) if self.base is None or self.approved else (self.head, self.base)

    def tasks(self) -> list[Callable[[], RowTask]]:
        """The cases of the head as written, then those that only the base has: taking one out takes no effect."""
        gone = [] if self.approved else [key for key in self.theirs if key not in self.ours]
        return _tasks(self._row, [*self.ours, *gone])

    def _row(self, key: tuple[str, str]) -> RowTask:
        ours, theirs = self.ours.get(key), self.theirs.get(key)
        rows: list[Row] = []
        if ours is not None:
            rows.append((yield from judge_ref(self.head, ours, self._agent(ours))))
        if self.base is not None and not self.approved and not self._alike(ours, theirs):
            rows.append((yield from self._by_base(self.base, theirs or ours)))
        # The last one is what the base's rules say, where they are others than the head's.
        row, by_base = _worse(rows), rows[-1]
        if theirs is None or self.base is None:
            return self._settled(row, "new")
        before = yield from self._before(self.base, theirs, ours, row)
        for item in before:
            self.used.update(found.waiver for trial in item.trials for found in trial.findings if found.waiver)
            if item.verdict is Verdict.UNDECIDED:
                self.undecided.add(item.case)
        return self._settled(row, self._status(row, before, rows, by_base, theirs))

    def _agent(self, ref: CaseRef) -> Agent:
        return self.head.plan.agent(ref.dataset.agent)

    def _alike(self, ours: CaseRef | None, theirs: CaseRef | None) -> bool:
        """Whether both sets of rules say the same of a case, so that one need not be asked."""
        if ours is None or not self.same_rules:
            return False
        return theirs is None or demand(ours.dataset, ours.case) == demand(theirs.dataset, theirs.case)

    def _by_base(self, base: Rules, ref: CaseRef | None) -> RowTask:
        """The head's agent by the rules of the base."""
        assert ref is not None  # noqa: S101  a key stands on one side at least
        agent = next((item for item in self.head.plan.agents if item.name == ref.dataset.agent), None)
        if agent is None:
            return _unasked(ref, f"the change has no agent {ref.dataset.agent!r}")
        return (yield from judge_ref(base, ref, agent))

    def _before(
        self, base: Rules, theirs: CaseRef, ours: CaseRef | None, row: Row
    ) -> Generator[Query, Answer, tuple[Row, ...]]:
        """The base's agent by the rules and the k of n of the base: what is known, and where there is somebody to blame
        for a model's answer of today, a model's answer of today as well."""
        agent = base.plan.agent(theirs.dataset.agent)
        if ours is not None and self._alike(ours, theirs) and config(agent) == config(self._agent(ours)):
            return (row,)
        found = [(yield from judge_ref(base, theirs, agent, live=False))]
        if row.verdict is Verdict.FAIL and row.evidence in (Evidence.LIVE, Evidence.CACHED):
            found.append((yield from judge_ref(base, theirs, agent, fresh=True)))
        decided = tuple(item for item in found if item.verdict is not Verdict.UNDECIDED)
        return decided or (found[0],)

    def _status(self, row: Row, before: Sequence[Row], rows: Sequence[Row], by_base: Row, theirs: CaseRef) -> Status:
        """What became of a row.

        Args:
            row: under the rules of both.
            before: the base's own; a rule fails on the base when it fails in all of them.
            rows: what each set of rules says of the head's agent.
            by_base: what the base's rules say of it.
            theirs: the case on the base.
        """
        if row.verdict is Verdict.FAIL:
            excused = set.intersection(*(_failing([item]) if item is row else _alone_enough(item) for item in before))
            # Of the rules that fail, those that are the base's as well: so it is the agent that broke them.
            if (_failing([by_base]) - excused) & self._known(theirs):
                return "regressed"
            return "already failing" if _failing(rows) <= excused else "new"
        known = {item.verdict for item in before}
        if Verdict.UNDECIDED in (row.verdict, *known):
            return ""
        fixed = Verdict.FAIL in known and row.verdict in (Verdict.PASS, Verdict.WARN)
        return "fixed" if fixed else "unchanged"

    def _known(self, ref: CaseRef) -> set[str]:
        """The rules that the base has for a case, by what decides them."""
        if self.base is None:
            return set()
        concerned = [item for item in self.base.policies if item.concerns(ref.dataset.agent, ref.case.tags)]
        return {item.fingerprint(rule) for item in (*concerned, self.base.checks(ref)) for rule in item.rules}

    def _settled(self, row: Row, status: Status) -> Row:
        blocking = self.block_all or status != "already failing"
        return dataclasses.replace(row, status=status, blocking=blocking)

    def settled(self, rows: Sequence[Row]) -> list[Row]:
        """The rows of the head's waivers, with their status; call it once every case is judged."""
        red: set[str] = set()
        if self.base is not None:
            red = {row.case for row in waiver_rows(self.base.plan, self.used, self.undecided)}
        return [self._settled(row, "already failing" if row.case in red else "new") for row in rows]

    def effects(self, answers: Iterable[Recorded], *, record: bool = True) -> tuple[PolicyEffect, ...]:
        """What the change of the policies does to the recorded steps of both revisions and to the new answers."""
        if self.base is None:
            return ()
        # Imported here: a run without a base does without it.
        from runback_gate.analysis.effect import compare_policies  # noqa: PLC0415

        head, base = self.head.plan, self.base.plan
        gone = (
            recorded_case(base, ref.dataset, ref.case)
            for key, ref in self.theirs.items()
            if key not in self.ours and (ref.case.step or ref.case.run)
        )
        steps = chain(recorded_cases(head), gone, answers) if record else answers
        return compare_policies(base.policies, head.policies, self.head.engine, steps, limit=MAX_FLIPS)

    def weakened(self) -> list[Row]:
        """A row for each thing that the head takes away, and for a base without a gate; approval or proof waives it."""
        waivers = (f"approved for {self.change.approval}",) if self.approved else ()
        said: dict[str, Any] = {"verdict": Verdict.WAIVED if self.approved else Verdict.FAIL, "waivers": waivers}
        if self.base is None:
            said["verdict"] = Verdict.WAIVED if self.approved else Verdict.UNDECIDED
            return [gate_row("weakening", GATE_FILE, _NO_GATE, Location(GATE_FILE), note="base-without-gate", **said)]
        freed: dict[str, Any] = {"verdict": Verdict.WAIVED, "waivers": ("proved",)}
        return [
            gate_row("weakening", item.subject, item.message, item.location, note=_note(item), **how)
            for item in self.change.changes
            if (how := said if item.weakens else freed if item.proved else None) is not None
        ]


def _note(item: Change) -> str:
    return item.kind if item.side == "head" else f"{item.kind}: the place is in the base's file"


def _selected(base: Rules, head: Plan) -> Iterator[CaseRef]:
    """The cases of the base that a run of a part of the head is about."""
    agents = {agent.name for agent in head.agents}
    datasets = {dataset.name for dataset in head.datasets}
    for ref in base.refs:
        if not head.selection or (ref.dataset.agent in agents and ref.dataset.name in datasets):
            yield ref


def _unasked(ref: CaseRef, why: str) -> Row:
    return Row(
        kind="case",
        agent=ref.dataset.agent,
        dataset=ref.dataset.name,
        case=ref.case.id,
        verdict=Verdict.UNDECIDED,
        evidence=Evidence.MISSING,
        note=why,
        needed=1,
        planned=1,
        why=ref.case.why,
        recording=ref.case.step,
        run=ref.case.run,
        location=ref.case.location,
    )


def _worse(rows: Sequence[Row]) -> Row:
    """The worse of what two sets of rules say, with the findings of both; a rule that both have is said once.

    A rule that fails by the one set is not listed as holding by the other.
    """
    row, *others = sorted(rows, key=lambda item: RANK[item.verdict])
    findings = {_identity(item): item for item in row.findings}
    for item in (item for other in others for item in other.findings):
        known = findings.setdefault(_identity(item), item)
        if known.side == "base" and item.side == "head" and item.waiver == known.waiver:
            findings[_identity(item)] = item
    broken = {item.rule for item in findings.values()}
    trials = tuple(
        dataclasses.replace(trial, passed=tuple(rule for rule in trial.passed if rule not in broken))
        for trial in row.trials
    )
    waivers = tuple(dict.fromkeys(text for item in (row, *others) for text in item.waivers))
    ordered = tuple(sorted(findings.values(), key=severity))
    return dataclasses.replace(row, findings=ordered, trials=trials if others else row.trials, waivers=waivers)


def _identity(finding: Finding) -> tuple[str, ...]:
    """What makes two findings one for a reader: the name of the rule and what decides it, or what it said."""
    return finding.outcome, finding.rule, finding.fingerprint or finding.message


def _failing(rows: Sequence[Row]) -> set[str]:
    """The rules that fail a row in any trial, by what decides them; waived ones left out."""
    return {item.fingerprint for row in rows for trial in row.trials for item in _broken(trial)}


def _broken(trial: Trial) -> Iterator[Finding]:
    return (item for item in trial.findings if item.outcome == "fail" and item.action == "Deny" and not item.waiver)


def _alone_enough(row: Row) -> set[str]:
    """The rules that fail a red row each by itself, by its own count of trials; all that fail where none does."""
    if row.verdict is not Verdict.FAIL:
        return set()
    trials = [{item.fingerprint for item in _broken(trial)} for trial in row.trials]
    names = set().union(*trials)
    return {name for name in names if _is_enough(row, [name in broken for broken in trials])} or names


def _is_enough(row: Row, failed: Sequence[bool]) -> bool:
    """Whether a row is red by these failures alone, all other trials taken as passed."""
    if row.sequential is None:
        return sum(failed) > row.planned - row.needed
    counts = zip(accumulate(failed), row.sequential.bounds, strict=False)
    return any(count >= red for count, (red, _) in counts)
