"""A rubric: what a judge model holds an answer against, where no expression can say it.

In: the value of `judge:` in a dataset. Out: `Rubric`, how it is asked for and what its answers come to is
`policy.rubric`.

    - judge:
        model: openai/gpt-4o-2024-08-06
        rubric: The answer says sorry and does not promise money.
        criteria: [{name: apology}, {name: no promise, weight: 2}]
        samples: 3
        threshold: 70
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from runback_gate.schema import Model

MAX_SAMPLES = 9
BEST = 10
"""Points that a judge may give for a criterion; the least is 0."""

Words = Annotated[str, Field(min_length=1, max_length=4096)]


class Criterion(Model):
    """One thing that is graded by itself."""

    name: str = Field(min_length=1, max_length=80, pattern=r"^\S(.*\S)?$", description="Short name, shown in reports.")
    weight: int = Field(1, ge=1, le=100, description="How much it counts beside the others.")
    description: str = Field("", max_length=2048, description="What the judge is to look at.")


class Rubric(Model):
    """A judge model grades the answer: each criterion with 0 to 10 points."""

    model: str = Field(
        pattern=r"^[^/\s*]+/[^\s*]+$",
        max_length=256,
        description="The judge, as provider/model; pin a version. A provider of runback.yaml must list it.",
    )
    rubric: Words = Field(description="What a good answer is.")
    criteria: list[Criterion] = Field(
        default_factory=lambda: [Criterion(name="rubric", weight=1, description="")],
        min_length=1,
        max_length=20,
        description="What is graded; left out, the rubric as a whole.",
    )
    samples: int = Field(1, ge=1, le=MAX_SAMPLES, description="Times that the judge is asked, odd: the median counts.")
    threshold: int = Field(70, ge=1, le=100, description="Least part of all points, in per cent.")
    allowSelf: bool = Field(  # noqa: N815
        False, description="Whether the judge may be the model that gave the answer; else it is refused."
    )

    @model_validator(mode="after")
    def _fair(self) -> Rubric:
        if self.samples % 2 == 0:
            raise ValueError(f"samples is {self.samples}; an odd number has a median")
        names = [item.name for item in self.criteria]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two criteria are named {twice!r}")
        return self
