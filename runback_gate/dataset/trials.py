"""How often a case is asked, as gate, dataset and case say it.

In: `trials:` of a document. Out: `Trials` (k of n), or `SequentialTrials` (a test of the pass rate with a known error).

    trials: {n: 3, pass: 2}
    trials: {holds: 0.95, regress: 0.65, alpha: 0.01}
"""

from __future__ import annotations

from typing import Final

from pydantic import Field, model_validator

from runback_gate.dataset.rates import MAX_SEQUENTIAL, MAX_TRIALS, exact
from runback_gate.schema import Model

POWER: Final = 0.9
"""Where a sequential test does not say it."""
_DIGITS: Final = 6


class Trials(Model):
    """k of n: how many trials a case is asked, and how many of them must pass."""

    n: int = Field(1, ge=1, le=MAX_TRIALS, description="Trials of a case that the model is asked for.")
    pass_: int | None = Field(
        None, ge=1, le=MAX_TRIALS, alias="pass", description="Trials that must pass; all when left out."
    )

    @model_validator(mode="after")
    def _reachable(self) -> Trials:
        if self.needed > self.n:
            raise ValueError(f"pass is {self.pass_}, more than the {self.n} trials that are asked")
        return self

    @property
    def needed(self) -> int:
        """k; every trial when `pass` is left out."""
        return self.n if self.pass_ is None else self.pass_

    @property
    def words(self) -> str:
        """`2 of 3 trials`."""
        return f"{self.needed} of {self.n} trials"


class SequentialTrials(Model):
    """A sequential test: trials until it is clear whether a case holds or regressed, with a known error."""

    holds: float = Field(gt=0, lt=1, description="Pass rate of a case that holds: one that has it or more is healthy.")
    regress: float = Field(gt=0, lt=1, description="Pass rate of a case that regressed: one that has it or less.")
    alpha: float = Field(
        gt=0, le=0.5, description="Highest probability that any case that holds is red, over all cases of the gate."
    )
    power: float | None = Field(
        None, ge=0.5, lt=1, description="Least probability that a case that regressed is found red; 0.9 when left out."
    )
    maxTrials: int | None = Field(  # noqa: N815
        None,
        ge=1,
        le=MAX_SEQUENTIAL,
        description="Trials after which an open case is undecided; as many as the power takes when left out.",
    )

    @model_validator(mode="after")
    def _apart(self) -> SequentialTrials:
        if self.regress >= self.holds:
            raise ValueError(f"regress is {self.regress}, and must be below holds, which is {self.holds}")
        for name in ("holds", "regress", "alpha", "power"):
            value = getattr(self, name)
            if value is not None and 10**_DIGITS % exact(value).denominator:
                raise ValueError(f"{name} has more than {_DIGITS} decimal places")
        return self

    @property
    def asked_power(self) -> float:
        """`power`, or what stands for it."""
        return POWER if self.power is None else self.power

    @property
    def words(self) -> str:
        """`sequential trials (holds 0.95, regress 0.65, alpha 0.01)`."""
        more = [("power", self.power), ("maxTrials", self.maxTrials)]
        fields = [("holds", self.holds), ("regress", self.regress), ("alpha", self.alpha), *more]
        return f"sequential trials ({', '.join(f'{name} {value}' for name, value in fields if value is not None)})"


AnyTrials = Trials | SequentialTrials
"""k of n, or a sequential test."""


def asks_no_less(asked: AnyTrials, floor: AnyTrials) -> bool:
    """Whether a dataset or a case asks for as much as its gate.

    k of n: more trials, or as many of which no fewer must pass. A sequential test: one that is green for no agent that
    the gate's would find, so `holds`, `regress` and `power` are no lower. Any sequential test asks for more than one
    trial; beyond that the two kinds do not compare.
    """
    if isinstance(asked, Trials) and isinstance(floor, Trials):
        return asked.n > floor.n or (asked.n == floor.n and asked.needed >= floor.needed)
    if isinstance(asked, SequentialTrials) and isinstance(floor, SequentialTrials):
        return asked.holds >= floor.holds and asked.regress >= floor.regress and asked.asked_power >= floor.asked_power
    return isinstance(floor, Trials) and floor.n == 1
