"""Google's cel-cpp, the engine that judges; the only file that imports `cel_expr_python`.

In: CEL source and JSON data. Out: `Outcome`s (`CppEngine`), and for `lint` the types of expressions (`TypeChecker`).

    engine = CppEngine()
    engine.compile("response.tool_calls.size() == 1").evaluate(engine.bind({"response": {"tool_calls": []}}))

The package is imported when the first engine is made, `protobuf` when the first expression is type-checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import metadata
from typing import Any

from runback_gate.canonical import JsonValue
from runback_gate.errors import ExpressionError, Location
from runback_gate.policy.engine import BUDGET_MESSAGE, ROOTS, Activation, Outcome, error_line, json_value
from runback_gate.policy.functions import FUNCTIONS
from runback_gate.policy.syntax import parse

NAME = "cel-cpp"
MAX_PROGRAMS = 4096
"""Compiled expressions that an engine remembers."""

_TRUE, _FALSE = Outcome(True), Outcome(False)
_PROBLEM = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): ([^\n]*)")
_OVERLOAD = re.compile(r"found no matching overload for '(.+?)' applied to '(.*)'")
_STATUS = re.compile(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$")


@dataclass(frozen=True, slots=True)
class CppActivation:
    """Data in the form that cel-cpp reads."""

    bound: Any
    """A `cel.Activation`."""
    engine: str = NAME
    """The engine that can read it."""


@dataclass(frozen=True, slots=True)
class CppProgram:
    """An expression that cel-cpp has compiled."""

    expression: Any
    """A `cel.Expression`."""

    def evaluate(self, activation: Activation) -> Outcome:
        """See `engine.Program.evaluate`."""
        if not isinstance(activation, CppActivation):
            return Outcome(error=f"the data was bound for the engine {activation.engine}")
        try:
            value = self.expression.eval(activation.bound)
            plain = value.plain_value()
            if plain is True or plain is False:
                return _TRUE if plain else _FALSE
            if value.type().name() == "ERROR":
                return Outcome(error=_runtime_error(str(plain)))
            return Outcome(json_value(plain))
        # Besides RuntimeError and MemoryError the binding lets anything through that a conversion raises, and every one
        # of them means that there is no verdict.
        except Exception as error:  # noqa: BLE001
            return Outcome(error=_runtime_error(str(error) or type(error).__name__))


class CppEngine:
    """cel-cpp behind the `engine.Engine` protocol. It remembers what it compiled."""

    def __init__(self) -> None:
        self._environment = lru_cache(maxsize=64)(_environment)
        self._compiled = lru_cache(maxsize=MAX_PROGRAMS)(self._compile)
        self._environment(ROOTS)

    @property
    def name(self) -> str:
        """`cel-cpp`."""
        return NAME

    @property
    def version(self) -> str:
        """The version of `cel-expr-python`."""
        return metadata.version("cel-expr-python")

    def bind(self, data: Mapping[str, JsonValue]) -> CppActivation:
        """See `engine.Engine.bind`."""
        return CppActivation(self._environment(ROOTS).Activation(dict(data)))

    def compile(self, source: str, *, local: tuple[str, ...] = ()) -> CppProgram:
        """See `engine.Engine.compile`."""
        return self._compiled(source, local)

    def _compile(self, source: str, local: tuple[str, ...]) -> CppProgram:
        return CppProgram(compiled(self._environment((*ROOTS, *local)), source))


@cache
def _package() -> Any:
    # Imported here: 50 MB that no command but the judging ones needs.
    from cel_expr_python import cel  # type: ignore[import-untyped]  # noqa: PLC0415

    return cel


def _environment(names: tuple[str, ...]) -> Any:
    cel = _package()
    return cel.NewEnv(variables=dict.fromkeys(names, cel.Type.DYN), functions=_functions())


@cache
def _functions() -> tuple[Any, ...]:
    cel = _package()
    # One overload for each kind: a parameter of type DYN compiles but never matches at run time.
    return tuple(
        cel.FunctionDecl(
            function.name,
            [
                cel.Overload(
                    f"{function.name}_{'_'.join(kinds)}_{'method' if method else 'function'}",
                    return_type=getattr(cel.Type, function.result.upper()),
                    parameters=[getattr(cel.Type, kind.upper()) for kind in kinds],
                    is_member=method,
                    impl=function.implementation,
                )
                for kinds in function.overloads
                for method in (False, True)
            ],
        )
        for function in FUNCTIONS
    )


def compiled(environment: Any, source: str) -> Any:
    """The `cel.Expression` of a source. Raises ExpressionError with line and column in `source`."""
    parse(source)
    try:
        return environment.compile(source)
    except RuntimeError as error:
        problems = [(int(line), int(column), text) for line, column, text in _PROBLEM.findall(str(error))]
        line, column, text = min(problems, default=(1, 1, str(error)))
        place = Location("", max(line, 1), max(column, 1))
        raise ExpressionError(error_line(_readable(text)), location=place) from error


def _readable(message: str) -> str:
    """The engine's words without its containers, packages and operator signatures."""
    message = _STATUS.sub("", message).replace(" (in container '')", "").replace("runback.", "")
    if found := _OVERLOAD.search(message):
        function, arguments = found[1].strip("_"), found[2]
        sign = function if function[0].isalpha() else f"`{function.replace('_', ' ')}`"
        return f"{sign} does not take {arguments}"
    return message


def _runtime_error(text: str) -> str:
    return BUDGET_MESSAGE if "Iteration budget exceeded" in text else error_line(_STATUS.sub("", text))
