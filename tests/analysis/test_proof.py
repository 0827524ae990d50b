"""What is proved of a changed rule: the word, the lengths it holds for, and a step that both engines confirm."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from benchmarks.proofs import Prepared, Trial, contradiction, random_pairs
from benchmarks.random_rules import policy
from runback_gate.analysis.proof import lists, operators, values
from runback_gate.analysis.proof.example import Example, seen
from runback_gate.analysis.proof.form import Judges, form
from runback_gate.analysis.proof.prove import Limits, prove
from runback_gate.analysis.proof.smt import Smt
from runback_gate.analysis.proof.values import Listing, World
from runback_gate.change.proof import Proof
from runback_gate.errors import InputError
from tests.analysis.proofs import ENGINES, proof
from tests.extras import needs

MAX = 2**63 - 1
BOUNDS = {"calls": 3, "history": 8, "other": 2}
RULE = 'response.tool_calls.all(c, c.name != "x")'
NUMBER = "response.tool_calls[0].arguments.a"
PAY = 'calls(response, "pay").all(c, c.arguments.amount <= 100)'
FIRST = "response.tool_calls[0]"
TIME = "timestamp(case.now) > timestamp(case.now)"
READ = 'calls(response, "r").all(c, history.exists(h, h.name == "l" && h.arguments.o == c.arguments.o))'


@pytest.fixture(autouse=True)
def _solver() -> None:
    needs("z3")


SAME = [
    ("response.text == 'a'", "'a' == response.text"),
    (PAY, 'response.tool_calls.all(c, c.name != "pay" || c.arguments.amount <= 100)'),
    (PAY, '!calls(response, "pay").exists(c, !(c.arguments.amount <= 100))'),
    (PAY, 'calls(response, "pay").all(k, 100 >= k.arguments.amount)'),
    ("size(response.tool_calls) <= 30", "size(response.tool_calls) < 31"),
    ('response.tool_calls.all(c, c.name in ["a", "b"])', 'response.tool_calls.all(c, c.name == "b" || c.name == "a")'),
    ('history.exists(h, h.name == "l")', 'size(history.filter(h, h.name == "l")) > 0'),
    (
        "history.exists(h, has(h.result)) && response.text == 'a'",
        "response.text == 'a' && history.exists(h, has(h.result))",
    ),
    ('mentions(response.text, ["a", "b"])', 'mentions(response.text, ["b", "a"])'),
    ('response.text.matches("^a+$")', 'response.text.matches("^aa*$")'),
    ('response.text.startsWith("ab") || response.text.startsWith("a")', 'response.text.startsWith("a")'),
    (
        'response.tool_calls.map(c, c.name) == ["a"]',
        'size(response.tool_calls) == 1 && response.tool_calls[0].name == "a"',
    ),
    ("parse_json(response.text).a == 1", "1 == parse_json(response.text).a"),
    (f"{TIME} || response.text == 'a'", f"'a' == response.text || {TIME}"),
]
STRICTER = [
    (f"{FIRST}.arguments.all(k, k != 'a')", f"{FIRST}.arguments.all(k, k != 'a' && k != 'b')"),
    (PAY, 'calls(response, "pay").all(c, c.arguments.amount <= 50)'),
    ('size(calls(response, "x")) <= 3', 'size(calls(response, "x")) < 3'),
    (READ, READ.replace("h.name", "has(h.result) && h.name")),
    (RULE, f"{RULE} && response.text != 'a'"),
    ('response.text.startsWith("a")', 'response.text.startsWith("ab")'),
    ('mentions(response.text, ["a", "b"])', 'mentions(response.text, ["a"])'),
    ('response.tool_calls.exists(c, c.name == "a")', 'response.tool_calls.exists_one(c, c.name == "a")'),
    ("size(response.tool_calls) <= 30", "size(response.tool_calls) <= 20"),
]
LOOSER = [
    (PAY, 'calls(response, "pay").all(c, c.arguments.amount < 101)'),
    ("response.tool_calls[0].arguments.a + 1 > 5", "response.tool_calls[0].arguments.a > 4"),
    (RULE, f"size(response.tool_calls) > 3 || {RULE}"),
    (RULE, f"size(response.tool_calls) > 7 || {RULE}"),
    (
        "response.tool_calls.all(c, c.arguments.a == 1)",
        "response.tool_calls.all(c, has(c.arguments.b) || c.arguments.a == 1)",
    ),
    ("has(response.model)", "true"),
    ('parse_json(response.text).a == "x"', 'parse_json(response.text).a in ["x", "y"]'),
    ("response.tool_calls[0].arguments.k in history[0].result", "true"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_a_rule_that_is_written_otherwise_is_equivalent_for_every_length(old: str, new: str) -> None:
    """No step tells the two forms apart, whatever the lengths of its lists."""
    found = proof(old, new)
    assert (found.verdict, found.bounds, found.counterexample) == ("equivalent", None, None), found


@pytest.mark.parametrize(("old", "new"), STRICTER)
def test_a_rule_that_lets_less_pass_is_stricter_for_every_length(old: str, new: str) -> None:
    """The claim frees, and a step shows what is stopped now."""
    found = proof(old, new)
    assert (found.verdict, found.bounds) == ("stricter", None), found
    assert found.counterexample is not None
    assert found.reason == "was true, is false (both engines)" or "error" in found.reason
    assert found.length == "for lists of any length"


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new"), STRICTER)
def test_a_stricter_rule_read_backwards_is_looser(old: str, new: str) -> None:
    """And shows its step."""
    assert proof(new, old).verdict == "looser"


@pytest.mark.parametrize(("old", "new"), LOOSER)
def test_a_rule_that_lets_more_pass_shows_a_step(old: str, new: str) -> None:
    """The step is one that a policy test can hold, and both engines judge it so."""
    found = proof(old, new)
    assert found.verdict in ("looser", "incomparable"), found
    assert found.counterexample is not None
    judges = Judges(policy(old), policy(new), "p.r", ENGINES)
    for was, is_ in judges.outcomes(found.counterexample):
        assert was.outcome != "pass"
        assert is_.outcome == "pass"


@pytest.mark.slow
@pytest.mark.parametrize("length", [3, 12, 40, 1000])
def test_a_rule_that_gives_way_beyond_a_bound_is_never_free(length: int) -> None:
    """Either a step beyond the bound is found, or the claim prints its bounds."""
    found = proof(RULE, f"size(response.tool_calls) > {length} || {RULE}")
    assert not found.frees
    assert found.verdict == "looser" or (found.verdict, found.bounds) == ("equivalent", BOUNDS)


def test_a_claim_up_to_a_bound_prints_its_bounds() -> None:
    """A length that no proof reaches leaves a claim that frees nothing."""
    found = proof(RULE, f"size(response.tool_calls) > 300 || {RULE}")
    assert (found.verdict, found.bounds, found.frees) == ("equivalent", BOUNDS, False)


def test_match_conditions_belong_to_what_a_rule_says() -> None:
    """What a condition leaves out passes: a wider condition is stricter, a narrower one looser."""
    wide, narrow = ("size(response.tool_calls) > 0",), ("size(response.tool_calls) > 1",)
    assert proof(RULE, RULE, conditions=(narrow, wide)).verdict == "stricter"
    assert proof(RULE, RULE, conditions=(wide, narrow)).verdict == "looser"


def test_a_condition_that_errs_stops_the_step() -> None:
    """It leaves the row undecided, so a condition that can err and one that cannot differ."""
    sure, unsure = ("size(response.tool_calls) != 1",), ('response.tool_calls[1].name == "x"',)
    assert proof("false", "false", conditions=(unsure, sure)).verdict == "incomparable"


def test_errors_pass_where_the_policy_ignores_them() -> None:
    """Under `failurePolicy: Ignore` a rule that cannot be evaluated lets the step pass."""
    rule, guarded = f"{NUMBER} < 1", f"size(response.tool_calls) == 0 || {NUMBER} < 1"
    assert proof(rule, guarded).verdict == "looser"
    assert proof(rule, guarded, ignore=(True, True)).verdict == "equivalent"
    assert proof(rule, rule, ignore=(False, True)).verdict == "looser"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("int(response.text) > 1", "int(response.text) > 2", "int() is not modelled"),
        ('response.text.matches("(?i)^a")', 'response.text.matches("(?i)^ab")', "not confirm"),
    ],
)
def test_what_is_not_modelled_is_unknown(old: str, new: str, reason: str) -> None:
    """It frees nothing, and says why."""
    found = proof(old, new)
    assert found.verdict in ("unknown", "looser", "stricter", "incomparable")
    assert not found.frees or found.counterexample is not None
    if found.verdict == "unknown":
        assert reason in found.reason


def test_a_solver_that_does_not_come_to_an_end_is_unknown() -> None:
    """A few steps are enough for nothing."""
    found = proof(READ, READ.replace("h.name", "has(h.result) && h.name"), Limits(steps=1))
    assert (found.verdict, found.frees) == ("unknown", False)
    assert "did not come to an end" in found.reason


def test_a_rule_that_compares_too_many_values_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs of values count as work, also where few expressions compare them."""
    monkeypatch.setattr(values, "MAX_WORK", 25)
    assert proof(f"{NUMBER} == 1", f"1 == {NUMBER}").verdict == "equivalent"
    same = f"{FIRST}.arguments.a == {FIRST}.arguments.b && {FIRST}.arguments.c == {FIRST}.arguments.b"
    found = proof(f"{same} && {FIRST}.arguments.c == {FIRST}.arguments.d", same)
    assert (found.verdict, found.frees, found.reason) == ("unknown", False, "the rule is too large")


def test_a_step_that_the_engines_do_not_confirm_shows_nothing() -> None:
    """What is found is `unknown` then."""
    before, after = policy("response.text == 'a'"), policy("true")
    found = prove(form(before, "p.r"), form(after, "p.r"), lambda *_: "")
    assert (found.verdict, found.counterexample) == ("unknown", None)
    assert "engines do not confirm" in found.reason


@pytest.mark.slow
def test_the_same_pair_gives_the_same_proof() -> None:
    """Also after others were proved."""
    first = proof(PAY, PAY.replace("100", "500"))
    proof(RULE, READ)
    assert proof(PAY, PAY.replace("100", "500")) == first


def test_without_the_solver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the extra."""
    monkeypatch.setitem(sys.modules, "z3", None)
    with pytest.raises(InputError, match="proofs need a solver") as caught:
        Smt()
    assert "runback-gate[proof]" in str(caught.value.hint)


def test_a_step_is_seen_as_expressions_see_it() -> None:
    """What is shown is what a policy test of the same step gives."""
    found = proof(PAY, "true")
    assert found.counterexample is not None
    data: Any = seen(found.counterexample)
    assert data["response"]["tool_calls"][0]["name"] == "pay"


@pytest.mark.slow
def test_random_pairs_are_not_contradicted_by_the_engines() -> None:
    """A small share of what `make proof` tries."""
    tally = random_pairs(12, 7, 40)
    assert tally.contradicted == []


@pytest.mark.slow
def test_many_random_pairs_are_not_contradicted_by_the_engines() -> None:
    """A larger share of it."""
    tally = random_pairs(150, 11, 200)
    assert tally.contradicted == []
    assert tally.decided > 0.9


def without_errors(self: World, listing: Listing, key: object, deciding: Any) -> None:
    """Forget that a filter may err."""
    self.uses.setdefault(listing.bases[0].path, {}).setdefault(key, 1)
    self.deciders.setdefault(listing.bases[0].path, {})[key] = deciding


FILTERED = "!(history.filter(h, has(h.result) {} h.result.a >= 1).all(x, !(x.result.a != 0)))"
PLANTED: list[tuple[Any, str, Any, str, str]] = [
    # No witnesses: one element is taken to be enough.
    (World, "use", lambda *_: None, RULE, f"size(calls(response, 'x')) > 2 || {RULE}"),
    # A size that every element changes, taken for one that a single element decides.
    (lists, "ALL", 1, RULE, f"size(response.tool_calls) > size(history) + 5 || {RULE}"),
    # No overflow of 64 bits.
    (operators, "_MOST", 1 << 80, f"{NUMBER} + 1 > 5", f"{NUMBER} + 1 > 5 || {NUMBER} == {MAX} && {NUMBER} % 2 == 1"),
    # The element on which a filter errs has no place beside those that decide.
    (World, "decide", without_errors, FILTERED.format("||"), FILTERED.format("&&")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("where", "what", "wrong", "old", "new"), PLANTED, ids=["use", "size", "overflow", "filter"])
def test_a_wrong_encoding_is_caught(
    where: Any, what: str, wrong: Any, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a fault planted in the encoder a false claim is made, and steps contradict it; without it none is."""
    steps: Any = [
        {"response": {"text": "a", "tool_calls": [{"name": "x", "arguments": {"a": value}}] * count}, "history": past}
        for count in range(8)
        for value in (4, 5, MAX)
        for past in ([], [{"name": "l", "arguments": {}, "result": {"a": 99}}, {"name": "l", "arguments": {}}])
    ]
    judges = Judges(policy(old), policy(new), "p.r", ENGINES[:1])

    def contradicted() -> str:
        return contradiction(proof(old, new), judges, [Prepared(step, ENGINES[:1]) for step in steps], Limits())

    assert contradicted() == ""
    monkeypatch.setattr(where, what, wrong)
    assert contradicted() != "", proof(old, new)


def test_contradictions_are_counted() -> None:
    """What the tally of `make proof` counts is what an engine denies."""
    trial = Trial(1)
    step: Example = {"response": {"text": "a", "tool_calls": []}}
    sides = policy("response.text == 'a'"), policy("response.text == 'a' || false")
    judges = Judges(*sides, "p.r", ENGINES)
    trial.examine(judges, form(sides[0], "p.r"), form(sides[1], "p.r"), trial.steps([step]))
    tally = trial.tally
    assert (tally.verdicts["equivalent"], tally.contradicted, tally.decided) == (1, [], 1)
    wrong, judges = Proof("p.r", "equivalent"), Judges(policy("true"), policy("false"), "p.r", ENGINES)
    for engine in (0, 1):
        said = contradiction(wrong, judges, trial.steps([step]), Limits(), engine)
        assert said.startswith("equivalent None: pass → fail")


def test_a_limit_on_work_contradicts_nothing() -> None:
    """A loop that met its limit decided nothing; the other form ends at the first call and passes."""
    size = "calls(response, 'x').all(y, size(calls(response, 'x')) > 0)"
    sides = [policy(f"response.tool_calls.{loop}(x, {size})") for loop in ("all", "exists")]
    judges, found = Judges(sides[0], sides[1], "p.r", ENGINES), Proof("p.r", "equivalent")

    def said(calls: int) -> tuple[object, object, str]:
        step: Any = {"response": {"text": "", "tool_calls": [{"name": "x", "arguments": {}}] * calls}}
        seen_by = Prepared(step, ENGINES)
        before, after = (seen_by.outcome(0, judges.sides[0][side]) for side in (0, 1))
        return before, after, contradiction(found, judges, [seen_by], Limits())

    assert said(3) == ("pass", "pass", "")
    assert said(45) == (None, "pass", "")
    assert said(0)[2].startswith("equivalent None: pass → fail")
