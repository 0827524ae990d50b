"""Proofs of all rules that differ between two sets of policies.

In: the policies of base and head, and engines that judge the steps which show a difference. Out: a `Proof` for each
rule that both have and that changed, in the order of the head.

    prove_policies(base, head, (CppEngine(), PyEngine()))[0].verdict      # "stricter"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from runback_gate.analysis.proof.form import Judges, form
from runback_gate.analysis.proof.prove import DEFAULT, Limits, prove
from runback_gate.analysis.proof.smt import Smt
from runback_gate.cel.engine import Engine
from runback_gate.change.loosening import changed_rules
from runback_gate.change.matches import match_policies
from runback_gate.change.proof import Proof
from runback_gate.errors import ExpressionError
from runback_gate.policy.document import Policy

_JUDGED = "a judge model decides it, and no proof covers what a model says"

Pair = tuple[Policy, Policy, str]
"""The policy that has a rule on base, the one that has it on head, and the rule."""


def changed_pairs(base: Sequence[Policy], head: Sequence[Policy]) -> Iterator[Pair]:
    """The rules that both sides have and that decide otherwise, wherever they stand."""
    homes = {rule.id: policy for policy in base for rule in policy.rules}
    for policy in head:
        changed: dict[str, frozenset[str]] = {}
        for rule in policy.rules:
            before = homes.get(rule.id)
            if before is None:
                continue
            if before.name not in changed:
                changed[before.name] = frozenset(changed_rules(before, policy))
            if rule.id in changed[before.name]:
                yield before, policy, rule.id


def prove_policies(
    base: Sequence[Policy],
    head: Sequence[Policy],
    engines: Sequence[Engine],
    limits: Limits = DEFAULT,
    progress: Callable[[int, int, object], None] = lambda *_: None,
) -> tuple[Proof, ...]:
    """What is proved of each rule that changed; `progress` is told how many are done, of how many.

    Raises:
        InputError: the solver is not installed.
    """
    pairs = list(changed_pairs(base, head))
    if pairs:
        # Said before the first proof, and also where none of the rules can be encoded.
        Smt()
    found = []
    for number, (before, after, rule) in enumerate(pairs, 1):
        try:
            judges = Judges(before, after, rule, engines)
            found.append(prove(form(before, rule), form(after, rule), judges.confirm, limits))
        except ExpressionError as error:
            found.append(Proof(rule, "unknown", reason=f"it does not compile: {error.message}"))
        progress(number, len(pairs), None)
    return (*found, *(Proof(rule, "unknown", reason=_JUDGED) for rule in _changed_judges(base, head)))


def _changed_judges(base: Sequence[Policy], head: Sequence[Policy]) -> Iterator[str]:
    """The rules that both sides have, that may decide otherwise, and of which a judge model decides one form."""
    return (item.id for match in match_policies(base, head) for item in match.judged if item.changed)
