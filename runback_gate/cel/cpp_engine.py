"""Google's cel-cpp, the engine that judges; the only file that imports `cel_expr_python`.

In: CEL source and JSON data. Out: `Outcome`s (`CppEngine`), and for `lint` the types of expressions (`TypeChecker`).

    engine = CppEngine()
    engine.compile("response.tool_calls.size() == 1").evaluate(engine.bind({"response": {"tool_calls": []}}))

The package is imported when the first engine is made, `protobuf` when the first expression is type-checked.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib import metadata
from typing import Any, Final

from runback_gate.canonical import JsonValue
from runback_gate.cel.costs import Costs, costs
from runback_gate.cel.cpp_messages import PACKAGE, field_hint, readable, runtime_error
from runback_gate.cel.engine import (
    FALSE,
    TRUE,
    Activation,
    Outcome,
    ParsedExpression,
    error_line,
    json_value,
    without_nul,
)
from runback_gate.cel.engine import kind as kind_of
from runback_gate.cel.environment import MESSAGES, ROOT_TYPES, ROOTS
from runback_gate.cel.functions import FUNCTIONS, Function
from runback_gate.cel.limits import parse, parsed, walk
from runback_gate.cel.macros import typed
from runback_gate.cel.optimize import OURS, SEARCH, optimize, ordered
from runback_gate.cel.parser import ENGINE_DEPTH, Node, too_deep
from runback_gate.cel.pattern import search
from runback_gate.cel.projection import Needs, needs, paths, pruned
from runback_gate.cel.reclaim import due, keeps_tuples, reclaim, unpack
from runback_gate.cel.tokens import line_column
from runback_gate.cel.work import Budget, Work
from runback_gate.cel.write import write
from runback_gate.errors import ExpressionError, Location
from runback_gate.frozen import dataclass

NAME = "cel-cpp"
MAX_PROGRAMS = 4096
"""Compiled expressions that the engines of a process remember."""

# `cel.bind`, `sort`, `slice` and `range` serve what `inline` and `optimize` write; policies cannot call them.
_EXTENSIONS = "extensions:\n- name: bindings\n- name: lists\n"
_KINDS = {dict: "map", list: "list", str: "string", int: "int", float: "double", bool: "bool", type(None): "null"}
_TYPES = {kind: value for value, kind in _KINDS.items()}
_PROBLEM = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): ([^\n]*)")


class CppActivation:
    """Data in the form that cel-cpp reads."""

    __slots__ = ("_bound", "_whole", "data", "error", "reads", "work")

    engine: Final = NAME
    """The engine that can read it."""

    def __init__(
        self, data: dict[str, JsonValue], work: Work, error: str | None = None, reads: frozenset[str] | None = None
    ) -> None:
        """`reads`: the paths that the data holds (`projection`), None for all; `error`: why it cannot be read."""
        self.data = data
        self.work = work
        """What programs may cost on it."""
        self.error = error
        self.reads = reads
        self._bound: Any = None
        self._whole: Any = None

    def bound(self, reads: frozenset[str] | None) -> Any:
        """A `cel.Activation` for a program that reads these paths, None for any; made when it is first needed."""
        if self.reads is not None and (reads is None or not reads <= self.reads):
            if self._whole is None:
                self._whole = _environment(ROOTS).Activation(without_nul(self.work.data.values, self.work))
            return self._whole
        if self._bound is None:
            self._bound = _environment(ROOTS).Activation(self.data)
        return self._bound


@dataclass(frozen=True, slots=True, eq=False)
class CppProgram:
    """An expression that cel-cpp has compiled."""

    expression: Any
    """A `cel.Expression`."""
    costs: Costs
    calls: bool
    """Whether it calls functions of ours, which take from the work as they run."""
    reads: frozenset[str] | None
    """The paths that it reads; None where it has names of its own."""
    once: bool = False
    """Whether the data is converted for it alone: a list is all that is asked of most steps."""

    def evaluate(self, activation: Activation) -> Outcome:
        """See `engine.Program.evaluate`."""
        if not isinstance(activation, CppActivation):
            return Outcome(error=f"the data was bound for the engine {activation.engine}")
        if activation.error is not None:
            return Outcome(error=activation.error)
        try:
            if self.costs.parts:
                activation.work.reserve(self.costs)
            bound = (
                (None, activation.data) if self.once and activation.reads is None else (activation.bound(self.reads),)
            )
            if self.calls:
                with activation.work:
                    value = self.expression.eval(*bound)
            else:
                value = self.expression.eval(*bound)
            plain = value.plain_value()
            if plain is True or plain is False:
                return TRUE if plain else FALSE
            if type(plain) is list and set(map(type, plain)) == {bool}:
                return Outcome(plain)
            if value.type().name() == "ERROR":
                return Outcome(error=runtime_error(str(plain)))
            return Outcome(json_value(plain))
        # Besides RuntimeError and MemoryError the binding lets anything through that a conversion raises, and every one
        # of them means that there is no verdict.
        except Exception as error:  # noqa: BLE001
            return Outcome(error=runtime_error(str(error) or type(error).__name__))


_PROGRAMS: Final[dict[tuple[bool, str, tuple[str, ...]], CppProgram]] = {}


class CppEngine:
    """cel-cpp behind the `engine.Engine` protocol. What one compiled, every other remembers.

    The binding converts a root whole when an expression first names it, and that takes longer than judging. So an
    engine gives it no more than the expressions read that it has compiled.
    """

    def __init__(self) -> None:
        self._reads: frozenset[str] = frozenset()
        _environment(ROOTS)

    @property
    def name(self) -> str:
        """`cel-cpp`."""
        return NAME

    @property
    def version(self) -> str:
        """The version of `cel-expr-python`."""
        return metadata.version("cel-expr-python")

    def bind(self, data: Mapping[str, JsonValue], budget: Budget | None = None, *, lean: bool = False) -> CppActivation:
        """See `engine.Engine.bind`."""
        if due() and _keeps_tuples():
            reclaim()
        reads = frozenset[str]() if lean else self._reads
        try:
            work = Work(data, budget)
            given = pruned(data, _needs(reads)) if reads else data
            return CppActivation(without_nul(given, work), work, reads=reads or None)
        except ValueError as error:
            return CppActivation({}, Work({}), str(error))
        except RecursionError:
            return CppActivation({}, Work({}), "the data is nested too deep")

    def compile(self, expression: str | ParsedExpression, *, local: tuple[str, ...] = ()) -> CppProgram:
        """See `engine.Engine.compile`."""
        # What a person wrote is told apart from what was rewritten, which may use more.
        key = (False, expression, local) if isinstance(expression, str) else (True, expression.text, local)
        if (program := _PROGRAMS.get(key)) is None:
            if len(_PROGRAMS) >= MAX_PROGRAMS:
                _PROGRAMS.clear()
            whole = parsed(expression)
            tree = optimize(ordered(whole.tree))
            environment = _environment((*ROOTS, *local))
            calls = any(part.kind == "call" and part.name in OURS for part, _ in walk(tree))
            reads = None if local else paths(whole.tree)
            expression, once = compiled(environment, whole.source, tree), tree.kind == "list"
            program = CppProgram(expression, costs(whole.tree), calls, reads, once)
            _PROGRAMS[key] = program
        self._reads |= program.reads or frozenset()
        return program


@lru_cache(maxsize=64)
def _needs(reads: frozenset[str]) -> Mapping[str, Needs]:
    return needs(reads)


@cache
def _package() -> Any:
    # Imported here: 50 MB that no command but the judging ones needs.
    from cel_expr_python import cel  # type: ignore[import-untyped]  # noqa: PLC0415

    if sys.version_info < (3, 12):
        _keep_none()
    return cel


def _keep_none() -> None:
    """Give None as many references as nobody can release: before Python 3.12 it dies with its last one.

    The binding releases a None that it never took for each null that it hands to Python (decision 0060).
    """
    import ctypes  # noqa: PLC0415  only there

    ctypes.c_ssize_t.from_address(id(None)).value += 1 << 40


@lru_cache(maxsize=64)
def _environment(names: tuple[str, ...]) -> Any:
    cel = _package()
    return cel.NewEnv(
        config=cel.NewEnvConfigFromYaml(_EXTENSIONS),
        variables=dict.fromkeys(names, cel.Type.DYN),
        functions=_functions(),
    )


@cache
def _functions() -> tuple[Any, ...]:
    searching = Function("matches", (("string", "string"),), "bool", search)
    return (_boxed(SEARCH, searching), *(_boxed(f"{function.name}_", function) for function in FUNCTIONS))


def _boxed(name: str, function: Function) -> Any:
    """A function of ours that takes its arguments in one list, which it empties: the binding keeps it (`reclaim`)."""
    cel = _package()
    taken = {tuple(_TYPES.get(kind) for kind in overload) for overload in function.overloads}

    def called(box: list[Any]) -> JsonValue:
        arguments = unpack(box)
        if tuple(map(type, arguments)) not in taken:
            kinds = [_KINDS.get(type(argument), "unknown") for argument in arguments]
            raise ValueError(f"{function.name} does not take ({', '.join(kinds)})")
        return function.call(*arguments)

    result = getattr(cel.Type, function.result.upper())
    return cel.FunctionDecl(
        name, [cel.Overload(f"{name}list", return_type=result, parameters=[cel.Type.LIST], impl=called)]
    )


@cache
def _keeps_tuples() -> bool:
    cel = _package()

    def call(function: Any) -> None:
        overload = cel.Overload("probe_list", return_type=cel.Type.BOOL, parameters=[cel.Type.LIST], impl=function)
        environment = cel.NewEnv(functions=[cel.FunctionDecl("probe", [overload])])
        environment.compile("probe([1])").eval(environment.Activation({}))

    return keeps_tuples(call)


def compiled(environment: Any, source: str, tree: Node) -> Any:
    """The `cel.Expression` of a tree. Raises ExpressionError with line and column in the source that it is of."""
    written = write(tree)
    if written.depth > ENGINE_DEPTH:
        too_deep(source, tree.start, ENGINE_DEPTH)
    try:
        return environment.compile(written.text)
    except RuntimeError as error:
        # The text is one line.
        problems = [(int(column), text) for _, column, text in _PROBLEM.findall(str(error))]
        # What follows from another problem of the expression is told last.
        problems.sort(key=lambda problem: ("*error*" in problem[1], problem))
        column, text = problems[0] if problems else (1, str(error))
        place = Location("", *line_column(source, written.origin(max(column, 1) - 1)))
        raise ExpressionError(error_line(readable(text)), hint=field_hint(text), location=place) from error


@dataclass(frozen=True, slots=True)
class CheckedType:
    """The type of an expression that was checked."""

    name: str
    """In CEL's words: `bool`, `list<ToolCall>`, `dyn` when it is only known at run time."""
    native: Any
    """A `cel.Type`."""


class TypeChecker:
    """Checks expressions against the shape of what they see (`environment`), without evaluating them."""

    def __init__(self) -> None:
        self._pool = _descriptors()
        self._roots = {name: _native(kind) for name, kind in ROOT_TYPES.items()}
        self._functions = _checked_functions()

    def check(self, source: str, params: Mapping[str, JsonValue], variables: Mapping[str, CheckedType]) -> CheckedType:
        """The type of an expression as it is written, with `params` and `variables` in it.

        Raises ExpressionError with line and column in `source`.
        """
        types = _package().Type
        # The checker would take has(params.x) for the value of a name "params.x".
        asked = {part.name for part, _ in walk(parse(source)) if part.test_only and part.children[0].name == "params"}
        names = {**self._roots, "params": types.Map(types.STRING, types.DYN)}
        names |= {
            f"params.{key}": _type_of(value) for key, value in params.items() if key.isidentifier() and key not in asked
        }
        names |= {f"variables.{key}": checked.native for key, checked in variables.items()}
        environment = _package().NewEnv(self._pool, variables=names, functions=self._functions)
        found = compiled(environment, source, typed(parse(source))).return_type()
        name = re.sub(r"\b[A-Z_]+\b", lambda word: word[0].lower(), found.name().replace(f"{PACKAGE}.", ""))
        return CheckedType(name, found)


def _native(kind: str) -> Any:
    types = _package().Type
    if kind.startswith("list of "):
        return types.List(_native(kind.removeprefix("list of ")))
    return types.STRING if kind == "string" else types(f"{PACKAGE}.{kind}")


def _type_of(value: JsonValue) -> Any:
    """The type that the literal of a JSON value has."""
    types = _package().Type
    if isinstance(value, dict):
        return types.Map(types.STRING, _common(value.values()))
    if isinstance(value, (list, tuple)):
        return types.List(_common(value))
    return getattr(types, kind_of(value).upper())


def _common(values: Iterable[JsonValue]) -> Any:
    found = [_type_of(value) for value in values]
    return found[0] if found and all(item == found[0] for item in found) else _package().Type.DYN


def _checked_functions() -> list[Any]:
    """The functions of ours with the types of the shape: `calls` gives tool calls, `includes` takes anything."""
    cel = _package()
    types = cel.Type
    record, texts, items = types.Map(types.STRING, types.DYN), types.List(types.STRING), types.List(types.DYN)
    kinds = {name: getattr(types, name.upper()) for name in ("string", "dyn", "bool", "double")}
    kinds |= {"list": texts, "map": record}
    results = {"calls": types.List(_native("ToolCall")), "distinct": items}
    firsts = {"calls": _native("Response"), "includes": types.DYN, "matchesSchema": types.DYN}
    firsts |= dict.fromkeys(("sum", "min", "max", "average", "distinct"), items)
    return [
        cel.FunctionDecl(
            item.name,
            [
                cel.Overload(
                    f"{item.name}_{'_'.join(overload[1:])}_{'method' if method else 'function'}",
                    return_type=results.get(item.name) or kinds[item.result],
                    parameters=[firsts.get(item.name) or kinds[overload[0]], *(kinds[kind] for kind in overload[1:])],
                    is_member=method,
                )
                # Where the first parameter takes anything, the overloads are one.
                for overload in {overload[1:]: overload for overload in item.overloads}.values()
                for method in (False, True)
            ],
        )
        for item in FUNCTIONS
    ]


@cache
def _descriptors() -> Any:
    """The records of the shape as protobuf messages, the only records that the checker knows."""
    # Imported here: only checking needs it.
    from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2  # noqa: PLC0415

    field_type = descriptor_pb2.FieldDescriptorProto
    struct, file = descriptor_pb2.FileDescriptorProto(), descriptor_pb2.FileDescriptorProto()
    struct_pb2.DESCRIPTOR.CopyToProto(struct)
    file.name, file.package, file.syntax = f"{PACKAGE}.proto", PACKAGE, "proto3"
    file.dependency.append(struct.name)
    known = {"dyn": ".google.protobuf.Value", "map": ".google.protobuf.Struct"}
    for record, fields in MESSAGES.items():
        message = file.message_type.add(name=record)
        for number, (name, kind) in enumerate(fields.items(), 1):
            element = kind.removeprefix("list of ")
            field = message.field.add(name=name, number=number, type=field_type.TYPE_STRING)
            field.label = field_type.LABEL_OPTIONAL if element == kind else field_type.LABEL_REPEATED
            if element != "string":
                field.type = field_type.TYPE_MESSAGE
                field.type_name = known.get(element, f".{PACKAGE}.{element}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(struct)
    pool.Add(file)
    return pool
