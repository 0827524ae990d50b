"""A case that is a whole run: the agent goes through it again, and policies judge what came of it.

In: a case and the agent that is asked. Out: its row, as `gate.judge` makes that of a step.

    run_to_row(judge_ref(rules, CaseRef(root, dataset, case), agent), answers)

As long as no request differs, the recorded run is judged. A run that was answered anew is judged as it was answered: by
policies over runs as a whole, and by those over steps at each step. What nobody recorded the result of is a frontier,
and undecided whatever the steps before it were.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterable, Sequence
from typing import Any

from runback_gate.agent import Agent
from runback_gate.analysis.recorded import RecordedRun, RecordedStep
from runback_gate.dataset.document import case_run
from runback_gate.frozen import dataclass
from runback_gate.gate.count import Count, KOfN
from runback_gate.gate.judge import CaseRef, RowTask, Rules, case_row, judge_case, show_answers
from runback_gate.gate.verdict import Trial, Verdict, trial_verdict, unallowed
from runback_gate.policy.evaluate import Judgement, judge
from runback_gate.policy.finding import Finding, Grade
from runback_gate.replay.evidence import Answer, Evidence, Query
from runback_gate.replay.whole_run import RunReplay, replay_run, steps_of
from runback_gate.step import Response, Run, Step, ToolRun

_WORST = (Evidence.MISSING, Evidence.LIVE, Evidence.CACHED, Evidence.RECORDED)


def judge_ref(rules: Rules, ref: CaseRef, agent: Agent, *, live: bool = True, fresh: bool = False) -> RowTask:
    """Judge a case, be it a step or a run; arguments and errors as `judge.judge_case`."""
    if ref.case.run is None:
        return (yield from judge_case(rules, ref, agent, live=live, fresh=fresh))
    return (yield from _judge_run(rules, ref, agent, live=live, fresh=fresh))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The run once more, as far as it went."""

    replay: RunReplay
    queries: tuple[Query, ...]

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The answer to each question."""
        return tuple(turn.answer for turn in self.replay.turns)

    @property
    def evidence(self) -> Evidence:
        """That of the step of which least is known."""
        return min((answer.evidence for answer in self.answers), key=_WORST.index)

    @property
    def frontier(self) -> int | None:
        """The step at which the agent did what nobody can answer."""
        return len(self.queries) - 1 if self.replay.end == "frontier" else None


def _judge_run(rules: Rules, ref: CaseRef, agent: Agent, *, live: bool, fresh: bool) -> RowTask:
    run = case_run(ref.root, ref.dataset, ref.case)
    attempts: list[_Attempt] = []
    trials: list[Trial] = []
    count: Count = rules.count(ref)
    verdict: Verdict | None = None
    judges = rules.judges(ref, agent)
    while verdict is None:
        more = (count.least(trials) - 1, count.most(trials) - 1, count.expected(trials) - 1)
        attempt = yield from _attempt(run, agent, len(trials), more, live=live, fresh=fresh, judges=judges)
        attempts.append(attempt)
        trials.append((yield from _trial(rules, ref, agent, run, attempt, len(trials))))
        if attempt.evidence is Evidence.RECORDED:
            # It cannot vary.
            count = KOfN(1, 1)
        verdict = count.settled(trials)
    decider = next((at for at, trial in enumerate(trials) if trial.verdict is verdict), len(trials) - 1)
    shown = {} if verdict is Verdict.PASS else _shown(rules, attempts, trials, decider)
    then = None if attempts[decider].evidence is Evidence.RECORDED else RecordedRun(run).answer
    frontier = attempts[decider].frontier
    return case_row(
        rules, ref, agent, verdict, shown.pop("trials", trials), count, then=then, frontier=frontier, **shown
    )


def _attempt(
    run: Run, agent: Agent, trial: int, more: tuple[int, int, float], **asked: Any
) -> Generator[Query, Answer, _Attempt]:
    """Go through the run once, asking for one answer after the other.

    Args:
        run: what was recorded.
        agent: the config that is asked.
        trial: which attempt it is, from 0.
        more: attempts after this one, at the least, at the most and on average.
        asked: other fields of each question.
    """
    replay = replay_run(run, agent, trial)
    steps = len(steps_of(run, agent))
    least, most, expected = more
    queries: list[Query] = []
    query = next(replay)
    while True:
        # An attempt takes one answer at the least, and one for each step if all goes well.
        most_left, expected_left = query.most + most * steps, query.most + expected * steps
        query = dataclasses.replace(query, least=1 + least, most=most_left, expected=expected_left, **asked)
        queries.append(query)
        answer = yield query
        try:
            query = replay.send(answer)
        except StopIteration as done:
            return _Attempt(done.value, tuple(queries))


def _trial(
    rules: Rules, ref: CaseRef, agent: Agent, run: Run, attempt: _Attempt, index: int
) -> Generator[Query, Answer, Trial]:
    """What the rules say of one attempt."""
    recorded = attempt.evidence is Evidence.RECORDED
    gap = _gap(rules, ref, agent, run, attempt)
    now = run if recorded else _answered(run, agent, attempt)
    judgement, grades = Judgement((), (), ()), tuple[Grade, ...]()
    item = RecordedRun(now, ref.case.tags, rules.labels(agent), ref.dataset.name, ref.case.id)
    if attempt.replay.end in ("as recorded", "answered"):
        if not recorded:
            then = {turn.step: run.steps[turn.step].response for turn in attempt.replay.turns if turn.step is not None}
            item = dataclasses.replace(item, baselines=then)
            rules.keep(ref, index, item)
        judgement, grades = yield from _judgement(rules, ref, item, agent, attempt)
    findings = rules.waived(ref, judgement.findings)
    return Trial(
        index=index,
        evidence=attempt.evidence,
        verdict=trial_verdict(judgement.judged, findings, answered=not gap),
        request=attempt.queries[-1].question.digest,
        answer="" if attempt.replay.end == "no answer" else item.answer,
        stored=next((answer.stored_digest for answer in attempt.answers if answer.stored_digest), None),
        note=gap or attempt.answers[0].note,
        passed=judgement.passed,
        skipped=judgement.skipped,
        findings=findings,
        judged=grades,
        not_understood=attempt.answers[-1].not_understood,
    )


def _gap(rules: Rules, ref: CaseRef, agent: Agent, run: Run, attempt: _Attempt) -> str:
    """Why an attempt is not whole enough to be green; empty where it is."""
    last, answers = len(attempt.queries) - 1, attempt.answers
    if attempt.replay.frontier is not None:
        return f"step {last}: nobody recorded what {attempt.replay.frontier.name} answers to this call"
    if attempt.replay.end == "no answer":
        error = answers[-1].response.error if answers[-1].response is not None else None
        return f"step {last}: {answers[-1].note or error or 'no answer'}"
    others = {step.agent for step in run.steps} - {agent.name}
    if others and attempt.evidence is not Evidence.RECORDED:
        return f"the run has steps of {', '.join(sorted(others))}, and nobody knows what they would do now"
    for step, answer in enumerate(answers):
        gap = unallowed(answer.response or Response(), rules.allowed(ref.case))
        if gap:
            return f"step {step}: {gap}"
    return ""


def _answered(run: Run, agent: Agent, attempt: _Attempt) -> Run:
    """The run as it was answered now. Its labels and what tools answered are the recorded ones."""
    steps = tuple(
        Step(agent.name, query.question.request, answer.response or Response(), query.step.source)
        for query, answer in zip(attempt.queries, attempt.answers, strict=True)
    )
    return Run(run.id, run.agent, steps, run.labels, run.parent, tuple(_tool_runs(run, attempt)), at=run.at)


def _tool_runs(run: Run, attempt: _Attempt) -> Iterable[ToolRun]:
    """What the recorder saw of the calls that are as recorded."""
    same = {
        turn.step: now
        for now, turn in enumerate(attempt.replay.turns)
        if turn.divergence is not None and turn.divergence.words in ("equivalent", "text changed")
    }
    return (dataclasses.replace(tool, step=same[tool.step]) for tool in run.tool_runs if tool.step in same)


def _judgement(
    rules: Rules, ref: CaseRef, item: RecordedRun, agent: Agent, attempt: _Attempt
) -> Generator[Query, Answer, tuple[Judgement, tuple[Grade, ...]]]:
    """What all policies say: those over runs of the run, those over steps of each step of the agent."""
    over_runs = [policy for policy in rules.policies if policy.scope == "run"]
    over_steps = [policy for policy in rules.policies if policy.scope == "step"]
    reads = frozenset[str]().union(*(policy.reads for policy in over_runs))
    found = [judge(over_runs, item.under_test(rules.engine, reads))]
    steps = item.content.steps
    places = [index for index, step in enumerate(steps) if step.agent == agent.name]
    subjects = {index: _of_step(item, index).under_test(rules.engine) for index in places}
    # The questions of a run are those of the agent's steps, one after the other.
    pairs = zip(places, attempt.queries, strict=False)
    answers = [(subjects[index], asked, steps[index].response) for index, asked in pairs]
    grades = yield from rules.graded(ref, answers)
    for index in places:
        # Taken out, so that the data of one step at a time is bound.
        said = judge(over_steps, subjects.pop(index))
        placed = (dataclasses.replace(each, message=f"step {index}: {each.message}") for each in said.findings)
        found.append(dataclasses.replace(said, findings=tuple(placed)))
    return _joined(found), grades


def _of_step(item: RecordedRun, index: int) -> RecordedStep:
    baseline = None if item.baselines is None else item.baselines.get(index)
    step = item.content.steps[index]
    return RecordedStep(item.run, index, step, item.tags, item.labels, item.dataset, item.case, baseline)


def _joined(parts: Sequence[Judgement]) -> Judgement:
    """One judgement of all parts: a rule that fails at one of them does not hold, and is said where it fails first."""
    findings: dict[tuple[str, str], Finding] = {}
    for item in (item for part in parts for item in part.findings):
        findings.setdefault((item.rule, item.outcome), item)
    broken = {rule for rule, _ in findings}
    passed = dict.fromkeys(rule for part in parts for rule in part.passed if rule not in broken)
    skipped = dict.fromkeys(rule for part in parts for rule in part.skipped if rule not in broken | passed.keys())
    return Judgement(tuple(passed), tuple(skipped), tuple(findings.values()))


def _shown(rules: Rules, attempts: Sequence[_Attempt], trials: Sequence[Trial], decider: int) -> dict[str, Any]:
    """The last question of each attempt and its answer, beside what was recorded at that step."""
    query = attempts[decider].queries[-1]
    responses = [attempt.answers[-1].response for attempt in attempts]
    return show_answers(rules.bodies, query.step, query.question, trials, responses)
