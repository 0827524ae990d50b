"""`bisect` and `cause`: which version, and which part of its context, makes an agent do what it should not.

In: a `Subject` (a step of a run, or a case of the gate), what counts as the behaviour, and what finds answers. Out: a
`Bisected` or a `FoundCause`.

    subject = run_subject(run, 9, Edit(), gate)
    breaks = rule_breach(files.policies, "refunds.limit", subject)
    find(subject, breaks, live).cause.cause                 # places of the parts that matter
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path

from runback_gate.agent import ask
from runback_gate.analysis.recorded import RecordedStep
from runback_gate.app.cases import AddedCase, NewCase, find_case, parse_check
from runback_gate.app.policies import PolicyRoot, compile_all, load_policy_files
from runback_gate.app.recorded import recorded_step
from runback_gate.app.replay import Asked, Edit, edited, keep_answer, with_provider
from runback_gate.app.rules import compile_rule
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.dataset.checks import Check
from runback_gate.dataset.document import CaseCheck
from runback_gate.errors import InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.gate.checks import Deciders, compile_checks
from runback_gate.gate.config import Gate
from runback_gate.gate.plan import Plan
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import RuleSet, judge
from runback_gate.replay.bisect import Bisection, Breaks, bisect
from runback_gate.replay.cause import TRIALS, Cause, find_cause
from runback_gate.replay.live import LiveDriver
from runback_gate.replay.spend import Spend
from runback_gate.replay.step import diverge
from runback_gate.step import Request, Response, Run, Step


@dataclass(frozen=True, slots=True)
class Subject:
    """A step whose behaviour is looked into, and how rules see it."""

    run: Run
    index: int
    step: Step
    """With the request that is asked."""
    tags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of the agent config."""
    dataset: str = ""
    case: str = ""

    @property
    def title(self) -> str:
        """`RUN step N`, or `DATASET/CASE`."""
        return f"{self.dataset}/{self.case}" if self.case else f"{self.run.id} step {self.index}"

    def asks(self, request: Request) -> Subject:
        """The same with another request."""
        return dataclasses.replace(self, step=dataclasses.replace(self.step, request=request))


@dataclass(frozen=True, slots=True)
class Version:
    """One of several versions that are told apart."""

    name: str
    """As people know it: a file, a commit, a model."""
    edit: Edit


@dataclass(frozen=True, slots=True)
class Bisected:
    """What came of a bisection."""

    subject: Subject
    versions: tuple[Version, ...]
    """Without those that ask what the one before them asks."""
    found: Bisection
    spend: Spend

    @property
    def shown(self) -> bool:
        """Whether a version goes wrong."""
        return self.found.first is not None

    @property
    def told(self) -> bool:
        """Whether it could be told."""
        return not self.found.why


@dataclass(frozen=True, slots=True)
class FoundCause:
    """What came of the search for a cause."""

    subject: Subject
    cause: Cause
    spend: Spend

    @property
    def shown(self) -> bool:
        """Whether a cause is claimed."""
        return self.cause.verdict in ("cause", "enough")

    @property
    def told(self) -> bool:
        """Whether it could be told."""
        return self.cause.verdict != "could not tell"


def run_subject(run: Run, index: int, edit: Edit, gate: Gate | None) -> Subject:
    """A step of a run, with what an edit changes of its request.

    Raises:
        InputError: the run has no such step, or the edit does not fit it.
    """
    step = recorded_step(run, index)
    return Subject(run, index, dataclasses.replace(step, request=edited(step, edit, gate)))


def case_subject(plan: Plan, name: str, *, model: str | None = None) -> Subject:
    """A case of a gate, asked as its agent config asks it today.

    Args:
        plan: the gate.
        name: CASE or DATASET/CASE.
        model: another model than the agent states.

    Raises:
        InputError: no case, or more than one, is named so.
    """
    found = find_case(plan.root, name)
    if found.case.run is not None:
        raise InputError(f"case {found.title} is a whole run", hint="name a RUN and a STEP")
    agent = plan.agent(found.dataset.agent)
    request = ask(agent, found.step)
    request = dataclasses.replace(request, model=with_provider(model or request.model, plan.gate))
    run = Run(found.case.id, found.dataset.agent, (found.step,))
    step = dataclasses.replace(found.step, request=request)
    return Subject(run, 0, step, found.case.tags, agent.labels, found.dataset.name, found.case.id)


def rule_breach(policies: Sequence[Policy], rule: str, subject: Subject) -> Breaks:
    """Whether an answer breaks a rule; one that cannot be evaluated on it is not broken.

    Raises:
        InputError: no rule has this id, its policy does not compile, is about runs, or does not concern the agent or
            case.
    """
    engine = CppEngine()
    owner, rules = compile_rule(policies, rule, engine)
    if rules.scope == "run":
        raise InputError(
            f"rule {rule!r} applies to whole runs", hint="only one step is asked again here: name a rule over steps"
        )
    if not rules.concerns(subject.step.agent, subject.tags):
        raise InputError(f"policy {owner.name} of {rule} does not concern {subject.title}", hint="see its `match`")
    return _breach([rules], engine, subject, rule)


def check_breach(checks: Sequence[CaseCheck], subject: Subject) -> Breaks:
    """Whether an answer does not keep one of the checks.

    Raises:
        InputError: one does not compile, or needs a judge model.
    """
    if any(check.rubric is not None for check in checks):
        raise InputError("a rubric cannot be searched by: each answer would need a judge model")
    engine = CppEngine()
    return _breach([compile_checks(checks, Deciders(engine))], engine, subject)


def named_breach(
    subject: Subject, *, rule: str | None, checks: Sequence[str], policies: Sequence[PolicyRoot]
) -> Breaks | None:
    """Whether an answer does what somebody named: breaks a rule of the policies, or does not keep a check.

    None where nothing was named.

    Raises:
        InputError: as `rule_breach` and `check_breach`; or a check is none.
    """
    if rule is not None:
        return rule_breach(load_policy_files(policies, with_tests=False).policies, rule, subject)
    return check_breach(parse_checks(checks), subject) if checks else None


def case_breach(plan: Plan, subject: Subject) -> Breaks:
    """Whether an answer makes the row of a case red: a check or a rule that denies fails.

    Raises:
        InputError: a rule does not compile.
    """
    engine = CppEngine()
    case = next(
        case
        for dataset in plan.datasets
        for case in dataset.cases
        if (dataset.name, case.id) == (subject.dataset, subject.case)
    )
    rules = compile_all(plan.policies, engine)
    checks = [check for check in case.checks if check.rubric is None]
    return _breach([*rules, compile_checks(checks, Deciders(engine))], engine, subject)


def call_change(subject: Subject) -> Breaks:
    """Whether an answer asks for other calls than the recorded one, or with other arguments."""
    then = subject.run.steps[subject.index].response
    return lambda _, response: diverge(then, response).words in ("tool changed", "arguments changed")


def _breach(rules: Sequence[RuleSet], engine: CppEngine, subject: Subject, rule: str | None = None) -> Breaks:
    then = subject.run.steps[subject.index].response

    def breaks(request: Request, response: Response) -> bool:
        step = dataclasses.replace(subject.step, request=request, response=response)
        answer = RecordedStep(
            subject.run.id, subject.index, step, subject.tags, subject.labels, subject.dataset, subject.case, then
        )
        findings = judge(rules, answer.under_test(engine)).findings
        return any(
            item.outcome == "fail" and (item.action == "Deny" if rule is None else item.rule == rule)
            for item in findings
        )

    return breaks


def parse_checks(texts: Sequence[str]) -> tuple[CaseCheck, ...]:
    """Checks from the command line (`app.cases.parse_check`).

    Raises:
        InputError: one is not a check.
    """
    found = []
    for text in texts:
        check = Check.model_validate(parse_check(text))
        place = Location("--check")
        found.append(CaseCheck(check.kind, check.title, check.expression, check.jsonSchema, place, check.judge))
    return tuple(found)


def bisect_versions(
    subject: Subject,
    versions: Sequence[Version],
    breaks: Breaks,
    live: LiveDriver,
    *,
    trials: int = 1,
    gate: Gate | None = None,
) -> Bisected:
    """Find the first version under which the step shows the behaviour; versions are given the oldest first.

    Raises:
        InputError: no version is given, or one does not fit the step.
    """
    kept: list[tuple[Version, Request]] = []
    for version in versions:
        request = edited(subject.step, version.edit, gate)
        if not kept or kept[-1][1] != request:
            kept.append((version, request))
    if not kept:
        raise InputError("no version to bisect", hint="name prompts, revisions or models, the oldest first")
    requests = [request for _, request in kept]
    ((_, found),) = live([partial(bisect, subject.step, requests, breaks, trials)])
    return Bisected(subject, tuple(version for version, _ in kept), found, live.spend())


def find(subject: Subject, breaks: Breaks, live: LiveDriver, *, trials: int = TRIALS) -> FoundCause:
    """Search the parts of the context that make the step show the behaviour; `trials` of each confirmation."""
    ((_, cause),) = live([partial(find_cause, subject.step, breaks, trials)])
    return FoundCause(subject, cause, live.spend())


def keep_smallest(root: Path, found: FoundCause, new: NewCase) -> AddedCase:
    """Make a case of the smallest context that still shows the behaviour, with an answer that does.

    It has no checks: what the answer does is wrong. The caller writes its files.

    Raises:
        InputError: nothing was claimed, or the dataset does not take the case.
    """
    cause = found.cause
    if cause.smallest is None or cause.answer is None or not found.shown:
        raise InputError("there is no cause that could be kept", hint=cause.why)
    return keep_answer(
        root,
        found.subject.run,
        found.subject.index,
        Asked(cause.smallest, cause.answer),
        dataclasses.replace(new, checks=()),
    )
