"""Many rules of one step in one call of the engine: to step into it costs more than most expressions do.

In: rule sets, and a step that is bound. Out: the outcomes of those rules that could be evaluated together, each as it
is alone.

    batches = Batches(engine, rule_sets)
    batches.judge(step, "support", ("refund",))         # step.outcomes

One expression that errs makes the list of all err, and so does a limit that they meet together. Then every rule is
evaluated alone, and no trace is left of the attempt. One that erred stays out from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from runback_gate.cel.engine import FALSE, TRUE, Activation, Engine, Outcome, Program
from runback_gate.cel.work import Budget
from runback_gate.errors import ExpressionError
from runback_gate.policy.evaluate import BoundStep, Decider, ExpressionDecider, RuleSet

WORTH = 32
"""Steps that are judged before a list is compiled: that takes as long as compiling each of its expressions."""
_MOST = 64
"""Batches that are remembered."""


class Batch:
    """Expressions that are evaluated on the same steps."""

    def __init__(self, engine: Engine, sources: dict[Program, str]) -> None:
        """`sources`: the text of each program, without params and variables."""
        self._engine = engine
        self._sources = sources
        self._list: Program | None = None
        self._seen = 0
        """Steps since the expressions became others."""
        self._alone: dict[Program, Outcome] | None = None
        """What they said of the last step, one by one, where they could not be evaluated together."""

    def outcomes(self, activation: Activation, budget: Budget) -> dict[Program, Outcome]:
        """What the programs say of a step. Where it is empty, each is to be asked alone, and what it says put there."""
        if self._alone is not None:
            self._leave_out(self._alone)
        if self._list is None:
            self._seen += 1
            if self._seen == WORTH and len(self._sources) > 1:
                self._compile()
            return {}
        before = budget.state
        values = self._list.evaluate(activation).value
        # Where work was refused to all, it would perhaps not be to one.
        if isinstance(values, list) and set(map(type, values)) == {bool} and not budget.exhausted:
            return dict(zip(self._sources, [TRUE if value else FALSE for value in values], strict=True))
        budget.state = before
        self._alone = {}
        return self._alone

    def _compile(self) -> None:
        try:
            self._list = self._engine.compile(f"[{', '.join(self._sources.values())}]")
        except ExpressionError:
            # Together they are too large or too deep.
            self._sources.clear()

    def _leave_out(self, said: Mapping[Program, Outcome]) -> None:
        self._alone = None
        held = {
            program: text
            for program, text in self._sources.items()
            if program not in said or said[program].verdict != "error"
        }
        # Where all err, the step cannot be judged. Where none does, they met a limit together, and would again.
        if held:
            self._sources = held if len(held) < len(self._sources) else {}
            self._list, self._seen = None, 0


# The parts of a backtest are judged by the same programs.
@lru_cache(maxsize=_MOST)
def _batch(engine: Engine, sources: tuple[tuple[Program, str], ...]) -> Batch:
    return Batch(engine, dict(sources))


class Batches:
    """The batches of rule sets: those that concern a step are its batch."""

    def __init__(self, engine: Engine, rule_sets: Sequence[RuleSet]) -> None:
        """Of a rule set with conditions the first one is evaluated: it alone is asked on every step. A rule that is no
        expression goes its own way."""
        self._engine = engine
        self._sets = [rules for rules in rule_sets if rules.scope == "step"]
        self._everywhere = not any(rules.agents or rules.tags for rules in self._sets)
        self._known: dict[tuple[bool, ...], Batch] = {}

    def judge(self, step: BoundStep, agent: str, tags: Sequence[str]) -> None:
        """Put into a step of this agent with these tags what its batch says of it."""
        step.outcomes = self._batch(agent, tags).outcomes(step.activation, step.budget)

    def _batch(self, agent: str, tags: Sequence[str]) -> Batch:
        concerned = () if self._everywhere else tuple(rules.concerns(agent, tags) for rules in self._sets)
        batch = self._known.get(concerned)
        if batch is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            batch = self._known[concerned] = _batch(self._engine, self._sources(concerned))
        return batch

    def _sources(self, concerned: tuple[bool, ...]) -> tuple[tuple[Program, str], ...]:
        return tuple(
            (decider.program, decider.text)
            for rules, concerns in zip(self._sets, concerned or (True,) * len(self._sets), strict=True)
            if concerns
            for decider in _asked(rules)
            if isinstance(decider, ExpressionDecider)
        )


def _asked(rules: RuleSet) -> Iterable[Decider]:
    """What is evaluated on every step that a rule set concerns."""
    return [rules.conditions[0][1]] if rules.conditions else [rule.decider for rule in rules.rules]
