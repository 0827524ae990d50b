"""How a project redacts, as its gate config says it.

In: the value of `redact:` in `runback.yaml`. Out: `RedactSpec`; what it finds is `redact`.

    redact:
      level: standard
      rules:
        - id: staff-number
          pattern: 'EMP-[0-9]{6}'
          example: EMP-123456
          counterExample: EMP-12
      keep: ['*@example.com']
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from runback_gate.schema import Model

MAX_RULES = 200
MAX_KEPT = 1_000
LEAST_KEPT = 4
"""Characters that a kept value says itself."""

Level = Literal["off", "standard", "strict"]
Example = Annotated[str, Field(min_length=1, max_length=4096)]


class RedactRule(Model):
    """What one kind of secret or personal datum looks like."""

    id: str = Field(
        max_length=64,
        pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
        description="In pseudonyms and findings: lower-case words with hyphens.",
    )
    pattern: str = Field(
        min_length=1,
        max_length=512,
        description="RE2 pattern. A group named `value` is what is replaced, else all that is found.",
    )
    validator: str | None = Field(
        None, description="What a match must satisfy as well: card, iban, ssn, ip, phone, email, jwt, drawn, varied, …"
    )
    level: Literal["standard", "strict"] = Field("standard", description="The weakest level that looks for it.")
    example: Example = Field(description="Text in which the rule finds something.")
    counterExample: Example = Field(description="Text in which it finds nothing.")  # noqa: N815


class RedactSpec(Model):
    """What becomes pseudonyms before anything is stored."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    level: Level | None = Field(
        None, description="What is redacted where a command or a recorder is told nothing; standard when left out."
    )
    rules: list[RedactRule] = Field(
        default_factory=list, max_length=MAX_RULES, description="Rules of the project's own, beside the built-in ones."
    )
    keep: list[Annotated[str, Field(min_length=1, max_length=256)]] = Field(
        default_factory=list,
        max_length=MAX_KEPT,
        description="Values that stay although a rule finds them; * stands for any characters, ? for one.",
    )

    @field_validator("rules")
    @classmethod
    def _unique(cls, rules: list[RedactRule]) -> list[RedactRule]:
        names = [rule.id for rule in rules]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two rules have the id {twice!r}")
        return rules

    @field_validator("keep")
    @classmethod
    def _says_something(cls, keep: list[str]) -> list[str]:
        for pattern in keep:
            if len(pattern.replace("*", "").replace("?", "")) < LEAST_KEPT:
                raise ValueError(f"{pattern!r} says fewer than {LEAST_KEPT} characters itself, so it may keep anything")
        return keep


class _Redacting(BaseModel):
    model_config = ConfigDict(defer_build=True)

    redact: RedactSpec | None = None


class RedactDocument(BaseModel):
    """A gate config, read for what it says of redaction alone."""

    model_config = ConfigDict(defer_build=True)

    spec: _Redacting
