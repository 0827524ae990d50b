"""A failing step becomes a policy, its test and a case: with its warrant, or not at all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runback_gate.app.draft import Draft, DraftOptions, Record, draft_policy, write_draft
from runback_gate.app.draft_lines import draft_json, draft_lines, draft_notes
from runback_gate.app.draft_model import word_rule
from runback_gate.app.policies import gate_policies, load_policy_files
from runback_gate.app.policy_lint import lint_policies
from runback_gate.app.policy_tests import run_policy_tests
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.errors import InputError
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import run_gate
from runback_gate.replay.known import Settings
from runback_gate.step import Message, Response, Run, Step
from runback_gate.testing import (
    REFUNDS,
    Answers,
    in_turn,
    sample_call,
    sample_case,
    sample_run,
    sample_step,
    write_gate,
)
from runback_gate.testing.models import ScriptedModels

DAY = "2026-06-01"
QUIET = {"validations": [{"id": "calm", "expression": '!response.text.contains("Oh")'}]}


def refund(amount: int, order: str = "A1", *, text: str = "") -> Step:
    """A step that pays back, of a conversation of its own."""
    said = (Message("user", f"order {order}, {amount}"),)
    return sample_step(sample_call("issue_refund", amount=amount, order=order), text=text, messages=said)


FINE = [refund(amount, f"A{amount}") for amount in (10, 40, 25)]


def drafted(
    root: Path, incident: Step, *fine: Step, policies: dict[str, Any] | None = None, word: Any = None, **options: Any
) -> Draft:
    """The draft of a step that stands after fine ones in its run."""
    write_gate(
        root, [sample_case("c", sample_step(text="Hi"))], policies={"calm": QUIET} if policies is None else policies
    )
    run = sample_run(*fine, incident, run="bad")
    return draft_policy(Record(load_plan(root, day=DAY), run), len(fine), DraftOptions(**options), word)


def claims(found: Draft) -> dict[str, bool]:
    return {claim.text: claim.holds for claim in found.claims}


def test_an_incident_becomes_a_rule(tmp_path: Path) -> None:
    """The files stand as they are: they lint, their test passes on both engines, the case is red by the rule alone."""
    found = drafted(tmp_path, refund(250), *FINE, why="INC-7")
    assert found.admitted
    assert (found.names.rule, found.candidate.params) == ("issue-refund.limit", {"limit": 40})
    assert list(found.files)[-2:] == ["policies/issue-refund-limit.test.yaml", "policies/issue-refund-limit.yaml"]
    assert not (tmp_path / "policies/issue-refund-limit.yaml").exists()
    write_draft(tmp_path, found)
    files = load_policy_files([gate_policies(tmp_path)])
    assert lint_policies(files).findings == ()
    tested = run_policy_tests(files)
    assert (tested.deviations, tested.expectations) == ((), 4)
    plan = load_plan(tmp_path, day=DAY)
    assert [case.why for dataset in plan.datasets for case in dataset.cases if case.id == found.case] == ["INC-7"]
    red = [row for row in run_gate(plan, CppEngine(), in_turn(Answers())).rows if row.verdict.value == "FAIL"]
    assert [(row.case, [item.rule for item in row.findings]) for row in red] == [("bad-3", ["issue-refund.limit"])]


def test_what_stands_already_implies_it(tmp_path: Path) -> None:
    """A rule that denies the incident today makes the new one superfluous."""
    found = drafted(tmp_path, refund(250), *FINE, policies={"refunds": REFUNDS})
    assert not found.admitted
    assert claims(found)["is not implied by what stands"] is False
    with pytest.raises(ValueError, match="without its warrant"):
        write_draft(tmp_path, found)


@pytest.mark.parametrize(
    ("expression", "admitted"),
    [
        ("run.calls.map(c, double(c.arguments.amount)).sum() <= 300.0", False),
        ("run.calls.map(c, double(c.arguments.amount)).sum() <= 3.0", True),
        ("run.calls.size() < 9", True),
    ],
)
def test_a_rule_over_runs_stands_too(tmp_path: Path, expression: str, admitted: bool) -> None:
    """One that the run breaks by this step makes the new rule superfluous; one that was broken before says nothing."""
    total = {"scope": "run", "validations": [{"id": "total.most", "expression": expression}]}
    found = drafted(tmp_path, refund(250), *FINE, policies={"total": total})
    assert found.admitted is admitted
    assert claims(found)["is not implied by what stands"] is admitted


def test_a_judged_rule_is_named_in_the_warrant(tmp_path: Path) -> None:
    """Nobody asks its judge, and the claim says so."""
    judge = {"model": "j/judge", "rubric": "Is calm."}
    tone = {"validations": [{"id": "tone.calm", "judge": judge}]}
    found = drafted(tmp_path, refund(250), *FINE, policies={"calm": QUIET, "tone": tone})
    detail = next(claim.detail for claim in found.claims if claim.text == "is not implied by what stands")
    assert detail == (
        "none of 1 rule denies it; not judged here: tone.calm (a judge model decides it, and only `run` asks one)"
    )
    named = drafted(tmp_path, refund(250), *FINE, policies={"calm": QUIET, "tone": tone}, name="tone.calm")
    assert claims(named)["passes lint and its test"] is False


def test_a_fine_step_is_not_flipped(tmp_path: Path) -> None:
    """A model's rule that denies more than the incident is not admitted, and the steps are named."""

    def word(*_: Any) -> Any:
        found = drafted(tmp_path / "other", refund(250), *FINE).candidate
        return dataclasses.replace(found, params={"limit": 20}, beyond=None)

    found = drafted(tmp_path, refund(250), *FINE, word=word)
    assert not found.admitted
    flips = next(claim for claim in found.claims if claim.text == "flips no recorded step that was fine")
    assert (flips.holds, flips.detail) == (False, "bad step 1, bad step 2")


@pytest.mark.parametrize(
    ("expression", "condition", "broken"),
    [
        ("response.tool_calls.all(c, c.arguments.amount < 99)", "false", "denies the incident"),
        ("true", "", "denies the incident"),
        ("response.text == 'x'", 'response.text == ""', "flips no recorded step that was fine"),
        ("false", "response.tool_calls.exists(c, c.arguments.amount == 250)", "is not vacuous"),
    ],
)
def test_each_claim_can_fail(tmp_path: Path, expression: str, condition: str, broken: str) -> None:
    """No answer is denied, everything is, or only this one: none of them is a rule."""

    def word(*_: Any) -> Any:
        found = drafted(tmp_path / "other", refund(250), *FINE).candidate
        return dataclasses.replace(found, expression=expression, condition=condition, params={}, beyond=None)

    found = drafted(tmp_path, refund(250), *FINE, word=word)
    assert claims(found)[broken] is False


def test_steps_that_are_red_today_are_no_evidence(tmp_path: Path) -> None:
    """A step that a rule denies already says nothing of what is fine."""
    found = drafted(tmp_path, refund(250), *FINE, refund(300, text="Oh no"))
    assert found.candidate.params == {"limit": 40}
    assert found.admitted


def test_the_same_step_elsewhere_is_the_incident(tmp_path: Path) -> None:
    """A copy of it in another run or in the dataset is not taken for a fine step."""
    write_gate(tmp_path, [sample_case("known", refund(250))], policies={"calm": QUIET})
    run = sample_run(*FINE, refund(250), run="bad")
    found = draft_policy(Record(load_plan(tmp_path, day=DAY), run), 3, DraftOptions(dataset="datasets/cases.yaml"))
    assert (found.admitted, found.case) == (True, "known")
    assert not any(path.startswith("datasets/") for path in found.files)


def test_what_cannot_be_drafted(tmp_path: Path) -> None:
    """No template, no such template or tool, no name, a file that is there, a step that can only be read."""
    wrong: list[tuple[Step, dict[str, Any], str]] = [
        (sample_step(text="Well"), {}, "the step calls no tool"),
        (refund(20), {}, "tells the calls of this one apart"),
        (refund(250), {"template": "limits"}, "no template is named 'limits'"),
        (refund(250), {"tool": "escalat"}, "the step calls no 'escalat'"),
        (refund(250), {"name": "a b"}, "not a name of a rule: 'a b'"),
        (
            dataclasses.replace(refund(250), source=dataclasses.replace(refund(1).source, grade="view-only")),
            {},
            "view-only",
        ),
    ]
    for step, options, message in wrong:
        with pytest.raises(InputError, match=message):
            drafted(tmp_path, step, *FINE, **options)
    write_draft(tmp_path, drafted(tmp_path, refund(250), *FINE))
    with pytest.raises(InputError, match="is there already"):
        draft_policy(Record(load_plan(tmp_path, day=DAY), sample_run(*FINE, refund(251))), 3, DraftOptions())


def test_lines_and_json(tmp_path: Path) -> None:
    """The warrant, the files, and what the gate does not read yet; what a model wrote is made inert."""
    strange = sample_step(
        sample_call("issue_refund", **{"amount": 250, "x\u202e": 9}), messages=(Message("user", "?"),)
    )
    fine = [
        sample_step(sample_call("issue_refund", **{"amount": n, "x\u202e": 1}), messages=(Message("user", str(n)),))
        for n in (1, 2)
    ]
    found = drafted(tmp_path, strange, *fine)
    text = "\n".join(draft_lines(found, written=False))
    assert "warrant given" in text
    assert "\u202e" not in text
    assert "would write policies/issue-refund-limit.yaml" in text
    said = json.loads(json.dumps(draft_json(found, written=False)))
    assert [claim["holds"] for claim in said["warrant"]] == [True] * 5
    assert (said["admitted"], said["written"]) == (True, [])
    assert "policies/issue-refund-limit.yaml" in said["files"]
    (note, *_) = draft_notes(tmp_path, found, None)
    assert note.startswith("no folder of runs")
    refused = drafted(tmp_path / "other", refund(250), *FINE, policies={"refunds": REFUNDS})
    assert list(draft_lines(refused, written=False))[-1] == "nothing was written"


def worded(
    tmp_path: Path, says: Callable[[Any], Response], *, settings: Settings | None = None
) -> tuple[Draft, ScriptedModels]:
    models = ScriptedModels(says)
    word = partial(word_rule, live=models.live(settings=settings), model="local/m")
    return drafted(tmp_path, refund(250), *FINE, word=word), models


REPLY = {
    "description": "Refunds stay\n small",
    "message": "too large",
    "condition": 'size(calls(response, "issue_refund")) > 0',
    "expression": 'calls(response, "issue_refund").all(c, c.arguments.amount <= 100)',
}


@pytest.mark.parametrize("form", ["{}", "```json\n{}\n```"])
def test_a_model_may_word_it(tmp_path: Path, form: str) -> None:
    """It is asked once, its reply is data, and the warrant is the same."""
    found, models = worded(tmp_path, lambda _: Response(form.replace("{}", json.dumps(REPLY))))
    assert (found.admitted, found.names.rule, len(models.asked)) == (True, "support.model", 1)
    assert found.candidate.description == "Refunds stay small"
    write_draft(tmp_path, found)
    assert run_policy_tests(load_policy_files([gate_policies(tmp_path)])).deviations == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "[]",
        json.dumps({**REPLY, "run": "rm"}),
        json.dumps({**REPLY, "expression": 1}),
        json.dumps({"message": "x"}),
    ],
)
def test_a_reply_that_is_no_rule(tmp_path: Path, text: str) -> None:
    """Is refused whole."""
    with pytest.raises(InputError, match="the model's reply is not a rule"):
        worded(tmp_path, lambda _: Response(text))


@pytest.mark.parametrize("expression", ["(", "response.text.matches('(a')", "true &&"])
def test_a_rule_that_does_not_compile(tmp_path: Path, expression: str) -> None:
    """Is an error, never a policy."""
    with pytest.raises(InputError):
        worded(tmp_path, lambda _: Response(json.dumps({**REPLY, "expression": expression})))
    assert sorted(path.name for path in (tmp_path / "policies").iterdir()) == ["calm.yaml"]


def test_a_rule_that_lint_refuses(tmp_path: Path) -> None:
    """A name that no answer has, or the order of a map, is no rule, though an engine takes it."""
    for part in ("response.txt == ''", "agent.labels.map(k, k) == []"):
        reply = {**REPLY, "expression": f"{REPLY['expression']} && ({part} || true)"}
        found, _ = worded(tmp_path / part[:12], lambda _, reply=reply: Response(json.dumps(reply)))  # type: ignore[misc]
        assert claims(found)["passes lint and its test"] is False


def test_no_answer(tmp_path: Path) -> None:
    """Says why; with a plan alone nothing is asked."""
    with pytest.raises(InputError, match=r"the model gave no rule: .*planned, not asked"):
        worded(tmp_path, lambda _: Response("x"), settings=Settings(plan_only=True))


def test_run_named_twice(tmp_path: Path) -> None:
    """The run of the incident counts once, also where its folder holds it."""
    write_gate(tmp_path, [sample_case("c", sample_step(text="Hi"))])
    run: Run = sample_run(*FINE, refund(250), run="bad")
    record = Record(load_plan(tmp_path, day=DAY), run)
    assert [item.id for item in record.runs()] == ["bad"]
