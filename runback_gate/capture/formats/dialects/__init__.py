"""Dialects: how one API or tool writes a message, one file each.

In: messages of a file. Out: entries with messages of ours.

    [form.NAME for form in dialects()]          # "openai-chat", "anthropic", …

The first that can read plain text messages is the one that they are taken for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast

from runback_gate.capture.formats.model import Entry, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.step import Api

_MODULES = (
    "openai_chat",
    "anthropic",
    "responses",
    "gemini",
    "converse",
    "langchain",
    "sharegpt",
    "ai_sdk",
    "pydantic_ai",
    "otel_gen_ai",
    "autogen",
)


class Dialect(Protocol):
    """What each file of a dialect offers."""

    NAME: str
    API: Api | None
    """The API whose own messages these are; None for a form that no API has."""

    def marks(self, item: Mapping[str, Any]) -> bool:
        """Whether no other dialect writes a message so."""

    def fits(self, item: Mapping[str, Any]) -> bool:
        """Whether a message can be one of this dialect."""

    def read(self, items: Sequence[Located], reader: Reader) -> Iterable[Entry]:
        """The entries of messages; raises NotUnderstoodError."""


@cache
def dialects() -> tuple[Dialect, ...]:
    """Every dialect."""
    return tuple(cast("Dialect", import_module(f"{__name__}.{name}")) for name in _MODULES)


def dialect(name: str) -> Dialect:
    """The dialect of this name."""
    return next(form for form in dialects() if name == form.NAME)
