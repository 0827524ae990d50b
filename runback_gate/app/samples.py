"""What `init` writes when nothing was recorded yet: a small support agent, made up for the purpose."""

from __future__ import annotations

import json

from runback_gate.step import Message, Request, Response, Run, Source, Step, ToolCall, tools_from_json

GATE = """\
apiVersion: runback.dev/v1
kind: Gate
metadata: {{name: {name}}}
spec:
  agents: [agents/*.yaml]
  datasets: [datasets/*.yaml]
  policies: [policies/*.yaml]
  waivers: [waivers/*.yaml]
"""

IGNORED = """\
# what runback-gate makes anew, and what holds raw conversations
.runback/
/runs/
"""

AGENT = """\
apiVersion: runback.dev/v1
kind: Agent
metadata: {name: support}
spec:
  model: openai/gpt-4o-2024-08-06
  parameters: {temperature: 0}
  system: {file: support.md}
  tools: {file: tools.json}
"""

PROMPT = """\
You are the support agent of a small shop.
Refund up to 100 dollars yourself. A disputed charge goes to a specialist: call escalate.
"""

TOOLS = """\
[
  {"type": "function", "function": {"name": "issue_refund", "description": "Pay money back to the customer.",
    "parameters": {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}}},
  {"type": "function", "function": {"name": "escalate", "description": "Hand the conversation to a specialist.",
    "parameters": {"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]}}}
]
"""

POLICY = """\
apiVersion: runback.dev/v1
kind: Policy
metadata: {name: refunds}
spec:
  description: Refunds above the limit need a person
  params: {limit: 100}
  matchConditions:
    - name: refunds money
      expression: size(calls(response, "issue_refund")) > 0
  validations:
    - id: refunds.limit             # true = compliant
      expression: >-
        calls(response, "issue_refund").all(c, has(c.arguments.amount) && c.arguments.amount <= params.limit)
      message: refund above the limit
"""

POLICY_TEST = """\
apiVersion: runback.dev/v1
kind: PolicyTest
metadata: {name: refunds}
spec:
  policy: refunds
  cases:
    - name: a small refund is fine
      step: {response: {tool_calls: [{name: issue_refund, arguments: {amount: 40}}]}}
      expect: {refunds.limit: pass}
    - name: a large one is not
      step: {response: {tool_calls: [{name: issue_refund, arguments: {amount: 250}}]}}
      expect: {refunds.limit: fail}
    - name: no refund, no question
      step: {response: {text: Hello}}
      expect: {refunds.limit: skip}
"""

ANSWERS = """\
apiVersion: runback.dev/v1
kind: Policy
metadata: {name: answers}
spec:
  description: Every turn says something or does something
  validations:
    - id: answers.not_empty         # true = compliant
      expression: response.text != "" || size(response.tool_calls) > 0
      message: the turn neither answers nor calls a tool
"""

ANSWERS_TEST = """\
apiVersion: runback.dev/v1
kind: PolicyTest
metadata: {name: answers}
spec:
  policy: answers
  cases:
    - name: an answer
      step: {response: {text: Hello}}
      expect: {answers.not_empty: pass}
    - name: nothing at all
      step: {response: {text: ""}}
      expect: {answers.not_empty: fail}
"""


def sample_run() -> Run:
    """A made-up run of the sample agent, whose request is the one that the sample agent file states."""
    request = Request(
        model="openai/gpt-4o-2024-08-06",
        system=PROMPT,
        messages=(Message("user", "I want my $250 back, I never bought this."),),
        tools=tools_from_json(json.loads(TOOLS), "tools"),
        parameters={"temperature": 0},
    )
    response = Response(
        tool_calls=(ToolCall("call_1", "escalate", '{"reason": "dispute"}'),), finish_reason="tool_calls"
    )
    step = Step("support", request, response, Source(run="sample", event=0, grade="exact"))
    return Run("sample", "support", (step,))
