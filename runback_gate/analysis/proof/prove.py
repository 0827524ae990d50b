"""What a changed rule says of every possible step.

In: a rule as it was and as it is, each with the conditions of its policy. Out: a `Proof`: one word, for which lengths
it holds, and a step that shows it.

    prove(before, after, "refunds.limit", engines)      # Proof("refunds.limit", "stricter", None, {…}, "…")

A rule **stops** a step on which it fails or, unless its policy ignores errors, cannot be evaluated; it lets a step pass
on which it holds, or which a match condition leaves out. It became *looser* if it lets a step pass that it stopped.

A claim about every length is one about short lists. Whatever is asked of a list (`lists`) is decided by a few of its
elements, its witnesses. Take any step on which the two forms differ and strike from each list all that is no witness
of any question: the forms say the same of the shorter step. So it is enough to look at lists as long as there are
witnesses. Where a list needs too many of them, the claim is one up to a bound, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from runback_gate.analysis.proof.encode import Encoder, TooLargeError
from runback_gate.analysis.proof.example import Example, example, seen
from runback_gate.analysis.proof.form import Form
from runback_gate.analysis.proof.smt import Answer, Smt, Term
from runback_gate.analysis.proof.texts import Codes, Texts
from runback_gate.analysis.proof.values import World, family
from runback_gate.change.proof import Proof

Verdict = Literal["equivalent", "stricter", "looser", "incomparable", "unknown"]
Direction = Literal["looser", "stricter"]
Confirm = Callable[[Example, Direction], str]
"""What both engines say of a step: `was false, is true`; empty where they do not confirm it."""


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
    """The same on all questions about one rule."""

    def of(self) -> Mapping[str, int]:
        """By family of lists."""
        return {"response.tool_calls": self.calls, "history": self.history}


DEFAULT = Limits()
_EACH = 60_000
"""What a question costs beside the work of the solver, in its steps."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a rule became looser, or stricter."""

    state: Literal["never", "never up to a bound", "shown", "unknown"]
    step: Example | None = None
    said: str = ""
    """What both engines say of the step, or why nothing is known."""


@dataclass(slots=True)
class Question:
    """Two forms of a rule over all steps, with lists of so many elements."""

    world: World
    blocked: tuple[Term, Term]
    """Whether the old form and the new one stop the step."""
    every_length: bool
    """Whether what never holds here never holds at all."""

    def asked(self, direction: Direction) -> list[Term]:
        """That the rule became looser, or stricter, on the step."""
        old, new = self.blocked if direction == "looser" else self.blocked[::-1]
        smt = self.world.smt
        return [*self.world.known, *self.world.texts.facts(), old, smt.not_(new)]

    @property
    def needed(self) -> dict[str, int]:
        """How many elements of each family of lists are witnesses, of those of which elements are looked at."""
        found: dict[str, int] = {}
        for path, uses in self.world.uses.items():
            if self.world.values[path].items:
                found[family(path)] = max(sum(uses.values()), found.get(family(path), 1))
        return found


@dataclass(slots=True)
class Prover:
    """One changed rule."""

    before: Form
    after: Form
    confirm: Confirm
    limits: Limits
    taken: int = 0
    """Work of the solver so far."""
    _asked: dict[tuple[bool, bool], Question | None] = field(default_factory=dict)

    def find(self, direction: Direction) -> Finding:
        """Whether the rule became looser, or stricter, on any step."""
        state: Literal["never", "never up to a bound", "unknown"] = "unknown"
        reasons: dict[str, None] = {}
        for exact in (False, True):
            if exact and not self._texts_matter:
                break
            for bounded in (False, True):
                question = self.question(bounded=bounded, exact=exact)
                if question is None:
                    continue
                slots = [] if bounded else question.world.slots()
                answer = self.solve(question, [*question.asked(direction), *slots])
                if answer.status == "never":
                    if question.every_length:
                        return Finding("never")
                    state = "never up to a bound"
                    break
                if answer.status == "unknown":
                    reasons["the solver did not come to an end"] = None
                    continue
                for step in self.steps(question, direction):
                    said = self.confirm(step, direction)
                    if said:
                        return Finding("shown", step, said)
                reasons |= question.world.opaque or {"a step was found that the engines do not confirm": None}
        return Finding(state, said="; ".join(reasons) or "the rule is too large")

    @property
    def _texts_matter(self) -> bool:
        """Whether something was asked of texts that their own theory knows."""
        return any(question.world.texts.open for (_, exact), question in self._asked.items() if question and not exact)

    def solve(self, question: Question, terms: list[Term]) -> Answer:
        """Ask the solver, within what is left of its work."""
        left = min(self.limits.steps, self.limits.all_steps - self.taken)
        answer = question.world.smt.solve(terms, steps=left) if left > 0 else Answer("unknown")
        self.taken += answer.steps + _EACH
        return answer

    def steps(self, question: Question, direction: Direction) -> Iterator[Example]:
        """Steps that may show it, first those that are easy to read."""
        world = question.world
        likely = [*world.wishes, *world.texts.wishes()]
        for wishes in ([*likely, *world.plain()], likely, []):
            answer = self.solve(question, [*question.asked(direction), *wishes])
            found = example(world, answer) if answer.status == "holds" else None
            if found is not None:
                yield found

    def question(self, *, bounded: bool, exact: bool) -> Question | None:
        """The two forms over steps; None where they are too large."""
        key = (bounded, exact)
        if key not in self._asked:
            try:
                self._asked[key] = self._bounded(exact) if bounded else self._every_length(exact)
            except TooLargeError:
                self._asked[key] = None
        return self._asked[key]

    def _bounded(self, exact: bool) -> Question | None:
        question = self.question(bounded=False, exact=exact)
        if question is not None and not question.world.opaque:
            # Nothing was left open: there is nothing that a bound would tell.
            return None
        return self.encode(self.limits.of(), self.limits.other, exact=exact, unlimited=False)

    def _every_length(self, exact: bool) -> Question | None:
        for sizes_open in (False, True):
            limits: dict[str, int] = {}
            while True:
                question = self.encode(limits, 1, exact=exact, unlimited=True, sizes_open=sizes_open)
                needed = question.needed
                if all(count <= limits.get(name, 1) for name, count in needed.items()):
                    return question
                limits |= {name: max(count, limits.get(name, 1)) for name, count in needed.items()}
                if max(limits.values()) > self.limits.witnesses:
                    break
        return None

    def encode(
        self, limits: Mapping[str, int], limit: int, *, exact: bool, unlimited: bool, sizes_open: bool = False
    ) -> Question:
        """Both forms with lists of so many elements. Raises TooLargeError."""
        smt = Smt()
        world = World(smt, (Texts if exact else Codes)(smt), dict(limits), limit)
        encoder = Encoder(world, unlimited=unlimited, sizes_open=sizes_open)
        old, new = (self.blocked(encoder, form) for form in (self.before, self.after))
        return Question(world, (old, new), unlimited)

    def blocked(self, encoder: Encoder, form: Form) -> Term:
        """Whether a form stops the step."""
        smt = encoder.smt
        conditions = [encoder.truth(tree) for tree in form.conditions]
        wrong = smt.any_of(*(item.error for item in conditions))
        left_out = smt.any_of(*(smt.not_(smt.any_of(item.error, item.holds)) for item in conditions))
        rule = encoder.truth(form.rule)
        fails = smt.not_(smt.any_of(rule.error, rule.holds))
        if form.ignore_errors:
            return smt.all_of(smt.not_(left_out), smt.not_(wrong), fails)
        stops = smt.any_of(wrong, smt.not_(rule.holds))
        return smt.all_of(smt.not_(left_out), stops)


def bounds(limits: Limits) -> dict[str, int]:
    """The bounds of a claim, as they are printed."""
    return {"calls": limits.calls, "history": limits.history}


def verdict(looser: Finding, stricter: Finding) -> Verdict:
    """The word for what was found in both directions."""
    if looser.state == "shown":
        return "incomparable" if stricter.state == "shown" else "looser"
    if looser.state == "unknown":
        return "unknown"
    same: Sequence[str] = ("never", "never up to a bound")
    if stricter.state in same and (looser.state == stricter.state or looser.state != "never"):
        return "equivalent"
    return "stricter"


def prove(before: Form, after: Form, confirm: Confirm, limits: Limits = DEFAULT) -> Proof:
    """What a changed rule says of every step.

    Args:
        before: the rule as it was.
        after: the rule as it is.
        confirm: judges a step by both forms, on both engines (`form.confirming`).
        limits: how far to go.
    """
    prover = Prover(before, after, confirm, limits)
    looser, stricter = prover.find("looser"), prover.find("stricter")
    word = verdict(looser, stricter)
    every = {"equivalent": (looser, stricter), "stricter": (looser,), "looser": (stricter,)}.get(word, ())
    limited = any(found.state != "never" for found in every)
    shown = looser if looser.state == "shown" else stricter
    step = None if shown.step is None else seen(shown.step)
    reason = _reason(word, looser, stricter)
    if limited and word in ("equivalent", "stricter"):
        reason = "; ".join(part for part in (f"other lists up to {limits.other} elements", reason) if part)
    return Proof(before.id, word, bounds(limits) if limited else None, step, reason)


def _reason(word: Verdict, looser: Finding, stricter: Finding) -> str:
    if word == "unknown":
        return looser.said
    if looser.state == "shown":
        open_ = "; whether it is also stricter elsewhere is not known" if stricter.state == "unknown" else ""
        also = f"; also stricter: {stricter.said}" if stricter.state == "shown" else ""
        return looser.said + also + open_
    return stricter.said if stricter.state == "shown" else ""
