"""What one revision of a repository judges by: its policies, checks and waivers, compiled once.

In: a `Plan` and a CEL engine; then one answer after the other. Out: a `Trial` for each answer, a `Row` for each case.

    rules = Rules(plan, engine)
    asks = judge_case(rules, CaseRef(plan.root, dataset, case), agent)      # a generator
    replay(next(asks), answers)                                          # its first question

A row is made by a generator that asks for one answer at a time: it yields a `Query`, is sent the `Answer`, and returns
the row. So the same code judges what is recorded and what a model is asked for, one by one or many at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

from runback_gate.agent import Agent, ask
from runback_gate.analysis.recorded import Recorded, RecordedStep
from runback_gate.canonical import digest
from runback_gate.cel.engine import Engine
from runback_gate.cel.projection import needs
from runback_gate.dataset.document import Case, Dataset, case_step
from runback_gate.frozen import dataclass
from runback_gate.gate.bodies import Bodies, body
from runback_gate.gate.checks import NO_CHECKS, Deciders, compile_checks
from runback_gate.gate.count import Count, KOfN, count_of
from runback_gate.gate.grading import Judged, grade
from runback_gate.gate.plan import Plan
from runback_gate.gate.sequential import SequentialTest
from runback_gate.gate.trials import Interval, wilson
from runback_gate.gate.verdict import Row, Trial, Verdict, trial_verdict, unallowed
from runback_gate.gate.waivers import apply_waivers
from runback_gate.policy.batch import Batches
from runback_gate.policy.context import Layout, agent_facts, bindings, case_facts
from runback_gate.policy.evaluate import BoundStep, Judgement, RuleSet, StepUnderTest, compile_policy, judge
from runback_gate.policy.finding import ACTIONS, Finding, Grade
from runback_gate.policy.rubric import empty_request, rubrics, with_judged
from runback_gate.replay.evidence import Answer, Evidence, Query, ReplayRequest, compare_requests
from runback_gate.step import Request, Response, Step, to_json
from runback_gate.summary import summarize

RowTask = Generator[Query, Answer, Row]
"""The making of one row: it asks for answers and returns the row."""


@dataclass(frozen=True, slots=True)
class CaseRef:
    """A case, and the folder in which its recording lies."""

    root: Path
    dataset: Dataset
    case: Case

    @property
    def key(self) -> tuple[str, str]:
        """Dataset and case: what the case is called on every revision."""
        return self.dataset.name, self.case.id


class Rules:
    """The rules of one revision, and the waivers that were used so far."""

    def __init__(
        self,
        plan: Plan,
        engine: Engine,
        side: Literal["head", "base"] = "head",
        bodies: Bodies | None = None,
        tests: int = 1,
    ) -> None:
        self.plan = plan
        self.tests = tests
        """Sequential tests of the whole run, among which the error is shared."""
        self.bodies = Bodies() if bodies is None else bodies
        self.side = side
        self.engine = engine
        self.policies = [with_judged(policy, compile_policy(policy, engine)) for policy in plan.policies]
        self._batches = Batches(engine, self.policies)
        self._asking = [rules for rules in self.policies if any(rubrics(rules))]
        self.refs = [CaseRef(plan.root, dataset, case) for dataset in plan.datasets for case in dataset.cases]
        counts = (count_of(plan, ref.case, tests) for ref in self.refs)
        self.sequential: Sequence[SequentialTest] = tuple(dict.fromkeys(item.test for item in counts if item.test))
        """The sequential tests that cases ask for, each once."""
        self._datasets = {dataset.name: dataset for dataset in plan.datasets}
        self._deciders = {dataset.name: Deciders.of(dataset.cases, engine) for dataset in plan.datasets}
        for ref in self.refs:
            for check in ref.case.checks:
                self._deciders[ref.dataset.name].decider(check)
        read = (item.paths for item in self.policies if item.scope == "step")
        self._needs = needs(frozenset[str]().union(*read, *(item.reads for item in self._deciders.values())))
        self.waivers = {waiver.name: str(waiver) for waiver in plan.waivers}
        self.used: set[str] = set()
        self.beside: Rules | None = None
        """What judges the same answers after these: an estimate counts what it asks judge models as well."""
        self._same: dict[tuple[str, ...], tuple[str, ...]] = {}
        """Ids of the rules that hold for an answer or leave it out: mostly those of many answers."""
        self.remembers = False
        """Whether new answers are kept for what is said of all of them in the end: each takes what its step takes."""
        self._answered: dict[tuple[tuple[str, str], int], Recorded] = {}

    def _judged(
        self, ref: CaseRef, agent: Agent, asked: Query, response: Response
    ) -> Generator[Query, Answer, tuple[Judgement, tuple[Grade, ...]]]:
        """What the rules say of one answer; judge models are asked where a rule wants it."""
        case, step = ref.case, asked.step
        seen = partial(
            bindings,
            asked.question.request,
            response,
            baseline=step.response if step.source.run else None,
            case=case_facts(ref.dataset.name, case.id, case.tags, step.source.at),
            agent=agent_facts(agent.name, self.labels(agent)),
            unknown=[name for name in step.source.unknown if getattr(agent, name) is None],
        )

        def bound() -> BoundStep:
            # Of what no rule reads nothing is laid out, until a finding shows what it saw.
            found = BoundStep(self.engine, seen(layout=Layout(self._needs)), seen)
            self._batches.judge(found, agent.name, case.tags)
            return found

        subject = StepUnderTest(agent.name, case.tags, bound)
        checks = self.checks(ref)
        grades = yield from self.graded(ref, [(subject, asked, response)], checks)
        return judge([*self.policies, checks], subject), grades

    def _own(self, ref: CaseRef) -> CaseRef | None:
        """The case that this revision calls so; None where it has none."""
        return ref if ref.dataset is self._datasets.get(ref.dataset.name) else self._by_key.get(ref.key)

    @cached_property
    def _by_key(self) -> dict[tuple[str, str], CaseRef]:
        return {ref.key: ref for ref in self.refs}

    def checks(self, ref: CaseRef) -> RuleSet:
        """The checks that this revision has for a case. They are put together anew: those of all cases take memory."""
        own = self._own(ref)
        return NO_CHECKS if own is None else compile_checks(own.case.checks, self._deciders[own.dataset.name])

    def graded(
        self, ref: CaseRef, answers: Sequence[Judged], checks: RuleSet = NO_CHECKS
    ) -> Generator[Query, Answer, tuple[Grade, ...]]:
        """Ask judge models about answers to a case where a rule wants it; `checks` are those that will judge them."""
        ahead = () if self.beside is None else self.beside.asking(ref)
        asking = [*self._asking, checks] if any(rubrics(checks)) else self._asking
        return (yield from grade(asking, answers, ahead))

    def asking(self, ref: CaseRef) -> list[RuleSet]:
        """What judges a case and may ask a judge model: policies, and the checks that this revision has."""
        own = self._own(ref)
        asks = own is not None and any(check.rubric is not None for check in own.case.checks)
        return [*self._asking, self.checks(ref)] if asks else self._asking

    def judges(self, ref: CaseRef, agent: Agent) -> tuple[Request, ...]:
        """What judge models may be asked about each answer to a case, as `Query.judges`; no question twice."""
        found: dict[str, tuple[Request, int]] = {}
        for rules in (*self.asking(ref), *(() if self.beside is None else self.beside.asking(ref))):
            for rubric in rubrics(rules) if rules.concerns(agent.name, ref.case.tags) else ():
                request = empty_request(rubric)
                key = digest(to_json(request))
                found[key] = request, max(rubric.samples, found.get(key, (request, 0))[1])
        return tuple(request for request, samples in found.values() for _ in range(samples))

    def count(self, ref: CaseRef) -> Count:
        """How often a case is asked; one of the other side by what this side asks where it does not say it."""
        return count_of(self.plan, (self._own(ref) or ref).case, self.tests)

    def risk(self, ref: CaseRef, agent: Agent, step: Step, question: ReplayRequest) -> int:
        """How likely a change shows in a case: a changed prompt or model before others, then what policies concern."""
        now, then = question.request, step.request
        changed = now.model != then.model or now.system != then.system
        return 2 * changed + any(item.concerns(agent.name, ref.case.tags) for item in self.policies)

    def labels(self, agent: Agent) -> dict[str, str]:
        """The labels that this revision gives the agent: a change must not label itself out of a rule."""
        own = next((item for item in self.plan.agents if item.name == agent.name), agent)
        return own.labels

    def allowed(self, case: Case) -> frozenset[str]:
        """The kinds of an incomplete answer that are judged all the same."""
        return frozenset(self.plan.gate.allow) | case.allow

    def _keep(self, ref: CaseRef, agent: Agent, asked: Query, answer: Answer) -> None:
        """Remember an answer that is no recording, for what is said of all answers in the end."""
        if not self.remembers or answer.response is None or answer.evidence is Evidence.RECORDED:
            return
        step = Step(agent.name, asked.question.request, answer.response, asked.step.source)
        item = RecordedStep(
            run=f"{ref.dataset.name}/{ref.case.id}",
            step=digest(to_json(answer.response)),
            content=step,
            tags=ref.case.tags,
            labels=self.labels(agent),
            dataset=ref.dataset.name,
            case=ref.case.id,
            baseline=asked.step.response,
        )
        self.keep(ref, asked.trial, item)

    def keep(self, ref: CaseRef, trial: int, item: Recorded) -> None:
        """Remember what was answered anew, for what is said of all answers in the end."""
        if self.remembers:
            self._answered[ref.key, trial] = item

    def new_answers(self) -> Iterator[Recorded]:
        """The answers to the agents of this revision that are no recordings, by case and trial as written."""
        places = {ref.key: place for place, ref in enumerate(self.refs)}
        for key in sorted(self._answered, key=lambda key: (places.get(key[0], len(places)), key)):
            yield self._answered[key]

    def waived(self, ref: CaseRef, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Findings as those of this revision, with its waivers."""
        own = (dataclasses.replace(item, side=self.side) for item in findings)
        found = apply_waivers(own, self.plan.waivers, ref.case.id, self.plan.day)
        self.used.update(finding.waiver for finding in found if finding.waiver)
        return found

    def trial(self, ref: CaseRef, agent: Agent, asked: Query, answer: Answer) -> Generator[Query, Answer, Trial]:
        """Judge one answer, with the waivers of this revision; judge models are asked where a rule wants it."""
        judgement, grades = Judgement((), (), ()), tuple[Grade, ...]()
        if answer.response is not None:
            judgement, grades = yield from self._judged(ref, agent, asked, answer.response)
        answered = answer.response is not None and answer.response.error is None
        note = answer.note
        if answer.response is not None:
            gap = unallowed(answer.response, self.allowed(ref.case))
            answered, note = answered and not gap, "; ".join(part for part in (answer.note, gap) if part)
            self._keep(ref, agent, asked, answer)
        findings = self.waived(ref, judgement.findings)
        return Trial(
            index=asked.trial,
            evidence=answer.evidence,
            verdict=trial_verdict(judgement.judged, findings, answered=answered),
            request=asked.question.digest,
            answer="" if answer.response is None else summarize(answer.response),
            stored=answer.stored_digest,
            note=note,
            latency_ms=None if answer.response is None else answer.response.latency_ms,
            cost_usd=None if answer.response is None else answer.response.cost_usd,
            passed=self._same.setdefault(judgement.passed, judgement.passed),
            skipped=self._same.setdefault(judgement.skipped, judgement.skipped),
            findings=findings,
            judged=grades,
            not_understood=answer.not_understood,
        )


def _question(agent: Agent, step: Step) -> ReplayRequest:
    """What a step asks now, held against its recording; says when only the key of the pseudonyms could compare them."""
    question = compare_requests(step, ask(agent, step))
    if question.recorded or agent.redact_key is not None or step.source.redaction in (None, "off"):
        return question
    # Imported here: recordings without redaction do not pay for its rules.
    from runback_gate.agent.redaction import lacks_key  # noqa: PLC0415
    from runback_gate.redact import KEY_VARIABLE  # noqa: PLC0415

    if not lacks_key(step, question.request):
        return question
    return dataclasses.replace(question, note=f"{question.note}: it is redacted, and {KEY_VARIABLE} is not set")


def judge_case(rules: Rules, ref: CaseRef, agent: Agent, *, live: bool = True, fresh: bool = False) -> RowTask:
    """Judge one case under an agent config, trial by trial, until it is settled.

    Args:
        rules: what judges.
        ref: the case.
        agent: the config that is asked.
        live: whether a model may be asked for what is not known.
        fresh: whether the recorded answer is not enough, see `Query`.

    Raises:
        InputError: the recording is missing or was changed, or a template does not fit its variables.
    """
    step = case_step(ref.root, ref.dataset, ref.case)
    question = _question(agent, step)
    recorded = question.recorded and not fresh
    count = KOfN(1, 1) if recorded else rules.count(ref)
    risk = rules.risk(ref, agent, step, question)
    first = Query(step, question, 0, live=live, fresh=fresh, risk=risk, judges=rules.judges(ref, agent))
    verdict, trials, responses = yield from _settled(rules, ref, agent, first, count)
    shown = {} if verdict is Verdict.PASS else show_answers(rules.bodies, step, question, trials, responses)
    then = None if recorded else summarize(step.response) if step.source.run else ""
    return case_row(rules, ref, agent, verdict, shown.pop("trials", trials), count, then=then, **shown)


def case_row(
    rules: Rules,
    ref: CaseRef,
    agent: Agent,
    verdict: Verdict,
    trials: Sequence[Trial],
    count: Count,
    *,
    then: str | None,
    **more: Any,
) -> Row:
    """The row of a case whose trials are settled; `then` is what was recorded, None where that is what was judged."""
    count = count.extended(len(trials))
    decider = next((trial for trial in trials if trial.verdict is verdict), None) or _open(trials)
    return Row(
        kind="case",
        agent=agent.name,
        dataset=ref.dataset.name,
        case=ref.case.id,
        verdict=verdict,
        evidence=decider.evidence,
        note="; ".join(part for part in (decider.note, count.note(trials, verdict)) if part),
        needed=count.needed,
        planned=count.planned,
        then=decider.answer if then is None else then,
        now=decider.answer,
        why=ref.case.why,
        recording=ref.case.step,
        run=ref.case.run,
        location=ref.case.location,
        trials=tuple(trials),
        findings=tuple(sorted(decider.findings, key=severity)),
        waivers=tuple(dict.fromkeys(rules.waivers[item.waiver] for item in decider.findings if item.waiver)),
        interval=_interval(trials),
        sequential=count.test,
        **more,
    )


def _settled(
    rules: Rules, ref: CaseRef, agent: Agent, first: Query, count: Count
) -> Generator[Query, Answer, tuple[Verdict, list[Trial], list[Response | None]]]:
    """Trials with their answers, until they are settled."""
    trials: list[Trial] = []
    responses: list[Response | None] = []
    while True:
        least, most, expected = count.least(trials), count.most(trials), count.expected(trials)
        query = dataclasses.replace(first, trial=len(trials), least=least, most=most, expected=expected)
        answer = yield query
        trials.append((yield from rules.trial(ref, agent, query, answer)))
        responses.append(answer.response)
        verdict = count.settled(trials)
        if verdict is not None:
            return verdict, trials, responses


def _open(trials: Sequence[Trial]) -> Trial:
    """The trial that a case is shown by which as many as were allowed left open: the first that failed."""
    return next((trial for trial in trials if trial.verdict is Verdict.FAIL), trials[-1])


def show_answers(
    bodies: Bodies, step: Step, question: ReplayRequest, trials: Sequence[Trial], responses: Sequence[Response | None]
) -> dict[str, Any]:
    """What was asked and answered in full, then and now, kept for whoever has to decide a row."""
    asked = (question.digest, question.written) if question.written else body(question.request)
    answers = [None if response is None else body(response) for response in responses]
    recorded = [body(step.request), body(step.response)] if step.source.run else []
    bodies.keep(dict([asked, *filter(None, answers), *recorded]))
    whole = [
        trial if answer is None else dataclasses.replace(trial, answer_digest=answer[0])
        for trial, answer in zip(trials, answers, strict=True)
    ]
    names = zip(("recorded_request", "recorded_answer"), recorded, strict=False)
    return {"trials": whole, **{field: name for field, (name, _) in names}}


def _interval(trials: Sequence[Trial]) -> Interval | None:
    failed = sum(trial.verdict is Verdict.FAIL for trial in trials)
    counted = sum(trial.verdict is not Verdict.UNDECIDED for trial in trials)
    return wilson(counted - failed, counted) if counted > 1 else None


def severity(finding: Finding) -> tuple[bool, bool, int]:
    """What is worst comes first: failures before errors, Deny before Warn, what is waived last."""
    return finding.waiver is not None, finding.outcome == "error", ACTIONS.index(finding.action)


def unanswered(row: Row) -> bool:
    """Whether an answer was missing that the row wanted."""
    return any(trial.evidence is Evidence.MISSING for trial in row.trials)
