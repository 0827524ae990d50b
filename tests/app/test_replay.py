"""A step asked again by scripted models: then and now, and an answer that becomes a case."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from runback_gate.agent import load_agent
from runback_gate.app.cases import NewCase
from runback_gate.app.judge import JudgeOptions, judge
from runback_gate.app.live import World
from runback_gate.app.replay import Edit, keep_trial, replay_step
from runback_gate.app.replay_lines import step_lines
from runback_gate.documents import write_atomic
from runback_gate.errors import InputError, ProviderError
from runback_gate.gate.config import load_gate
from runback_gate.replay.cache import ResponseCache
from runback_gate.replay.evidence import Evidence
from runback_gate.replay.known import Settings, StopSignal
from runback_gate.replay.providers import real_world
from runback_gate.replay.spend import Limits
from runback_gate.replay.step import parse_setting
from runback_gate.step import Message, Request, Response, Tool
from runback_gate.testing import TOOLS, sample_call, sample_case, sample_run, sample_step, write_document, write_gate
from runback_gate.testing.models import ScriptedModels

REFUND = sample_call("issue_refund", amount=250)
ESCALATE = sample_call("escalate", reason="dispute")
RUN = sample_run(sample_step(text="Which order?"), sample_step(REFUND), run="chat-1")


def obeys(request: Request) -> Response:
    """A model that does what the prompt says."""
    return Response("", (ESCALATE if "escalate" in (request.system or "") else REFUND,))


def answers(found: Any) -> list[str]:
    return [trial.divergence.words if trial.divergence else trial.answer.note for trial in found.trials]


def test_an_unchanged_step_is_asked_anew() -> None:
    """The recorded answer is no answer of today: the model is asked as often as wanted, with what was recorded."""
    models = ScriptedModels(obeys)
    found = replay_step(RUN, 1, Edit(), models.live(), trials=3)
    assert answers(found) == ["equivalent"] * 3
    assert models.asked == [RUN.steps[1].request] * 3
    assert (found.told, found.shown, found.spend.calls, found.question.note) == (True, False, 3, "")


@pytest.mark.parametrize(
    ("edit", "asked"),
    [
        (Edit(system="Always escalate."), {"system": "Always escalate."}),
        (Edit(model="openai/gpt-5"), {"model": "openai/gpt-5"}),
        (Edit(settings=(parse_setting("parameters.temperature=1"),)), {"parameters": {"temperature": 1}}),
        (Edit(settings=(parse_setting("messages[0].content=Hi"),)), {"messages": (Message("user", "Hi"),)}),
        (Edit(without_tools=("escalate",)), {"tools": TOOLS[:1]}),
        (
            Edit(tools=(Tool("escalate", "Other."), Tool("wait"))),
            {"tools": (TOOLS[0], Tool("escalate", "Other."), Tool("wait"))},
        ),
    ],
)
def test_each_edit_changes_its_field_alone(edit: Edit, asked: dict[str, Any]) -> None:
    """Prompt, model, parameter, message, tool: the rest is asked as it was recorded."""
    models = ScriptedModels(obeys)
    replay_step(RUN, 1, edit, models.live())
    assert models.asked == [dataclasses.replace(RUN.steps[1].request, **asked)]


def test_a_changed_prompt_shows_then_and_now() -> None:
    """The difference is named in words, and what was asked says how it differs from the recording."""
    found = replay_step(RUN, 1, Edit(system="Always escalate."), ScriptedModels(obeys).live(), trials=2)
    assert answers(found) == ["tool changed"] * 2
    assert (found.shown, found.question.note) == (True, "request.system differs from the recording")


def test_an_agent_file_states_what_it_states(tmp_path: Path) -> None:
    """Its prompt replaces the recorded one, and an edit beside it wins over it."""
    write_document(tmp_path, "a.yaml", "Agent", "support", {"system": "Always escalate.", "model": "openai/a"})
    models = ScriptedModels(obeys)
    replay_step(RUN, 1, Edit(agent=load_agent(tmp_path, "a.yaml"), model="openai/b"), models.live())
    assert [(item.system, item.model) for item in models.asked] == [("Always escalate.", "openai/b")]


def test_a_prompt_is_a_template_where_variables_were_recorded() -> None:
    """It is filled in as the gate would; one that does not fit them is refused."""
    step = dataclasses.replace(RUN.steps[1], variables={"name": "Ann"})
    run = sample_run(step)
    models = ScriptedModels(obeys)
    replay_step(run, 0, Edit(system="Help {{ name }}."), models.live())
    assert models.asked[0].system == "Help Ann."
    with pytest.raises(InputError, match=r"kind\.md.*surname"):
        replay_step(run, 0, Edit(system="{{ surname }}", system_path="kind.md"), models.live())


def test_no_answer_is_no_difference() -> None:
    """A model that fails leaves its trial open, with the reason; the others count."""

    def says(request: Request) -> Response:
        if len(models.asked) == 1:
            raise ProviderError("server", "local: broken")
        return obeys(request)

    models = ScriptedModels(says)
    found = replay_step(RUN, 1, Edit(), models.live(), trials=2)
    assert sorted(answers(found)) == ["equivalent", "server: local: broken"]
    assert not found.told


def test_budget_and_stop_leave_trials_open() -> None:
    """What the budget does not allow is not asked, and a run that was stopped asks nothing more."""
    models = ScriptedModels(obeys)
    found = replay_step(RUN, 1, Edit(), models.live(settings=Settings(Limits(calls=1))), trials=2)
    assert sorted(answers(found)) == ["equivalent", "over budget: calls 1"]
    stop = StopSignal()
    stop.set("interrupted")
    assert answers(replay_step(RUN, 1, Edit(), models.live(stop=stop))) == ["interrupted"]
    assert len(models.asked) == 1


def test_the_cache_answers_the_same_question(tmp_path: Path) -> None:
    """A second replay of the same request costs nothing."""
    models, store = ScriptedModels(obeys), ResponseCache(tmp_path)
    for evidence in (Evidence.LIVE, Evidence.CACHED):
        found = replay_step(RUN, 1, Edit(), models.live(store), trials=2)
        assert [trial.answer.evidence for trial in found.trials] == [evidence] * 2
    assert len(models.asked) == 2


def test_a_view_only_step_is_not_asked() -> None:
    """It can be read, never replayed."""
    models = ScriptedModels(obeys)
    run = sample_run(sample_step(REFUND, source={"grade": "view-only"}))
    assert "view-only" in answers(replay_step(run, 0, Edit(), models.live()))[0]
    assert not models.asked


def test_a_recorded_error_cannot_be_compared() -> None:
    """There was no answer then, so nobody can say how it differs now."""
    step = RUN.steps[1]
    run = sample_run(dataclasses.replace(step, response=Response(error="broken")))
    assert not replay_step(run, 0, Edit(), ScriptedModels(obeys).live()).told


@pytest.mark.parametrize(
    ("run", "index", "edit"),
    [
        (RUN, 2, Edit()),
        (RUN, 1, Edit(without_tools=("missing",))),
        (RUN, 1, Edit(settings=(parse_setting("messages[9].content=x"),))),
    ],
)
def test_what_does_not_fit_the_step_is_refused(run: Any, index: int, edit: Edit) -> None:
    """A step or tool that is not there, a path that leads nowhere: nothing is asked."""
    models = ScriptedModels(obeys)
    with pytest.raises(InputError):
        replay_step(run, index, edit, models.live())
    assert not models.asked


def providers(root: Path, **listed: list[str]) -> Any:
    write_gate(root, [sample_case("a", RUN.steps[1])])
    document = json.loads((root / "runback.yaml").read_text())
    document["spec"]["providers"] = {
        name: {"baseUrl": "http://127.0.0.1:1/v1", "models": models} for name, models in listed.items()
    }
    (root / "runback.yaml").write_text(json.dumps(document))
    return load_gate(root)


def test_a_bare_name_is_completed_by_the_gate(tmp_path: Path) -> None:
    """Recorders keep the name on the wire; the one provider that lists it is asked, and two are a question."""
    run = sample_run(sample_step(REFUND, model="gpt-4o-mini"))
    models = ScriptedModels(obeys)
    replay_step(run, 0, Edit(), models.live(), gate=providers(tmp_path, openai=["gpt-4o*"], local=["small"]))
    assert models.asked[0].model == "openai/gpt-4o-mini"
    with pytest.raises(InputError, match="azure/gpt-4o-mini"):
        replay_step(run, 0, Edit(), models.live(), gate=providers(tmp_path, openai=["gpt-4o*"], azure=["*"]))


def test_an_answer_becomes_a_case_that_the_gate_judges(tmp_path: Path) -> None:
    """What was asked now and answered now is kept, as a run of its own, with proposed checks; the gate passes on it."""
    write_gate(tmp_path, [sample_case("a", sample_step(ESCALATE), {"toolCalled": "escalate"})])
    edit = Edit(settings=(parse_setting("messages[0].content=I never bought this."),))
    found = replay_step(RUN, 1, edit, ScriptedModels(lambda _: Response("", (ESCALATE,))).live())
    added = keep_trial(tmp_path, found, 0, NewCase("datasets/more.yaml", id="never-bought", why="A dispute"))
    assert added.checks == ({"toolCalled": {"name": "escalate", "arguments": {"reason": "dispute"}}},)
    assert not added.broken
    for path, data in added.files.items():
        write_atomic(tmp_path / path, data)
    report = judge(tmp_path, JudgeOptions("2026-01-01"), world=World({}, real_world())).report
    assert [(row.case, row.verdict, row.evidence) for row in report.rows] == [
        ("a", "PASS", "recorded"),
        ("never-bought", "PASS", "recorded"),
    ]
    (data,) = (data for path, data in added.files.items() if "recordings" in path)
    kept = json.loads(data)
    assert kept["request"]["messages"][0]["content"] == "I never bought this."
    assert (kept["source"]["run"], kept["source"]["grade"]) == ("chat-1-1-replayed", "semantic")


def test_what_a_question_lacked_is_told() -> None:
    """A recorded field that the API asked has not, and what a provider does not honour, stand beside the answers."""
    models = ScriptedModels(lambda _: Response("", (REFUND,), extra={"$unsent": ["seed"]}), notes=("no seed here",))
    lines = list(step_lines(replay_step(RUN, 1, Edit(system="New."), models.live(), trials=2), 120))
    notes = [line.split(None, 1)[1] for line in lines if line.startswith("  note")]
    assert notes == [
        "request.system differs from the recording; not sent, as this API has no such field: seed",
        "no seed here",
    ]


def test_what_was_not_answered_is_not_kept(tmp_path: Path) -> None:
    """There is nothing to keep, and the reason is said."""
    write_gate(tmp_path, [sample_case("a", sample_step(ESCALATE), {"toolCalled": "escalate"})])
    found = replay_step(RUN, 1, Edit(), ScriptedModels(obeys).live(settings=Settings(Limits(calls=0))))
    with pytest.raises(InputError, match="over budget"):
        keep_trial(tmp_path, found, 0, NewCase("datasets/cases.yaml"))
