"""`policy draft`: a failing step becomes a policy, its test and a case, and none of them without a warrant.

In: the folder of a gate, a run with a step that went wrong, and recorded runs. Out: a `Draft`: the files, what was
claimed of the rule and held, and which other rules were tried. The caller writes the files of one that is admitted.

    found = draft_policy(Record(load_plan(Path(), day=day), run, Path("runs")), 9, DraftOptions())
    found.admitted, [claim.text for claim in found.claims]
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import chain
from pathlib import Path
from typing import Any

from runback_gate.analysis.lint import lint_policy
from runback_gate.analysis.policy_tests import run_tests
from runback_gate.analysis.recorded import VIEW_ONLY, RecordedStep, recorded
from runback_gate.analysis.templates import TEMPLATES, Call, Candidate, candidates
from runback_gate.app.cases import NewCase, add_case, case_name, dataset_file
from runback_gate.app.draft_files import Names, policy_text, test_text
from runback_gate.app.paths import below, slug
from runback_gate.app.policies import compile_all
from runback_gate.app.recorded import recorded_step
from runback_gate.app.rules import judge_whole
from runback_gate.canonical import exact_bytes
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.dataset.document import load_dataset
from runback_gate.dataset.recordings import recording
from runback_gate.documents import parse_document, suggestion
from runback_gate.documents.named_files import write_file
from runback_gate.errors import InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.gate.plan import Plan
from runback_gate.gate.record import recorded_cases
from runback_gate.plural import many
from runback_gate.policy.document import Policy, policy_of
from runback_gate.policy.evaluate import RuleSet, compile_policy, judge, results
from runback_gate.policy.finding import Finding
from runback_gate.policy.left_out import judged_ids, left_out_lines
from runback_gate.policy.policy_test_document import policy_test
from runback_gate.step import Run, Step, to_json
from runback_gate.store.folder import load_runs

MAX_SEEN = 10_000
"""Fine calls of a tool that templates look at."""
_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SHOWN = 5
_EXAMPLE = 4096
"""Bytes of an example of a policy test."""
Word = Callable[[Step, Sequence[Policy]], Candidate]
"""Words a rule about a step, beside the policies that stand."""


@dataclass(frozen=True, slots=True)
class DraftOptions:
    """What the rule is about, and what its files are called; None for what the step says."""

    template: str | None = None
    tool: str | None = None
    name: str | None = None
    """Of the rule; its policy has the same, in small letters and dashes."""
    dataset: str | None = None
    case: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What a rule is held against."""

    plan: Plan
    run: Run
    """The run of the incident."""
    folder: Path | None = None
    """A run, or a folder of runs; None for the run of the incident alone."""

    def runs(self) -> Iterator[Run]:
        """The recorded runs, one by one, that of the incident among them.

        Raises:
            InputError: one of them cannot be read.
        """
        there = False
        for item in () if self.folder is None else load_runs(self.folder, note=lambda _: None):
            there |= item.id == self.run.id
            yield item
        if not there:
            yield self.run

    def steps(self, incident: Step) -> Iterator[RecordedStep]:
        """The steps of the same agent that are not the incident itself: recordings of the gate, then runs."""
        cases = (
            (item,) if isinstance(item, RecordedStep) else recorded(item.content) for item in recorded_cases(self.plan)
        )
        for item in chain.from_iterable(chain(cases, map(recorded, self.runs()))):
            if _is_other(item.content, incident):
                yield item


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that a rule must keep to be admitted."""

    text: str
    holds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule with its warrant, and what was tried before it."""

    candidate: Candidate
    names: Names
    claims: tuple[Claim, ...]
    files: Mapping[str, bytes] = field(repr=False)
    """By path from the folder of the gate, in the order in which they are written."""
    case: str
    """Id of the case that the incident is."""
    tried: tuple[Draft, ...] = ()
    """Rules that were not admitted."""

    @property
    def admitted(self) -> bool:
        """Whether every claim holds."""
        return bool(self.claims) and all(claim.holds for claim in self.claims)


def draft_policy(record: Record, index: int, options: DraftOptions, word: Word | None = None) -> Draft:
    """Draft a rule that would have denied a step.

    Args:
        record: the gate, the run with the step, and the runs that the rule is held against.
        index: the step, from 0.
        options: what the rule is about and what its files are called.
        word: words the rule; None for templates.

    Raises:
        InputError: no such step, it can only be viewed, no template fits it, or a file or a name is there already.
        ProviderError: the model that is to word it gives no rule.
    """
    run = record.run
    step = recorded_step(run, index)
    if step.source.grade == "view-only":
        raise InputError(f"run {run.id} step {index}: {VIEW_ONLY}")
    engine = CppEngine()
    incident = RecordedStep(run.id, index, step)
    fine, seen = _fine(record, step, compile_all(record.plan.policies, engine), engine)
    if word is None:
        wanted = [item for item in candidates(_calls(incident), seen) if options.template in (None, item.template)]
        wanted = [item for item in wanted if options.tool in (None, item.tool)]
        if not wanted:
            raise _nothing(step, options)
    else:
        wanted = [word(step, record.plan.policies)]
    drafts = [_named(record, index, item, options) for item in wanted]
    return _first(record, incident, drafts, fine, engine)


def write_draft(root: Path, found: Draft) -> None:
    """Write the files of a draft that is admitted.

    Raises:
        ValueError: it is not admitted.
        WriteError: a file cannot be written.
    """
    if not found.admitted:
        raise ValueError("a rule without its warrant is not written")
    for path, data in found.files.items():
        write_file(below(root, path), data)


def _is_other(step: Step, incident: Step) -> bool:
    if step.agent != incident.agent or step.source.grade == "view-only":
        return False
    return _said(step) != _said(incident) if step.response == incident.response else True


def _said(step: Step) -> bytes:
    return exact_bytes([to_json(step.request), to_json(step.response)])


def _denying(rules: Sequence[RuleSet], item: RecordedStep, engine: CppEngine) -> list[Finding]:
    """What rules that deny say against a step; some of it may be that they cannot be evaluated."""
    return [found for found in judge(rules, item.under_test(engine)).findings if found.action == "Deny"]


def _fine(
    record: Record, step: Step, rules: Sequence[RuleSet], engine: CppEngine
) -> tuple[frozenset[tuple[str, int | str]], dict[str, list[Call]]]:
    """The steps that no rule denies today, and their calls of the tools that the incident calls."""
    tools = {call.name for call in step.response.tool_calls}
    fine: set[tuple[str, int | str]] = set()
    seen: dict[str, list[Call]] = {}
    for item in record.steps(step):
        if _denying(rules, item, engine):
            continue
        fine.add((item.run, item.step))
        if tools.isdisjoint(call.name for call in item.content.response.tool_calls):
            continue
        for call in _calls(item):
            known = seen.setdefault(call.tool, [])
            known += [call] if len(known) < MAX_SEEN else []
    return frozenset(fine), seen


def _calls(item: RecordedStep) -> list[Call]:
    """The calls of a step whose arguments are an object, with the calls before them."""
    data: Any = item.data()
    before = tuple((entry["name"], entry["arguments"]) for entry in data["history"])
    calls = data["response"].get("tool_calls", [])
    return [Call(call["name"], call["arguments"], before) for call in calls if isinstance(call["arguments"], dict)]


def _nothing(step: Step, options: DraftOptions) -> InputError:
    if options.template is not None and options.template not in TEMPLATES:
        return InputError(f"no template is named {options.template!r}", hint=suggestion(options.template, TEMPLATES))
    called = sorted({call.name for call in step.response.tool_calls})
    if options.tool is not None and options.tool not in called:
        return InputError(f"the step calls no {options.tool!r}", hint=suggestion(options.tool, called))
    what = "no recorded step that was fine tells the calls of this one apart" if called else "the step calls no tool"
    return InputError(
        f"no template fits: {what}", hint="let a model word the rule with --model, or name more runs with --runs"
    )


def _named(record: Record, index: int, item: Candidate, options: DraftOptions) -> Draft:
    """The draft of a candidate with its files, nothing claimed yet."""
    root, run = record.plan.root, record.run
    base = slug(item.tool or run.agent)
    rule = options.name or f"{base}.{item.template}"
    if not _RULE.fullmatch(rule):
        raise InputError(
            f"not a name of a rule: {rule[:40]!r}", hint="use letters, digits, dots, underscores and hyphens"
        )
    dataset = dataset_file(options.dataset, run.agent)
    step = recorded_step(run, index)
    names = Names(slug(rule), rule, step.agent, dataset, recording(step, dataset)[0])
    case, files = _case(root, run, index, names, options)
    texts = {names.test_file: b"", names.policy_file: policy_text(item, names).encode()}
    if there := next((path for path in texts if below(root, path).exists()), None):
        raise InputError("is there already", hint="give the policy another name with --name", location=Location(there))
    return Draft(item, names, (), {**files, **texts}, case)


def _case(root: Path, run: Run, index: int, names: Names, options: DraftOptions) -> tuple[str, dict[str, bytes]]:
    """The id of the case of the incident, and the files that it makes; none where it is a case already."""
    if (root / names.dataset).exists():
        there = (case.id for case in load_dataset(root, names.dataset).cases if case.step == names.recording)
        if known := next(there, None):
            return known, {}
    name = options.case or case_name(run, index)
    new = NewCase(names.dataset, checks=(), id=name, why=options.why or f"{names.rule} denies it")
    return name, dict(add_case(root, run, index, new).files)


def _first(
    record: Record,
    incident: RecordedStep,
    drafts: Sequence[Draft],
    fine: frozenset[tuple[str, int | str]],
    engine: CppEngine,
) -> Draft:
    """The first draft that is admitted, else the first of all, with the others that were tried."""
    policies = [
        policy_of(parse_document(item.files[item.names.policy_file], item.names.policy_file)) for item in drafts
    ]
    trials = [_Trial(policy, compile_policy(policy, engine)) for policy in policies]
    for item in record.steps(incident.content):
        if (item.run, item.step) in fine:
            for trial in trials:
                trial.take(item, engine)
    tried: list[Draft] = []
    for draft, trial in zip(drafts, trials, strict=True):
        done = _warranted(record, incident, draft, trial, len(fine), engine)
        if done.admitted:
            return dataclasses.replace(done, tried=tuple(tried))
        tried.append(done)
    return dataclasses.replace(tried[0], tried=tuple(tried[1:]))


@dataclass(slots=True)
class _Trial:
    """What a rule says of the fine steps."""

    policy: Policy
    rules: RuleSet
    held: int = 0
    flips: list[str] = field(default_factory=list)
    example: dict[str, Any] | None = None
    """The shortest step that it holds on."""

    def take(self, item: RecordedStep, engine: CppEngine) -> None:
        """Count what it says of one."""
        (said,) = results([self.rules], item.under_test(engine)).values()
        if said.outcome in ("fail", "error"):
            self.flips.append(f"{item.run} step {item.step}" if not item.case else item.run)
        elif said.outcome == "pass":
            self.held += 1
            found = _example(item)
            sizes = [len(exact_bytes(step)) for step in (found, self.example) if step is not None]
            if sizes[0] <= _EXAMPLE and sizes[0] == min(sizes):
                self.example = found


def _example(item: RecordedStep) -> dict[str, Any]:
    """A recorded step as a policy test writes it: the calls before, and the answer."""
    data: Any = item.data()
    response = {key: data["response"][key] for key in ("text", "tool_calls") if data["response"].get(key)}
    calls = [{"name": call["name"], "arguments": call["arguments"]} for call in response.get("tool_calls", [])]
    said = {**response, **({"tool_calls": calls} if calls else {})}
    return {**({"history": data["history"]} if data["history"] else {}), "response": said}


def _shorter(example: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same step without what may not matter: the calls before, their results, nothing."""
    yield {"response": example["response"]}
    if before := example.get("history"):
        yield {**example, "history": [{key: entry[key] for key in ("name", "arguments")} for entry in before]}
        yield example


def _warranted(
    record: Record, incident: RecordedStep, draft: Draft, trial: _Trial, fine: int, engine: CppEngine
) -> Draft:
    """The draft with its test, and what holds of it."""
    (said,) = results([trial.rules], incident.under_test(engine)).values()
    standing = record.plan.policies
    denied = _standing(record, incident, engine)
    first = trial.flips[:_SHOWN]
    more = f" and {len(trial.flips) - len(first):,} more" if len(trial.flips) > len(first) else ""
    rules = sum(len(policy.rules) for policy in standing)
    none = "; ".join((f"none of {many(rules, 'rule')} denies it", *left_out_lines(judged_ids(standing))))
    taken = {policy.name for policy in standing} | {rule.id for policy in standing for rule in policy.every_rule}
    twins = [name for name in (draft.names.policy, draft.names.rule) if name in taken]
    test, faults = _tested(incident.content, draft, trial.policy, trial.example)
    found = [item for item in lint_policy(trial.policy) if item.level == "error"]
    faults += [item.message for item in found] + [f"{name} is the name of another" for name in twins]
    flips = f"{', '.join(first)}{more}" if first else f"{many(fine, 'step')} that no rule denies"
    claims = (
        Claim("denies the incident", said.outcome == "fail", said.message or said.outcome),
        Claim("flips no recorded step that was fine", not trial.flips, flips),
        Claim("is not vacuous", trial.held > 0, f"holds on {many(trial.held, 'other step')} that it concerns"),
        Claim(
            "is not implied by what stands",
            not denied,
            f"denied by {', '.join(denied[:_SHOWN])}" if denied else none,
        ),
        Claim("passes lint and its test", not faults, "; ".join(faults[:_SHOWN]) or "on both engines"),
    )
    return dataclasses.replace(draft, claims=claims, files={**draft.files, draft.names.test_file: test.encode()})


def _standing(record: Record, incident: RecordedStep, engine: CppEngine) -> list[str]:
    """The rules that deny the incident today; of those over runs the ones that the run up to it breaks, and the run
    before it does not."""
    rules = compile_all(record.plan.policies, engine)
    denied = [item.rule for item in _denying(rules, incident, engine) if item.outcome == "fail"]
    place = int(incident.step)
    broken: list[list[str]] = []
    for end in (place, place + 1):
        run = dataclasses.replace(record.run, steps=record.run.steps[:end])
        found = judge_whole([item for item in rules if item.scope == "run"], engine, run).findings
        broken.append([item.rule for item in found if (item.outcome, item.action) == ("fail", "Deny")])
    return denied + [rule for rule in broken[1] if rule not in broken[0]]


def _tested(step: Step, draft: Draft, policy: Policy, example: dict[str, Any] | None) -> tuple[str, list[str]]:
    """The test of a policy and what is wrong by it on both engines; an example that says too little is left out."""
    engines = (CppEngine(), PyEngine())
    text, faults = "", [""]
    for fine in ([[item] for item in _shorter(example)] if example is not None else []) + [[]]:
        text = test_text(draft.candidate, draft.names, fine)
        test = policy_test(parse_document(text, draft.names.test_file), lambda *_: step)
        faults = [item.message for item in run_tests([policy], [test], engines).deviations]
        if not faults:
            break
    return text, faults
