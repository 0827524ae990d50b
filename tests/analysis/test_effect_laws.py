"""What a change of policies does: the laws that hold for any two sets of policies."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.analysis.backtest import backtest
from runback_gate.analysis.effect import compare_policies
from runback_gate.analysis.recorded import recorded
from runback_gate.policy.document import Policy
from runback_gate.step import Step
from runback_gate.testing import REFUNDS, sample_run
from tests.analysis.effects import (
    BARE,
    ENGINE,
    STEPS,
    VIEW_ONLY,
    Specs,
    compared,
    counts,
    policies,
)

AMOUNT = 'calls(response, "issue_refund").all(c, c.arguments.amount <= params.limit)'
SPECS = st.fixed_dictionaries(
    {
        "params": st.fixed_dictionaries({"limit": st.sampled_from([10, 100, 500])}),
        "matchConditions": st.sampled_from(
            [
                [],
                REFUNDS["matchConditions"],
                [{"name": "c", "expression": "response.tool_calls[0].arguments.amount > 50"}],
            ]
        ),
        "validationActions": st.sampled_from([["Deny"], ["Warn"], ["Audit"]]),
        "failurePolicy": st.sampled_from(["Fail", "Ignore"]),
        "match": st.sampled_from([{}, {"agents": ["support*"]}, {"agents": ["other"]}]),
        "validations": st.lists(
            st.sampled_from(
                [
                    {"id": "amount", "expression": AMOUNT},
                    {"id": "amount", "expression": f"!({AMOUNT})"},
                    {"id": "words", "expression": 'response.text == ""', "message": "words"},
                    {"id": "words", "expression": 'response.text.contains("Hello") || response.text == ""'},
                    {"id": "odd", "expression": "response.tool_calls[0].arguments.amount * 2 > params.limit"},
                ]
            ),
            min_size=1,
            max_size=3,
            unique_by=lambda rule: rule["id"],
        ),
    }
)
SETS = st.dictionaries(st.sampled_from(["p"]), SPECS, max_size=1)
SOME = st.lists(st.sampled_from([*STEPS, BARE, VIEW_ONLY]), max_size=5)
MIRROR = {
    "newly permitted": "newly failing",
    "now error": "no longer error",
    "now skipped": "no longer skipped",
    "looser": "stricter",
    "new": "removed",
}
MIRROR |= {value: key for key, value in MIRROR.items()}


@given(SETS, SOME)
def test_a_set_and_itself(tmp_path_factory: pytest.TempPathFactory, specs: Specs, steps: list[Step]) -> None:
    """diff(P, P) is empty."""
    assert compared(tmp_path_factory.getbasetemp() / "same", specs, specs, steps) == ()


@given(SETS, SETS, SOME)
def test_the_mirror(tmp_path_factory: pytest.TempPathFactory, one: Specs, other: Specs, steps: list[Step]) -> None:
    """diff(b, a) is diff(a, b) with base and head, failing and permitted, looser and stricter exchanged."""
    root = tmp_path_factory.getbasetemp() / "mirror"
    there, back = compared(root, one, other, steps), compared(root, other, one, steps)
    assert [item.word for item in there] == [MIRROR.get(item.word, item.word) for item in back]
    for effect, mirrored in zip(there, back, strict=True):
        exchanged = {rule: {MIRROR[kind]: n for kind, n in item.items()} for rule, item in counts(mirrored).items()}
        assert counts(effect) == exchanged
        assert {(f.validation, f.step, f.base, f.head) for f in effect.flips} == {
            (f.validation, f.step, f.head, f.base) for f in mirrored.flips
        }


def verdicts(found: Sequence[Policy], step: Step) -> dict[str, str]:
    """What each validation says of a step, by the backtest."""
    return {
        rule: next(word for word, number in counted.items() if number)
        for rule, counted in backtest(found, ENGINE, [sample_run(step)]).counts.items()
    }


@given(SETS, SETS, SOME)
def test_every_flip_is_real(
    tmp_path_factory: pytest.TempPathFactory, base: Specs, head: Specs, steps: list[Step]
) -> None:
    """Judged again on its own, each flipped step says what the flip says, and no other step of a kept rule flips.

    The steps that a policy concerns are those of which it says anything at all.
    """
    root = tmp_path_factory.getbasetemp() / "real"
    sides = policies(root, base, "base"), policies(root, head, "head")
    effects = compare_policies(*sides, ENGINE, recorded(sample_run(*steps)))
    flips = {(flip.validation, flip.step): (flip.base, flip.head) for item in effects for flip in item.flips}
    assert all(flip.why for item in effects for flip in item.flips)
    judged = [[verdicts(side, step) for side in sides] for step in steps]
    for effect in effects:
        side = effect.word != "removed"
        assert effect.matched == sum(set(said[side].values()) != {"skip"} for said in judged)
    for index, (was, now) in enumerate(judged):
        for rule in was.keys() | now.keys():
            pair = (was.get(rule, "skip"), now.get(rule, "skip"))
            if pair[0] != pair[1] and (rule in was.keys() & now.keys() or {"fail", "error"} & set(pair)):
                assert flips.pop((rule, index)) == pair
    assert flips == {}
