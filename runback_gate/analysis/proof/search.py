"""Searches for a step that satisfies a condition, or proves that there is none.

In: what is asked, as terms over an `Encoder`, and what judges a step on both engines. Out: a `Finding` for each goal.

    Search(goals, confirm, Limits()).find("fail")       # Finding("shown", {…}, "is false (both engines)")

A claim about every length is one about short lists. Whatever is asked of a list (`lists`) is decided by a few of its
elements, its witnesses. Take any step that fulfils a goal and strike from each list all that is no witness of any
question: the goal holds of the shorter step. So it is enough to look at lists as long as there are witnesses. Where a
list needs too many of them, the claim is one up to a bound, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from itertools import product
from typing import Literal

from runback_gate.analysis.proof.encode import Encoder
from runback_gate.analysis.proof.example import Example, example
from runback_gate.analysis.proof.lists import ALL
from runback_gate.analysis.proof.smt import Answer, Smt, Term
from runback_gate.analysis.proof.texts import Codes, Texts
from runback_gate.analysis.proof.values import TooLargeError, World, family
from runback_gate.frozen import dataclass

Goals = Callable[[Encoder], Mapping[str, Term]]
"""What a step may be, by name, as terms over an encoder."""
Confirm = Callable[[Example, str], str]
"""What both engines say of a step that is to fulfil a goal, in words; empty where they do not confirm it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a proof goes."""

    calls: int = 3
    """Calls of the answer, where a claim holds up to a bound; `history` and `other` likewise."""
    history: int = 8
    other: int = 2
    """Elements of any other list."""
    witnesses: int = 12
    """Elements of one list that are looked at for a claim about every length."""
    steps: int = 1_000_000
    """Work of the solver on one question."""
    all_steps: int = 2_500_000
    """The same on all questions of one search."""

    def of(self) -> Mapping[str, int]:
        """By family of lists."""
        return {"response.tool_calls": self.calls, "history": self.history}


DEFAULT = Limits()
Reach = Literal["one element", "every length", "bound", "few"]
REACHES: tuple[Reach, ...] = ("one element", "every length", "bound", "few")
"""In the order in which steps are looked for: with lists of one element, which show most differences and cost little;
with all witnesses; up to the bounds; with few elements where that is too large."""
_CLAIMS: tuple[Reach, ...] = ("every length", "bound")
"""Where it counts that there is no step. The others are there to show one."""
_FEW = {"history": 2, "request.messages": 2}
_EACH = 60_000
"""What a question costs beside the work of the solver, in its steps."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about all steps."""

    state: Literal["never", "never up to a bound", "shown", "unknown"]
    step: Example | None = None
    said: str = ""
    """What both engines say of the step, or why nothing is known."""


@dataclass(slots=True)
class Question:
    """What is asked of all steps, with lists of so many elements."""

    world: World
    goals: Mapping[str, Term]
    """By name what a step may be."""
    every_length: bool
    """Whether what never holds here never holds at all."""

    def asked(self, goal: str) -> list[Term]:
        """That the step is so."""
        return [*self.world.known, *self.world.texts.facts(), self.goals[goal]]

    @property
    def needed(self) -> dict[str, int]:
        """How many elements of each family of lists are witnesses, of those of which elements are looked at."""
        found: dict[str, int] = {}
        for path, uses in self.world.uses.items():
            if self.world.values[path].items:
                found[family(path)] = max(sum(uses.values()), found.get(family(path), 1))
        return found


@dataclass(slots=True)
class Search:
    """Looks for steps that are so, or finds out that there are none."""

    goals: Goals
    confirm: Confirm
    limits: Limits
    taken: int = 0
    """Work of the solver so far."""
    _asked: dict[tuple[Reach, bool], Question | None] = field(default_factory=dict)

    def find(self, goal: str) -> Finding:
        """Whether any step is so."""
        state: Literal["never", "never up to a bound", "unknown"] = "unknown"
        reasons: dict[str, None] = {}
        for exact, reach in product((False, True), REACHES):
            if (exact and not self._texts_matter) or (question := self.question(reach, exact=exact)) is None:
                continue
            slots = question.world.slots() if reach == "every length" else []
            answer = self.solve(question, [*question.asked(goal), *slots])
            if answer.status == "holds":
                for step in self.steps(question, goal):
                    if said := self.confirm(step, goal):
                        return Finding("shown", step, said)
            if reach not in _CLAIMS:
                continue
            if answer.status == "never" and reach == "every length":
                return Finding("never")
            if answer.status == "never":
                state = "never up to a bound"
            elif answer.status == "unknown":
                reasons["the solver did not come to an end"] = None
            else:
                reasons |= question.world.opaque or {"a step was found that the engines do not confirm": None}
        return Finding(state, said="; ".join(reasons) or "the rule is too large")

    @property
    def _texts_matter(self) -> bool:
        """Whether something was asked of texts that their own theory knows."""
        return any(item.world.texts.open for (_, exact), item in self._asked.items() if item and not exact)

    def solve(self, question: Question, terms: list[Term]) -> Answer:
        """Ask the solver, within what is left of its work."""
        left = min(self.limits.steps, self.limits.all_steps - self.taken)
        answer = question.world.smt.solve(terms, steps=left) if left > 0 else Answer("unknown")
        self.taken += answer.steps + _EACH
        return answer

    def steps(self, question: Question, goal: str) -> Iterator[Example]:
        """Steps that may show it, first those that are easy to read."""
        world = question.world
        likely = [*world.wishes, *world.texts.wishes()]
        for wishes in ([*likely, *world.plain()], likely, []):
            answer = self.solve(question, [*question.asked(goal), *wishes])
            found = example(world, answer) if answer.status == "holds" else None
            if found is not None:
                yield found

    def question(self, reach: Reach, *, exact: bool) -> Question | None:
        """The goals over steps; None where they are too large, or where there is nothing that they would tell."""
        key = (reach, exact)
        if key not in self._asked:
            # Where this is too large there is none either.
            self._asked[key] = None
            with suppress(TooLargeError):
                self._asked[key] = self._reaching(reach, exact)
        return self._asked[key]

    def _reaching(self, reach: Reach, exact: bool) -> Question | None:
        if reach == "one element":
            return self.encode({}, 1, exact=exact, unlimited=True)
        if reach == "every length":
            return self._every_length(exact)
        every = self.question("every length", exact=exact)
        if every is not None and not every.world.opaque:
            # Nothing was left open: there is nothing that a bound would tell.
            return None
        if reach == "bound":
            return self.encode(self.limits.of(), self.limits.other, exact=exact, unlimited=False)
        if self.question("bound", exact=exact) is not None:
            return None
        return self.encode(_FEW, 1, exact=exact, unlimited=False)

    def _every_length(self, exact: bool) -> Question | None:
        for sizes_open in (False, True):
            limits: dict[str, int] = {}
            question = self.question("one element", exact=exact)
            if sizes_open:
                question = self.encode({}, 1, exact=exact, unlimited=True, sizes_open=True)
            while question is not None:
                needed = question.needed
                if all(count <= limits.get(name, 1) for name, count in needed.items()):
                    return question
                limits |= {name: max(count, limits.get(name, 1)) for name, count in needed.items()}
                if max(limits.values()) > self.limits.witnesses:
                    break
                question = self.encode(limits, 1, exact=exact, unlimited=True, sizes_open=sizes_open)
            if question is None or max(limits.values()) < ALL:
                # It is not for a size that it would take so many.
                return None
        return None

    def encode(
        self, limits: Mapping[str, int], limit: int, *, exact: bool, unlimited: bool, sizes_open: bool = False
    ) -> Question:
        """The goals with lists of so many elements. Raises TooLargeError."""
        smt = Smt()
        world = World(smt, (Texts if exact else Codes)(smt), dict(limits), limit)
        encoder = Encoder(world, unlimited=unlimited, sizes_open=sizes_open)
        return Question(world, self.goals(encoder), unlimited)
