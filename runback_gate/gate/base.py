"""Base against head: the rules of both revisions judge the changed agent, and each row says what became of it.

In: the compiled rules of the head and the plan of the base. Out: the works of the loop, in which each row is the worse
of what both sets of rules say, with its status against the base.

    comparison = Comparison(Rules(head, engine), Base(load_plan(folder, day=day), "main"), engine)
    rows = [finish(start(), answer) for start in comparison.works()]

Three judgements make a row: the head's agent by the head's rules, the same by the base's rules (a change cannot take
out what it is judged by), and the base's agent by the base's rules (who is to blame).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from runback_gate.agent import Agent
from runback_gate.analysis.effect import PolicyEffect, compare_policies
from runback_gate.cel.engine import Engine
from runback_gate.dataset.document import Case, Trials
from runback_gate.errors import Location
from runback_gate.gate.config import GATE_FILE
from runback_gate.gate.duties import duty_row, waiver_rows
from runback_gate.gate.judge import Judging, Rules, Work, judge_case, severity
from runback_gate.gate.plan import Plan
from runback_gate.gate.record import recorded_case, recorded_cases
from runback_gate.gate.verdict import RANK, Row, Status, Verdict
from runback_gate.replay.evidence import Evidence

if TYPE_CHECKING:
    from runback_gate.gate.weakening import Weakening

_NO_GATE = "the base has no gate, so the change alone says what is right: approve this head, or name another base"

MAX_FLIPS = 20
"""Flips of each validation and kind that a report lists; all are counted."""


@dataclass(frozen=True, slots=True)
class Base:
    """The revision that a change is held against."""

    plan: Plan | None
    """What it gates, and how; None when it has no gate that can be read: then the head's rules judge alone, and that is
    undecided until a person approved it."""
    weakenings: tuple[Weakening, ...] = ()
    """What the head takes away from it."""
    approval: str = ""
    """Commit for which a person accepted what the head loosens: its rules judge alone then. Empty without approval."""


class Comparison:
    """Two revisions of one gate."""

    def __init__(self, head: Rules, base: Base, engine: Engine) -> None:
        self.head = head
        self.change = base
        self.approved = bool(base.approval)
        self.base = None if base.plan is None else Rules(base.plan, engine)
        self.ours = {work.key: work for work in head.works}
        self.theirs = {} if self.base is None else {work.key: work for work in _selected(self.base, head.plan)}
        self.same_rules = self.base is not None and _rules_of(self.base.plan) == _rules_of(head.plan)
        plans = [head.plan] if self.base is None or self.approved else [head.plan, self.base.plan]
        self.block_all = any(plan.gate.block == "all" for plan in plans)
        self.used: set[str] = set()
        self.undecided: set[str] = set()

    def works(self) -> list[Callable[[], Judging]]:
        """The cases of the head as written, then those that only the base has: taking one out takes no effect."""
        gone = [] if self.approved else [key for key in self.theirs if key not in self.ours]
        return [partial(self._row, key) for key in [*self.ours, *gone]]

    def _row(self, key: tuple[str, str]) -> Judging:
        ours, theirs = self.ours.get(key), self.theirs.get(key)
        rows: list[Row] = []
        if ours is not None:
            rows.append((yield from judge_case(self.head, ours, self._agent(ours))))
        if self.base is not None and not self.approved and not self._alike(ours, theirs):
            rows.append((yield from self._by_base(self.base, theirs or ours)))
        # The last one is what the base's rules say, where they are others than the head's.
        row, by_base = _worse(rows), rows[-1]
        if theirs is None or self.base is None:
            return self._settled(row, "new")
        before = yield from self._before(self.base, theirs, ours, row)
        self.used.update(item.waiver for trial in before.trials for item in trial.findings if item.waiver)
        if before.verdict is Verdict.UNDECIDED:
            self.undecided.add(before.case)
        blamed = _failing([by_base]) & self._known(self.base, theirs)
        return self._settled(row, _status(row, before, failing=_failing(rows), blamed=blamed))

    def _agent(self, work: Work) -> Agent:
        return self.head.plan.agent(work.dataset.agent)

    def _alike(self, ours: Work | None, theirs: Work | None) -> bool:
        """Whether both sets of rules say the same of a case, so that one need not be asked."""
        if ours is None or not self.same_rules:
            return False
        return theirs is None or _meaning(ours) == _meaning(theirs)

    def _by_base(self, base: Rules, work: Work | None) -> Judging:
        """The head's agent by the rules of the base."""
        assert work is not None  # noqa: S101  a key stands on one side at least
        agent = next((item for item in self.head.plan.agents if item.name == work.dataset.agent), None)
        if agent is None:
            return _unasked(work, f"the change has no agent {work.dataset.agent!r}")
        return (yield from judge_case(base, work, agent))

    def _before(self, base: Rules, theirs: Work, ours: Work | None, row: Row) -> Judging:
        """The base's agent by the rules of the base: for free, or as often as the head where there is one to blame."""
        agent = base.plan.agent(theirs.dataset.agent)
        if ours is not None and self._alike(ours, theirs) and _config(agent) == _config(self._agent(ours)):
            return row
        if row.verdict is Verdict.FAIL and row.evidence in (Evidence.LIVE, Evidence.CACHED):
            k_of_n = Trials.model_validate({"n": row.planned, "pass": row.needed})
            today = yield from judge_case(base, theirs, agent, fresh=True, k_of_n=k_of_n)
            if today.verdict is not Verdict.UNDECIDED:
                return today
        return (yield from judge_case(base, theirs, agent, live=False))

    def _known(self, base: Rules, work: Work) -> set[str]:
        """Ids of the rules that the base has for a case."""
        concerned = [item for item in base.policies if item.concerns(work.dataset.agent, work.case.tags)]
        return {rule.id for item in (*concerned, base.checks[work.key]) for rule in item.rules}

    def _settled(self, row: Row, status: Status) -> Row:
        blocking = self.block_all or status != "already failing"
        return dataclasses.replace(row, status=status, blocking=blocking)

    def settled(self, rows: Sequence[Row]) -> list[Row]:
        """The rows of the head's waivers, with their status; call it once every case is judged."""
        red: set[str] = set()
        if self.base is not None:
            red = {row.case for row in waiver_rows(self.base.plan, self.used, self.undecided)}
        return [self._settled(row, "already failing" if row.case in red else "new") for row in rows]

    def effects(self, engine: Engine) -> tuple[PolicyEffect, ...]:
        """What the change of the policies does to the recorded steps of both revisions; none where nothing changed."""
        if self.base is None:
            return ()
        head, base = self.head.plan, self.base.plan
        gone = (
            recorded_case(base, work.dataset, work.case, work.case.step)
            for key, work in self.theirs.items()
            if key not in self.ours and work.case.step is not None
        )
        steps = chain(recorded_cases(head), gone)
        return compare_policies(base.policies, head.policies, engine, steps, limit=MAX_FLIPS)

    def weakened(self) -> list[Row]:
        """A row for each thing that the head takes away, and for a base without a gate; an approval waives them."""
        waivers = (f"approved for {self.change.approval}",) if self.approved else ()
        said: dict[str, Any] = {"verdict": Verdict.WAIVED if self.approved else Verdict.FAIL, "waivers": waivers}
        if self.base is None:
            said["verdict"] = Verdict.WAIVED if self.approved else Verdict.UNDECIDED
            return [duty_row("weakening", GATE_FILE, _NO_GATE, Location(GATE_FILE), note="base-without-gate", **said)]
        return [
            duty_row("weakening", item.subject, item.message, item.location, note=_note(item), **said)
            for item in self.change.weakenings
        ]


def _note(item: Weakening) -> str:
    return item.kind if item.side == "head" else f"{item.kind}: the place is in the base's file"


def _selected(base: Rules, head: Plan) -> Iterator[Work]:
    """The cases of the base that a run of a part of the head is about."""
    agents = {agent.name for agent in head.agents}
    datasets = {dataset.name for dataset in head.datasets}
    for work in base.works:
        if not head.selection or (work.dataset.agent in agents and work.dataset.name in datasets):
            yield work


def _rules_of(plan: Plan) -> tuple[object, ...]:
    """What judges every case of a plan: two plans that agree in it judge alike."""
    policies = frozenset(policy.digest for policy in plan.policies)
    labels = frozenset((agent.name, tuple(sorted(agent.labels.items()))) for agent in plan.agents)
    return policies, frozenset(waiver.digest for waiver in plan.waivers), plan.gate.trials, labels


def _meaning(work: Work) -> tuple[object, ...]:
    """What a case asks and demands, wherever it stands in its file."""
    case: Case = work.case
    checks = [(check.kind, check.title, check.expression, check.schema, check.rubric) for check in case.checks]
    return work.dataset.agent, case.tags, case.trials, case.step, case.messages, checks


def _config(agent: Agent) -> tuple[object, ...]:
    """What an agent config asks with."""
    return agent.name, agent.labels, agent.model, agent.parameters, agent.system, agent.tools


def _unasked(work: Work, why: str) -> Row:
    return Row(
        kind="case",
        agent=work.dataset.agent,
        dataset=work.dataset.name,
        case=work.case.id,
        verdict=Verdict.UNDECIDED,
        evidence=Evidence.MISSING,
        note=why,
        needed=1,
        planned=1,
        then="",
        now="",
        why=work.case.why,
        recording=work.case.step,
        location=work.case.location,
        trials=(),
        findings=(),
    )


def _worse(rows: Sequence[Row]) -> Row:
    """The worse of what two sets of rules say, with the findings of both."""
    row, *others = sorted(rows, key=lambda item: RANK[item.verdict])
    findings = list(row.findings)
    seen = {(item.rule, item.outcome, item.message) for item in findings}
    findings += [
        item for other in others for item in other.findings if (item.rule, item.outcome, item.message) not in seen
    ]
    waivers = tuple(dict.fromkeys(text for item in (row, *others) for text in item.waivers))
    return dataclasses.replace(row, findings=tuple(sorted(findings, key=severity)), waivers=waivers)


def _failing(rows: Sequence[Row]) -> set[str]:
    """Ids of the rules that fail a row in any trial, waived ones left out."""
    findings = (item for row in rows for trial in row.trials for item in trial.findings)
    return {item.rule for item in findings if item.outcome == "fail" and item.action == "Deny" and not item.waiver}


def _status(row: Row, before: Row, *, failing: set[str], blamed: set[str]) -> Status:
    """What became of a row.

    Args:
        row: under the rules of both.
        before: the base's own.
        failing: all rules that fail.
        blamed: those of them that are the base's, so that it is the agent that broke them.
    """
    if row.verdict is Verdict.FAIL:
        failed = _failing([before]) if before.verdict is Verdict.FAIL else set()
        if blamed - failed:
            return "regressed"
        return "already failing" if failing <= failed else "new"
    if Verdict.UNDECIDED in (row.verdict, before.verdict):
        return ""
    return "fixed" if before.verdict is Verdict.FAIL and row.verdict in (Verdict.PASS, Verdict.WARN) else "unchanged"
