"""Ways to loosen a gate by its policies."""

from __future__ import annotations

from tests.change.edits import GATE, MESSAGES, ONCE, ONCE_ELSEWHERE, REFUNDS, Edit, Way, delete, move, policy, write

TONE = "policies/tone.yaml"
JUDGED = write(
    TONE,
    """apiVersion: runback.dev/v1
kind: Policy
metadata: {name: tone}
spec:
  validations:
    - id: tone.calm
      judge: {model: j/judge-1, rubric: Is calm., threshold: 70}
""",
)
"""A policy with a rule that a judge model decides."""
NAMED = write(
    "policies/named.yaml",
    "apiVersion: runback.dev/v1\nkind: Policy\nmetadata: {name: named}\n"
    "spec:\n  validations:\n    - {id: named.agent, expression: agent.name != 'nobody'}\n",
)
"""A policy whose rule can be read over steps and over runs."""
POLICY_WAYS = (
    Way(
        "a policy file is deleted",
        "policy-removed",
        "messages",
        "the policy was removed, so nothing judges messages.address, messages.card_number",
        f"base {MESSAGES} metadata: {{name: messages",
        (delete(MESSAGES),),
    ),
    Way(
        "a policy file is moved to where no pattern finds it",
        "policy-removed",
        "messages",
        "the policy was removed",
        f"base {MESSAGES} metadata: {{name: messages",
        (move(MESSAGES, "policies/old/messages.yaml"),),
    ),
    Way(
        "`spec.policies` is narrowed",
        "policy-removed",
        "messages",
        "spec.policies changed from policies/*.yaml to policies/r*.yaml, which leaves out policies/messages.yaml",
        f"head {GATE} policies/r*.yaml",
        (Edit(GATE, "policies/*.yaml", "policies/r*.yaml"),),
    ),
    Way(
        "`spec.policies` is taken out",
        "policy-removed",
        "messages",
        "spec.policies changed from policies/*.yaml to none, which leaves out policies/messages.yaml",
        f"base {GATE} policies/*.yaml",
        (Edit(GATE, "  policies: [policies/*.yaml]\n", ""),),
        more=("policy-removed",),
    ),
    Way(
        "a rule is deleted",
        "validation-removed",
        "refunds.once",
        "the rule was removed: size(variables.refunds) == 1 && !history.exists(h, h.name =…",
        f"base {REFUNDS} - id: refunds.once",
        (Edit(REFUNDS, ONCE, ""),),
    ),
    Way(
        "a rule gets another id",
        "validation-removed",
        "refunds.once",
        "the rule was removed",
        f"base {REFUNDS} - id: refunds.once",
        (Edit(REFUNDS, "refunds.once", "refunds.twice"),),
    ),
    Way(
        "an expression is rewritten",
        "expression-changed",
        "refunds.limit",
        "the expression changed from …arguments.amount <= params.limit) to …arguments.amount <= 2 * params.limit)",
        f"head {REFUNDS} expression: >-",
        (Edit(REFUNDS, "c.arguments.amount <= params", "c.arguments.amount <= 2 * params"),),
    ),
    Way(
        "the model, rubric, criteria, samples or threshold of a judge is changed",
        "judge-changed",
        "tone.calm",
        "judge.samples changed from 1 to 3; judge.threshold changed from 70 to 60",
        f"head {TONE} judge: {{model",
        (Edit(TONE, "threshold: 70}", "threshold: 60, samples: 3}"),),
        given=(JUDGED,),
    ),
    Way(
        "an expression takes the place of a judge, or a judge that of an expression",
        "judge-changed",
        "tone.calm",
        "what decides changed from judge: Is calm. to true",
        f"head {TONE} expression: 'true'",
        (Edit(TONE, "judge: {model: j/judge-1, rubric: Is calm., threshold: 70}", "expression: 'true'"),),
        given=(JUDGED,),
    ),
    Way(
        "a param is changed",
        "params-changed",
        "refunds",
        "params.limit changed from 100 to 500",
        f"head {REFUNDS} params: {{limit: 500}}",
        (Edit(REFUNDS, "limit: 100", "limit: 500"),),
    ),
    Way(
        "a variable is changed",
        "variable-changed",
        "refunds",
        'variables.refunds changed from calls(response, "issue_refund") to calls(response, "issue_refunds")',
        f'head {REFUNDS} expression: calls(response, "issue_refunds")',
        (
            Edit(
                REFUNDS,
                '- name: refunds\n      expression: calls(response, "issue_refund")',
                '- name: refunds\n      expression: calls(response, "issue_refunds")',
            ),
        ),
    ),
    Way(
        "a policy over steps becomes one over runs, or the other way round",
        "scope-changed",
        "named",
        "scope changed from step to run, so the policy judges runs, and no step any more",
        "head policies/named.yaml scope: run",
        (Edit("policies/named.yaml", "spec:", "spec:\n  scope: run"),),
        given=(NAMED,),
    ),
    Way(
        "`match.agents` is narrowed",
        "match-narrowed",
        "refunds",
        "match.agents changed from support* to support-eu, so fewer agents are judged",
        f"head {REFUNDS} match: ",
        (Edit(REFUNDS, 'agents: ["support*"]', "agents: [support-eu]"),),
    ),
    Way(
        "`match.tags` is added, or loses a tag",
        "match-narrowed",
        "messages",
        "match.tags changed from all to mail, so fewer cases are judged",
        f"head {MESSAGES} match: ",
        (Edit(MESSAGES, "  validations:\n", "  match: {tags: [mail]}\n  validations:\n"),),
    ),
    Way(
        "a match condition is added",
        "match-condition-added",
        "refunds",
        "was added, so fewer answers are judged: size(history) > 2",
        f"head {REFUNDS} - {{name: late",
        (Edit(REFUNDS, "  variables:\n", "    - {name: late, expression: size(history) > 2}\n  variables:\n"),),
    ),
    Way(
        "a match condition is changed",
        "match-condition-changed",
        "refunds",
        ' changed from size(calls(response, "issue_refund")) > 0 to size(calls(response, "iss',
        f'head {REFUNDS} "issue_refund")) > 1',
        (Edit(REFUNDS, '"issue_refund")) > 0', '"issue_refund")) > 1'),),
    ),
    Way(
        "`validationActions` go from Deny to Warn",
        "action-lowered",
        "refunds",
        "validationActions changed from Deny to Warn, so a breach counts for less",
        f"head {REFUNDS} validationActions: [Warn]",
        (policy("validationActions: [Warn]"),),
    ),
    Way(
        "`validationActions` go from Warn to Audit",
        "action-lowered",
        "refunds",
        "validationActions changed from Warn to Audit, so a breach counts for less",
        f"head {REFUNDS} validationActions: [Audit]",
        (Edit(REFUNDS, "[Warn]", "[Audit]"),),
        given=(policy("validationActions: [Warn]"),),
    ),
    Way(
        "a rule is moved to a policy that does less",
        "action-lowered",
        "refunds",
        "validationActions changed from Deny to Audit, so a breach counts for less",
        "head policies/once.yaml validationActions: [Audit]",
        (
            Edit(REFUNDS, ONCE, ""),
            write(
                "policies/once.yaml",
                ONCE_ELSEWHERE.replace("  validations:", "  validationActions: [Audit]\n  validations:"),
            ),
        ),
    ),
    Way(
        "`failurePolicy` goes from Fail to Ignore",
        "failure-policy-ignore",
        "refunds",
        "failurePolicy changed from Fail to Ignore, so a rule that cannot be evaluated only warns",
        f"head {REFUNDS} failurePolicy: Ignore",
        (policy("failurePolicy: Ignore"),),
    ),
)
