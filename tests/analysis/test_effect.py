"""What a change of policies does: words, flips and reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from runback_gate.analysis import effect as effect_module
from runback_gate.analysis.effect import compare_policies
from runback_gate.analysis.policy_effect import Flip
from runback_gate.analysis.recorded import RecordedStep
from runback_gate.cel.engine import Engine
from runback_gate.errors import ExpressionError
from runback_gate.policy.batch import Batches
from runback_gate.policy.context import Layout
from runback_gate.policy.document import load_policies
from runback_gate.policy.evaluate import RuleResult, RuleSet, StepUnderTest, results
from runback_gate.testing import REFUNDS, write_document
from tests.analysis.effects import (
    BARE,
    ENGINE,
    HUGE,
    LARGE,
    SMALL,
    VIEW_ONLY,
    WORDS,
    compared,
    counts,
    limited,
    policies,
    rules,
)


def test_a_higher_limit(tmp_path: Path) -> None:
    """Looser: the step between the limits is newly permitted, and the reason names the values on both sides."""
    (effect,) = compared(tmp_path, limited(100), limited(500))
    assert (effect.policy, effect.word, effect.loosens, effect.vacuous) == ("refunds", "looser", True, False)
    assert (effect.steps, effect.same, effect.matched, effect.path) == (5, 4, 4, "refunds.yaml")
    assert effect.flips == (
        Flip(
            validation="refunds.limit",
            run="sample",
            step=1,
            kind="newly permitted",
            base="fail",
            head="pass",
            expression="c.arguments.amount <= params.limit",
            why="amount <= limit: 250 <= 100 false → 250 <= 500 true",
            answer="issue_refund(amount: 250)",
        ),
    )
    assert [(item.what, item.base, item.head) for item in effect.changes] == [("params.limit", "100", "500")]
    # The step that fails on both sides is told the other limit.
    assert [item.messages for item in effect.validations] == [1]


def test_a_lower_limit(tmp_path: Path) -> None:
    """Stricter: the same step is newly failing."""
    (effect,) = compared(tmp_path, limited(500), limited(100))
    assert (effect.word, effect.loosens, counts(effect)) == ("stricter", False, {"refunds.limit": {"newly failing": 1}})
    assert effect.flips[0].why == "amount <= limit: 250 <= 500 true → 250 <= 100 false"


def test_no_change(tmp_path: Path) -> None:
    """The same bytes are not looked at, not even one step is taken; a file of another name is no change."""
    same = policies(tmp_path, limited(100))

    def none() -> Iterable[RecordedStep]:
        raise AssertionError("a step was taken")
        yield

    assert compare_policies(same, same, ENGINE, none()) == ()
    write_document(tmp_path / "q", "moved.yaml", "Policy", "refunds", limited(100)["refunds"])
    assert compare_policies(same, load_policies(tmp_path / "q", ["*.yaml"])[0], ENGINE, none()) == ()


def test_rules_that_are_the_same_are_not_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither on base nor on head, on a step that the policy concerns: no step tells them apart."""
    asked: list[str] = []

    def watched(sets: Sequence[RuleSet], step: StepUnderTest) -> dict[str, RuleResult]:
        asked.extend(rule.id for item in sets for rule in item.rules)
        return results(sets, step)

    monkeypatch.setattr(effect_module, "results", watched)
    base = {"p": rules(x="response.text != 'x'", y="response.text != 'y'")}
    head = {"p": rules(x="response.text  !=  'x'", y="response.text != 'Hello!'")}
    (effect,) = compared(tmp_path, base, head, (WORDS,))
    assert (effect.matched, counts(effect), asked) == (1, {"y": {"newly failing": 1}}, ["y", "y"])


def test_what_is_laid_out_of_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the rules that differ read, and the conditions, variables and messages that they need; nothing more."""
    laid: list[object] = []
    projected = RecordedStep.projected

    def watched(self: RecordedStep, engine: Engine, layout: Layout, batches: Batches) -> StepUnderTest:
        laid.append(layout.needs)
        return projected(self, engine, layout, batches)

    monkeypatch.setattr(RecordedStep, "projected", watched)
    spec = rules(same="size(request.messages) < 9", changed="variables.said != ''")
    spec["validations"][1]["messageExpression"] = "response.finish_reason"
    spec["matchConditions"] = [{"name": "c", "expression": "agent.name != ''"}]
    spec["variables"] = [{"name": "said", "expression": "response.text"}, {"name": "past", "expression": "history"}]
    head = {**spec, "validations": [spec["validations"][0], {**spec["validations"][1], "expression": "false"}]}
    compared(tmp_path, {"p": spec}, {"p": head}, (WORDS,))
    assert laid == [{"agent": {"name": None}, "response": {"text": None, "finish_reason": None}}]


def test_text_without_effect(tmp_path: Path) -> None:
    """Another text whose verdicts are the same: same on record, with how many steps say so."""
    (effect,) = compared(tmp_path, limited(100), limited(110))
    assert (effect.word, effect.same, effect.steps, effect.flips) == ("same on record", 5, 5, ())
    head = {"refunds": {**REFUNDS, "description": "Other words"}}
    (effect,) = compared(tmp_path, {"refunds": {**REFUNDS}}, head)
    assert (effect.word, effect.changes, effect.same) == ("same on record", (), 5)


def test_another_name_of_the_policy(tmp_path: Path) -> None:
    """Validations are known by their id: a renamed policy is the same on record."""
    (effect,) = compared(tmp_path, {"refunds": {**REFUNDS}}, {"money": {**REFUNDS}})
    assert (effect.policy, effect.word, effect.flips) == ("money", "same on record", ())
    assert [(item.what, item.base, item.head) for item in effect.changes] == [("metadata.name", "refunds", "money")]


def test_a_validation_that_moved(tmp_path: Path) -> None:
    """To another policy: no change by itself; to one that only warns: looser, though no verdict flips."""
    base = {"a": rules(x="response.text != 'x'", y="response.text != 'y'"), "b": rules(z="response.text != 'z'")}
    head = {"a": rules(x="response.text != 'x'"), "b": rules(z="response.text != 'z'", y="response.text != 'y'")}
    assert [(item.policy, item.word) for item in compared(tmp_path, base, head)] == [
        ("a", "same on record"),
        ("b", "same on record"),
    ]
    warns = {**head, "b": {**head["b"], "validationActions": ["Warn"]}}
    base["b"]["validationActions"] = ["Warn"]
    effects = compared(tmp_path, base, warns)
    assert [(item.policy, item.word) for item in effects] == [("a", "same on record"), ("b", "looser")]
    assert [(item.what, item.direction) for item in effects[1].changes] == [("validationActions", "looser")]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"validationActions": ["Warn"]}, "looser"),
        ({"validationActions": ["Audit"]}, "looser"),
        ({"failurePolicy": "Ignore"}, "looser"),
        ({"match": {"agents": ["support*"]}}, "looser"),
        ({"matchConditions": [*REFUNDS["matchConditions"], {"name": "c", "expression": "true"}]}, "looser"),
        ({"matchConditions": []}, "stricter"),
        ({"params": {"limit": 100, "more": 1}}, "same on record"),
        ({"params": {"limit": 500}, "validationActions": ["Warn"]}, "looser"),
        ({"params": {"limit": 30}, "validationActions": ["Warn"]}, "mixed"),
    ],
)
def test_words_without_a_flip(tmp_path: Path, change: dict[str, Any], word: str) -> None:
    """A weaker action, less stopped by errors, a narrower match are looser though the steps at hand do not flip."""
    steps = (SMALL, HUGE)
    (effect,) = compared(tmp_path, {"refunds": {**REFUNDS}}, {"refunds": {**REFUNDS, **change}}, steps)
    assert effect.word == word


def test_skipped(tmp_path: Path) -> None:
    """A rule that no longer looks at a step is looser, whatever it said of it; the reason is the condition."""
    condition = {"name": "large", "expression": 'calls(response, "issue_refund").exists(c, c.arguments.amount > 500)'}
    base, head = limited(100), limited(100, matchConditions=[*REFUNDS["matchConditions"], condition])
    (effect,) = compared(tmp_path, base, head, (SMALL, LARGE, HUGE, WORDS))
    assert counts(effect) == {"refunds.limit": {"newly permitted": 1, "now skipped": 1}}
    assert [(flip.step, flip.base, flip.head) for flip in effect.flips] == [(1, "fail", "skip"), (0, "pass", "skip")]
    shown = 'calls(response, "issue_refund").exists(c, amount > 500)'
    assert effect.flips[0].why == f"match condition large: {shown}: false (only on head)"
    (effect,) = compared(tmp_path, head, base, (SMALL, LARGE, HUGE, WORDS))
    assert counts(effect) == {"refunds.limit": {"newly failing": 1, "no longer skipped": 1}}
    assert effect.flips[0].why.endswith(" (only on base)")


def test_a_condition_that_says_something_else(tmp_path: Path) -> None:
    """A condition on both sides is told like any expression."""
    base = [{"name": "c", "expression": "size(response.tool_calls) > 0"}]
    head = [{"name": "c", "expression": "size(response.tool_calls) > 1"}]
    (effect,) = compared(tmp_path, limited(100, matchConditions=base), limited(100, matchConditions=head), (LARGE,))
    why = "match condition c: size(tool_calls) > 0: 1 > 0 true → size(tool_calls) > 1: 1 > 1 false"
    assert [flip.why for flip in effect.flips] == [why]
    (effect,) = compared(tmp_path, limited(100, matchConditions=head), limited(100, matchConditions=base), (LARGE,))
    why = "match condition c: size(tool_calls) > 1: 1 > 1 false → size(tool_calls) > 0: 1 > 0 true"
    assert [flip.why for flip in effect.flips] == [why]


def test_another_match(tmp_path: Path) -> None:
    """A policy that no longer names the agent or the tag says so."""
    for match, text in (({"agents": ["bill*"]}, "agents bill*"), ({"tags": ["vip", "x"]}, "tags vip x")):
        (effect,) = compared(tmp_path, limited(100), limited(100, match=match), (LARGE,))
        assert (effect.word, effect.vacuous) == ("looser", True)
        assert [flip.why for flip in effect.flips] == [f"the policy on head is not for this agent or case: {text}"]


def test_errors(tmp_path: Path) -> None:
    """What can no longer be evaluated, and what can again, with the part that errs."""
    guarded = 'calls(response, "issue_refund").all(c, !has(c.arguments.amount) || c.arguments.amount <= 100)'
    bare = 'calls(response, "issue_refund").all(c, c.arguments.amount <= 100)'
    (effect,) = compared(tmp_path, {"p": rules(r=guarded)}, {"p": rules(r=bare)}, (SMALL, BARE))
    assert (effect.word, counts(effect)) == ("stricter", {"r": {"now error": 1}})
    assert "→ amount: error: " in effect.flips[0].why
    (effect,) = compared(tmp_path, {"p": rules(r=bare)}, {"p": rules(r=guarded)}, (SMALL, BARE))
    assert (effect.word, counts(effect)) == ("looser", {"r": {"no longer error": 1}})
    assert effect.flips[0].why.startswith("amount: error: ")


def test_a_condition_that_errs(tmp_path: Path) -> None:
    """The reason is that of the condition, not of the expression behind it."""
    head = limited(100, matchConditions=[{"name": "c", "expression": "response.none"}])
    (effect,) = compared(tmp_path, limited(100), head, (LARGE,))
    assert effect.flips[0].why.startswith("match condition c: ")
    assert (effect.flips[0].base, effect.flips[0].head) == ("fail", "error")
    (effect,) = compared(tmp_path, {"a": rules(a="true")}, {"a": rules(a="true"), "refunds": head["refunds"]}, (LARGE,))
    assert (effect.word, effect.flips[0].kind) == ("new", "now error")
    assert effect.flips[0].why.startswith("match condition c: ")


def test_view_only_steps(tmp_path: Path) -> None:
    """They cannot be judged on either side; where one side does not concern them, it says so."""
    (effect,) = compared(tmp_path, limited(100), limited(10), (VIEW_ONLY,))
    assert (effect.word, effect.flips) == ("same on record", ())
    (effect,) = compared(tmp_path, limited(100, match={"agents": ["x"]}), limited(100), (VIEW_ONLY,))
    assert effect.flips[0].why == "the recording is view-only: it can be read, not judged"


def test_new_policies_and_rules(tmp_path: Path) -> None:
    """A new policy is `new`, with the steps that it fails; a new rule in an old policy makes it stricter."""
    base = {"a": rules(a="true")}
    (effect,) = compared(tmp_path, base, {**base, **limited(100)})
    assert (effect.policy, effect.word, effect.loosens, effect.changes) == ("refunds", "new", False, ())
    assert counts(effect) == {"refunds.limit": {"newly failing": 2, "now error": 1}}
    assert effect.flips[0].why == "amount <= limit: 250 <= 100 false"
    assert effect.flips[0].base == "skip"
    (effect,) = compared(tmp_path, base, {"a": rules(a="true", b='response.text != "Hello!"')})
    assert (effect.word, counts(effect)) == ("stricter", {"b": {"newly failing": 1}})
    assert [(item.what, item.direction) for item in effect.changes] == [("rule b", "stricter")]


def test_removed_policies_and_rules(tmp_path: Path) -> None:
    """A policy that is gone is `removed`, with the steps that it stopped; a rule that is gone makes it looser."""
    rest = {"a": rules(a="true", b='response.text != "Hello!"')}
    (effect,) = compared(tmp_path, {**rest, **limited(100)}, rest)
    assert (effect.policy, effect.word, effect.loosens, effect.matched) == ("refunds", "removed", True, 4)
    assert counts(effect) == {"refunds.limit": {"newly permitted": 2, "no longer error": 1}}
    assert (effect.flips[0].why, effect.flips[0].head) == ("amount <= limit: 250 <= 100 false", "skip")
    assert [item.state for item in effect.validations] == ["removed"]
    (effect,) = compared(tmp_path, rest, {"a": rules(a="true")})
    assert (effect.word, counts(effect)) == ("looser", {"b": {"newly permitted": 1}})
    # A rename that drops a rule is no removed policy and no new one, but looser.
    (effect,) = compared(tmp_path, rest, {"z": rules(a="true")})
    assert (effect.policy, effect.word) == ("z", "looser")
    # All rules replaced under one name.
    (effect,) = compared(tmp_path, rest, {"a": rules(c="true")})
    assert (effect.word, counts(effect)) == ("mixed", {"b": {"newly permitted": 1}})


def test_vacuous(tmp_path: Path) -> None:
    """A policy that concerns no recorded step is vacuous; without steps nothing is known."""
    base = {"a": rules(a="true")}
    head = {**base, **limited(100)}
    assert [item.vacuous for item in compared(tmp_path, base, head, (WORDS,))] == [True]
    assert [item.vacuous for item in compared(tmp_path, base, head, ())] == [False]


def test_flips_are_counted_beyond_those_that_are_kept(tmp_path: Path) -> None:
    """Of each kind the first few are kept with their reason, all are counted."""
    (effect,) = compared(tmp_path, limited(100), limited(500), [LARGE] * 5, limit=2)
    assert [flip.step for flip in effect.flips] == [0, 1]
    assert counts(effect) == {"refunds.limit": {"newly permitted": 5}}
    assert [item.flipped for item in effect.validations] == [5]


def test_the_steps_of_cases(tmp_path: Path) -> None:
    """A recorded step of a case has its tags, its labels and its names."""
    rule = 'case.id == "c" && case.dataset == "d" && case.tags == ["vip"] && agent.labels.team == "a"'
    steps = [RecordedStep("d/c", "sha256:0", LARGE, ("vip",), {"team": "a"}, "d", "c")]
    base = policies(tmp_path, {"p": {**rules(r="false"), "match": {"tags": ["vip"]}}}, "base")
    (effect,) = compare_policies(base, policies(tmp_path, {"p": rules(r=rule)}, "head"), ENGINE, steps)
    assert [(flip.run, flip.step, flip.base, flip.head) for flip in effect.flips] == [
        ("d/c", "sha256:0", "fail", "pass")
    ]


def test_a_side_that_does_not_compile(tmp_path: Path) -> None:
    """Nothing is compared then."""
    for base, head in ((rules(r="true"), rules(r="tru")), (rules(r="tru"), rules(r="true"))):
        with pytest.raises(ExpressionError):
            compared(tmp_path, {"p": base}, {"p": head})
