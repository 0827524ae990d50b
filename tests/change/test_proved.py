"""What a proof frees: a change of a rule that lets nothing pass which was stopped, for lists of any length."""

from __future__ import annotations

from typing import Literal

import pytest

from runback_gate.change.gates import compare_gates
from runback_gate.change.loosening import changed_rules
from runback_gate.change.model import Change
from runback_gate.change.proof import Proof
from tests.change.edits import REFUNDS, Edit, pair

Verdict = Literal["equivalent", "stricter", "looser", "incomparable", "unknown"]
LIMIT, ONCE = "refunds.limit", "refunds.once"
BOUNDS = {"calls": 3, "history": 8}
PARAM = Edit(REFUNDS, "limit: 100", "limit: 50")
RULE = Edit(REFUNDS, "size(variables.refunds) == 1", "1 == size(variables.refunds)")
CONDITION = Edit(REFUNDS, '"issue_refund")) > 0', '"issue_refund")) >= 1')
CALLS = 'expression: calls(response, "issue_refund")'
VARIABLE = Edit(REFUNDS, f"{CALLS}\n", CALLS.replace(", ", ",  ") + "\n")
IGNORE = Edit(REFUNDS, "  validations:\n", "  failurePolicy: Ignore\n  validations:\n")
ACTION = Edit(REFUNDS, "  validations:\n", "  validationActions: [Warn]\n  validations:\n")


def changes(edit: Edit, *proofs: Proof) -> tuple[Change, ...]:
    """What the edit changes of the policies."""
    base, head = pair((), (edit,))
    return tuple(item for item in compare_gates(base, head, proofs) if item.location.path == REFUNDS)


@pytest.mark.parametrize(("verdict", "direction"), [("equivalent", "neutral"), ("stricter", "stricter")])
@pytest.mark.parametrize(("edit", "rule"), [(PARAM, LIMIT), (RULE, ONCE)])
def test_a_claim_for_every_length_frees(edit: Edit, rule: str, verdict: Verdict, direction: str) -> None:
    """It is no weakening, and what is said of it names the proof and the lengths."""
    assert [item.weakens for item in changes(edit)] == [True]
    (item,) = changes(edit, Proof(rule, verdict))
    assert (item.weakens, item.proved, item.direction) == (False, True, direction)
    assert item.message.endswith(f"; proved {verdict}: for lists of any length")


@pytest.mark.parametrize(
    "proof",
    [
        Proof(LIMIT, "equivalent", BOUNDS),
        Proof(LIMIT, "stricter", BOUNDS),
        Proof(LIMIT, "looser"),
        Proof(LIMIT, "incomparable"),
        Proof(LIMIT, "unknown"),
        Proof(ONCE, "equivalent"),
        Proof("refunds.looked_up", "stricter"),
    ],
)
def test_no_other_claim_frees(proof: Proof) -> None:
    """A bounded one, one that shows a step, one that knows nothing, and one of another rule leave the change red."""
    assert [(item.weakens, item.proved) for item in changes(PARAM, proof)] == [(True, False)]


def test_a_condition_touches_every_rule() -> None:
    """All rules of the policy must be free; one that is not leaves the change red."""
    proofs = [Proof(rule, "equivalent") for rule in (LIMIT, "refunds.looked_up", ONCE)]
    assert [item.weakens for item in changes(CONDITION, *proofs)] == [False]
    assert [item.weakens for item in changes(CONDITION, *proofs[:2])] == [True]
    assert [item.weakens for item in changes(CONDITION, *proofs[:2], Proof(ONCE, "unknown"))] == [True]


@pytest.mark.parametrize("edit", [IGNORE, ACTION])
def test_what_a_breach_counts_for_is_no_part_of_a_proof(edit: Edit) -> None:
    """Deny to Warn and errors that only warn stay red whatever is proved of the rules."""
    proofs = [Proof(rule, "equivalent") for rule in (LIMIT, "refunds.looked_up", ONCE)]
    assert [item.weakens for item in changes(edit, *proofs)] == [True]


@pytest.mark.parametrize(
    ("edit", "rules"),
    [
        (PARAM, (LIMIT,)),
        (RULE, (ONCE,)),
        (CONDITION, (LIMIT, "refunds.looked_up", ONCE)),
        (IGNORE, (LIMIT, "refunds.looked_up", ONCE)),
        (VARIABLE, ()),
        (ACTION, ()),
    ],
)
def test_rules_that_decide_otherwise(edit: Edit, rules: tuple[str, ...]) -> None:
    """Those in which a word differs once params and variables are put in; layout decides nothing."""
    base, head = (next(it for it in plan.policies if it.name == "refunds") for plan in pair((), (edit,)))
    assert changed_rules(base, head) == rules


def test_the_lengths_of_a_claim_in_words() -> None:
    """As the terminal and the rows say them."""
    assert Proof(LIMIT, "stricter").length == "for lists of any length"
    assert Proof(LIMIT, "stricter", BOUNDS).length.startswith("up to 3 calls in the answer and 8 before it;")
    every = Proof(LIMIT, "stricter", {**BOUNDS, "other": 2}).length
    assert every.startswith("up to 3 calls in the answer, 8 before it and 2 elements of other lists;")
