"""Make the demo's datasets, recordings and answers from `conversations.json`, all of it written by hand.

    python demo/build.py            # write
    python demo/build.py --check    # exit 1 when what is there differs

A recording is a step of the agent in `agents/support.yaml`; an answer is what that agent says under
`agents/changed/support.yaml`. The dataset `known`, in which rows are red on purpose, lies apart in `demo/known`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

from runback_gate.agent import ask, load_agent
from runback_gate.canonical import JsonValue, digest
from runback_gate.dataset.edit import new_dataset
from runback_gate.dataset.recordings import recording
from runback_gate.documents import write_atomic
from runback_gate.replay.cache import answer_entry, answer_name
from runback_gate.schema import schema_id
from runback_gate.step import Message, Request, Response, Source, Step, ToolCall, from_json, to_json

ROOT = Path(__file__).resolve().parent.parent
PLACES = {"known": "demo/known/datasets/known.yaml"}
"""Datasets that are no part of the gate of this repository."""


def build() -> dict[str, bytes]:
    """Every file of the demo's data, by path."""
    agent, changed = load_agent(ROOT, "agents/support.yaml"), load_agent(ROOT, "agents/changed/support.yaml")
    datasets: dict[tuple[str, str], list[dict[str, JsonValue]]] = {}
    files: dict[str, bytes] = {}
    for number, case in enumerate(json.loads((ROOT / "demo/conversations.json").read_text())["cases"]):
        path = PLACES.get(case["dataset"], f"datasets/{case['dataset']}.yaml")
        messages = tuple(from_json(Message, item, case["id"]) for item in case["messages"])
        source = Source(run="sample", event=number, grade="semantic")
        step = Step(agent.name, Request(None, None, messages), _answer(case["answer"]), source)
        step = Step(agent.name, ask(agent, step), step.response, source)
        name, place, data = recording(step, path)
        files[place] = data
        entry = {"id": case["id"], "step": name, "why": case["why"], "tags": case["tags"], "checks": case["checks"]}
        datasets.setdefault((path, case["dataset"]), []).append(entry)
        request = digest(to_json(ask(changed, step)))
        files[f"datasets/answers/{answer_name(request, 0)}"] = answer_entry(request, 0, _answer(case["changed"]))
    for (path, title), cases in datasets.items():
        head, _, body = new_dataset(title, agent.name, cases, schema_id("Dataset")).partition("\n")
        files[path] = f"{head}\n# Sample data, made by demo/build.py from demo/conversations.json.\n{body}".encode()
    return files


def _answer(value: dict[str, Any]) -> Response:
    calls = [{"id": f"call_{number}", **call} for number, call in enumerate(value.get("tool_calls", []), 9)]
    tool_calls = tuple(from_json(ToolCall, cast("JsonValue", call), "call") for call in calls)
    return Response(text=value.get("text", ""), tool_calls=tool_calls, finish_reason="tool_calls" if calls else "stop")


def main() -> int:
    """Write, or with --check compare."""
    files = build()
    made = {"datasets/recordings", "datasets/answers", "demo/known"}
    there = {path.relative_to(ROOT).as_posix() for folder in made for path in (ROOT / folder).rglob("*.json")}
    stale = sorted(there - set(files))
    wrong = sorted(
        name for name, data in files.items() if not (ROOT / name).exists() or (ROOT / name).read_bytes() != data
    )
    if "--check" in sys.argv:
        for name in wrong + stale:
            sys.stderr.write(f"{name}: not what demo/build.py makes; run `make golden`\n")
        return 1 if wrong or stale else 0
    for name in stale:
        (ROOT / name).unlink()
    for name in wrong:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(ROOT / name, files[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
