"""What was proved of a changed rule.

In: nothing. Out: `Proof`, which `analysis.proof` makes, the comparison of two gates reads, and reports hold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from runback_gate.documents import cut
from runback_gate.frozen import dataclass
from runback_gate.plural import many

_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Proof:
    """What a proof says of a changed rule, over all possible steps within its bounds."""

    rule: str
    verdict: Literal["equivalent", "stricter", "looser", "incomparable", "unknown"]
    bounds: dict[str, int] | None = None
    """`{"calls": n, "history": n, "other": n}` up to which it holds; None for every length.

    `other` is about each list inside of arguments and results; reports of older versions do not have it.
    """
    counterexample: dict[str, Any] | None = None
    """What expressions see of a step on which the two forms differ, confirmed by both engines."""
    reason: str = ""
    """What both engines say of the step, or why nothing is known."""

    @property
    def frees(self) -> bool:
        """Whether the change needs no approval: it lets nothing pass that was stopped, whatever the lengths."""
        return self.verdict in ("equivalent", "stricter") and self.bounds is None

    @property
    def step(self) -> str:
        """The step that shows a difference, in short: its calls or its text; empty for none."""
        return "" if self.counterexample is None else shown_step(self.counterexample)

    @property
    def words(self) -> str:
        """What it says, in one sentence without the rule."""
        if self.loosens:
            return f"{self.verdict}: {self.step} {self.reason}"
        if self.verdict == "unknown":
            return f"not proved: {cut(self.reason, _SHOWN)}"
        return f"{'proved ' if self.frees else ''}{self.verdict}: {self.length}"

    @property
    def loosens(self) -> bool:
        """Whether a step shows that something passes that was stopped."""
        return self.verdict in ("looser", "incomparable")

    @property
    def length(self) -> str:
        """For which lists it holds, in words."""
        return length(self.bounds)


def length(bounds: Mapping[str, int] | None) -> str:
    """For which lists a claim with these bounds holds, in words; None for every length."""
    if bounds is None:
        return "for lists of any length"
    parts = [f"up to {bounds['calls']} calls in the answer", f"{bounds['history']} before it"]
    if "other" in bounds:
        parts = [", ".join(parts), f"{bounds['other']} elements of other lists"]
    return f"{' and '.join(parts)}; beyond that not proved"


def shown_step(step: Mapping[str, Any]) -> str:
    """A step in short: its calls, or its text."""
    calls = [f"{call['name']}({_arguments(call['arguments'])})" for call in step["response"]["tool_calls"]]
    text = ", ".join(calls) or f"text {_json(step['response']['text'])}"
    before = len(step.get("history", ()))
    return cut(text, _SHOWN) + (f" after {many(before, 'call')}" if before else "")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _arguments(value: Any) -> str:
    if not isinstance(value, dict):
        return _json(value)
    return ", ".join(f"{name}: {_json(item)}" for name, item in value.items())
