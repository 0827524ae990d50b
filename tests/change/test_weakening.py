"""What loosens a gate and what does not, each as an edit of this repository's own.

`docs/concepts/trust.md` lists the same ways.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from runback_gate.change.gates import find_weakenings
from runback_gate.change.model import KINDS, Change, Kind
from runback_gate.gate.plan import Plan, load_plan

ROOT = Path(__file__).parents[2]
DAY = "2026-06-01"
GATE, AGENT = "runback.yaml", "agents/support.yaml"
REFUNDS, MESSAGES = "policies/refunds.yaml", "policies/messages.yaml"
CASES, MAILS, TALK = "datasets/refunds.yaml", "datasets/messages.yaml", "datasets/talk.yaml"
WAIVER = "waivers/legacy.yaml"


@dataclass(frozen=True)
class Edit:
    """One change of a file."""

    path: str
    old: str | None
    """Text that becomes `new`, everywhere; None when the whole file is meant."""
    new: str | None
    """None when the file goes."""
    to: str | None = None
    """Another name for the file."""

    def apply(self, root: Path) -> None:
        file = root / self.path
        if self.to is not None:
            (root / self.to).parent.mkdir(exist_ok=True)
            file.rename(root / self.to)
        elif self.new is None:
            file.unlink()
        elif self.old is None:
            file.parent.mkdir(exist_ok=True)
            file.write_text(self.new, encoding="utf-8")
        else:
            text = file.read_text(encoding="utf-8")
            assert self.old in text, f"{self.path} has no {self.old!r}"
            file.write_text(text.replace(self.old, self.new), encoding="utf-8")


def write(path: str, text: str) -> Edit:
    """A file that is there, or becomes another."""
    return Edit(path, None, text)


def delete(path: str) -> Edit:
    """A file that goes."""
    return Edit(path, None, None)


def move(path: str, to: str) -> Edit:
    """A file that gets another name."""
    return Edit(path, None, None, to)


def config(fields: str) -> Edit:
    """More fields of the gate config."""
    return Edit(GATE, "  waivers: [waivers/*.yaml]\n", f"  waivers: [waivers/*.yaml]\n  {fields}\n")


_STAFF = "\n    rules:\n      - {id: staff, pattern: 'EMP-[0-9]{6}', example: EMP-123456, counterExample: EMP-1}"
STAFF = config(f"redact:\n    level: strict{_STAFF}")
"""A rule of redaction in the gate config."""


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


def policy(fields: str) -> Edit:
    """More fields of the refund policy."""
    return Edit(REFUNDS, "  validations:\n", f"  {fields}\n  validations:\n")


def waiver(rules: str = "refunds.limit", cases: str = "broken-mug-refunded", expires: str = "2026-12-31") -> Edit:
    """A waiver file, one field a line."""
    head = "apiVersion: runback.dev/v1\nkind: Waiver\nmetadata: {name: legacy}\nspec:\n"
    spec = (
        f"  policies: [{rules}]\n  cases: [{cases}]\n  reason: TICKET-12\n  owner: payments\n  expires: {expires!r}\n"
    )
    return write(WAIVER, head + spec)


def edited(folder: Path, edits: tuple[Edit, ...]) -> Plan:
    """The plan of the demo with edits, which is laid out in a folder."""
    for part in ("agents", "policies", "datasets"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("recordings", "answers"))
    shutil.copy(ROOT / GATE, folder)
    for change in edits:
        change.apply(folder)
    return load_plan(folder, day=DAY)


@cache
def read(edits: tuple[Edit, ...]) -> tuple[Plan, Mapping[str, str]]:
    """The plan of the demo with edits, and the text of each of its files."""
    with TemporaryDirectory() as name:
        plan = edited(Path(name), edits)
        files = [path for path in Path(name).rglob("*") if path.is_file()]
        return plan, {path.relative_to(name).as_posix(): path.read_text(encoding="utf-8") for path in files}


def pair(given: tuple[Edit, ...], edits: tuple[Edit, ...]) -> tuple[Plan, Plan]:
    """The plans of the demo with what is given, and of the same with the edits."""
    return read(given)[0], read((*given, *edits))[0]


LIMIT_LINE = "variables.refunds.all(c, has(c.arguments.amount)"
ONCE = """    - id: refunds.once
      expression: >-
        size(variables.refunds) == 1
        && !history.exists(h,
          h.name == "issue_refund" && h.arguments.order == variables.refunds[0].arguments.order)
      message: second refund for the same order
"""
ONCE_ELSEWHERE = (
    "apiVersion: runback.dev/v1\nkind: Policy\nmetadata: {name: once}\nspec:\n  match: {agents: ['support*']}\n"
    "  matchConditions:\n    - {name: money, expression: 'size(calls(response, \"issue_refund\")) > 0'}\n"
    "  variables: [{name: paid, expression: 'calls(response, \"issue_refund\")'}]\n  validations:\n"
    + ONCE.replace("variables.refunds", "variables.paid")
)
MUG = "sha256:76000a045a7349b54f5f02817f6bc945be66052d3f58d11c6600588d80798554"
TWICE = "sha256:21dd3c558774717e0025c0ac677de5d91e8c9a74d72fd550d2ef6887ba52e302"
NO_SECOND = f"""    - id: no-second-refund
      step: {TWICE}
      why: A customer who asks twice is not paid twice
      tags: [refund]
      checks:
        - toolNotCalled: issue_refund
        - contains: P-2001
"""
MAIL_AGENT = write(
    "agents/mail.yaml",
    "apiVersion: runback.dev/v1\nkind: Agent\nmetadata: {name: mail}\nspec: {model: openai/gpt-5}\n",
)
SAID = write(
    TALK,
    "apiVersion: runback.dev/v1\nkind: Dataset\nmetadata: {name: talk, agent: support}\nspec:\n  cases:\n"
    "    - id: hello\n      messages:\n        - {role: user, content: I want my money back.}\n      checks:\n"
    "        - contains: sorry\n        - maxTokens: 100\n        - cel: size(response.tool_calls) == 0\n",
)
CARD = '!response.text.matches("[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}")'
READS_TAGS = Edit(MESSAGES, CARD, f'"test" in case.tags || {CARD}')
READS_LABELS = Edit(MESSAGES, CARD, f'agent.labels.team != "payments" || {CARD}')
BY_TAG = Edit(REFUNDS, 'match: {agents: ["support*"]}', "match: {tags: [dispute]}")
PROVIDER = config(
    "providers:\n    openai:\n      baseUrl: https://api.openai.com/v1\n      apiKeyEnv: OPENAI_API_KEY\n"
    "      models: [gpt-4o*]"
)
THREE = config("trials: {n: 3, pass: 3}")
SEQUENTIAL = "trials: {holds: 0.95, regress: 0.65, alpha: 0.01, maxTrials: 60}"


NAMED = write(
    "policies/named.yaml",
    "apiVersion: runback.dev/v1\nkind: Policy\nmetadata: {name: named}\n"
    "spec:\n  validations:\n    - {id: named.agent, expression: agent.name != 'nobody'}\n",
)
"""A policy whose rule can be read over steps and over runs."""


@dataclass(frozen=True)
class Way:
    """One way to loosen a gate."""

    what: str
    """As the table of the docs says it."""
    kind: Kind
    subject: str
    said: str
    """Part of the message."""
    at: str
    """Whose file, its path, and text of the line that is pointed at, which is the first to hold that text."""
    edits: tuple[Edit, ...]
    """What the head does to the base."""
    given: tuple[Edit, ...] = ()
    """What the base has besides the demo."""
    more: tuple[Kind, ...] = ()
    """What else is found."""


WAYS = (
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
    Way(
        "an agent file is deleted, or `spec.agents` is narrowed",
        "agent-removed",
        "mail",
        "spec.agents changed from agents/*.yaml to agents/support.yaml, which leaves out agents/mail.yaml",
        f"head {GATE} agents: [agents/support.yaml]",
        (Edit(GATE, "agents/*.yaml", "agents/support.yaml"),),
        given=(MAIL_AGENT,),
    ),
    Way(
        "an agent gets a name that `match.agents` does not name",
        "agent-removed",
        "support",
        "the agent is no longer judged",
        f"base {AGENT} metadata: {{name: support",
        (
            Edit(AGENT, "name: support", "name: helpdesk"),
            Edit(CASES, "agent: support", "agent: helpdesk"),
            Edit(MAILS, "agent: support", "agent: helpdesk"),
        ),
        more=("dataset-agent-changed", "dataset-agent-changed"),
    ),
    Way(
        "an agent file leaves out its model, parameters, system or tools",
        "agent-field-removed",
        "support",
        "spec.system was removed, so it is no longer judged: each request keeps what was recorded",
        f"base {AGENT} system: {{file: support.md}}",
        (Edit(AGENT, "  system: {file: support.md}\n", ""),),
    ),
    Way(
        "a label of an agent changes and a rule reads `agent`",
        "labels-changed",
        "support",
        "labels.team changed from payments to other; a rule reads the labels",
        f"head {AGENT} labels: {{team: other}}",
        (Edit(AGENT, "team: payments", "team: other"),),
        given=(READS_LABELS,),
    ),
    Way(
        "a dataset file is deleted",
        "dataset-removed",
        "messages",
        "the dataset was removed, with 2 cases",
        f"base {MAILS} metadata: {{name: messages",
        (delete(MAILS),),
    ),
    Way(
        "`spec.datasets` is narrowed",
        "dataset-removed",
        "messages",
        "spec.datasets changed from datasets/*.yaml to datasets/refunds.yaml, which leaves out datasets/messages.yaml",
        f"head {GATE} datasets: [datasets/refunds.yaml]",
        (Edit(GATE, "datasets/*.yaml", "datasets/refunds.yaml"),),
    ),
    Way(
        "a dataset is moved to another agent",
        "dataset-agent-changed",
        "messages",
        "agent changed from support to mail, so the cases judge another agent",
        f"head {MAILS} agent: mail",
        (Edit(MAILS, "agent: support", "agent: mail"),),
        given=(MAIL_AGENT,),
    ),
    Way(
        "a case is deleted, or gets another id",
        "case-removed",
        "refunds/no-second-refund",
        "the case was removed, with 2 checks",
        f"base {CASES} - id: no-second-refund",
        (Edit(CASES, NO_SECOND, ""),),
    ),
    Way(
        "a check is deleted",
        "check-removed",
        "refunds/no-second-refund",
        'the check was removed: {"contains": "P-2001"}',
        f"base {CASES} - contains: P-2001",
        (Edit(CASES, "        - contains: P-2001\n", ""),),
    ),
    Way(
        "a check is changed",
        "check-changed",
        "messages/card-number-not-repeated",
        'the check changed from {"notContains": "4111"} to {"notContains": "4111 1111"}',
        f'head {MAILS} - notContains: "4111 1111"',
        (Edit(MAILS, '"4111"', '"4111 1111"'),),
    ),
    Way(
        "a bound of a check is raised",
        "check-changed",
        "talk/hello",
        'the check changed from {"maxTokens": 100} to {"maxTokens": 4000}',
        f"head {TALK} - maxTokens: 4000",
        (Edit(TALK, "maxTokens: 100", "maxTokens: 4000"),),
        given=(SAID,),
    ),
    Way(
        "a case loses the tag by which a policy finds it",
        "tags-removed",
        "refunds/disputed-charge-escalates",
        "tags changed from refund, dispute to refund, so refunds no longer judges the case",
        f"head {CASES} tags: [refund]",
        (Edit(CASES, "tags: [refund, dispute]", "tags: [refund]"),),
        given=(BY_TAG,),
    ),
    Way(
        "a tag changes and a rule reads `case`",
        "tags-changed",
        "messages/card-number-not-repeated",
        "tags changed from pii to pii, test; a rule reads the tags",
        f"head {MAILS} tags: [pii, test]",
        (Edit(MAILS, "tags: [pii]", "tags: [pii, test]"),),
        given=(READS_TAGS,),
    ),
    Way(
        "a case names another recorded step",
        "recording-changed",
        "refunds/broken-mug-refunded",
        "step changed from sha256:76000a0",
        f"head {CASES} step: {TWICE}",
        (Edit(CASES, MUG, TWICE),),
    ),
    Way(
        "the hand-written conversation of a case changes",
        "messages-changed",
        "talk/hello",
        "so another conversation is judged",
        f"head {TALK} messages:",
        (Edit(TALK, "I want my money back.", "Hello."),),
        given=(SAID,),
    ),
    Way(
        "the gate asks fewer trials",
        "trials-lowered",
        GATE,
        "trials changed from 3 of 3 to 2 of 2, so fewer trials must pass",
        f"head {GATE} trials: {{n: 2}}",
        (Edit(GATE, "trials: {n: 3, pass: 3}", "trials: {n: 2}"),),
        given=(THREE,),
    ),
    Way(
        "fewer trials must pass",
        "trials-lowered",
        GATE,
        "trials changed from 3 of 3 to 2 of 3, so fewer trials must pass",
        f"head {GATE} trials: {{n: 3, pass: 2}}",
        (Edit(GATE, "pass: 3", "pass: 2"),),
        given=(THREE,),
    ),
    Way(
        "more trials are asked, and no more must pass",
        "trials-lowered",
        GATE,
        "trials changed from 3 of 3 to 3 of 9, so fewer trials must pass",
        f"head {GATE} trials: {{n: 9, pass: 3}}",
        (Edit(GATE, "n: 3", "n: 9"),),
        given=(THREE,),
    ),
    Way(
        "a dataset asks fewer trials",
        "trials-lowered",
        "messages",
        "trials changed from 5 of 5 to 1 of 1, so fewer trials must pass",
        f"base {MAILS} trials: {{n: 5}}",
        (Edit(MAILS, "  trials: {n: 5}\n", ""),),
        given=(Edit(MAILS, "spec:\n", "spec:\n  trials: {n: 5}\n"),),
    ),
    Way(
        "a case asks fewer trials",
        "trials-lowered",
        "refunds/broken-mug-refunded",
        "trials changed from 4 of 5 to 3 of 5, so fewer trials must pass",
        f"head {CASES} trials: {{n: 5, pass: 3}}",
        (Edit(CASES, "pass: 4", "pass: 3"),),
        given=(Edit(CASES, "      why: Small refunds stay quick\n", "      trials: {n: 5, pass: 4}\n"),),
    ),
    Way(
        "trials become a sequential test, or are one no longer",
        "trials-changed",
        GATE,
        "trials changed from 3 of 3 trials to sequential trials",
        f"head {GATE} trials: {{holds",
        (Edit(GATE, "trials: {n: 3, pass: 3}", SEQUENTIAL),),
        given=(THREE,),
    ),
    Way(
        "a sequential test has another `holds` or `regress`",
        "trials-changed",
        GATE,
        "trials.regress changed from 0.65 to 0.8, so another pass rate is red",
        f"head {GATE} trials: {{holds",
        (Edit(GATE, "regress: 0.65", "regress: 0.8"),),
        given=(config(SEQUENTIAL),),
    ),
    Way(
        "the `alpha` of a sequential test is lowered",
        "trials-lowered",
        GATE,
        "trials.alpha changed from 0.01 to 0.001, so it takes more failures to be red",
        f"head {GATE} trials: {{holds",
        (Edit(GATE, "alpha: 0.01", "alpha: 0.001"),),
        given=(config(SEQUENTIAL),),
    ),
    Way(
        "the `power` of a sequential test is lowered",
        "trials-lowered",
        GATE,
        "trials.power was added: 0.8, so a case that regressed is green more often",
        f"head {GATE} trials: {{holds",
        (Edit(GATE, "maxTrials: 60", "maxTrials: 60, power: 0.8"),),
        given=(config(SEQUENTIAL),),
    ),
    Way(
        "the `maxTrials` of a sequential test is raised",
        "trials-lowered",
        GATE,
        "trials.maxTrials changed from 60 to 90, so an open case has more trials to become green",
        f"head {GATE} trials: {{holds",
        (Edit(GATE, "maxTrials: 60", "maxTrials: 90"),),
        given=(config(SEQUENTIAL),),
    ),
    Way(
        "the `maxTrials` of a sequential test is set or taken out",
        "trials-changed",
        "messages",
        "trials.maxTrials was removed; it was 60, so an open case is undecided after another number of trials",
        f"head {MAILS} trials: {{holds",
        (Edit(MAILS, ", maxTrials: 60", ""),),
        given=(Edit(MAILS, "spec:\n", f"spec:\n  {SEQUENTIAL}\n"),),
    ),
    Way(
        "`block` goes from all to regressions",
        "block-lowered",
        GATE,
        "block changed from all to regressions, so a row that fails on the base as well no longer blocks",
        f"head {GATE} block: regressions",
        (Edit(GATE, "block: all", "block: regressions"),),
        given=(config("block: all"),),
    ),
    Way(
        "an answer that is not whole may pass (`allow`, or a check for `finishReason: length`)",
        "allow-widened",
        GATE,
        "allow changed from none to length, so an answer that is not whole may pass",
        f"head {GATE} allow: [length]",
        (Edit(GATE, "block: all", "block: all\n  allow: [length]"),),
        given=(config("block: all"),),
    ),
    Way(
        "less is looked for in committed files (`scan`)",
        "scan-lowered",
        GATE,
        "scan changed from strict to standard, so committed files are searched for less",
        f"head {GATE} scan: standard",
        (Edit(GATE, "scan: strict", "scan: standard"),),
        given=(config("scan: strict"),),
    ),
    Way(
        "less is redacted before it is stored (`redact.level`)",
        "redact-lowered",
        GATE,
        "redact.level changed from strict to standard, so less becomes a pseudonym before it is stored",
        f"head {GATE} level: standard",
        (Edit(GATE, "level: strict", "level: standard"),),
        given=(config("redact: {level: strict}"),),
    ),
    Way(
        "a rule of redaction is taken out",
        "redact-rule-removed",
        "redact.staff",
        "redact rule staff was removed, so what it finds is stored as it is",
        f"base {GATE} - {{id: staff",
        (Edit(GATE, _STAFF, ""),),
        given=(STAFF,),
    ),
    Way(
        "a rule of redaction is changed",
        "redact-rule-changed",
        "redact.staff",
        "redact rule staff: pattern changed from EMP-[0-9]{6} to EMP-[0-9]{7}",
        f"head {GATE} - {{id: staff",
        (Edit(GATE, "{6}', example: EMP-123456,", "{7}', example: EMP-1234567,"),),
        given=(STAFF,),
    ),
    Way(
        "more values stay as they are (`redact.keep`)",
        "redact-keep-widened",
        GATE,
        "redact.keep changed from help@example.org to *@example.org, so more values stay as they are",
        f"head {GATE} keep: [",
        (Edit(GATE, "keep: [help@example.org]", "keep: ['*@example.org']"),),
        given=(config("redact: {keep: [help@example.org]}"),),
    ),
    Way(
        "a limit of the budget is raised",
        "budget-raised",
        GATE,
        "budget.usd changed from 2.00 to 20, so a run may spend more",
        f'head {GATE} budget: {{usd: "20"}}',
        (Edit(GATE, '"2.00"', '"20"'),),
        given=(config('budget: {usd: "2.00"}'),),
    ),
    Way(
        "a limit of the budget is taken out",
        "budget-raised",
        GATE,
        "budget.calls was removed; it was 500, so a run may spend more",
        f"base {GATE} budget: {{calls: 500}}",
        (Edit(GATE, "  budget: {calls: 500}\n", ""),),
        given=(config("budget: {calls: 500}"),),
    ),
    Way(
        "a provider is added",
        "provider-added",
        "providers.other",
        "one more endpoint is trusted: https://other.example/v1",
        f"head {GATE} other:",
        (
            Edit(
                GATE,
                "      models: [gpt-4o*]",
                "      models: [gpt-4o*]\n    other: {baseUrl: https://other.example/v1, models: [o1]}",
            ),
        ),
        given=(PROVIDER,),
    ),
    Way(
        "a provider gets another `baseUrl`",
        "provider-changed",
        "providers.openai",
        "baseUrl changed from https://api.openai.com/v1 to https://other.example/v1",
        f"head {GATE} baseUrl: https://other.example/v1",
        (Edit(GATE, "https://api.openai.com/v1", "https://other.example/v1"),),
        given=(PROVIDER,),
    ),
    Way(
        "a provider gets another `apiKeyEnv`",
        "provider-changed",
        "providers.openai",
        "apiKeyEnv changed from OPENAI_API_KEY to DEPLOY_KEY",
        f"head {GATE} apiKeyEnv: DEPLOY_KEY",
        (Edit(GATE, "OPENAI_API_KEY", "DEPLOY_KEY"),),
        given=(PROVIDER,),
    ),
    Way(
        "a provider may be asked for more models",
        "provider-models-widened",
        "providers.openai",
        "models changed from gpt-4o* to gpt-*, so more models may be asked",
        f"head {GATE} models: [gpt-*]",
        (Edit(GATE, "gpt-4o*", "gpt-*"),),
        given=(PROVIDER,),
    ),
    Way(
        "a waiver is added",
        "waiver-added",
        "legacy",
        "a breach of refunds.limit in broken-mug-refunded is accepted until 2026-12-31",
        f"head {WAIVER} metadata: {{name: legacy}}",
        (waiver(),),
    ),
    Way(
        "a waiver names one more case",
        "waiver-broadened",
        "legacy",
        "more breaches are accepted: refunds.limit in no-second-refund",
        f"head {WAIVER} cases: [broken-mug-refunded, no-second-refund]",
        (waiver(cases="broken-mug-refunded, no-second-refund"),),
        given=(waiver(),),
    ),
    Way(
        "a waiver names one more rule",
        "waiver-broadened",
        "legacy",
        "more breaches are accepted: refunds.once in broken-mug-refunded",
        f"head {WAIVER} policies: [refunds.limit, refunds.once]",
        (waiver(rules="refunds.limit, refunds.once"),),
        given=(waiver(),),
    ),
    Way(
        "a waiver lasts longer",
        "waiver-extended",
        "legacy",
        "expires changed from 2026-12-31 to 2027-12-31, so a breach is accepted for longer",
        f"head {WAIVER} expires: '2027-12-31'",
        (waiver(expires="2027-12-31"),),
        given=(waiver(),),
    ),
)


def line_of(way: Way) -> tuple[str, str, int]:
    """Whose file, which, and the number of its first line that holds the text."""
    side, path, text = way.at.split(" ", 2)
    lines = read(way.given if side == "base" else (*way.given, *way.edits))[1][path].splitlines()
    return side, path, next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.what)
def test_a_way_to_loosen_the_gate(way: Way) -> None:
    """It is found once, by its kind, with the old and the new value, at the line that a reviewer must read."""
    found = find_weakenings(*pair(way.given, way.edits))
    assert sorted(item.kind for item in found) == sorted((way.kind, *way.more))
    item = next(item for item in found if (item.kind, item.subject) == (way.kind, way.subject))
    assert way.said in item.message
    assert "\n" not in item.message
    assert (item.side, item.location.path, item.location.line) == line_of(way)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.what)
def test_what_the_base_has_is_no_weakening(way: Way) -> None:
    """A gate does not loosen itself, however it is written."""
    assert find_weakenings(*pair(way.given, ())) == ()


def test_every_kind_has_a_way() -> None:
    """Each kind of weakening is met by a test; `gate-changed` is for fields that do not exist yet."""
    assert {way.kind for way in WAYS} == {*KINDS} - {"gate-changed"}


def test_the_docs_list_the_ways() -> None:
    """The table of the trust page has the same ways, kinds and places, in the same order."""
    page = (ROOT / "docs/concepts/trust.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+) \| `([a-z-]+)` \| (base|head) `([^`]+)` \|$", page, re.MULTILINE)
    assert rows == [(way.what, way.kind, *way.at.split(" ")[:2]) for way in WAYS]


HARMLESS: dict[str, tuple[tuple[Edit, ...], tuple[Edit, ...]]] = {
    "nothing": ((), ()),
    "a policy is added": ((write("policies/once.yaml", ONCE_ELSEWHERE.replace("refunds.once", "new.once")),), ()),
    "a validation is added": ((Edit(REFUNDS, ONCE, ONCE + ONCE.replace("refunds.once", "refunds.more")),), ()),
    "a dataset is added": ((SAID,), ()),
    "a case is added": ((Edit(CASES, NO_SECOND, NO_SECOND + NO_SECOND.replace("no-second", "no-third")),), ()),
    "a check is added": ((Edit(CASES, "- contains: P-2001", "- contains: P-2001\n        - noError: true"),), ()),
    "an agent is added": ((MAIL_AGENT,), ()),
    "a tag is added": ((Edit(CASES, "tags: [refund, dispute]", "tags: [refund, dispute, money]"),), (BY_TAG,)),
    "a label is added that no rule reads": ((Edit(AGENT, "{team: payments}", "{team: payments, tier: '1'}"),), ()),
    "a param is added that no rule reads": ((Edit(REFUNDS, "{limit: 100}", "{limit: 100, most: 3}"),), ()),
    "a rule and its param are added": (
        (
            Edit(REFUNDS, "{limit: 100}", "{limit: 100, most: 3}"),
            Edit(REFUNDS, ONCE, ONCE + "    - {id: refunds.most, expression: size(variables.refunds) < params.most}\n"),
        ),
        (),
    ),
    "Warn becomes Deny": ((Edit(REFUNDS, "[Warn]", "[Deny]"),), (policy("validationActions: [Warn]"),)),
    "Deny also audits": ((policy("validationActions: [Audit, Deny]"),), ()),
    "Ignore becomes Fail": ((Edit(REFUNDS, "Ignore", "Fail"),), (policy("failurePolicy: Ignore"),)),
    "match.agents is widened": ((Edit(REFUNDS, '"support*"', '"sup*", mail'),), ()),
    "match is taken out": ((Edit(REFUNDS, "  match: {tags: [dispute]}\n", ""),), (BY_TAG,)),
    "match.tags is widened": ((Edit(REFUNDS, "[dispute]", "[other, dispute]"),), (BY_TAG,)),
    "a match condition is taken out": (
        (
            Edit(
                REFUNDS,
                "  matchConditions:\n    - name: refunds money\n"
                '      expression: size(calls(response, "issue_refund")) > 0\n',
                "",
            ),
        ),
        (),
    ),
    "a match condition gets another name": ((Edit(REFUNDS, "refunds money", "money"),), ()),
    "a variable gets another name": (
        (Edit(REFUNDS, "variables.refunds", "variables.paid"), Edit(REFUNDS, "- name: refunds\n", "- name: paid\n")),
        (),
    ),
    "a constant becomes a param": (
        (
            Edit(REFUNDS, "{limit: 100}", "{limit: 100, one: 1}"),
            Edit(REFUNDS, "size(variables.refunds) == 1", "size(variables.refunds) == params.one"),
        ),
        (),
    ),
    "an expression is laid out anew, with a comment": (
        (
            Edit(REFUNDS, "        && !history", "        // never\n        && ! history"),
            Edit(REFUNDS, "expression: >-", "expression: |"),
            Edit(REFUNDS, "params: {limit: 100}", "params:\n    # in dollars\n    limit: 100"),
        ),
        (),
    ),
    "what people read is reworded": (
        (
            Edit(REFUNDS, "message: refund above the limit", "message: too much"),
            Edit(REFUNDS, '\'"refund above "', '\'"more than "'),
            Edit(REFUNDS, "Money goes back", "Money is paid back"),
            Edit(REFUNDS, "labels: {team: payments}", "annotations: {runbook: docs/refunds.md}"),
            Edit(CASES, "why: Small refunds stay quick", "why: Quick"),
        ),
        (),
    ),
    "files are renamed": (
        (
            move(REFUNDS, "policies/money.yaml"),
            move(CASES, "datasets/money.yaml"),
            move(AGENT, "agents/shop.yaml"),
            move(WAIVER, "waivers/w.yaml"),
        ),
        (waiver(),),
    ),
    "a policy gets another name": ((Edit(REFUNDS, "metadata: {name: refunds", "metadata: {name: money"),), ()),
    "a rule is moved to a policy as strict": (
        (Edit(REFUNDS, ONCE, ""), write("policies/once.yaml", ONCE_ELSEWHERE)),
        (),
    ),
    "cases, checks and rules change places": (
        (
            Edit(CASES, NO_SECOND, ""),
            Edit(
                CASES,
                "  cases:\n",
                "  cases:\n"
                + NO_SECOND.replace("        - toolNotCalled: issue_refund\n", "")
                + "        - toolNotCalled: issue_refund\n",
            ),
            Edit(REFUNDS, ONCE, ""),
            Edit(REFUNDS, "  validations:\n", "  validations:\n" + ONCE),
        ),
        (),
    ),
    "a check says the same at length": (
        (
            Edit(
                CASES,
                "- toolCalled: {name: lookup_order, arguments: {order: P-3007}}",
                "- toolCalled:\n            arguments: {order: P-3007}\n            name: lookup_order",
            ),
        ),
        (),
    ),
    "a cel check is laid out anew": (
        (Edit(TALK, "size(response.tool_calls) == 0", "size( response.tool_calls )==0"),),
        (SAID,),
    ),
    "a bound is lowered": ((Edit(TALK, "maxTokens: 100", "maxTokens: 50"),), (SAID,)),
    "more trials must pass": ((Edit(GATE, "n: 3, pass: 3", "n: 5, pass: 5"),), (THREE,)),
    "a dataset and a case ask more trials": (
        (
            Edit(MAILS, "spec:\n", "spec:\n  trials: {n: 5}\n"),
            Edit(CASES, "      why: Small refunds stay quick\n", "      trials: {n: 4}\n"),
        ),
        (THREE,),
    ),
    "trials are written out": ((config("trials: {n: 1, pass: 1}"),), ()),
    "a sequential test takes fewer trials, with more power and alpha": (
        (Edit(GATE, "alpha: 0.01, maxTrials: 60", "alpha: 0.02, maxTrials: 50, power: 0.95"),),
        (config(SEQUENTIAL),),
    ),
    "every red row blocks": ((Edit(GATE, "block: regressions", "block: all"),), (config("block: regressions"),)),
    "the budget is lowered, one more limit is set": (
        (Edit(GATE, '"2.00"', '"1", seconds: 10'),),
        (config('budget: {usd: "2.00"}'),),
    ),
    "a provider is taken out": (
        (write(GATE, (ROOT / GATE).read_text(encoding="utf-8")),),
        (PROVIDER,),
    ),
    "a provider may be asked for fewer models": ((Edit(GATE, "[gpt-4o*]", "[gpt-4o-mini*, gpt-4o]"),), (PROVIDER,)),
    "a waiver is taken out": ((delete(WAIVER),), (waiver(),)),
    "a waiver ends earlier": ((waiver(expires="2026-09-30"),), (waiver(),)),
    "a waiver names less": ((waiver(),), (waiver(rules="refunds.limit, refunds.once"),)),
    "a waiver gets another name": ((Edit(WAIVER, "name: legacy", "name: w"),), (waiver(),)),
    "patterns are written out": (
        (Edit(GATE, "[policies/*.yaml]", "[policies/refunds.yaml, policies/m*.yaml]"),),
        (),
    ),
}


@pytest.mark.parametrize("what", HARMLESS)
def test_what_does_not_loosen_the_gate(what: str) -> None:
    """Additions, another layout, other names and other words for people are no weakening."""
    edits, given = HARMLESS[what]
    found: tuple[Change, ...] = find_weakenings(*pair(given, edits))
    assert found == ()
