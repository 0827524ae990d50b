"""Proofs about pairs of rules, held against both engines on steps that would show them to be wrong.

    python -m benchmarks.proofs 10000       # `make proof`: random pairs, every mutant of the rules of demo and airline

In: a seed. Out: pairs of forms of a rule, written at random over a few names and numbers, and steps made of the same
names and of values at the edges. What a proof says of a pair is held against both engines on them.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.promises import EXAMPLES, ROOT, Figure
from runback_gate.analysis.mutants import edits, mutants
from runback_gate.analysis.proof.example import Example
from runback_gate.analysis.proof.form import Judges, form
from runback_gate.analysis.proof.prove import Limits, prove
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine
from runback_gate.cel.limits import check_limits
from runback_gate.cel.py_engine import PyEngine
from runback_gate.change.proof import Proof
from runback_gate.documents import Document, parse_document
from runback_gate.errors import RunbackError
from runback_gate.policy.document import Policy, load_policies, policy_of

NAMES = ("pay", "look", "pays")
FIELDS = ("a", "b")
NUMBERS = (-1, 0, 1, 2, 99, 100, 101, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 0.5, 1.0, 100.0, 100.5, float(2**53), -0.0)
TEXTS = ("", "a", "pay", "pay_1", "b yes", "yes", "Z", "é", '{"a": 1}', "[1]")


@dataclass(slots=True)
class Tally:
    """What came of many proofs."""

    verdicts: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    """Each claim that an engine denies on a step."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Of what is unknown."""

    @property
    def decided(self) -> float:
        """The share of pairs of which something is known."""
        return 1 - self.verdicts["unknown"] / max(self.verdicts.total(), 1)

    def percentile(self, share: float) -> float:
        """CPU seconds that this share of the proofs stays below."""
        return sorted(self.seconds)[min(int(len(self.seconds) * share), len(self.seconds) - 1)]

    def lines(self) -> Iterator[str]:
        """For people."""
        words = ", ".join(f"{count} {word}" for word, count in sorted(self.verdicts.items()))
        yield f"{self.verdicts.total()} pairs: {words}"
        yield f"decided {self.decided:.1%}, contradicted {len(self.contradicted)}"
        yield f"CPU seconds a pair: p50 {self.percentile(0.5):.3f}, p95 {self.percentile(0.95):.3f}"
        yield from (f"  {count} unknown: {reason}" for reason, count in self.reasons.most_common(8))
        yield from (f"  CONTRADICTED {text}" for text in self.contradicted[:20])


class Expressions:
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
    return policy_of(_document(value))


def _document(value: Any) -> Document:
    import json  # noqa: PLC0415

    return parse_document(json.dumps(value, ensure_ascii=True).encode(), path="p.yaml")


def contradiction(found: Proof, judges: Judges, steps: list[Example], limits: Limits) -> str:
    """The first step on which an engine denies what a proof says; empty for none."""
    claims = {"equivalent": "ls", "stricter": "l", "looser": "s"}.get(found.verdict, "")
    if "not known" in found.reason:
        claims = ""
    for step in steps:
        if not claims:
            break
        response: Any = step["response"]
        past: Any = step.get("history", [])
        long = len(response["tool_calls"]) > limits.calls or len(past) > limits.history or _longest(step) > limits.other
        if found.bounds is not None and long:
            continue
        for old, new in judges.outcomes(step):
            was, is_ = judges.stops(old, 0), judges.stops(new, 1)
            if ("l" in claims and was and not is_) or ("s" in claims and is_ and not was):
                return f"{found.verdict} {found.bounds}: {old.outcome} → {new.outcome} on {str(step)[:400]}"
    return ""


def _longest(step: Example) -> int:
    """The longest list inside of arguments and results."""

    def inner(value: Any) -> int:
        if isinstance(value, dict):
            return max(map(inner, value.values()), default=0)
        return max(len(value), *map(inner, value)) if isinstance(value, list) and value else 0

    response: Any = step["response"]
    past: Any = step.get("history", [])
    parts = [value for item in (*response["tool_calls"], *past) for value in (item["arguments"], item.get("result"))]
    return max(map(inner, parts), default=0)


def examine(
    before: Policy, after: Policy, rule: str, steps: list[Example], tally: Tally, engines: tuple[Engine, ...]
) -> None:
    """Prove one pair, and hold the proof against the first of the engines on the steps."""
    forms = form(before, rule), form(after, rule)
    limits = Limits()
    judges = Judges(before, after, rule, engines)
    began = time.process_time()
    found = prove(*forms, judges.confirm, limits)
    tally.seconds.append(time.process_time() - began)
    tally.verdicts[found.verdict + (" up to a bound" if found.bounds else "")] += 1
    if found.verdict == "unknown":
        tally.reasons[found.reason] += 1
    quick = Judges(before, after, rule, engines[:1])
    wrong = contradiction(found, quick, steps, limits) or contradiction(found, judges, steps[:10], limits)
    if wrong:
        sources = [next(item.expression.source for item in side.rules if item.id == rule) for side in (before, after)]
        tally.contradicted.append(f"{sources[0]}  →  {sources[1]}: {wrong}")


def random_pairs(count: int, seed: int, steps: int) -> Tally:
    """Prove so many pairs, each held against so many steps."""
    writer, tally = Expressions(seed), Tally()
    engines = (CppEngine(), PyEngine())
    made = [writer.step() for _ in range(steps)]
    done = 0
    while done < count:
        old, new = writer.pair()
        try:
            sides = policy(old), policy(new)
            for side in sides:
                check_limits(side.rules[0].expression.source)
            Judges(*sides, "p.r", engines[:1])
        except RunbackError:
            continue
        done += 1
        examine(*sides, "p.r", [*made, *(writer.step() for _ in range(20))], tally, engines)
    return tally


def mutant_pairs(folder: Path, every: int, seed: int, steps: int) -> Tally:
    """Prove each rule of a folder against its mutants, or one in so many of them."""
    writer, tally = Expressions(seed), Tally()
    engines = (CppEngine(), PyEngine())
    policies, _ = load_policies(folder, ["*.yaml"])
    pairs = [(it, mutant.policy, rule.id) for it in policies for mutant in mutants(it) for rule in it.rules]
    made = [writer.step() for _ in range(steps)]
    for before, after, rule in pairs[seed % every :: every]:
        try:
            if form(before, rule) == form(after, rule):
                continue
            Judges(before, after, rule, engines[:1])
        except RunbackError:
            continue
        examine(before, after, rule, [_like(before, step, writer) for step in made], tally, engines)
    return tally


def _like(before: Policy, step: Example, writer: Expressions) -> Example:
    """A step with names that a policy asks for, so that its rules have something to say."""
    text = " ".join(item.source for item in (*before.conditions, *before.variables)) + str(before.params)
    text += " ".join(rule.expression.source for rule in before.rules)
    words = sorted({word.strip("\"'") for word in text.replace(",", " ").replace("(", " ").split() if "_" in word})
    names = [word for word in words if word.isidentifier()] or ["x"]
    response: Any = step["response"]

    def renamed(item: Any) -> Any:
        arguments = {name: writer.json() for name in writer.dice.sample(names, min(3, len(names)))}
        return {**item, "name": writer.pick(*names), "arguments": arguments}

    past: Any = step.get("history", [])
    calls: list[Any] = list(map(renamed, response["tool_calls"]))
    return {"response": {**response, "tool_calls": calls}, "history": list(map(renamed, past))}


def proofs(_folder: Path) -> list[Figure]:
    """A share of the mutants of the airline rules, and random pairs; nothing where the solver is not installed."""
    if find_spec("z3") is None:
        return []
    mutants_ = mutant_pairs(EXAMPLES, 24, 0, 200)
    pairs = random_pairs(200, 3, 200)
    count, wrong = len(pairs.seconds), len(pairs.contradicted) + len(mutants_.contradicted)
    return [
        Figure("proof of a rule, p95 of airline mutants", "CPU s", mutants_.percentile(0.95), 2.0),
        Figure("proof, airline mutants of which nothing is known", "share", 1 - mutants_.decided, 0.3),
        Figure("proof, claims that an engine denies", f"of {count + len(mutants_.seconds)}", float(wrong), 0.5),
    ]


def main() -> None:
    """Print what came of all of them; exit 1 for a claim that an engine denies."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    wrong = 0
    for name, tally in (
        ("random pairs", random_pairs(count, 1, 980)),
        ("mutants of the demo", mutant_pairs(ROOT / "policies", 1, 0, 1000)),
        ("mutants of the airline", mutant_pairs(EXAMPLES, 1, 0, 1000)),
    ):
        print(name, *tally.lines(), sep="\n", flush=True)
        wrong += len(tally.contradicted)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
