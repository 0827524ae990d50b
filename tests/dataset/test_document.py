"""Dataset files: cases in order, each check at its place, and nothing passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runback_gate.canonical import digest_bytes
from runback_gate.dataset.document import case_step, dataset_from, load_dataset
from runback_gate.dataset.recordings import recording
from runback_gate.dataset.trials import Trials
from runback_gate.documents import parse_document
from runback_gate.errors import DocumentError, InputError, Location
from runback_gate.step import Message, Request, Response, ToolCall
from runback_gate.testing import sample_step

STEP = "sha256:" + "0" * 64
HEAD = "apiVersion: runback.dev/v1\nkind: Dataset\nmetadata: {name: refunds, agent: support}\n"
TEXT = f"""{HEAD}spec:
  trials: {{n: 3, pass: 2}}
  cases:
    - id: first
      step: {STEP}
      why: Incident 7
      tags: [refund, incident]
      checks:
        - toolCalled: escalate
        - cel: |
            response.text
              == "a"
        - jsonSchema: {{type: object}}
    - id: second
      messages: [{{role: user, content: Hi}}]
      trials: {{n: 5}}
"""


def refused(text: str) -> str:
    """The error for the text of a dataset."""
    with pytest.raises(DocumentError) as error:
        dataset_from(parse_document(text, "d.yaml"))
    assert "\n" not in str(error.value)
    return str(error.value)


def with_cases(cases: str) -> str:
    """A dataset with these cases, written in one line from column 10 of line 5."""
    return f"{HEAD}spec:\n  cases: [{cases}]\n"


def test_a_dataset(tmp_path: Path) -> None:
    """Names, digest, cases in the order written, each with why, tags, checks and where it stands."""
    (tmp_path / "d.yaml").write_text(TEXT)
    dataset = load_dataset(tmp_path, "d.yaml")
    assert (dataset.name, dataset.agent, dataset.path) == ("refunds", "support", "d.yaml")
    assert dataset.digest == digest_bytes(TEXT.encode())
    first, second = dataset.cases
    assert (first.id, first.dataset, first.why, first.tags) == (
        "first",
        "refunds",
        "Incident 7",
        ("refund", "incident"),
    )
    assert (first.step, first.messages, second.step) == (STEP, (), None)
    assert second.messages == ({"role": "user", "content": "Hi"},)
    assert (first.location, second.location) == (Location("d.yaml", 7, 7), Location("d.yaml", 17, 7))


def test_checks_know_their_place() -> None:
    """A check stands where it is written; CEL is the text of its lines."""
    checks = dataset_from(parse_document(TEXT, "d.yaml")).cases[0].checks
    assert [check.title for check in checks] == ["toolCalled escalate", 'cel response.text == "a"', "jsonSchema"]
    assert [check.location for check in checks] == [
        Location("d.yaml", 12, 11),
        Location("d.yaml", 13, 16),
        Location("d.yaml", 16, 11),
    ]
    assert checks[1].expression == 'response.text\n  == "a"'
    assert (checks[0].schema, checks[2].expression, checks[2].schema) == (None, None, {"type": "object"})


def test_trials() -> None:
    """A case's own trials stand before the dataset's; all must pass where `pass` is left out."""
    first, second = dataset_from(parse_document(TEXT, "d.yaml")).cases
    assert isinstance(first.trials, Trials)
    assert isinstance(second.trials, Trials)
    assert (first.trials.n, first.trials.needed) == (3, 2)
    assert (second.trials.n, second.trials.needed) == (5, 5)
    bare = dataset_from(parse_document(with_cases(f'{{id: a, step: "{STEP}"}}'), "d.yaml"))
    assert bare.cases[0].trials is None
    assert Trials().needed == 1


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ("", "d.yaml:5:10: spec.cases must not be empty"),
        ("{id: a}", "d.yaml:5:11: spec.cases[0]: a case names either `step`, `messages` or `run`"),
        (
            f'{{id: a, step: "{STEP}", messages: [{{}}]}}',
            "d.yaml:5:11: spec.cases[0]: a case names either `step`, `messages` or `run`",
        ),
        ("{id: a, step: sha256:abc}", "d.yaml:5:25: spec.cases[0].step does not have the form"),
        ("{id: a, messages: []}", "d.yaml:5:29: spec.cases[0].messages must not be empty"),
        (f'{{id: "a b", step: "{STEP}"}}', "d.yaml:5:16: spec.cases[0].id does not have the form"),
        (f'{{id: ../a, step: "{STEP}"}}', "d.yaml:5:16: spec.cases[0].id does not have the form"),
        (f'{{id: a, step: "{STEP}"}}, {{id: a, step: "{STEP}"}}', "d.yaml:5:106: two cases are named 'a'"),
        (f'{{id: a, stepp: "{STEP}"}}', "d.yaml:5:19: unknown field 'stepp' (did you mean 'step'?)"),
        (f'{{id: a, step: "{STEP}", trials: {{n: 2, pass: 3}}}}', "pass is 3, more than the 2 trials that are asked"),
        (f'{{id: a, step: "{STEP}", trials: {{n: 0}}}}', "spec.cases[0].trials.n must be at least 1"),
        (f'{{id: a, step: "{STEP}", trials: {{n: 101}}}}', "spec.cases[0].trials.n must be at most 100"),
        (f'{{id: a, step: "{STEP}", checks: [{{}}]}}', "spec.cases[0].checks[0]: a check has exactly one field"),
    ],
)
def test_bad_cases(cases: str, message: str) -> None:
    """One line that says where and what."""
    assert message in refused(with_cases(cases))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "d.yaml:1:1: spec is missing"),
        (HEAD + "spec: {}\n", "d.yaml:4:7: spec.cases is missing"),
        (
            "apiVersion: runback.dev/v1\nkind: Dataset\nmetadata: {name: d}\nspec: {cases: []}\n",
            "metadata.agent is missing",
        ),
    ],
)
def test_bad_datasets(text: str, message: str) -> None:
    """A dataset names its agent and holds cases: an empty one judges nothing."""
    assert message in refused(text)


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    """A policy is no dataset."""
    (tmp_path / "d.yaml").write_text("apiVersion: runback.dev/v1\nkind: Datset\n")
    with pytest.raises(DocumentError, match=r"^d\.yaml:2:7: unknown kind 'Datset' \(did you mean 'Dataset'\?\)$"):
        load_dataset(tmp_path, "d.yaml")


def test_the_step_of_a_case_is_its_recording(tmp_path: Path) -> None:
    """It lies beside the dataset."""
    step = sample_step(text="Hi")
    name, path, data = recording(step, "datasets/d.yaml")
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(data)
    (tmp_path / "datasets/d.yaml").write_text(with_cases(f'{{id: a, step: "{name}"}}'))
    dataset = load_dataset(tmp_path, "datasets/d.yaml")
    assert case_step(tmp_path, dataset, dataset.cases[0]) == step


def hand_written(messages: str) -> Any:
    """The step of a conversation that was written by hand."""
    dataset = dataset_from(parse_document(with_cases(f"{{id: a, messages: {messages}}}"), "d.yaml"))
    return case_step(Path(), dataset, dataset.cases[0])


def test_a_conversation_by_hand() -> None:
    """Its instructions stand apart, it was never recorded, and it has no answer."""
    step = hand_written("[{role: developer, content: Be kind.}, {role: user, content: Hi}]")
    assert step.request == Request(system="Be kind.", messages=(Message("user", "Hi"),))
    assert (step.agent, step.response, step.source.run) == ("support", Response(), "")
    step = hand_written(
        "[{role: assistant, tool_calls: [{id: c1, name: look, arguments: '{}'}]},"
        " {role: tool, tool_call_id: c1, content: '3'}]"
    )
    assert step.request.system is None
    assert step.request.messages == (
        Message("assistant", tool_calls=(ToolCall("c1", "look", "{}"),)),
        Message("tool", "3", tool_call_id="c1"),
    )


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ("[{role: robot}]", "d.yaml:5:11: messages[0]: role: Input should be"),
        ("[{role: user}, {}]", "d.yaml:5:11: messages[1]: role: Field required"),
        ("[{role: user, text: Hi}]", "d.yaml:5:11: messages[0]: text: "),
    ],
)
def test_bad_conversations(messages: str, message: str) -> None:
    """The case and the message are named."""
    with pytest.raises(InputError) as error:
        hand_written(messages)
    assert str(error.value).startswith(message)
