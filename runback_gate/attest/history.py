"""The results of a branch as a chain: each names the one before it, its place, and the attempt at its commit.

In: statements whose signatures were verified. Out: `History`: counts, and what is missing or stands twice.

    build_history(statement, [earlier, later]).gaps         # ("number 2 is missing: number 3 names sha256:…",)

So a red result that was deleted leaves a gap, and one that was run until it was green shows its attempts. What cannot
be seen: a branch whose every result was thrown away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from runback_gate.attest.statement import Statement, statement_bytes
from runback_gate.canonical import digest_bytes
from runback_gate.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Attempt:
    """An earlier result of the same commit."""

    attempt: int
    result: str


@dataclass(frozen=True, slots=True)
class History:
    """What the results of a branch show together."""

    results: int
    """Results of the branch, the one in question among them; the same one twice counts once."""
    passed: int
    """Of those, PASSED and WARNED."""
    failed: int
    later: int
    """How many follow the one in question."""
    attempts: tuple[Attempt, ...]
    """Earlier results of its commit, oldest first."""
    gaps: tuple[str, ...]
    """What is missing, a sentence each."""
    forks: tuple[str, ...]
    """Where two results follow one, a sentence each: one of them was hidden from somebody."""
    others: int
    """Files of another branch, repository or gate, which are not counted."""
    faults: tuple[str, ...]
    """Results that contradict each other, or whose signature does not count; a sentence each."""

    @property
    def whole(self) -> bool:
        """Whether nothing is missing and nothing forks."""
        return not self.gaps and not self.forks


def statement_digest(statement: Statement) -> str:
    """The name of a result: the digest of what is signed, which a second signature does not change."""
    return digest_bytes(statement_bytes(statement))


def build_history(statement: Statement, others: Iterable[Statement], faults: Iterable[str] = ()) -> History:
    """Put the results of a statement's branch in order. `faults` are results that could not be believed."""
    branch = _branch(statement)
    given = [statement, *others]
    found = {statement_digest(item): item for item in given if _branch(item) == branch}
    order = sorted(found.values(), key=lambda item: (item.facts.number, item.facts.attempt))
    facts = statement.facts
    same = [item for item in order if item.facts.commit == facts.commit and item.facts.number < facts.number]
    failed = sum(item.result == "FAILED" for item in order)
    return History(
        results=len(order),
        passed=len(order) - failed,
        failed=failed,
        later=sum(item.facts.number > facts.number for item in order),
        attempts=tuple(Attempt(item.facts.attempt, item.result) for item in same),
        gaps=tuple(_gaps(found)),
        forks=tuple(_forks(order)),
        others=sum(_branch(item) != branch for item in given),
        faults=(*faults, *_faults(found)),
    )


def _branch(statement: Statement) -> tuple[str | None, str | None, str]:
    return statement.facts.repository, statement.facts.ref, statement.facts.gate


def _gaps(found: dict[str, Statement]) -> Iterable[str]:
    for item in found.values():
        facts = item.facts
        if facts.previous is None and facts.number > 1:
            yield f"what came before number {facts.number} is missing: it names nothing"
        elif facts.previous is not None and facts.previous not in found:
            yield f"number {facts.number - 1} is missing: number {facts.number} names {facts.previous}"


def _forks(order: list[Statement]) -> Iterable[str]:
    after = defaultdict(list)
    for item in order:
        after[item.facts.previous].append(item)
    for items in after.values():
        if len(items) > 1:
            results = ", ".join(item.result for item in items)
            yield f"number {items[0].facts.number} stands {len(items)} times: {results}"


def _faults(found: dict[str, Statement]) -> Iterable[str]:
    for item in found.values():
        facts, before = item.facts, found.get(item.facts.previous or "")
        if before is not None and facts.number != before.facts.number + 1:
            yield f"number {facts.number} says that it follows number {before.facts.number}"
        elif before is not None and facts.commit == before.facts.commit and facts.attempt <= before.facts.attempt:
            yield f"number {facts.number} says attempt {facts.attempt} after attempt {before.facts.attempt}"
