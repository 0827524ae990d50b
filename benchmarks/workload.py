"""A made-up repository under the gate: recorded steps, an agent that asks what was recorded, policies that hold.

In: an empty folder and two counts. Out: the files in it. The same counts give the same bytes.

    python -m benchmarks.workload FOLDER --cases 1000 --policies 20

It runs as a process of its own: what it imports must not count as memory of the commands that are measured afterwards.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from runback_gate.dataset.recordings import recording
from runback_gate.step import Message, Request, Response, Source, Step, Tool, ToolCall, Usage

AGENT = "support"
MODEL = "openai/gpt-4o-2024-08-06"
CASES_PER_DATASET = 100

PARAMETERS = {"temperature": 0, "max_tokens": 512, "seed": 7}
SYSTEM = "\n".join(
    f"{number}. A customer service agent looks up rule {number} before it acts, and hands over what is not covered."
    for number in range(1, 21)
)
TOOLS = tuple(
    Tool(
        name=name,
        description=f"Support desk: {name.replace('_', ' ')}",
        parameters={
            "type": "object",
            "properties": {"order": {"type": "string"}, "amount": {"type": "integer"}, "reason": {"type": "string"}},
            "required": ["order"],
        },
    )
    for name in ("lookup_order", "issue_refund", "escalate", "send_mail", "close_case", "search_articles")
)

EXPRESSIONS = (
    'response.tool_calls.all(c, c.name != "issue_refund" || c.arguments.amount <= params.limit)',
    'size(response.tool_calls) == 0 || response.text == ""',
    "response.tool_calls.all(c, request.tools.exists(t, t.name == c.name))",
    'response.tool_calls.all(c, has(c.arguments.order) && c.arguments.order.startsWith("ORD-"))',
    'response.tool_calls.filter(c, c.name == "issue_refund").all(c, history.exists(h, h.name == "lookup_order"))',
    'calls(response, "close_case").all(c, history.exists(h, h.name == "send_mail"))',
    '!response.text.matches("(?i)(password|api[ _-]?key)")',
    '!mentions(response.text, "guaranteed")',
    "!has(response.usage.output_tokens) || response.usage.output_tokens <= params.limit * 10",
    'size(history.filter(h, h.name == "issue_refund")) <= 1',
)
"""What policies commonly ask; all of them hold for `step`."""


def policy(index: int) -> str:
    """One policy file, as text; every tenth asks the same of other parameters."""
    expression = json.dumps(EXPRESSIONS[index % len(EXPRESSIONS)])
    return f"""\
apiVersion: runback.dev/v1
kind: Policy
metadata: {{name: rule-{index:02}}}
spec:
  description: Made-up rule {index}
  params: {{limit: {100 + index}}}
  validations:
    - id: rule-{index:02}.holds
      expression: {expression}
      message: rule {index} does not hold
"""


def step(index: int, said: str | None = None) -> Step:
    """One recorded step: the agent looked an order up and now refunds a part of it, or says something instead."""
    order = f"ORD-{index:06}"
    lookup = ToolCall(f"call_{index}_1", "lookup_order", json.dumps({"order": order}))
    found = {"order": order, "total": 20 + index % 80, "items": [{"sku": f"SKU-{n}", "price": n + 5} for n in range(6)]}
    refund = ToolCall(f"call_{index}_2", "issue_refund", json.dumps({"order": order, "amount": 20 + index % 80}))
    return Step(
        agent=AGENT,
        request=Request(
            model=MODEL,
            system=SYSTEM,
            messages=(
                Message("user", f"Hello, something is wrong with my order {order}."),
                Message("assistant", "I am sorry to hear that. What is wrong with it?"),
                Message("user", "One of the parts arrived broken, and I want the money for it back. " * 4),
                Message("assistant", tool_calls=(lookup,)),
                Message("tool", json.dumps(found), tool_call_id=lookup.id, name="lookup_order"),
            ),
            tools=TOOLS,
            parameters=dict(PARAMETERS),
        ),
        response=Response(
            text=said or "",
            tool_calls=() if said else (refund,),
            finish_reason="stop" if said else "tool_calls",
            model=MODEL,
            usage=Usage(input_tokens=900 + index % 50, output_tokens=40),
            latency_ms=800 + index % 100,
            cost_usd="0.0031",
        ),
        source=Source(run=f"run-{index:06}", event=2, grade="exact", at="2026-11-01T08:00:00Z"),
    )


def write(root: Path, cases: int, policies: int, said: str | None = None) -> None:
    """Write gate, agent, policies, datasets and recordings under `root`; `said` as for `step`."""
    for folder in ("agents", "policies", "datasets"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    header = "apiVersion: runback.dev/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n"
    (root / "runback.yaml").write_text(
        header.format(kind="Gate", name="benchmark")
        + "spec: {agents: [agents/*.yaml], datasets: [datasets/*.yaml], policies: [policies/*.yaml]}\n"
    )
    (root / "agents" / "prompt.md").write_text(SYSTEM)
    tools = [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in TOOLS
    ]
    (root / "agents" / "tools.json").write_text(json.dumps(tools))
    (root / "agents" / f"{AGENT}.yaml").write_text(
        header.format(kind="Agent", name=AGENT)
        + f"spec:\n  model: {MODEL}\n  parameters: {json.dumps(PARAMETERS)}\n"
        + "  system: {file: prompt.md}\n  tools: {file: tools.json}\n"
    )
    for index in range(policies):
        (root / "policies" / f"rule-{index:02}.yaml").write_text(policy(index))
    for first in range(0, cases, CASES_PER_DATASET):
        numbers = range(first, min(first + CASES_PER_DATASET, cases))
        _write_dataset(root, f"part-{first // CASES_PER_DATASET:03}", numbers, said)


def _write_dataset(root: Path, name: str, cases: range, said: str | None) -> None:
    path = f"datasets/{name}.yaml"
    lines = [
        f"apiVersion: runback.dev/v1\nkind: Dataset\nmetadata: {{name: {name}, agent: {AGENT}}}\nspec:\n  cases:\n",
    ]
    for index in cases:
        digest, place, data = recording(step(index, said), path)
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(data)
        lines.append(
            f"    - id: case-{index:06}\n"
            f"      step: {digest}\n"
            "      why: The agent refunds what the order holds\n"
            "      tags: [refund]\n"
            "      checks:\n"
            "        - toolCalled: issue_refund\n"
            "        - maxTokens: 800\n"
        )
    (root / path).write_text("".join(lines))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a made-up repository under the gate.")
    parser.add_argument("root", type=Path)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--policies", type=int, default=20)
    parser.add_argument("--said", help="what the agent said in each step, in the place of a call")
    arguments = parser.parse_args()
    write(arguments.root, arguments.cases, arguments.policies, arguments.said)
