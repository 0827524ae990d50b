"""What policies tell apart: as lines for a terminal, as JSON for programs.

In: a `PolicyCoverage`. Out: lines without their ends, or a JSON value; what stems from files and models is inert.

    refunds.limit   passes   covered   a small refund
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from runback_gate.analysis.proof.coverage import LIMITS, RuleCoverage
from runback_gate.analysis.proof.prove import bounds
from runback_gate.analysis.proof.witness import Fault, Witness
from runback_gate.analysis.unconstrained import Unconstrained
from runback_gate.change.proof import length, shown_step
from runback_gate.documents import cut
from runback_gate.errors import Location
from runback_gate.frozen import dataclass
from runback_gate.plural import many
from runback_gate.policy.left_out import REASON, left_out_lines
from runback_gate.report.text import safe_terminal

Locate = Callable[[str, Location], Location]
_SHOWN: Final = 200
_GOALS: Final = {"pass": "a step that passes", "fail": "a step that fails"}


@dataclass(frozen=True, slots=True)
class PolicyCoverage:
    """What was found out about all rules of some policies."""

    rules: tuple[RuleCoverage, ...]
    """One for each rule over steps."""
    unconstrained: tuple[Unconstrained, ...]
    """What agents offer and no rule names."""
    over_runs: tuple[str, ...]
    """Rules over runs, which were not looked at."""
    judged: tuple[str, ...] = ()
    """Rules that a judge model decides, which cannot be looked at."""

    @property
    def faults(self) -> int:
        """Rules that have no effect."""
        return sum(bool(item.faults) for item in self.rules)

    @property
    def witnesses(self) -> Counter[str]:
        """How many there are of each state."""
        return Counter(witness.state for item in self.rules for witness in item.witnesses)


def coverage_json(found: PolicyCoverage, locate: Locate) -> dict[str, Any]:
    """For programs."""
    return {
        "rules": [_rule_json(item, locate) for item in found.rules],
        "unconstrained": [
            {"agent": item.agent, "tool": item.tool, "argument": item.argument} for item in found.unconstrained
        ],
        "notJudged": [
            *({"rule": rule, "reason": "the rule is about runs"} for rule in found.over_runs),
            *({"rule": rule, "reason": REASON} for rule in found.judged),
        ],
    }


def _rule_json(item: RuleCoverage, locate: Locate) -> dict[str, Any]:
    return {
        "rule": item.rule,
        "policy": item.policy.name,
        "place": _place(item, locate),
        "faults": [
            {"kind": fault.kind, "by": list(fault.by), "bounds": _bounds(fault.every_length), "detail": fault.detail}
            for fault in item.faults
        ],
        "witnesses": [
            {
                "what": witness.what,
                "state": "none" if witness.state == "none up to a bound" else witness.state,
                "bounds": bounds(LIMITS) if witness.state == "none up to a bound" else None,
                "test": witness.test or None,
                "outcome": witness.outcome or None,
                "step": witness.step,
                "reason": witness.reason,
            }
            for witness in item.witnesses
        ],
        "undecided": list(item.undecided),
    }


def coverage_lines(found: PolicyCoverage, locate: Locate) -> Iterator[str]:
    """For a terminal: what has no effect first, then each rule with what no test holds, then what no rule names."""
    for item in found.rules:
        for fault in item.faults:
            yield safe_terminal(f"{_place(item, locate)}: {item.rule}: {fault_words(fault)}")
    for item in found.rules:
        missing = [witness for witness in item.witnesses if witness.state != "covered"]
        held = len(item.witnesses) - len(missing)
        possible = sum(not witness.state.startswith("none") for witness in item.witnesses)
        counted = f"{held} of {many(possible, 'step')} covered by tests"
        yield safe_terminal(f"{item.rule}: {counted}")
        for witness in missing:
            yield f"  {safe_terminal(_words(witness))}"
        if item.undecided:
            others = ", ".join(item.undecided)
            yield f"  {safe_terminal(f'not known whether it is implied by {others}')}"
    for offered in found.unconstrained:
        argument = "" if offered.argument is None else f", argument {offered.argument}"
        yield safe_terminal(f"no rule names: agent {offered.agent}, tool {offered.tool}{argument}")
    if found.over_runs:
        yield safe_terminal(f"not judged, since they are about runs: {', '.join(found.over_runs)}")
    yield from left_out_lines(found.judged)
    states = found.witnesses
    steps = f"{states['covered']} covered by tests, {states['shown']} not covered, {states['unknown']} not known"
    yield f"{many(len(found.rules), 'rule')}, {found.faults} without effect; steps: {steps}"


def fault_words(fault: Fault) -> str:
    """Why a rule has no effect, in one sentence without the rule."""
    by = f" by {' and '.join(fault.by)}" if fault.by else ""
    detail = f" ({fault.detail})" if fault.detail else ""
    proved = "proved: " if fault.every_length else ""
    return f"{proved}{fault.kind}{by}{detail}, {length(_bounds(fault.every_length))}"


def _words(witness: Witness) -> str:
    what = _GOALS.get(witness.what, " ".join(witness.what.split()))
    if witness.step is not None:
        return f"{cut(what, _SHOWN)}: no test has one, for instance {shown_step(witness.step)}: {witness.outcome}"
    if witness.state == "unknown":
        return f"{cut(what, _SHOWN)}: not known: {cut(witness.reason, _SHOWN)}"
    return f"{cut(what, _SHOWN)}: no step can be so, {length(_bounds(witness.state == 'none'))}"


def _bounds(every_length: bool) -> dict[str, int] | None:
    return None if every_length else bounds(LIMITS)


def _place(item: RuleCoverage, locate: Locate) -> str:
    expression = next(rule.expression for rule in item.policy.rules if rule.id == item.rule)
    return str(locate(item.policy.name, expression.location))
