"""The loop: each case to its request, its answers, its findings and its row.

In: a `Plan`, a CEL engine, a store of earlier answers. Out: `Result`. Reads recordings and answers; decides nothing by
clock or chance.

    result = run_gate(plan, engine, ResponseCache(folder))
    gate_verdict(result.rows)
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any, Literal

from runback_gate.agent import ask
from runback_gate.dataset.document import Case, Dataset, case_step
from runback_gate.dataset.recordings import recording_path
from runback_gate.gate.plan import Plan
from runback_gate.gate.verdict import Row, Trial, Verdict, settle_trials, trial_verdict
from runback_gate.gate.waivers import Waiver, apply_waivers
from runback_gate.policy.context import agent_facts, bindings, case_facts
from runback_gate.policy.document import ACTIONS
from runback_gate.policy.engine import Engine
from runback_gate.policy.evaluate import Finding, Judgement, Subject, compile_checks, compile_policy, judge
from runback_gate.replay.compare import summarize
from runback_gate.replay.evidence import Answers, Evidence, Question, Replay, compare_requests, replay
from runback_gate.step import Step

_ORDER = {
    kind: rank
    for rank, kind in enumerate((Verdict.FAIL, Verdict.UNDECIDED, Verdict.WARN, Verdict.WAIVED, Verdict.PASS))
}

Stored = tuple[Literal["recording", "answer"], str, str]
"""Kind, path and digest of a file that was used."""

Progress = Callable[[int, int, Row], None]
"""Called after each case with the cases done, the cases in all, and the row."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the gate judged."""

    rows: tuple[Row, ...]
    """Worst first, then as written."""
    stored: tuple[Stored, ...]
    """Every recording and cached answer that was used."""
    vacuous: tuple[str, ...]
    """Names of the policies that concerned no answer."""


def run_gate(plan: Plan, engine: Engine, answers: Answers, progress: Progress = lambda *_: None) -> Result:
    """Judge every case of the plan.

    Raises:
        InputError: a policy or check does not compile, or a recording or stored answer is missing or was changed.
    """
    loop = _Loop(plan, engine, answers)
    work = [(dataset, case) for dataset in plan.datasets for case in dataset.cases]
    rows = []
    for done, (dataset, case) in enumerate(work, 1):
        rows.append(loop.row(dataset, case))
        progress(done, len(work), rows[-1])
    undecided = {row.case for row in rows if row.verdict is Verdict.UNDECIDED}
    rows += [row for waiver in plan.waivers if (row := loop.waiver_row(waiver, undecided))]
    judged = {rule_id for row in rows for trial in row.trials for rule_id in trial.passed}
    judged |= {finding.rule for row in rows for trial in row.trials for finding in trial.findings}
    # A policy that met no answer because there was none says nothing of itself.
    answered = all(trial.evidence is not Evidence.MISSING for row in rows for trial in row.trials)
    silent = [item.name for item in plan.policies if judged.isdisjoint(rule.id for rule in item.validations)]
    vacuous = tuple(silent) if answered else ()
    return Result(tuple(sorted(rows, key=lambda row: _ORDER[row.verdict])), tuple(loop.stored), vacuous)


class _Loop:
    """What stays the same from case to case."""

    def __init__(self, plan: Plan, engine: Engine, answers: Answers) -> None:
        self.plan = plan
        self.engine = engine
        self.answers = answers
        self.policies = [compile_policy(policy, engine) for policy in plan.policies]
        self.checks = {
            (dataset.name, case.id): compile_checks(case.checks, engine)
            for dataset in plan.datasets
            for case in dataset.cases
        }
        self.waivers = {waiver.name: str(waiver) for waiver in plan.waivers}
        self.used: set[str] = set()
        self.stored: list[Stored] = []

    def row(self, dataset: Dataset, case: Case) -> Row:
        """Judge one case, trial by trial, until k of n is settled."""
        agent = self.plan.agent(dataset.agent)
        step = case_step(self.plan.root, dataset, case)
        if case.step is not None:
            self.stored.append(("recording", recording_path(dataset.path, case.step), case.step))
        question = compare_requests(step, ask(agent, step))
        k_of_n = case.trials or self.plan.gate.trials
        needed, planned = (1, 1) if question.recorded else (k_of_n.needed, k_of_n.n)
        answers: list[Replay] = []
        trials: list[Trial] = []
        verdict = None
        while verdict is None:
            answers.append(replay(step, question, len(trials), self.answers))
            trials.append(self._trial(dataset, case, step, question, answers[-1], len(trials)))
            verdict = settle_trials(trials, needed, planned)
        decider = next(trial for trial in trials if trial.verdict is verdict)
        return Row(
            kind="case",
            agent=agent.name,
            dataset=dataset.name,
            case=case.id,
            verdict=verdict,
            evidence=decider.evidence,
            note=answers[decider.index].note,
            needed=needed,
            planned=planned,
            then=decider.answer if question.recorded else summarize(step.response) if step.source.run else "",
            now=decider.answer,
            why=case.why,
            recording=case.step,
            location=case.location,
            trials=tuple(trials),
            findings=tuple(sorted(decider.findings, key=_severity)),
            waivers=tuple(dict.fromkeys(self.waivers[item.waiver] for item in decider.findings if item.waiver)),
        )

    def _trial(self, dataset: Dataset, case: Case, step: Step, question: Question, answer: Replay, index: int) -> Trial:
        if answer.answer is not None:
            self.stored.append(("answer", f"{question.digest}.{index}", answer.answer))
        judgement = Judgement((), (), ())
        if answer.response is not None:
            agent = self.plan.agent(dataset.agent)
            data = bindings(
                question.request,
                answer.response,
                baseline=step.response if step.source.run else None,
                case=case_facts(dataset.name, case.id, case.tags, step.source.at),
                agent=agent_facts(agent.name, agent.labels),
                unknown=[name for name in step.source.unknown if getattr(agent, name) is None],
            )
            rules = [item for item in self.policies if item.concerns(agent.name, case.tags)]
            judgement = judge(Subject(self.engine, data), [*rules, self.checks[dataset.name, case.id]])
        answered = answer.response is not None and answer.response.error is None
        findings = apply_waivers(judgement.findings, self.plan.waivers, case.id, self.plan.day)
        self.used.update(finding.waiver for finding in findings if finding.waiver)
        return Trial(
            index=index,
            evidence=answer.evidence,
            verdict=trial_verdict(judgement.judged, findings, answered=answered),
            request=question.digest,
            answer="" if answer.response is None else summarize(answer.response),
            passed=judgement.passed,
            skipped=judgement.skipped,
            findings=findings,
        )

    def waiver_row(self, waiver: Waiver, undecided: Set[str]) -> Row | None:
        """A red row for a waiver that is expired, or that waives nothing in a run of the whole gate.

        Where a case that it names is undecided, nobody knows yet what it waives.
        """
        if waiver.expired(self.plan.day):
            why = f"expired on {waiver.expires}: fix the breach or have {waiver.owner} renew it"
        elif waiver.name not in self.used and not self.plan.selection and undecided.isdisjoint(waiver.cases):
            why = "waives nothing: no case breaks what it names, so remove it"
        else:
            return None
        blank: dict[str, Any] = {
            "evidence": None,
            "recording": None,
            "then": "",
            "now": "",
            "note": "",
            "agent": "",
            "dataset": "",
        }
        return Row(
            kind="waiver",
            case=waiver.name,
            verdict=Verdict.FAIL,
            needed=0,
            planned=0,
            why=why,
            location=waiver.location,
            trials=(),
            findings=(),
            **blank,
        )


def _severity(finding: Finding) -> tuple[bool, bool, int]:
    return finding.waiver is not None, finding.outcome == "error", ACTIONS.index(finding.action)
