"""What a CEL engine is: compile an expression once, bind the data of a step once, evaluate.

In: CEL source without `params` and `variables`, or what `inline` made of one; JSON data under `environment.ROOTS`.
Out: `Outcome`s. Two engines keep this contract: `cpp_engine.CppEngine` judges, `py_engine.PyEngine` is the second
opinion.

    engine: Engine = CppEngine()
    program = engine.compile("response.tool_calls.size() == 1")
    program.evaluate(engine.bind({"response": {"tool_calls": []}})).verdict    # "false"
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, Protocol

from runback_gate.canonical import JsonValue
from runback_gate.cel.parser import Node
from runback_gate.cel.work import Budget, Work
from runback_gate.frozen import dataclass

ITERATION_BUDGET = 10_000
"""An evaluation that reaches this number of loop iterations, all loops together, is an error outcome."""

BUDGET_MESSAGE = "the loops of the expression ran 10,000 times without an end"

ERROR_LENGTH = 300
"""Characters that an error text may have."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

Verdict = Literal["true", "false", "error"]


@dataclass(frozen=True, slots=True)
class ParsedExpression:
    """An expression that was read, and perhaps rewritten; `inline` makes it."""

    source: str
    """As a person wrote it; errors are placed here."""
    tree: Node
    """What is to be evaluated; its offsets are those of `source`."""
    text: str
    """The tree as CEL. Expressions of the same text are the same program."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of one evaluation: a value or an error, never both."""

    value: JsonValue = None
    """The value as JSON; None also when there is an error. Keys of maps are sorted, timestamps are RFC 3339 text."""
    error: str | None = None
    """Why there is no value: one line of at most 300 characters, without memory addresses."""

    @property
    def verdict(self) -> Verdict:
        """`true` and `false` only for a real boolean; whatever else came out is `error`."""
        if self.error is not None or not isinstance(self.value, bool):
            return "error"
        return "true" if self.value else "false"

    @property
    def reason(self) -> str | None:
        """Why the verdict is `error`, or None for a boolean."""
        if self.error is not None:
            return self.error
        return None if isinstance(self.value, bool) else f"returned {kind(self.value)}, expected bool"


TRUE, FALSE = Outcome(True), Outcome(False)
"""What most expressions say."""


class Activation(Protocol):
    """The data of one step in the form that one engine reads, made by `Engine.bind` for programs of that engine."""

    @property
    def engine(self) -> str:
        """The name of the engine that made it."""


class Program(Protocol):
    """A compiled expression."""

    def evaluate(self, activation: Activation) -> Outcome:
        """Evaluate it. Bad data, a missing name and an exhausted budget are error outcomes, never exceptions."""


class Engine(Protocol):
    """A CEL implementation."""

    def __hash__(self) -> int:
        """By identity."""

    @property
    def name(self) -> str:
        """`cel-cpp` or `celpy`."""

    @property
    def version(self) -> str:
        """The version of the package that judges, as recorded in reports."""

    def bind(self, data: Mapping[str, JsonValue], budget: Budget | None = None, *, lean: bool = False) -> Activation:
        """Convert the data of a step, once for all programs. Names outside `ROOTS` serve programs with `local`.

        What it costs to bind and to evaluate is taken from `budget`; without one, from a new one. `lean`: the data
        holds no more than programs read, so an engine need not look for what to leave out.
        """

    def compile(self, expression: str | ParsedExpression, *, local: tuple[str, ...] = ()) -> Program:
        """Compile an expression over `ROOTS` and, for explaining, the names in `local`.

        Raises ExpressionError with line and column in its source.
        """


def kind(value: JsonValue) -> str:
    """The CEL name of the type of a JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "double"
    if isinstance(value, str):
        return "string"
    return "list" if isinstance(value, (list, tuple)) else "map"


def error_line(text: str) -> str:
    """One line of at most 300 characters for an engine's error text."""
    printable = text[: 4 * ERROR_LENGTH]
    if not printable.isprintable():
        printable = "".join(c if c.isprintable() else " " for c in printable)
    line = " ".join(_ADDRESS.sub("", printable).split())
    return line if len(line) <= ERROR_LENGTH else line[: ERROR_LENGTH - 1] + "…"


def without_nul(data: Mapping[str, JsonValue], work: Work) -> dict[str, JsonValue]:
    """The data with U+FFFD in place of each U+0000; `work` was made of it.

    cel-cpp's binding ends every text and every key at U+0000: what stands behind it would be hidden from all policies.
    """
    return {name: _without_nul(value) for name, value in data.items()} if work.data.may_hold_nul else dict(data)


def _without_nul(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {key.replace("\0", "\ufffd"): _without_nul(item) for key, item in value.items()}
    return [_without_nul(item) for item in value] if isinstance(value, list) else value


def json_value(value: object) -> JsonValue:
    """The JSON form of what an engine computed: keys sorted, timestamps as RFC 3339 text, durations as seconds (`90s`).

    Raises ValueError for what JSON cannot hold: bytes, types, NaN, infinities, keys that are not strings.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number that is not finite")
        return value
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("a map with keys that are not strings")
        # The order of a map is arbitrary in one of the engines.
        return {key: json_value(value[key]) for key in sorted(value)}
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
    raise ValueError("a value that JSON cannot hold")
