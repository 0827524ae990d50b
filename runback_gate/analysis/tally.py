"""What policies say of recorded steps, as a sum: tallies of any parts add up to the tally of the whole.

In: what one rule said of one step, again and again. Out: a `Tally`: all of it counted, and of the failures of each rule
a bounded sample that does not depend on how the steps were parted, nor on the order in which parts are added.

    counter = Counter(["refunds.limit"])
    counter.add("refunds.limit", "chats-0001", 4, RuleResult("fail", "rule", "refund above 100"))
    Tally.sum(["refunds.limit"], [counter.tally(runs=1, steps=9), other])
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from json.encoder import encode_basestring

from runback_gate.canonical import JsonValue, sha256
from runback_gate.frozen import dataclass
from runback_gate.plural import many
from runback_gate.policy.evaluate import RuleResult
from runback_gate.policy.finding import RuleOutcome
from runback_gate.policy.left_out import left_out_json

WORDS: tuple[RuleOutcome, ...] = ("pass", "fail", "error", "skip")

MAX_LISTED = 1000
"""Failures of each rule that are kept, and as many errors; all are counted. Which ones, their digests decide."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A step, or a run, that breaks a rule, or on which it cannot be evaluated."""

    rule: str
    run: str
    step: int | None
    """Index of the step in its run, from 0; None where the rule is about the whole run."""
    outcome: str
    """`fail` or `error`."""
    message: str

    @property
    def key(self) -> int:
        """What decides whether it is kept of very many: SHA-256 of where it is and what it says, as a number."""
        # As `exact_bytes` writes the four in a list, in a third of the time: every failure of a backtest has one.
        run, outcome, message = map(encode_basestring, (self.run, self.outcome, self.message))
        step = "null" if self.step is None else self.step
        return int.from_bytes(sha256(f"[{run},{step},{outcome},{message}]".encode("utf-8", "surrogatepass")).digest())


@dataclass(frozen=True, slots=True)
class Tally:
    """What policies say of recorded steps."""

    runs: int
    steps: int
    counts: Mapping[str, Mapping[str, int]]
    """Rule id to `pass`, `fail`, `error` and `skip`; the four add up to `steps`, for a rule over runs to `runs`."""
    failures: tuple[Failure, ...]
    """By rule, run and step; at most `MAX_LISTED` of each rule that fail, and as many that err."""
    over_runs: frozenset[str] = frozenset()
    """The rules that are about whole runs."""
    left_out: tuple[str, ...] = ()
    """Rules that a judge model decides: nothing is counted of them."""

    def counted(self, rule: str, number: int) -> str:
        """So many of what a rule judges: `3 steps`, `1 run`."""
        return many(number, "run" if rule in self.over_runs else "step")

    def to_json(self) -> dict[str, JsonValue]:
        """The JSON that `backtest --json` prints: errors are counted, failures are listed."""
        return {
            "steps": self.steps,
            "validations": {rule: {**counts, **self._scope(rule)} for rule, counts in self.counts.items()},
            "failures": [
                {
                    "validation": item.rule,
                    "run": item.run,
                    "step": item.step,
                    "message": item.message,
                    **self._scope(item.rule),
                }
                for item in self.failures
                if item.outcome == "fail"
            ],
            **left_out_json(self.left_out),
        }

    def _scope(self, rule: str) -> dict[str, JsonValue]:
        return {"scope": "run"} if rule in self.over_runs else {}

    @classmethod
    def sum(cls, rules: Sequence[str], parts: Iterable[Tally]) -> Tally:
        """The tally of all parts together, in whatever order they come; each has these rules and no others.

        Raises:
            ValueError: a part has other rules.
        """
        total = Counter(rules)
        runs = steps = 0
        for part in parts:
            runs, steps = runs + part.runs, steps + part.steps
            total.merge(part)
        return total.tally(runs, steps)


def pick(rules: Mapping[str, tuple[Tally, str]]) -> Tally:
    """A tally of these rules: each has the tally that counted it and its name there. All tallies are of the same steps.

    Raises:
        ValueError: no rule is named.
    """
    tallies = {id(tally): tally for tally, _ in rules.values()}
    if not tallies:
        raise ValueError("a tally has rules")
    kept = {key: _by_rule(tally) for key, tally in tallies.items()}
    failures = (replace(item, rule=rule) for rule, (tally, name) in rules.items() for item in kept[id(tally)][name])
    any_of, _ = next(iter(rules.values()))
    counts = {rule: tally.counts[name] for rule, (tally, name) in rules.items()}
    over_runs = frozenset(rule for rule, (tally, name) in rules.items() if name in tally.over_runs)
    return Tally(any_of.runs, any_of.steps, counts, tuple(failures), over_runs)


def _by_rule(tally: Tally) -> dict[str, list[Failure]]:
    found: dict[str, list[Failure]] = {rule: [] for rule in tally.counts}
    for item in tally.failures:
        found[item.rule].append(item)
    return found


class Counter:
    """Counts what rules say, and keeps a sample of what does not hold."""

    def __init__(self, rules: Iterable[str], over_runs: Iterable[str] = ()) -> None:
        """`over_runs`: those of the rules that are about whole runs."""
        self._over_runs = frozenset(over_runs)
        self._counts: dict[str, dict[str, int]] = {rule: dict.fromkeys(WORDS, 0) for rule in rules}
        self._kept: defaultdict[tuple[str, str], list[tuple[int, Failure]]] = defaultdict(list)
        """Heaps by rule and outcome. The first failure is the next to go: the one with the largest key."""

    def add(self, rule: str, run: str, step: int | None, result: RuleResult) -> None:
        """Count what a rule said of a step, or with None of the run."""
        outcome = result.outcome
        self._counts[rule][outcome] += 1
        if outcome == "fail" or outcome == "error":
            self._keep(Failure(rule, run, step, outcome, result.message))

    def merge(self, tally: Tally) -> None:
        """Count all that a tally counted. Raises ValueError where its rules are others."""
        if self._counts.keys() != tally.counts.keys():
            raise ValueError("tallies of other rules do not add up")
        self._over_runs |= tally.over_runs
        for rule, counts in tally.counts.items():
            for word in WORDS:
                self._counts[rule][word] += counts[word]
        for item in tally.failures:
            self._keep(item)

    def tally(self, runs: int, steps: int) -> Tally:
        """What was counted so far."""
        order = {rule: place for place, rule in enumerate(self._counts)}
        kept = [item for items in self._kept.values() for item in items]
        kept.sort(key=lambda item: (order[item[1].rule], item[1].run, _place(item[1].step), -item[0]))
        counts = {rule: dict(counts) for rule, counts in self._counts.items()}
        return Tally(runs, steps, counts, tuple(failure for _, failure in kept), self._over_runs)

    def _keep(self, failure: Failure) -> None:
        kept, place = self._kept[failure.rule, failure.outcome], -failure.key
        if len(kept) < MAX_LISTED:
            heapq.heappush(kept, (place, failure))
        elif kept[0][0] < place:
            heapq.heapreplace(kept, (place, failure))


def _place(step: int | None) -> int:
    return -1 if step is None else step
