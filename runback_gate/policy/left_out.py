"""Rules that need a judge model, where none is asked: whoever judges by expressions alone names the rules it left out.

In: policies. Out: the ids of those rules, for a program and for people. They are neither kept nor broken there.

    rules = judged_ids(policies)
    left_out_json(rules)            # {"notJudged": [{"rule": "tone.calm", "reason": "a judge model decides it …"}]}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from runback_gate.canonical import JsonValue
from runback_gate.policy.document import Policy

REASON = "a judge model decides it, and only `run` asks one"
"""Why nothing is said of such a rule."""


def judged_ids(policies: Iterable[Policy]) -> tuple[str, ...]:
    """The rules that a judge model decides, in the order of the policies."""
    return tuple(rule.id for policy in policies for rule in policy.judged)


def left_out_json(rules: Sequence[str]) -> dict[str, JsonValue]:
    """What an object for programs says of them; nothing where there are none."""
    return {"notJudged": [{"rule": rule, "reason": REASON} for rule in rules]} if rules else {}


def left_out_lines(rules: Sequence[str]) -> Iterator[str]:
    """What people read of them; nothing where there are none."""
    if rules:
        yield f"not judged here: {', '.join(rules)} ({REASON})"


def off_record_lines(rules: Sequence[str]) -> Iterator[str]:
    """The same, where what is recorded is all that is looked at."""
    if rules:
        yield f"not judged on the record: {', '.join(rules)} (a judge model decides it)"
