"""Policy tests as people write them: an example gives what a recorded step would give."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runback_gate.dataset.recordings import load_recording, recording
from runback_gate.documents import parse_document
from runback_gate.errors import DocumentError, IntegrityError, Location
from runback_gate.policy.context import agent_facts, bindings, case_facts, step_data
from runback_gate.policy.policy_test_document import PolicyTest, policy_test
from runback_gate.step import Message, Request, Response, Tool, ToolCall, Usage
from runback_gate.testing import sample_step, write_document

HEAD = "apiVersion: runback.dev/v1\nkind: PolicyTest\nmetadata: {name: t}\n"


def read(text: str) -> PolicyTest:
    """The policy test that a text holds."""
    return policy_test(parse_document(text, "t.yaml"))


def shown(root: Path, step: dict[str, Any]) -> Any:
    """What expressions see of an example's step."""
    case = {"name": "n", "step": step, "expect": {"r": "pass"}}
    write_document(root, "t.yaml", "PolicyTest", "t", {"policy": "p", "cases": [case]})
    return read((root / "t.yaml").read_text()).cases[0].data


def test_a_policy_test() -> None:
    """Its policy, and each case with what it expects, where it stands, and where each expectation stands."""
    test = read(
        HEAD + "spec:\n  policy: refunds\n  cases:\n"
        "    - name: none\n      step: {response: {}, agent: {name: support}, case: {tags: [vip]}}\n"
        "      expect:\n        refunds.limit: skip\n        refunds.once: error\n"
    )
    assert (test.policy, test.path, test.location) == ("refunds", "t.yaml", Location("t.yaml", 5, 11))
    (example,) = test.cases
    assert (example.name, example.agent, example.tags) == ("none", "support", ("vip",))
    assert example.expect == {"refunds.limit": "skip", "refunds.once": "error"}
    assert example.location == Location("t.yaml", 7, 7)
    assert example.places == {
        "refunds.limit": Location("t.yaml", 10, 24),
        "refunds.once": Location("t.yaml", 11, 23),
    }


def test_the_least_that_is_written(tmp_path: Path) -> None:
    """What is left out is unknown, as in a recording that did not keep it."""
    expected = bindings(
        Request(), Response(), baseline=None, case=case_facts("examples", "example"), agent=agent_facts("agent")
    )
    assert shown(tmp_path, {"response": {}}) == expected


def test_the_most_that_can_be_written(tmp_path: Path) -> None:
    """An example sees what the same recorded step would see."""
    answer = {
        "text": "Hi",
        "tool_calls": [{"id": "1", "name": "look", "arguments": {"order": "A", "n": 0.5}}],
        "finish_reason": "stop",
        "model": "m-1",
        "usage": {"input_tokens": 1, "output_tokens": 2},
        "latency_ms": 3,
        "cost_usd": "0.25",
        "error": "e",
    }
    step = {
        "request": {
            "model": "p/m",
            "system": "Be kind.",
            "messages": [
                {"role": "assistant", "tool_calls": [{"id": "c", "name": "look", "arguments": "order A"}]},
                {"role": "tool", "content": '{"charge": 3}', "tool_call_id": "c", "name": "look"},
            ],
            "tools": [{"name": "look", "description": "Looks.", "parameters": {"type": "object"}}],
            "parameters": {"temperature": 0},
        },
        "response": answer,
        "baseline": answer,
        "agent": {"name": "support", "labels": {"team": "payments"}},
        "case": {"id": "c1", "dataset": "d1", "tags": ["vip"], "now": "2026-01-01T00:00:00Z"},
    }
    recorded = Response(
        "Hi", (ToolCall("1", "look", '{"order": "A", "n": 0.5}'),), "stop", "m-1", Usage(1, 2), 3, "0.25", "e"
    )
    request = Request(
        "p/m",
        "Be kind.",
        (
            Message("assistant", tool_calls=(ToolCall("c", "look", "order A"),)),
            Message("tool", '{"charge": 3}', tool_call_id="c", name="look"),
        ),
        (Tool("look", "Looks.", {"type": "object"}),),
        {"temperature": 0},
    )
    assert shown(tmp_path, step) == bindings(
        request,
        recorded,
        baseline=recorded,
        case=case_facts("d1", "c1", ("vip",), "2026-01-01T00:00:00Z"),
        agent=agent_facts("support", {"team": "payments"}),
    )


def test_history_by_hand(tmp_path: Path) -> None:
    """Entries have the form of real ones: arguments always, a result or an error where there is one."""
    step = {
        "response": {},
        "request": {"messages": [{"role": "assistant", "tool_calls": [{"name": "first"}]}]},
        "history": [
            {"name": "look"},
            {"name": "look", "arguments": {"order": "A"}, "result": {"charge": 3}},
            {"name": "pay", "arguments": "amount 3", "result": None, "error": "declined"},
        ],
    }
    assert shown(tmp_path, step)["history"] == [
        {"name": "first", "arguments": {}},
        {"name": "look", "arguments": {}},
        {"name": "look", "arguments": {"order": "A"}, "result": {"charge": 3}},
        {"name": "pay", "arguments": "amount 3", "result": None, "error": "declined"},
    ]


@pytest.mark.parametrize(
    ("written", "seen"),
    [({"a": 1}, {"a": 1}), ([1], [1]), ("text", "text"), ('{"a": 1}', {"a": 1}), ("", {}), (5, 5), (None, None)],
)
def test_arguments(tmp_path: Path, written: object, seen: object) -> None:
    """A value is its JSON; text stands for what a model wrote, JSON or not."""
    data = shown(tmp_path, {"response": {"tool_calls": [{"name": "t", "arguments": written}]}})
    assert data["response"]["tool_calls"] == [{"id": "", "name": "t", "arguments": seen}]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{policy: p, cases: []}", "t.yaml:4:26: spec.cases must not be empty"),
        ("{cases: [{name: a, step: {response: {}}, expect: {r: pass}}]}", "spec.policy is missing"),
        ("{policy: p, cases: [{name: a, step: {}, expect: {r: pass}}]}", "spec.cases[0].step.response is missing"),
        ("{policy: p, cases: [{name: a, step: {response: {}}, expect: {}}]}", "spec.cases[0].expect must not be empty"),
        (
            "{policy: p, cases: [{name: a, step: {response: {}}, expect: {r: passes}}]}",
            "expected 'pass', 'fail', 'error' or 'skip', found text 'passes' (did you mean 'pass'?)",
        ),
        (
            "{policy: p, cases: [{name: a, step: {response: {txt: a}}, expect: {r: pass}}]}",
            "unknown field 'txt' (did you mean 'text'?)",
        ),
        (
            "{policy: p, cases: [{name: a, step: {response: {cost_usd: cheap}}, expect: {r: pass}}]}",
            "spec.cases[0].step.response.cost_usd does not have the form",
        ),
    ],
)
def test_bad_policy_tests(spec: str, message: str) -> None:
    """One line that says where and what."""
    with pytest.raises(DocumentError) as error:
        read(f"{HEAD}spec: {spec}\n")
    assert message in str(error.value)
    assert str(error.value).startswith("t.yaml:4:")


RECORDED = """\
apiVersion: runback.dev/v1
kind: PolicyTest
metadata: {name: refunds}
spec:
  policy: refunds
  cases:
    - name: as it was recorded
      recording: {digest}
      dataset: datasets/d.yaml
      expect: {{refunds.limit: pass}}
"""


def test_a_recorded_step_is_an_example(tmp_path: Path) -> None:
    """A test may name a recording; it is read beside its dataset and held against its digest."""
    name, place, data = recording(sample_step(text="Hi"), "datasets/d.yaml")
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_bytes(data)
    document = parse_document(RECORDED.replace("{digest}", name).replace("{{", "{").replace("}}", "}"), "t.yaml")
    (example,) = policy_test(document, partial(load_recording, tmp_path)).cases
    assert example.data == step_data(sample_step(text="Hi"))
    (tmp_path / place).write_bytes(data.replace(b"Hi", b"Ho"))
    with pytest.raises(IntegrityError, match=r"^t\.yaml:8:18: datasets/recordings/.*was changed"):
        policy_test(document, partial(load_recording, tmp_path))
    with pytest.raises(DocumentError, match="below a root folder"):
        policy_test(document)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("step: {response: {}}\n      recording: sha256:" + "0" * 64, "either `step`, `run` or `recording`"),
        ("recording: sha256:" + "0" * 64, "`recording` and `dataset` go together"),
    ],
)
def test_one_source_of_an_example(fields: str, message: str) -> None:
    """A step by hand or a recording, and never half of either."""
    cases = "spec:\n  policy: p\n  cases:\n    - name: c\n"
    with pytest.raises(DocumentError, match=message):
        policy_test(parse_document(f"{HEAD}{cases}      {fields}\n      expect: {{r: pass}}\n", "t.yaml"))
