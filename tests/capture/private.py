"""Whether anything private is left."""

from __future__ import annotations

from runback_gate.redact import Rule


def private(rule: Rule) -> list[str]:
    """What of a rule's example nobody may find again, line by line."""
    match = rule.regex.search(rule.example)
    assert match is not None
    value = match["value"] if "value" in rule.regex.groupindex else match[0]
    return [line for line in value.split("\n") if line and not line.startswith("-----")]
