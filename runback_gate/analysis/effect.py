"""What a change of policies does: the same recorded steps under two sets of policies.

In: the policies on base and on head, an engine, recorded steps. Out: a `PolicyEffect` for each policy whose text is
another: one word for it, what was changed and where, and each step whose verdict flipped, with the reason.

    effects = compare_policies(base, head, CppEngine(), recorded(run))
    effects[0].word             # "looser"
    effects[0].flips[0].why     # "amount <= limit: 250 <= 100 false → 250 <= 500 true"

A validation is known by its id, wherever it lies. A policy whose file has the same bytes is not looked at, and of the
others no rule is evaluated twice that compiles to the same program. "Same" is what the record says, never a proof.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from runback_gate.analysis.flip import Flip as FlipReader
from runback_gate.analysis.flip_words import why
from runback_gate.canonical import JsonValue
from runback_gate.cel.engine import Engine
from runback_gate.change.matches import Pair, Track, pair_policies
from runback_gate.change.policies import Change
from runback_gate.policy.context import agent_facts, bindings, case_facts
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import Rule, RuleSet, Subject, compile_policy, judge
from runback_gate.step import Run, Step
from runback_gate.summary import summarize

Word = Literal["stricter", "looser", "mixed", "same on record", "new", "removed"]
Said = Literal["pass", "fail", "error", "skip"]
Kind = Literal["newly permitted", "newly failing", "now error", "no longer error", "now skipped", "no longer skipped"]
KINDS: tuple[Kind, ...] = (
    "newly permitted",
    "newly failing",
    "now error",
    "no longer error",
    "now skipped",
    "no longer skipped",
)
"""Ways in which a verdict flips, those first that a reviewer must see."""

MAX_FLIPS = 100
"""Flips that are kept for each validation and kind; all are counted."""

VIEW_ONLY = "the recording is view-only: it can be read, not judged"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded step and how to find it again."""

    run: str
    """Id of the run; of a case `DATASET/CASE`."""
    step: int | str
    """Index in the run from 0; of a case the digest of its recording."""
    content: Step
    tags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the agent config."""
    dataset: str = ""
    case: str = ""
    """Id of the case; a step of a run has none and is `RUN/EVENT`."""

    def data(self) -> dict[str, JsonValue]:
        """What expressions see: the step as it was."""
        step, source = self.content, self.content.source
        case = case_facts(self.dataset, self.case or f"{source.run}/{source.event}", self.tags, source.at)
        return bindings(
            step.request,
            step.response,
            baseline=step.response,
            case=case,
            agent=agent_facts(step.agent, self.labels),
            unknown=source.unknown,
        )


def recorded(run: Run) -> Iterator[Recorded]:
    """The steps of a run."""
    for index, step in enumerate(run.steps):
        yield Recorded(run.id, index, step)


@dataclass(frozen=True, slots=True)
class Flip:
    """A recorded step on which a validation says something else."""

    validation: str
    run: str
    """As `Recorded.run`."""
    step: int | str
    """As `Recorded.step`."""
    kind: Kind
    base: Said
    """`skip` also where there is no such validation."""
    head: Said
    expression: str
    """The sub-expression that flipped, as written."""
    why: str
    """It with its values: `amount <= limit: 250 <= 100 false → 250 <= 500 true`. Holds text that a model wrote."""
    answer: str
    """What was answered, in short. Text that a model wrote."""


@dataclass(frozen=True, slots=True)
class ValidationEffect:
    """What became of one validation on the record."""

    id: str
    state: Literal["kept", "new", "removed"]
    counts: tuple[tuple[Kind, int], ...]
    """How many steps flipped in which way; ways without any are left out."""
    messages: int
    """Steps that fail on both sides with another message."""
    flips: tuple[Flip, ...]
    """The first `MAX_FLIPS` of each kind."""

    @property
    def flipped(self) -> int:
        """How many steps flipped."""
        return sum(number for _, number in self.counts)


@dataclass(frozen=True, slots=True)
class PolicyEffect:
    """What became of a policy whose text is another."""

    policy: str
    """Its name on head; on base when head has none."""
    word: Word
    changes: tuple[Change, ...]
    validations: tuple[ValidationEffect, ...]
    steps: int
    """Recorded steps that were judged on both sides."""
    same: int
    """Those of them on which no validation of the policy flipped."""
    matched: int
    """Those of them that the policy on head concerns; for a removed one, the policy on base."""
    path: str
    """Its file on head; on base for a removed one."""
    line: int

    @property
    def vacuous(self) -> bool:
        """Whether it matched no recorded step though there were some."""
        return self.steps > 0 and self.matched == 0

    @property
    def loosens(self) -> bool:
        """Whether something is let through that was stopped, or may be."""
        return self.word in ("looser", "mixed", "removed")

    @property
    def flips(self) -> tuple[Flip, ...]:
        """The flips of all its validations, those first that a reviewer must see."""
        found = (flip for item in self.validations for flip in item.flips)
        return tuple(sorted(found, key=lambda flip: KINDS.index(flip.kind)))


def compare_policies(
    base: Sequence[Policy],
    head: Sequence[Policy],
    engine: Engine,
    steps: Iterable[Recorded],
    *,
    limit: int = MAX_FLIPS,
) -> tuple[PolicyEffect, ...]:
    """What became of each policy that is not the same on both sides, head's in their order, then those that are gone.

    The steps are taken one by one and not kept. Without a difference none is taken.

    Raises:
        ExpressionError: an expression of one side breaks a limit or does not compile.
    """
    found = [_Comparison(pair, engine, limit) for pair in pair_policies(base, head)]
    for step in steps if found else ():
        answer = Asked(engine, step)
        for comparison in found:
            comparison.take(answer)
    return tuple(comparison.effect() for comparison in found)


State = tuple[Said, str]
"""A verdict word, and the message of a failure or an error."""
SKIP: State = ("skip", "")


class Asked:
    """One recorded step, bound when a policy first concerns it."""

    def __init__(self, engine: Engine, step: Recorded) -> None:
        self.engine = engine
        self.step = step
        self.agent = step.content.agent
        self.tags = step.tags

    @cached_property
    def subject(self) -> Subject:
        """The step, bound."""
        return Subject(self.engine, self.step.data())

    @cached_property
    def reader(self) -> FlipReader:
        """What explains a flip on it."""
        return FlipReader(self.engine, self.subject.data)

    def states(self, rules: RuleSet) -> dict[str, State]:
        """What each rule says of it; nothing of a rule that skips it."""
        if not rules.rules or not rules.concerns(self.agent, self.tags):
            return {}
        if self.step.content.source.grade == "view-only":
            return {rule.id: ("error", VIEW_ONLY) for rule in rules.rules}
        return states(self.subject, rules)


def states(subject: Subject, rules: RuleSet) -> dict[str, State]:
    """What each rule says of an answer; nothing of a rule that a condition skips."""
    judgement = judge(subject, [rules], explained=False)
    said: dict[str, State] = dict.fromkeys(judgement.passed, ("pass", ""))
    return said | {item.rule: (item.outcome, item.message) for item in judgement.findings}


class _Comparison:
    """One policy on both sides, and what the steps so far said of it."""

    def __init__(self, pair: Pair, engine: Engine, limit: int) -> None:
        self.pair = pair
        self.limit = limit
        self.head = None if pair.gone else compile_policy(pair.policy, engine)
        self.sets = {item.name: compile_policy(item, engine) for item in pair.sources}
        self.shared = {track.id for track in pair.tracks if self._same(track)}
        self.base = [
            replace(rules, rules=tuple(rule for rule in rules.rules if self._asked(rule.id)))
            for rules in self.sets.values()
        ]
        self.counts: dict[str, Counter[Kind]] = {track.id: Counter() for track in pair.tracks}
        self.flips: dict[str, list[Flip]] = {track.id: [] for track in pair.tracks}
        self.messages: Counter[str] = Counter()
        self.directions: set[str] = set()
        self.steps = self.same = self.matched = 0

    def _asked(self, rule: str) -> bool:
        return rule in {track.id for track in self.pair.tracks} and rule not in self.shared

    def _same(self, track: Track) -> bool:
        """Whether a validation is the same program with the same words on both sides, so that one answer is enough."""
        if track.base is None or track.head is None or self.head is None:
            return False
        old, new = (
            next((rules, rule) for rule in rules.rules if rule.id == track.id)
            for rules in (self.sets[track.base[0].name], self.head)
        )
        return meaning(*old) == meaning(*new)

    def take(self, answer: Asked) -> None:
        """Judge one more step."""
        head = {} if self.head is None else answer.states(self.head)
        base = {rule: state for rules in self.base for rule, state in answer.states(rules).items()}
        self.steps += 1
        self.matched += bool(base if self.head is None else head)
        flipped = False
        for track in self.pair.tracks:
            after = head.get(track.id, SKIP)
            before = after if track.id in self.shared else base.get(track.id, SKIP)
            kind = _kind(track, before[0], after[0])
            if kind is not None:
                flipped = True
                self._flip(track, kind, before, after, answer)
            elif before[0] == after[0] == "fail" and before[1] != after[1]:
                self.messages[track.id] += 1
        self.same += not flipped

    def _flip(self, track: Track, kind: Kind, before: State, after: State, answer: Asked) -> None:
        counts = self.counts[track.id]
        counts[kind] += 1
        if track.base is not None and track.head is not None:
            was, now = _strength(before[0], track.base[0]), _strength(after[0], track.head[0])
            self.directions.add("stricter" if now > was else "looser")
        if counts[kind] > self.limit:
            return
        reason = why(track, before, after, answer)
        step = answer.step
        self.flips[track.id].append(
            Flip(
                validation=track.id,
                run=step.run,
                step=step.step,
                kind=kind,
                base=before[0],
                head=after[0],
                expression=reason.expression,
                why=reason.text,
                answer=summarize(step.content.response),
            )
        )

    def effect(self) -> PolicyEffect:
        """What all steps said."""
        changes = self.pair.changes()
        policy = self.pair.policy
        return PolicyEffect(
            policy=policy.name,
            word=self._word(changes),
            changes=changes,
            validations=tuple(self._validation(track) for track in self.pair.tracks),
            steps=self.steps,
            same=self.same,
            matched=self.matched,
            path=policy.location.path,
            line=policy.location.line or 1,
        )

    def _validation(self, track: Track) -> ValidationEffect:
        state: Literal["kept", "new", "removed"] = "kept"
        if track.base is None or track.head is None:
            state = "new" if track.base is None else "removed"
        counts = self.counts[track.id]
        numbers = tuple((kind, counts[kind]) for kind in KINDS if counts[kind])
        return ValidationEffect(track.id, state, numbers, self.messages[track.id], tuple(self.flips[track.id]))

    def _word(self, changes: Sequence[Change]) -> Word:
        if self.pair.gone or self.pair.new:
            return "removed" if self.pair.gone else "new"
        directions = self.directions | {change.direction for change in changes}
        if "mixed" in directions or {"looser", "stricter"} <= directions:
            return "mixed"
        return "looser" if "looser" in directions else "stricter" if "stricter" in directions else "same on record"


def meaning(rules: RuleSet, rule: Rule) -> tuple[object, ...]:
    """All that decides what a rule says. An engine gives one program for one text."""
    conditions = tuple(program for _, program in rules.conditions)
    return rules.agents, rules.tags, conditions, rule.program, rule.message, rule.message_program


def _kind(track: Track, before: Said, after: Said) -> Kind | None:
    """How a verdict flipped; that a rule which is new or gone holds on a step is no news."""
    known = track.base is not None and track.head is not None
    if before == after or not (known or {"fail", "error"} & {before, after}):
        return None
    if "error" in (before, after):
        return "now error" if after == "error" else "no longer error"
    if "fail" in (before, after):
        return "newly failing" if after == "fail" else "newly permitted"
    return "now skipped" if after == "skip" else "no longer skipped"


def _strength(said: Said, policy: Policy) -> tuple[int, int]:
    """How much a verdict stands in the way: first by what it does to a row, then by what it says."""
    rank = ("skip", "pass", "error", "fail").index(said)
    if said in ("skip", "pass"):
        return 0, rank
    if policy.action != "Deny":
        return (2 if policy.action == "Warn" else 1), rank
    return (4 if said == "fail" else 2 if policy.ignore_errors else 3), rank
