"""Edits of this repository's own gate, the plans before and after them, and what a way to loosen a gate is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from runback_gate.change.model import Kind
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
BY_TAG = Edit(REFUNDS, 'match: {agents: ["support*"]}', "match: {tags: [dispute]}")
PROVIDER = config(
    "providers:\n    openai:\n      baseUrl: https://api.openai.com/v1\n      apiKeyEnv: OPENAI_API_KEY\n"
    "      models: [gpt-4o*]"
)
THREE = config("trials: {n: 3, pass: 3}")
SEQUENTIAL = "trials: {holds: 0.95, regress: 0.65, alpha: 0.01, maxTrials: 60}"


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
