"""Judge models, asked about answers: what a rubric of a policy or of a case wants to know.

In: the rules of one revision, and answers under judgement, bound. Out: by way of the questions that it asks, the
grades; each is put into the step that it is about, where its rule finds it.

    grades = yield from grade([*policies, checks], [(step, query, response)])
    judge([*policies, checks], step)

The question depends on the rubric and the answer alone, so whoever asks the same has the same answer: it is asked once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterable, Iterator, Sequence

from runback_gate.canonical import digest
from runback_gate.frozen import dataclass
from runback_gate.policy.evaluate import Rule, RuleSet, StepUnderTest
from runback_gate.policy.finding import Grade
from runback_gate.policy.rubric import (
    Points,
    RubricDecider,
    grade_samples,
    is_self,
    judge_request,
    read_points,
    to_grade,
    ungraded,
)
from runback_gate.replay.evidence import Answer, Query, ReplayRequest
from runback_gate.step import Response, Source, Step, to_json

Judged = tuple[StepUnderTest, Query, Response]
"""An answer under judgement, bound; the question that it answers; and the answer."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A grade that a rule wants of a step."""

    step: StepUnderTest
    rule: Rule
    decider: RubricDecider
    first: Query | None
    """The question, for its first sample; None where nobody may be asked."""
    why: str = ""
    """Why nobody may be asked."""


def grade(
    rule_sets: Sequence[RuleSet], answers: Sequence[Judged], ahead: Sequence[RuleSet] = ()
) -> Generator[Query, Answer, tuple[Grade, ...]]:
    """Ask judge models about answers where rules want it; about an answer that is an error nobody is asked.

    `ahead` are rules that will judge the same answers later: what they ask is announced with each question.
    """
    wanted, later = (list(_wants(rules, answers)) for rules in (rule_sets, ahead))
    said: dict[tuple[str, int], Answer] = {}
    found = []
    for place, item in enumerate(wanted):
        following = tuple(other.first for other in (*wanted[place + 1 :], *later) if other.first is not None)
        got = yield from _asked(item, following, said)
        item.step.grades[item.decider] = got
        found.append(got)
    return tuple(found)


def _wants(rule_sets: Sequence[RuleSet], answers: Iterable[Judged]) -> Iterator[_Wanted]:
    for step, asked, response in answers:
        for rule, decider in to_grade(rule_sets, step) if response.error is None else ():
            yield _wanted(rule, decider, step, asked, response)


def _wanted(rule: Rule, decider: RubricDecider, step: StepUnderTest, asked: Query, response: Response) -> _Wanted:
    rubric = decider.rubric
    if not rubric.allowSelf and is_self(rubric, asked.question.request.model or response.model):
        return _Wanted(step, rule, decider, None, "it is the model under test (allowSelf: true allows that)")
    try:
        request = judge_request(rubric, response)
    except ValueError as error:
        return _Wanted(step, rule, decider, None, str(error))
    question = ReplayRequest(request, digest(to_json(request)), False, "")
    about = Step(asked.step.agent, request, Response(), Source("", 0, "exact"))
    count = rubric.samples
    return _Wanted(
        step, rule, decider, Query(about, question, 0, live=asked.live, risk=asked.risk, least=count, most=count)
    )


def _asked(
    item: _Wanted, following: tuple[Query, ...], said: dict[tuple[str, int], Answer]
) -> Generator[Query, Answer, Grade]:
    """Ask for one grade, sample by sample; `said` is what was answered so far."""
    rubric, first = item.decider.rubric, item.first
    if first is None:
        return ungraded(rubric, item.rule.id, item.why)
    samples: list[Points] = []
    stored: list[str | None] = []
    for sample in range(rubric.samples):
        left = rubric.samples - sample
        query = dataclasses.replace(first, trial=sample, least=left, most=left, following=following)
        if query.key not in said:
            said[query.key] = yield query
        reply = said[query.key]
        samples.append(Points((), reply.note) if reply.response is None else read_points(rubric, reply.response))
        stored.append(reply.stored_digest)
    return grade_samples(rubric, item.rule.id, first.question.digest, samples, stored)
