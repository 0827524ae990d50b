"""Fakes and samples for tests of agents, policies and gates: ours, and those of users.

In: what a test wants to differ from a small support agent. Out: values of the stages, and a gate folder that works.

    write_gate(tmp_path, [sample_case("small-refund", sample_step(sample_call("issue_refund", amount=40)))])
    plan = load_plan(tmp_path, day="2026-01-31")
    rows = run_gate(plan, CppEngine(), in_turn(Answers())).rows
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from runback_gate.canonical import digest
from runback_gate.capture.runs import write_run
from runback_gate.dataset.recordings import recorded_run, recording
from runback_gate.documents import API_VERSION, write_atomic
from runback_gate.gate.judge import RowTask
from runback_gate.gate.run import Driver
from runback_gate.gate.verdict import Row
from runback_gate.replay.evidence import Answer, Query, replay
from runback_gate.replay.evidence import Answers as Store
from runback_gate.step import Message, Request, Response, Run, Source, Step, Tool, ToolCall, to_json

AGENT = "support"
"""The name of the sample agent."""
TOOLS = (
    Tool("issue_refund", "Pay money back.", {"type": "object", "properties": {"amount": {"type": "number"}}}),
    Tool("escalate", "Call a specialist.", {"type": "object", "properties": {"reason": {"type": "string"}}}),
)
"""Its tools."""
REQUEST = Request("openai/gpt-4o", "You are kind.", (Message("user", "My mug is broken."),), TOOLS, {"temperature": 0})
"""What it was asked."""
REFUNDS: Mapping[str, Any] = {
    "description": "Refunds above the limit need a person",
    "params": {"limit": 100},
    "matchConditions": [{"name": "refunds money", "expression": 'size(calls(response, "issue_refund")) > 0'}],
    "validations": [
        {
            "id": "refunds.limit",
            "expression": 'calls(response, "issue_refund").all(c, c.arguments.amount <= params.limit)',
            "messageExpression": '"refund above " + string(params.limit)',
        }
    ],
}
"""The `spec` of a policy for it."""


def sample_call(name: str, /, **arguments: Any) -> ToolCall:
    """A tool call with JSON arguments."""
    return ToolCall("call_1", name, json.dumps(arguments))


def sample_step(*calls: ToolCall, text: str = "", source: Mapping[str, Any] | None = None, **request: Any) -> Step:
    """A recorded step of the sample agent that answered with these calls or this text.

    `source` changes fields of its `Source` (`grade="view-only"`), `request` fields of its `Request`.
    """
    asked = {name: getattr(REQUEST, name) for name in ("model", "system", "messages", "tools", "parameters")}
    kept: dict[str, Any] = {"run": "sample", "event": 0, "grade": "exact", **(source or {})}
    return Step(AGENT, Request(**{**asked, **request}), Response(text, calls), Source(**kept))


def sample_run(*steps: Step, run: str = "sample") -> Run:
    """A run of the sample agent."""
    return Run(run, AGENT, steps)


def sample_case(case: str, step: Step | Run, *checks: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """A case for `write_gate`: a step, its checks as written in a dataset, and other fields (`tags`, `trials`).

    A whole run is a case too, which has no checks.
    """
    if isinstance(step, Run):
        return {"id": case, "run": step, **fields}
    return {"id": case, "step": step, "checks": list(checks), **fields}


class Answers:
    """A store of earlier answers that counts what it is asked (`replay.evidence.Answers`).

    Trial n of whatever request gets the nth response; None stands for an answer that is missing.
    """

    def __init__(self, *responses: Response | None) -> None:
        self.responses = responses
        self.asked: list[tuple[str, int]] = []
        """Request digest and trial of every question so far."""

    def get(self, request: str, trial: int) -> tuple[Response, str] | None:
        """The answer to a trial and the digest of its JSON."""
        self.asked.append((request, trial))
        response = self.responses[trial] if trial < len(self.responses) else None
        return None if response is None else (response, digest(to_json(response)))


def in_turn(answers: Store) -> Driver:
    """A driver that takes one case after the other and knows the answers of a store alone; no model is asked."""

    def drive(tasks: Sequence[Callable[[], RowTask]]) -> Iterator[tuple[int, Row]]:
        for index, start in enumerate(tasks):
            yield index, run_to_row(start(), lambda ask: replay(ask, answers))

    return drive


def run_to_row(task: RowTask, answer: Callable[[Query], Answer]) -> Row:
    """Make one row, each of its questions answered by a function."""
    try:
        asked = next(task)
        while True:
            asked = task.send(answer(asked))
    except StopIteration as end:
        row: Row = end.value
        return row


def write_document(root: Path, path: str, kind: str, name: str, spec: Mapping[str, Any], **metadata: Any) -> None:
    """Write a document of this format under `root`; JSON is YAML too, one value a line."""
    document = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}
    write_atomic(root / path, json.dumps(document, ensure_ascii=False, indent=1).encode())


def write_gate(
    root: Path,
    cases: Iterable[Mapping[str, Any]],
    *,
    agent: Mapping[str, Any] | None = None,
    policies: Mapping[str, Mapping[str, Any]] | None = None,
    waivers: Mapping[str, Mapping[str, Any]] | None = None,
    trials: Mapping[str, Any] | None = None,
) -> None:
    """Write a gate folder: `runback.yaml`, an agent, a dataset with its recordings, policies and waivers.

    Args:
        root: the folder, which may be new.
        cases: cases as `sample_case` makes them; a `step` that is a digest is taken as it is.
        agent: `spec` of the agent; left out, everything stays as recorded and every row is judged on its recording.
        policies: `spec` of each policy by name; left out, `REFUNDS` alone.
        waivers: `spec` of each waiver by name.
        trials: `spec.trials` of the gate.
    """
    rules = {"refunds": REFUNDS} if policies is None else policies
    kinds = ("agents", "datasets", *(["policies"] if rules else []), "waivers")
    globs: dict[str, Any] = {kind: [f"{kind}/*.yaml"] for kind in kinds}
    write_document(root, "runback.yaml", "Gate", "sample", {**globs, **({"trials": trials} if trials else {})})
    write_document(root, f"agents/{AGENT}.yaml", "Agent", AGENT, agent or {})
    for name, spec in rules.items():
        write_document(root, f"policies/{name}.yaml", "Policy", name, spec)
    for name, spec in (waivers or {}).items():
        write_document(root, f"waivers/{name}.yaml", "Waiver", name, spec)
    written: Sequence[dict[str, Any]] = [_recorded(root, "datasets/cases.yaml", case) for case in cases]
    write_document(root, "datasets/cases.yaml", "Dataset", "cases", {"cases": written}, agent=AGENT)


def _recorded(root: Path, dataset: str, case: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(run := case.get("run"), Run):
        data = write_run(run, bytes)
        name, path = recorded_run(data, dataset)
        write_atomic(root / path, data)
        return {**case, "run": name}
    if not isinstance(case.get("step"), Step):
        return dict(case)
    name, path, data = recording(cast("Step", case["step"]), dataset)
    write_atomic(root / path, data)
    return {**case, "step": name}
