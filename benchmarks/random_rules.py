"""Rules and steps at random, over a few names and numbers, with values at the edges.

In: a seed. Out: pairs of forms of one rule, as `proofs` proves them, and steps made of the same names.

    writer = RandomRules(7)
    writer.pair()           # ("size(history) <= 2", "!(!(size(history) <= 2) || false)")
    writer.step()           # {"response": {"text": "pay", "tool_calls": []}, "history": []}
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

from runback_gate.analysis.mutants import edits
from runback_gate.analysis.proof.example import Example
from runback_gate.documents import parse_document
from runback_gate.errors import RunbackError
from runback_gate.policy.document import Policy, policy_of

NAMES = ("pay", "look", "pays")
FIELDS = ("a", "b")
NUMBERS = (-1, 0, 1, 2, 99, 100, 101, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 0.5, 1.0, 100.0, 100.5, float(2**53), -0.0)
TEXTS = ("", "a", "pay", "pay_1", "b yes", "yes", "Z", "é", '{"a": 1}', "[1]")


class RandomRules:
    """Writes rules at random."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)  # noqa: S311

    def pick(self, *items: Any) -> Any:
        """One of them."""
        return self.dice.choice(items)

    def word(self, *items: str) -> str:
        """One of some texts."""
        return self.dice.choice(items)

    def value(self, scope: tuple[str, ...]) -> str:
        """An expression for a value."""
        if scope and self.dice.random() < 0.75:
            name = self.pick(*scope)
            return self.word(f"{name}.arguments.{self.pick(*FIELDS)}", f"{name}.name", f"{name}.result.a")
        return self.word(
            "response.text",
            "response.tool_calls[0].arguments.a",
            "parse_json(response.text).a",
            "response.tool_calls[size(response.tool_calls) - 1].name",
            "size(response.tool_calls)",
            f'size(calls(response, "{self.pick(*NAMES)}"))',
            "size(history)",
        )

    def constant(self) -> str:
        """A literal."""
        return self.word("1", "100", "0.5", "100.0", "0", '"a"', '"pay"', "true", "null", "9007199254740992")

    def atom(self, scope: tuple[str, ...]) -> str:
        """A boolean without loops and logic."""
        kind = self.dice.randrange(10)
        left = self.value(scope)
        if kind < 4:
            right = self.constant() if self.dice.random() < 0.7 else self.value(scope)
            return f"{left} {self.pick('<', '<=', '>', '>=', '==', '!=')} {right}"
        if kind == 4:
            return f'{left} in [{self.constant()}, {self.constant()}, "pay"]'
        if kind == 5:
            place = self.pick(*scope) if scope else "response"
            return self.word(f"has({place}.arguments.a)", f"has({place}.result)") if scope else "has(response.model)"
        if kind == 6:
            return f"{left} + 1 {self.pick('<=', '==', '>')} 100"
        if kind == 7:
            return f'mentions({self.pick("response.text", left)}, ["yes", "{self.pick("a", "pay")}"])'
        if kind == 8:
            asked = self.pick('startsWith("pay")', 'contains("a")', 'matches("^pay")', 'endsWith("1")')
            return f"{left}.{asked}"
        return (
            f'includes({self.pick(*scope)}.arguments, {{"a": {self.constant()}}})' if scope else "response.text == 'a'"
        )

    def list_(self, scope: tuple[str, ...]) -> str:
        """An expression for a list."""
        if scope and self.dice.random() < 0.2:
            return f"{self.pick(*scope)}.arguments.{self.pick(*FIELDS)}"
        name = self.pick(*NAMES)
        return self.word(
            "response.tool_calls",
            "response.tool_calls",
            "history",
            f'calls(response, "{name}")',
            f'history.filter(h, h.name == "{name}")',
            "history.filter(h, has(h.result) && h.result.a >= 1)",
        )

    def truth(self, depth: int, scope: tuple[str, ...] = ()) -> str:
        """A boolean."""
        kind = self.dice.randrange(8)
        if depth == 0 or kind < 2:
            return self.atom(scope)
        if kind < 4:
            return f"({self.truth(depth - 1, scope)}) {self.pick('&&', '||')} ({self.truth(depth - 1, scope)})"
        if kind == 4:
            return f"!({self.truth(depth - 1, scope)})"
        if kind == 5:
            return f"size({self.list_(scope)}) {self.pick('<=', '==', '>')} {self.pick(0, 1, 2, 4)}"
        if len(scope) >= 2:
            return self.atom(scope)
        variable = "xyz"[len(scope)]
        macro = self.pick("all", "all", "exists", "exists", "exists_one")
        return f"{self.list_(scope)}.{macro}({variable}, {self.truth(depth - 1, (*scope, variable))})"

    def pair(self) -> tuple[str, str]:
        """A rule, and another: changed a little, written otherwise, or one that has nothing to do with it."""
        old = self.truth(3)
        kind = self.dice.randrange(10)
        if kind < 5:
            try:
                start, end, text = self.dice.choice(edits(old))
            except (RunbackError, IndexError):
                return old, f"!!({old})"
            return old, old[:start] + text + old[end:]
        if kind < 8:
            other = self.truth(2)
            return old, self.pick(
                f"({old}) || ({other})",
                f"({old}) && ({other})",
                f"!(!({old}) || false)",
                f"size(response.tool_calls) > {self.pick(2, 3, 5, 9, 40)} || ({old})",
                f"({other}) ? ({old}) : ({old})",
            )
        return old, self.truth(2)

    def json(self, depth: int = 2) -> Any:
        """A JSON value."""
        kind = self.dice.randrange(9)
        if kind < 4:
            return self.pick(*NUMBERS)
        if kind < 6:
            return self.pick(*TEXTS)
        if kind == 6 or depth == 0:
            return self.pick(None, True, False)
        if kind == 7:
            return [self.json(depth - 1) for _ in range(self.dice.randrange(4))]
        return {name: self.json(depth - 1) for name in FIELDS if self.dice.random() < 0.7}

    def call(self) -> dict[str, Any]:
        """A tool call."""
        arguments = {name: self.json() for name in FIELDS if self.dice.random() < 0.8}
        return {"name": self.pick(*NAMES), "arguments": arguments if self.dice.random() < 0.95 else self.pick("x", 5)}

    def step(self) -> Example:
        """A step, with long lists now and then."""
        lengths = [self.pick(0, 1, 1, 2, 3, 6, 12, 45 if self.dice.random() < 0.3 else 4) for _ in range(2)]
        past = []
        for _ in range(lengths[1]):
            entry = self.call()
            if self.dice.random() < 0.7:
                entry["result"] = self.pick({"a": self.json(1)}, self.json(1))
            past.append(entry)
        calls = [self.call() for _ in range(lengths[0])]
        if calls and self.dice.random() < 0.5:
            # All alike but one: what only one element decides.
            calls = [self.pick(*calls)] * (len(calls) - 1) + [self.call()]
            self.dice.shuffle(calls)
        response: dict[str, Any] = {"text": self.pick(*TEXTS), "tool_calls": calls}
        if self.dice.random() < 0.3:
            response["model"] = "m"
        history: Any = past
        return {"response": response, "history": history}


def policy(expression: str, conditions: tuple[str, ...] = (), *, ignore: bool = False) -> Policy:
    """A policy of one rule, `p.r`."""
    spec: dict[str, Any] = {
        "validations": [{"id": "p.r", "expression": expression}],
        "matchConditions": [{"name": f"c{index}", "expression": text} for index, text in enumerate(conditions)],
        "failurePolicy": "Ignore" if ignore else "Fail",
    }
    value = {"apiVersion": "runback.dev/v1", "kind": "Policy", "metadata": {"name": "p"}, "spec": spec}
    return policy_of(parse_document(json.dumps(value, ensure_ascii=False).encode(), path="p.yaml"))
