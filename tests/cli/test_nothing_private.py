"""Every byte that import, `dataset add` and `init` write or print, held against what level `standard` promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runback_gate.redact import Rule, load_rules
from tests.capture.private import private
from tests.cli.conftest import Command, write

RULES = load_rules("standard")


def conversation(rule: Rule) -> dict[str, Any]:
    """A chat with the rule's example wherever a chat has words."""
    text = rule.example
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"note": text})}}
    return {
        "messages": [
            {"role": "system", "content": f"You help. {text}"},
            {"role": "user", "content": [{"type": "text", "text": text}]},
            {"role": "assistant", "content": f"see {text} there", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": text, "is_error": True},
            {"role": "assistant", "content": text},
            {"role": "tool", "tool_call_id": "none", "content": text},
        ],
        "tools": [
            {"type": "function", "function": {"name": "f", "description": text, "parameters": {"default": text}}}
        ],
        "task": {"about": [text], text: "a key"},
        "error": f"broken by {text}",
    }


def claude_code(rule: Rule) -> list[dict[str, Any]]:
    """Two events of a session."""
    about = {"sessionId": "s", "cwd": rule.example, "gitBranch": rule.example}
    said = {"id": "m", "role": "assistant", "content": [{"type": "text", "text": rule.example}]}
    return [
        {**about, "type": "user", "uuid": "1", "message": {"role": "user", "content": rule.example}},
        {**about, "type": "assistant", "uuid": "2", "message": said},
    ]


@pytest.mark.parametrize("rules", [RULES[::12], pytest.param(RULES, marks=pytest.mark.slow)], ids=["some", "all"])
def test_nothing_private_is_written(command: Command, here: Path, rules: tuple[Rule, ...]) -> None:
    """Runs, recordings, datasets, agents, the table and the errors: no example of any rule is found in them."""
    given = here.parent / "given"
    write(given / "chats.jsonl", "\n".join(json.dumps(conversation(rule)) for rule in rules))
    for number, rule in enumerate(rules[::20]):
        write(given / f"session-{number}.jsonl", "\n".join(map(json.dumps, claude_code(rule))))
        write(given / f"odd-{number}.json", json.dumps({"messages": [{"role": "user", "parts": rule.example}]}))
    printed = [command("import", str(given), "--agent", "support")]
    assert len(list((here / "runs").glob("chats-*.jsonl"))) == len(rules)
    first = sorted((here / "runs").glob("chats-*.jsonl"))[0].as_posix()
    printed.append(command("init", "--from", first))
    for run in sorted((here / "runs").glob("chats-*.jsonl"))[1::16]:
        printed.append(command("dataset", "add", run.as_posix(), "0", "--dataset", "datasets/support.yaml"))
    printed.append(command("runs", "list"))
    printed.append(command("runs", "show", first, "--json"))
    assert [result.code for result in printed] == [2] + [0] * (len(printed) - 1), printed[1:]
    data = b"".join(path.read_bytes() for path in here.rglob("*") if path.is_file()).decode()
    data += "".join(result.out + result.err for result in printed)
    assert data.count("<") > len(rules)
    written = data + data.encode().decode("unicode_escape", "replace")
    assert [rule.id for rule in RULES for text in private(rule) if text in written] == []
