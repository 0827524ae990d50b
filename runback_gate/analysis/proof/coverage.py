"""What policies say of every possible step: where each rule passes and fails, and which rules have no effect.

In: policies, their tests, the engines. Out: a `RuleCoverage` for each rule over steps, in the order of the policies.

    cover(policies, tests, (CppEngine(), PyEngine()))[0].faults      # (Fault("implied", True, ("refunds.limit",)),)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from runback_gate.analysis.policy_tests import under_test
from runback_gate.analysis.proof.encode import Encoder
from runback_gate.analysis.proof.example import Example
from runback_gate.analysis.proof.prove import blocked
from runback_gate.analysis.proof.search import DEFAULT, Limits, Search
from runback_gate.analysis.proof.smt import Smt, Term
from runback_gate.analysis.proof.witness import Fault, Judged, Witness, Witnesses, as_written
from runback_gate.cel.engine import Engine
from runback_gate.frozen import dataclass
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import StepUnderTest, compile_policy, results
from runback_gate.policy.policy_test_document import PolicyTest

LIMITS = DEFAULT
MAX_TOGETHER = 4
"""Rules that may stop together what another one stops."""
MAX_UNDECIDED = 3
"""After so many claims about one rule that could not be decided no more are tried."""


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """What was found out about one rule."""

    policy: Policy
    rule: str
    witnesses: tuple[Witness, ...]
    faults: tuple[Fault, ...] = ()
    undecided: tuple[str, ...] = ()
    """Rules that stop all known steps that it stops, where no more is known."""


def cover(
    policies: Sequence[Policy],
    tests: Sequence[PolicyTest],
    engines: Sequence[Engine],
    limits: Limits = LIMITS,
    progress: Callable[[int, int, object], None] = lambda *_: None,
) -> tuple[RuleCoverage, ...]:
    """Look for the witnesses of every rule over steps; rules over runs are left out.

    Raises:
        InputError: the solver is not installed.
        ExpressionError: a policy does not compile.
    """
    Smt()
    stepwise = [policy for policy in policies if policy.scope == "step"]
    rules = [(policy, rule.id) for policy in stepwise for rule in policy.rules]
    examples = _judged(stepwise, tests, engines[0])
    found: list[RuleCoverage] = []
    seekers: dict[str, Witnesses] = {}
    for number, (policy, rule) in enumerate(rules, 1):
        seeker = seekers[rule] = Witnesses(policy, rule, engines, examples, limits)
        witnesses = tuple(seeker.witnesses())
        fault = seeker.never(next(item for item in witnesses if item.what == "fail"))
        found.append(RuleCoverage(policy, rule, witnesses, () if fault is None else (fault,)))
        progress(number, 2 * len(rules), None)
    return _with_implied(found, seekers, progress)


def _judged(policies: Sequence[Policy], tests: Sequence[PolicyTest], engine: Engine) -> list[Judged]:
    """The steps of all tests, with what every rule says of each."""
    compiled = [compile_policy(policy, engine) for policy in policies]
    found = []
    for test in tests:
        for case in (case for case in test.cases if case.scope == "step"):
            step = under_test(case, engine)
            outcomes = {rule: result.outcome for rule, result in results(compiled, step).items()}
            found.append(Judged(case.name, test.policy, step, outcomes))
    return found


def _with_implied(
    found: Sequence[RuleCoverage],
    seekers: Mapping[str, Witnesses],
    progress: Callable[[int, int, object], None],
) -> tuple[RuleCoverage, ...]:
    """The same, with the rules that others make superfluous.

    Later rules first, and against none that is superfluous itself: of two equal rules the later one is named.
    """
    without = {item.rule for item in found if item.faults}
    done = []
    for number, item in enumerate(reversed(found), len(found) + 1):
        if item.rule not in without:
            others = [
                seekers[other.rule]
                for other in found
                if other.rule not in without | {item.rule} and _covers(other.policy, item.policy)
            ]
            implied = _Implied(seekers[item.rule], others, item)
            fault = implied.fault()
            if fault is not None:
                without.add(item.rule)
            undecided = implied.undecided() if fault is None else ()
            faults = () if fault is None else (fault,)
            item = RuleCoverage(item.policy, item.rule, item.witnesses, faults, undecided=undecided)
        done.append(item)
        progress(number, 2 * len(found), None)
    return tuple(reversed(done))


def _covers(other: Policy, policy: Policy) -> bool:
    """Whether another policy denies, and concerns all that a policy concerns."""
    agents = not other.agents or (bool(policy.agents) and set(policy.agents) <= set(other.agents))
    tags = not other.tags or (bool(policy.tags) and set(policy.tags) <= set(other.tags))
    return other.action == "Deny" and agents and tags


class _Implied:
    """Whether other rules stop all that one stops. Each step that says otherwise is kept, and refutes others too."""

    def __init__(self, one: Witnesses, others: Sequence[Witnesses], item: RuleCoverage) -> None:
        self.one = one
        self.others = others
        self.open: list[Sequence[Witnesses]] = []
        self.tried = 0
        engine = one.engines[0]
        steps = [judged.step for judged in one.examples if _stopped(one, judged.outcomes[one.rule])]
        shown = [as_written(each.step, engine) for each in item.witnesses if each.step is not None]
        self.known = steps + [step for step in shown if _stops(one, step)]

    def fault(self) -> Fault | None:
        """That they do; None where a step says otherwise, or nothing is known."""
        if not self.known:
            return None
        for other in self.others:
            if all(_stops(other, step) for step in self.known) and (fault := self._proved((other,))) is not None:
                return fault
        for _ in range(MAX_TOGETHER):
            before = len(self.known)
            enough = self._enough()
            fault = self._proved(enough) if 1 < len(enough) <= MAX_TOGETHER else None
            if fault is not None or len(self.known) == before:
                return fault
        return None

    def undecided(self) -> tuple[str, ...]:
        """The rules of which nothing is known, without those that a known step refutes."""
        left = [
            others for others in self.open if all(any(_stops(other, step) for other in others) for step in self.known)
        ]
        return tuple(dict.fromkeys(other.rule for others in left for other in others))

    def _enough(self) -> tuple[Witnesses, ...]:
        """The first rules that stop all known steps together; none where they do not."""
        found: list[Witnesses] = []
        left = self.known
        for other in self.others:
            rest = [step for step in left if not _stops(other, step)]
            if len(rest) < len(left):
                found.append(other)
                left = rest
        return () if left else tuple(found)

    def _proved(self, others: Sequence[Witnesses]) -> Fault | None:
        """That these rules stop all that the one does; a step that says otherwise is known from then on."""

        def goals(encoder: Encoder) -> Mapping[str, Term]:
            smt = encoder.smt
            passed = (smt.not_(blocked(encoder, other.form)) for other in others)
            return {"alone": smt.all_of(blocked(encoder, self.one.form), *passed)}

        def confirm(step: Example, _goal: str) -> str:
            for number, judged in enumerate(self.one.judged(step)):
                stopped = any(_stops(other, judged, number) for other in others)
                if stopped or not _stops(self.one, judged, number):
                    return ""
            return "fail"

        if self.tried == MAX_UNDECIDED:
            self.open.append(others)
            return None
        found = Search(goals, confirm, self.one.limits).find("alone")
        if found.step is not None:
            self.known.append(self.one.judged(found.step)[0])
        if found.state == "never":
            return Fault("implied", True, tuple(other.rule for other in others))
        # Up to a bound says nothing here: a rule may be one that fails beyond it alone.
        if found.state != "shown":
            self.tried += 1
            self.open.append(others)
        return None


def _stops(seeker: Witnesses, step: StepUnderTest, engine: int = 0) -> bool:
    return _stopped(seeker, results((seeker.sets[engine],), step)[seeker.rule].outcome)


def _stopped(seeker: Witnesses, outcome: str) -> bool:
    return outcome == "fail" or (outcome == "error" and not seeker.policy.ignore_errors)
