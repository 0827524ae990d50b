"""Envelopes: where conversations lie in a file, one file each.

In: the JSON values of a file. Out: the conversations in it, each with its place.

    envelope.matches(values)                    # by keys, never by the name of the file
    for part in envelope.split(records):
        conversations = envelope.read(part, reader)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast

from runback_gate.capture.formats.model import Conversation, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records

_MODULES = (
    "claude_code",
    "inspect_log",
    "openhands",
    "agents_sdk",
    "autogen",
    "autogen_chat",
    "promptfoo",
    "fine_tuning",
    "batch",
    "langfuse",
    "langsmith",
    "tasks",
    "logs",
    "messages",
)


class Envelope(Protocol):
    """What each file of an envelope offers."""

    NAME: str
    KEYS: str
    """The keys that it is known by, as a refusal shows them."""
    BESIDE: frozenset[str]
    """Names of fields that it has beside the conversation, whatever they say: copies, scores, settings."""

    def matches(self, values: Sequence[Any]) -> bool:
        """Whether a file holds these; looks at keys."""

    def split(self, records: Records) -> Iterable[Located]:
        """The parts of a file that are read, and fail, on their own."""

    def read(self, where: Located, reader: Reader) -> Iterable[Conversation]:
        """The conversations of a part; raises RunbackError."""


@cache
def envelopes() -> tuple[Envelope, ...]:
    """Every envelope; the last is that of bare messages, for a file that no other knows."""
    return tuple(cast("Envelope", import_module(f"{__name__}.{name}")) for name in _MODULES)
