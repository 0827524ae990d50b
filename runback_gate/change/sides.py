"""The parts of a gate that are compared, as a protocol: plans have this shape, and others may.

In: nothing. Out: protocols. The comparison stands below the gate and takes its documents as they are, by these shapes.

    compare_gates(base: GateSide, head: GateSide)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from pydantic import BaseModel

from runback_gate.agent import Agent
from runback_gate.dataset.document import Dataset
from runback_gate.dataset.trials import AnyTrials
from runback_gate.documents import Document
from runback_gate.policy.document import Policy
from runback_gate.redact_spec import RedactSpec


class ProviderSide(Protocol):
    """An endpoint that may be asked."""

    @property
    def api(self) -> str:
        """How it is asked."""

    @property
    def baseUrl(self) -> str | None:  # noqa: N802
        """Root of its API."""

    @property
    def models(self) -> Sequence[str]:
        """Patterns of the models that may be asked."""

    def model_dump(self, *, mode: str, exclude: set[str], exclude_none: bool) -> dict[str, Any]:
        """Its fields."""


class FileSide(Protocol):
    """What was read from a file."""

    @property
    def path(self) -> str:
        """Its file."""

    @property
    def digest(self) -> str:
        """Of the bytes of its file."""

    @property
    def document(self) -> Document:
        """It as it was read."""


class ConfigSide(FileSide, Protocol):
    """The gate config."""

    @property
    def agents(self) -> tuple[str, ...]:
        """Patterns of the agent files; `datasets` and `policies` likewise."""

    @property
    def datasets(self) -> tuple[str, ...]:
        """Patterns."""

    @property
    def policies(self) -> tuple[str, ...]:
        """Patterns."""

    @property
    def trials(self) -> AnyTrials:
        """How often a case is asked where nothing else says it."""

    @property
    def block(self) -> str:
        """`regressions` or `all`."""

    @property
    def allow(self) -> Collection[str]:
        """Incomplete answers that are judged all the same."""

    @property
    def scan(self) -> str:
        """`off`, `standard` or `strict`: what is looked for in committed files."""

    @property
    def redact(self) -> RedactSpec | None:
        """What becomes pseudonyms; None for what holds where nothing is said."""

    @property
    def budget(self) -> BaseModel:
        """Limits by name: a number, or None for no limit."""

    @property
    def providers(self) -> Mapping[str, ProviderSide]:
        """By name."""


class WaiverSide(FileSide, Protocol):
    """A breach that is accepted for a time."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of rules."""

    @property
    def cases(self) -> tuple[str, ...]:
        """Ids of cases."""

    @property
    def expires(self) -> str:
        """Last day, YYYY-MM-DD."""


class GateSide(Protocol):
    """A gate as it was read."""

    @property
    def gate(self) -> ConfigSide:
        """Its config."""

    @property
    def agents(self) -> Sequence[Agent]:
        """In the order of the files, as all others."""

    @property
    def datasets(self) -> Sequence[Dataset]:
        """With their cases."""

    @property
    def policies(self) -> Sequence[Policy]:
        """With their rules."""

    @property
    def waivers(self) -> Sequence[WaiverSide]:
        """In force or not."""

    @property
    def selection(self) -> tuple[str, ...]:
        """Filters that left a part of it out."""
