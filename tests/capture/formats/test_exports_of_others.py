"""LangSmith exports, AutoGen 0.2 chats and batches in two files: counts are those of a second reading of the JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runback_gate.app.import_files import import_paths
from runback_gate.app.import_runs import ImportedFile, ImportOptions, counts
from runback_gate.app.runs import executions
from runback_gate.capture.formats import Defaults, Transcripts, read_transcripts
from runback_gate.capture.formats.batches import ANSWERED, UNANSWERED

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
LC_CALL = {"name": "weather", "args": {"city": "Oslo"}, "id": "c1", "type": "tool_call"}


def read(value: Any, *, lines: bool = False, form: str | None = None, agent: str | None = "a") -> Transcripts:
    """What an import makes of a value, one JSON text or one a line."""
    text = "\n".join(map(json.dumps, value)) if lines else json.dumps(value)
    return read_transcripts(text.encode(), "export.json", Defaults(agent), form)


def message(kind: str, content: str, **more: Any) -> dict[str, Any]:
    """A message as LangChain serializes it."""
    name = {"human": "HumanMessage", "ai": "AIMessage", "tool": "ToolMessage", "system": "SystemMessage"}[kind]
    kwargs = {"content": content, "type": kind, **more}
    return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", name], "kwargs": kwargs}


def span(identity: str, kind: str, second: int, inputs: Any, outputs: Any, **more: Any) -> dict[str, Any]:
    """A run of a trace."""
    return {
        "id": identity,
        "run_type": kind,
        "name": kind,
        "trace_id": "t1",
        "parent_run_id": None if identity == "t1" else "t1",
        "start_time": f"2024-05-01T12:00:0{second}+00:00",
        "dotted_order": f"1.{second}",
        "inputs": inputs,
        "outputs": outputs,
        "error": None,
        "status": "success",
        "events": [{"name": "start"}],
        "serialized": {"kwargs": {"content": "not said"}},
        **more,
    }


def generation(answer: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """The outputs of a chat model."""
    found = {"text": answer["kwargs"]["content"], "generation_info": {"finish_reason": reason}, "message": answer}
    return {"generations": [[found]], "llm_output": None}


def trace() -> list[dict[str, Any]]:
    """A chain in which a model calls a tool and then answers."""
    said = [message("system", "You help."), message("human", "Weather?")]
    called = message("ai", "", tool_calls=[LC_CALL], usage_metadata={"input_tokens": 5, "output_tokens": 3})
    rain = message("tool", "rain", tool_call_id="c1", name="weather")
    extra = {"invocation_params": {"model": "gpt-4o", "temperature": 0.5, "tools": [TOOL]}}
    extra["metadata"] = {"ls_provider": "openai", "ls_model_name": "gpt-4o"}
    state = {"messages": [*said, called, rain, message("ai", "It rains.")]}
    return [
        span("t1", "chain", 0, {"messages": [{"role": "user", "content": "Weather?"}]}, state),
        span("l1", "llm", 1, {"messages": [said]}, generation(called, "tool_calls"), extra=extra),
        span("x1", "tool", 2, {"input": "{'city': 'Oslo'}"}, {"output": rain}, name="weather"),
        span("l2", "llm", 3, {"messages": [[*said, called, rain]]}, generation(message("ai", "It rains."), "stop")),
    ]


def counted(runs: list[dict[str, Any]]) -> tuple[int, int]:
    """Answers of models and calls in them, by looking at the JSON alone."""
    answers = [run["outputs"] for run in runs if run["run_type"] == "llm"]
    return len(answers), sum(json.dumps(answer).count('"type": "tool_call"') for answer in answers)


@pytest.mark.parametrize("form", ["list", "lines", "query", "tree", "texts"])
def test_langsmith(form: str) -> None:
    """However it was exported: a step for each run of a model, its calls, and what came of them."""
    runs = trace()
    if form == "tree":
        found = read({**runs[0], "child_runs": runs[1:]})
    elif form == "query":
        found = read({"runs": runs, "cursors": {}})
    elif form == "texts":
        names = ("inputs", "outputs", "extra")
        rows = [{**run, **{name: json.dumps(run[name]) for name in names if name in run}} for run in runs]
        found = read(rows, lines=True)
    else:
        found = read(list(reversed(runs)), lines=form == "lines")
    assert (found.format, found.faults) == ("langsmith", [])
    (run,) = found.runs
    assert (len(run.steps), sum(len(step.response.tool_calls) for step in run.steps)) == counted(runs) == (2, 1)
    first, last = run.steps
    assert (first.request.model, first.request.system, first.request.parameters) == (
        "openai/gpt-4o",
        "You help.",
        {"temperature": 0.5},
    )
    assert [tool.name for tool in first.request.tools] == ["weather"]
    assert (first.response.finish_reason, last.response.finish_reason) == ("tool_calls", "stop")
    assert (first.response.usage.input_tokens, last.response.text) == (5, "It rains.")
    assert last.request.messages[-1].content == "rain"
    (done,) = executions(run)
    assert (done.step, done.name, done.result) == (0, "weather", "rain")


def test_langsmith_results_and_errors() -> None:
    """The result of a tool that no later request holds is that of its run; a model that failed answered an error."""
    runs = trace()
    ended = {**runs[3], "outputs": None, "error": "RateLimitError('slow down')"}
    ended["inputs"] = {"messages": [runs[1]["inputs"]["messages"][0]]}
    (run,) = read([*runs[:3], ended]).runs
    assert run.steps[1].response.error == "RateLimitError('slow down')"
    (done,) = executions(run)
    assert (done.name, done.result) == ("weather", "rain")


def test_langsmith_of_wrapped_clients() -> None:
    """An answer of OpenAI's own form, and a model in a wrapper, which is one call."""
    answer = {"role": "assistant", "content": "Hello"}
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
    completion = {"object": "chat.completion", "model": "gpt-4o", "choices": [{"index": 0, "message": answer}]}
    outer = span("t1", "llm", 1, body, completion)
    inner = {**span("l1", "llm", 2, body, completion), "parent_run_id": "t1"}
    (run,) = read([outer, inner]).runs
    assert [step.response.text for step in run.steps] == ["Hello"]
    (run,) = read([span("t1", "llm", 1, {"prompts": ["Hi"]}, {"generations": [[{"text": "Hello"}]]})]).runs
    assert (run.steps[0].request.messages[0].content, run.steps[0].response.text) == ("Hi", "Hello")


@pytest.mark.parametrize(
    "change",
    [
        {"outputs": None},
        {"outputs": {"generations": [[{"text": "a"}, {"text": "b"}]]}},
        {"outputs": {"surprise": {"deep": [1]}}},
    ],
)
def test_langsmith_that_is_not_understood(change: dict[str, Any]) -> None:
    """An answer in another form, none, several: a fault, and no run."""
    found = read([{**span("t1", "llm", 1, {"messages": [[message("human", "Hi")]]}, {}), **change}])
    assert (found.runs, len(found.faults)) == ([], 1)


def test_a_trace_without_models() -> None:
    """The messages that its chain ends with are what is known."""
    (chain, *_) = trace()
    (run,) = read([chain]).runs
    assert [step.response.text for step in run.steps] == ["", "It rains."]
    assert read([{**chain, "outputs": {"x": 1}}]).faults


HISTORY: list[dict[str, Any]] = [
    {"content": "Weather?", "role": "assistant", "name": "user_proxy"},
    {"content": "", "tool_calls": [CALL], "role": "assistant", "name": "helper"},
    {"content": "rain", "tool_responses": [{"tool_call_id": "c1", "role": "tool", "content": "rain"}], "role": "tool"},
    {"content": "It rains.", "role": "user", "name": "helper"},
]


def chat(history: list[dict[str, Any]]) -> dict[str, Any]:
    """A result of a chat."""
    cost = {"usage_including_cached_inference": {"total_cost": 0.1, "gpt-4o": {"prompt_tokens": 1}}}
    return {"chat_id": 7, "chat_history": history, "summary": "It rains.", "cost": cost, "human_input": []}


def test_autogen_chat() -> None:
    """Who began asks, whatever role is written; answers, calls and results are those of the others."""
    found = read(chat(HISTORY))
    (run,) = found.runs
    answers = [item for item in HISTORY if item.get("name") == "helper"]
    assert (found.format, found.faults, len(run.steps)) == ("autogen-chat", [], len(answers))
    assert [message.content for message in run.steps[0].request.messages] == ["Weather?"]
    assert (run.steps[0].response.tool_calls[0].name, run.steps[1].response.text) == ("weather", "It rains.")
    assert run.labels == {"chat_id": 7}
    (done,) = executions(run)
    assert done.result == "rain"


def test_autogen_chats_without_names_and_of_groups() -> None:
    """Older versions tell by the role alone; in a group each answer has its agent."""
    bare = [{"content": text, "role": role} for text, role in (("Hi", "assistant"), ("Hello", "user"))]
    (run, other) = read([chat(bare), chat(HISTORY)]).runs
    assert ([step.response.text for step in run.steps], len(other.steps)) == (["Hello"], 2)
    speakers = [("Write", "boss"), ("print(1)", "coder"), ("exitcode: 0", "boss"), ("Good", "critic")]
    group = [{"content": text, "role": "user", "name": name} for text, name in speakers]
    (run,) = read(chat(group), agent=None).runs
    assert [(step.agent, step.response.text) for step in run.steps] == [("coder", "print(1)"), ("critic", "Good")]


def test_a_bare_history_says_not_who_answers() -> None:
    """Read as a chat of OpenAI the customer would be the model: it is refused until somebody says which it is."""
    history = [HISTORY[0], HISTORY[3]]
    assert "it is not clear who answers" in str(read(history).faults[0])
    texts = {form: read(history, form=form).runs[0].steps[0].response.text for form in ("autogen-chat", "openai-chat")}
    assert texts == {"autogen-chat": "It rains.", "openai-chat": "Weather?"}


def completion(**message: Any) -> dict[str, Any]:
    """The body of an answer of OpenAI."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [choice]}


ASKED: list[dict[str, Any]] = [
    {
        "custom_id": f"r{number}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-4o", "messages": [{"role": "user", "content": f"Q{number}"}], "tools": [TOOL]},
    }
    for number in range(5)
]
ANSWERED_LINES: list[dict[str, Any]] = [
    {"id": f"b{number}", "custom_id": f"r{number}", "error": None, "response": {"status_code": 200, "body": body}}
    for number, body in ((1, completion(content="A1")), (0, completion(content=None, tool_calls=[CALL])))
]
FAILED = [
    {"id": "b2", "custom_id": "r2", "response": None, "error": {"code": "batch_expired", "message": "too late"}},
    {
        "id": "b3",
        "custom_id": "r3",
        "error": None,
        "response": {"status_code": 400, "body": {"error": {"code": "bad"}}},
    },
]


def imported(folder: Path, **files: list[Any]) -> dict[str, ImportedFile]:
    """What one import makes of files of JSON lines."""
    paths = [folder / f"{name}.jsonl" for name in files]
    for path, lines in zip(paths, files.values(), strict=True):
        path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    done = import_paths(paths, folder / "runs", ImportOptions("a"), lambda size: bytes(size))
    return dict(zip(files, done, strict=True))


def test_a_batch_in_three_files(tmp_path: Path) -> None:
    """Each result has its request; failures are answers that failed; requests are counted."""
    found = imported(tmp_path, asked=ASKED, answered=ANSWERED_LINES, failed=FAILED)
    assert not any(file.faults for file in found.values())
    assert [len(found[name].runs) for name in found] == [0, len(ANSWERED_LINES), len(FAILED)]
    assert found["asked"].ignored == {ANSWERED: 4, UNANSWERED: len(ASKED) - 4}
    first, second = found["answered"].runs
    assert (first.labels, first.steps[0].request.messages[0].content, first.steps[0].response.text) == (
        {"custom_id": "r1"},
        "Q1",
        "A1",
    )
    assert (second.steps[0].response.tool_calls[0].name, second.steps[0].request.tools[0].name) == ("weather",) * 2
    assert counts(found["answered"]).calls == 1
    assert [run.steps[0].response.error for run in found["failed"].runs] == [
        '{"code": "batch_expired", "message": "too late"}',
        '{"error": {"code": "bad"}}',
    ]


def test_batches_of_anthropic_and_gemini(tmp_path: Path) -> None:
    """The same in their words."""
    said = {"role": "assistant", "type": "message", "content": [{"type": "text", "text": "Hello"}], "model": "claude"}
    asked = [
        {"custom_id": name, "params": {"model": "claude", "messages": [{"role": "user", "content": "Hi"}]}}
        for name in "abc"
    ]
    results = [
        {
            "custom_id": "a",
            "result": {"type": "succeeded", "message": {**said, "stop_reason": "end_turn", "usage": {}}},
        },
        {"custom_id": "b", "result": {"type": "errored", "error": {"type": "invalid_request_error"}}},
        {"custom_id": "c", "result": {"type": "expired"}},
    ]
    runs = imported(tmp_path, results=results, asked=asked)["results"].runs
    answers = [run.steps[0].response for run in runs]
    assert [answer.text or answer.error for answer in answers] == [
        "Hello",
        '{"type": "invalid_request_error"}',
        "expired",
    ]
    content = {"role": "model", "parts": [{"text": "Hello"}]}
    gemini = [{"key": "k", "request": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}}]
    done = [{"key": "k", "response": {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}]}}]
    (run,) = imported(tmp_path, gemini=gemini, done=done)["done"].runs
    assert (run.steps[0].request.messages[0].content, run.steps[0].response.text) == ("Hi", "Hello")


@pytest.mark.parametrize("name", ["asked", "answered"])
def test_half_of_a_batch_is_refused(tmp_path: Path, name: str) -> None:
    """One sentence for all of its lines says which file lacks."""
    lines: list[Any] = [*(ASKED if name == "asked" else ANSWERED_LINES)]
    found = imported(tmp_path, **{name: lines})[name]
    assert found.runs == ()
    (fault,) = found.faults
    assert "half of a batch" in str(fault)
    assert "in one import" in str(fault)


def test_a_result_is_never_given_to_another_request(tmp_path: Path) -> None:
    """Two requests of one id that differ: nobody knows which was answered. The rest is read."""
    other = {**ASKED[1], "body": {**ASKED[1]["body"], "messages": [{"role": "user", "content": "another"}]}}
    found = imported(tmp_path, asked=[*ASKED, other], answered=ANSWERED_LINES)["answered"]
    assert [run.labels["custom_id"] for run in found.runs] == ["r0"]
    assert "'r1'" in str(found.faults[0])


def test_nothing_of_a_line_is_lost(tmp_path: Path) -> None:
    """An answer beside the answer, in a field that nobody knows, is a fault."""
    odd = {**ANSWERED_LINES[0], "completion": "something else was said"}
    found = imported(tmp_path, asked=ASKED, answered=[odd])["answered"]
    assert (found.runs, "completion" in str(found.faults)) == ((), True)
