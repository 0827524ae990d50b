"""Proofs about pairs of rules, held against both engines on steps that would show them to be wrong.

    python -m benchmarks.proofs 10000 2     # `make proof JOBS=2`: random pairs, every mutant of demo and airline rules

In: pairs of forms of a rule, at random (`random_rules`) or mutants of real policies. Out: a `Tally` of what was proved
of them, and each claim that an engine denies on a step. Steps are bound once for many pairs.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.promises import EXAMPLES, ROOT, Figure, UnmeasuredError
from benchmarks.random_rules import RandomRules, policy
from runback_gate.analysis.mutants import mutants
from runback_gate.analysis.proof.example import Example, seen
from runback_gate.analysis.proof.form import Form, Judges, form
from runback_gate.analysis.proof.prove import Limits, prove
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import BUDGET_MESSAGE, Engine, Program
from runback_gate.cel.limits import check_limits
from runback_gate.cel.py_engine import PyEngine
from runback_gate.cel.work import TOO_MUCH_MESSAGE, Budget
from runback_gate.cel.write import write
from runback_gate.change.proof import Proof
from runback_gate.errors import RunbackError
from runback_gate.policy.document import Policy, load_policies
from runback_gate.policy.evaluate import ExpressionDecider, RuleSet
from runback_gate.policy.finding import RuleOutcome

BLOCK = 500
"""Random pairs that are held against the same steps."""
SLICES = 16
"""Parts of the mutants of the airline rules."""
STEPS = 1000
"""Steps that each pair is held against."""
SECOND = 2
"""Steps on which a pair is held against the second engine, which is slow."""

LIMIT_MESSAGES = (BUDGET_MESSAGE, TOO_MUCH_MESSAGE)
"""With which a limit on work ends."""


@dataclass(slots=True)
class Tally:
    """What came of many proofs."""

    verdicts: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    """Each claim that an engine denies on a step."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Of what is unknown."""

    def add(self, other: Tally) -> None:
        """Take what came of other proofs."""
        self.verdicts += other.verdicts
        self.seconds += other.seconds
        self.contradicted += other.contradicted
        self.reasons += other.reasons

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
        each = f"p50 {self.percentile(0.5):.3f}, p95 {self.percentile(0.95):.3f}"
        yield f"{sum(self.seconds):.0f} CPU seconds, a pair: {each}"
        yield from (f"  {count} unknown: {reason}" for reason, count in self.reasons.most_common(8))
        yield from (f"  CONTRADICTED {text}" for text in self.contradicted[:20])


class Prepared:
    """A step, bound once on each engine for all pairs that are held against it."""

    def __init__(self, example: Example, engines: tuple[Engine, ...]) -> None:
        self.example = example
        self.engines = engines
        self.data = seen(example)
        self._bound: dict[int, Any] = {}

    def outcome(self, engine: int, rules: RuleSet) -> RuleOutcome | None:
        """What a form says of it, as `policy.evaluate` does; each question has a budget of its own.

        None where a limit on work ended it: a proof is about what rules mean, and says nothing of such a step.
        """
        if engine not in self._bound:
            self._bound[engine] = self.engines[engine].bind(self.data)
        bound = self._bound[engine]
        verdicts = []
        for program in (*(condition.program for _, condition in rules.conditions), _program(rules)):
            bound.work.budget = Budget()
            found = program.evaluate(bound)
            if found.error is not None and found.error.endswith(LIMIT_MESSAGES):
                return None
            verdicts.append(found.verdict)
        *conditions, rule = verdicts
        if "false" in conditions:
            return "skip"
        if "error" in (*conditions, rule):
            return "error"
        return "pass" if rule == "true" else "fail"

    def beyond(self, limits: Limits) -> bool:
        """Whether a claim up to these bounds says nothing of it."""
        response: Any = self.example["response"]
        past: Any = self.example.get("history", [])
        long = len(response["tool_calls"]) > limits.calls or len(past) > limits.history
        return long or _longest(self.example) > limits.other


def _program(rules: RuleSet) -> Program:
    decider = rules.rules[0].decider
    assert isinstance(decider, ExpressionDecider)  # noqa: S101
    return decider.program


def contradiction(found: Proof, judges: Judges, steps: Iterable[Prepared], limits: Limits, engine: int = 0) -> str:
    """The first step on which an engine denies what a proof says; empty for none."""
    claims = {"equivalent": "ls", "stricter": "l", "looser": "s"}.get(found.verdict, "")
    if "not known" in found.reason:
        claims = ""
    old, new = judges.sides[engine]
    for step in steps if claims else ():
        if found.bounds is not None and step.beyond(limits):
            continue
        before = step.outcome(engine, old)
        if before is None or ("l" if judges.stops(before, 0) else "s") not in claims:
            continue
        after = step.outcome(engine, new)
        if after is not None and judges.stops(after, 1) != judges.stops(before, 0):
            on = f"{judges.engines[engine].name}: {str(step.example)[:400]}"
            return f"{found.verdict} {found.bounds}: {before} → {after} on {on}"
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


class Trial:
    """Proves pairs, and holds what is proved against the engines."""

    def __init__(self, seed: int) -> None:
        self.writer = RandomRules(seed)
        self.tally = Tally()
        self.engines: tuple[Engine, ...] = (CppEngine(), PyEngine())

    def steps(self, examples: Iterable[Example]) -> list[Prepared]:
        """Steps for many pairs."""
        return [Prepared(example, self.engines) for example in examples]

    def examine(self, judges: Judges, before: Form, after: Form, steps: list[Prepared]) -> None:
        """Prove one pair, and hold the proof against the first engine on all steps, and the second one on a few."""
        tally, limits = self.tally, Limits()
        began = time.process_time()
        found = prove(before, after, judges.confirm, limits)
        tally.seconds.append(time.process_time() - began)
        tally.verdicts[found.verdict + (" up to a bound" if found.bounds else "")] += 1
        if found.verdict == "unknown":
            tally.reasons[found.reason] += 1
        few = self.writer.dice.sample(steps, min(SECOND, len(steps)))
        wrong = contradiction(found, judges, steps, limits) or contradiction(found, judges, few, limits, 1)
        if wrong:
            sources = " → ".join(write(side.rule).text for side in (before, after))
            tally.contradicted.append(f"{before.id}: {sources}: {wrong}")


def random_pairs(count: int, seed: int, steps: int) -> Tally:
    """Prove so many pairs, each held against so many steps."""
    trial = Trial(seed)
    writer, tally = trial.writer, trial.tally
    made = trial.steps(writer.step() for _ in range(steps))
    while tally.verdicts.total() < count:
        old, new = writer.pair()
        try:
            sides = policy(old), policy(new)
            for side in sides:
                check_limits(side.rules[0].expression.source)
            judges = Judges(*sides, "p.r", trial.engines)
        except RunbackError:
            continue
        trial.examine(judges, form(sides[0], "p.r"), form(sides[1], "p.r"), made)
    return tally


def mutant_pairs(folder: Path, every: int, seed: int, steps: int) -> Tally:
    """Prove each rule of a folder against its mutants, or one in so many of them."""
    trial = Trial(seed)
    policies, _ = load_policies(folder, ["*.yaml"])
    pairs = [(it, mutant.policy, rule.id) for it in policies for mutant in mutants(it) for rule in it.rules]
    examples = [trial.writer.step() for _ in range(steps)]
    made: dict[str, list[Prepared]] = {}
    for before, after, rule in pairs[seed % every :: every]:
        try:
            forms = form(before, rule), form(after, rule)
            if forms[0] == forms[1]:
                continue
            judges = Judges(before, after, rule, trial.engines)
        except RunbackError:
            continue
        if before.name not in made:
            made = {before.name: trial.steps(_like(before, example, trial.writer) for example in examples)}
        trial.examine(judges, *forms, made[before.name])
    return trial.tally


def _like(before: Policy, step: Example, writer: RandomRules) -> Example:
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
    """A share of the mutants of the airline rules, and random pairs."""
    if find_spec("z3") is None:
        raise UnmeasuredError("no solver (`make .venv/.extras`)")
    mutants_ = mutant_pairs(EXAMPLES, 24, 0, 200)
    pairs = random_pairs(200, 3, 200)
    count, wrong = len(pairs.seconds), len(pairs.contradicted) + len(mutants_.contradicted)
    return [
        Figure("proof of a rule, p95 of airline mutants", "CPU s", mutants_.percentile(0.95), 2.0),
        Figure("proof, airline mutants of which nothing is known", "share", 1 - mutants_.decided, 0.3),
        Figure("proof, claims that an engine denies", f"of {count + len(mutants_.seconds)}", float(wrong), 0.5),
    ]


def blocks(count: int) -> dict[str, list[Callable[[], Tally]]]:
    """What `make proof` tries: blocks of random pairs with seeds of their own, and all mutants in slices."""
    return {
        "random pairs": [partial(random_pairs, BLOCK, seed, STEPS) for seed in range(1, count // BLOCK + 1)],
        "mutants of the demo": [partial(mutant_pairs, ROOT / "policies", 1, 0, STEPS)],
        "mutants of the airline": [partial(mutant_pairs, EXAMPLES, SLICES, seed, STEPS) for seed in range(SLICES)],
    }


def main() -> None:
    """Print what came of all of them; exit 1 for a claim that an engine denies."""
    count, jobs = (int(sys.argv[place]) if len(sys.argv) > place else usual for place, usual in ((1, 10_000), (2, 1)))
    wrong = 0
    with ProcessPoolExecutor(jobs) as pool:
        started = {name: [pool.submit(block) for block in parts] for name, parts in blocks(count).items()}
        for name, parts in started.items():
            tally = Tally()
            for done, part in enumerate(parts, 1):
                tally.add(part.result())
                shown = f"{tally.verdicts.total()} pairs, contradicted {len(tally.contradicted)}"
                print(f"{name}: {done} of {len(parts)} blocks, {shown}", file=sys.stderr, flush=True)
            print(name, *tally.lines(), sep="\n", flush=True)
            wrong += len(tally.contradicted)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
