"""cel-python, the second opinion on every policy test; the only file that imports `celpy`.

In: CEL source and JSON data. Out: `Outcome`s, as `engine.Engine` promises.

    engine = PyEngine()
    engine.compile("response.tool_calls.size() == 1").evaluate(engine.bind({"response": {"tool_calls": []}}))

celpy brings the parser, the literals, the number and string types. It has no type checker and deviates from the
specification in comparisons, conversions, times, macros and `has()`, so those are replaced here, in `celpy_values` and
in `times`. It is slow, by two orders of magnitude.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from importlib import metadata
from typing import Any, cast

import lark
from celpy import celtypes
from celpy.celparser import CELParseError, CELParser
from celpy.evaluation import Activation as Names
from celpy.evaluation import CELEvalError, Evaluator, base_functions

from runback_gate.canonical import JsonValue
from runback_gate.cel.celpy_tree import inner, name_of
from runback_gate.cel.celpy_values import (
    RELATIONS,
    TYPES,
    TypeName,
    compare,
    converted,
    divided_by_zero,
    entry,
    equal,
    kind_of,
    remainder,
    text_of,
    time_field,
    to_plain,
)
from runback_gate.cel.costs import Costs, costs
from runback_gate.cel.engine import (
    BUDGET_MESSAGE,
    ITERATION_BUDGET,
    Activation,
    Outcome,
    ParsedExpression,
    error_line,
    json_value,
    without_nul,
)
from runback_gate.cel.functions import FUNCTIONS
from runback_gate.cel.limits import parsed
from runback_gate.cel.optimize import ordered
from runback_gate.cel.overloads import OVERLOADS
from runback_gate.cel.parser import BIND, LOOPS
from runback_gate.cel.pattern import search
from runback_gate.cel.spelling import FIELDS
from runback_gate.cel.tokens import fail
from runback_gate.cel.work import Budget, Work
from runback_gate.cel.write import write
from runback_gate.frozen import dataclass

NAME = "celpy"


@dataclass(frozen=True, slots=True)
class PyActivation:
    """Data in the form that celpy reads."""

    values: Mapping[str, Any]
    """The roots as CEL values."""
    work: Work
    """What programs may cost on it."""
    error: str | None = None
    """Why there are none."""
    engine: str = NAME
    """The engine that can read it."""


@dataclass(frozen=True, slots=True)
class PyProgram:
    """An expression that celpy has parsed."""

    tree: lark.Tree[Any]
    """The syntax tree."""
    costs: Costs

    def evaluate(self, activation: Activation) -> Outcome:
        """See `engine.Program.evaluate`."""
        if not isinstance(activation, PyActivation):
            return Outcome(error=f"the data was bound for the engine {activation.engine}")
        if activation.error is not None:
            return Outcome(error=activation.error)
        try:
            activation.work.reserve(self.costs)
            with activation.work:
                value = _Evaluator(self.tree, activation.values, [ITERATION_BUDGET]).visit(self.tree)
            failed = isinstance(value, CELEvalError)
            return Outcome(error=_message(value)) if failed else Outcome(json_value(to_plain(value)))
        # celpy lets exceptions of many types through, and every one of them means that there is no verdict.
        except Exception as error:  # noqa: BLE001
            return Outcome(error=_message(error))


class PyEngine:
    """celpy behind the `engine.Engine` protocol. What one parsed, every other remembers."""

    @property
    def name(self) -> str:
        """`celpy`."""
        return NAME

    @property
    def version(self) -> str:
        """The version of `cel-python`."""
        return metadata.version("cel-python")

    def bind(self, data: Mapping[str, JsonValue], budget: Budget | None = None, *, lean: bool = False) -> PyActivation:  # noqa: ARG002
        """See `engine.Engine.bind`."""
        try:
            work = Work(data, budget)
            return PyActivation({name: _from_json(item) for name, item in without_nul(data, work).items()}, work)
        except (ValueError, RecursionError) as error:
            return PyActivation({}, Work({}), error_line(f"the data cannot be used: {error}"))

    def compile(self, expression: str | ParsedExpression, *, local: tuple[str, ...] = ()) -> PyProgram:  # noqa: ARG002
        """See `engine.Engine.compile`. celpy has no checker: names and types are looked up when they are used."""
        whole = parsed(expression)
        written = write(ordered(whole.tree))
        try:
            return _program(written.text, costs(whole.tree))
        except CELParseError as error:
            fail(whole.source, written.origin(max(error.column or 1, 1) - 1), error_line(str(error)))


@lru_cache(maxsize=1024)
def _program(text: str, parts: Costs) -> PyProgram:
    return PyProgram(CELParser().parse(text), parts)  # celpy.Environment changes the recursion limit of the process


class _AbortError(Exception):
    """Ends the evaluation. It is no CELEvalError: `|| true` does not absorb it, as in cel-cpp."""


class _Once:
    """A value that is computed when it is first used."""

    def __init__(self, compute: Callable[[], Any]) -> None:
        self.get = cache(compute)


class _Evaluator(Evaluator):
    """celpy's evaluator with the specification's macros, logic and `has()`, and with a budget."""

    def __init__(self, tree: lark.Tree[Any], values: Mapping[str, Any], left: list[int]) -> None:
        super().__init__(tree, _NAMES)
        self.values = values
        self.left = left

    def _visit_tree(self, tree: lark.Tree[Any]) -> Any:
        return super()._visit_tree(inner(tree))

    def ident_value(self, name: str, root_scope: bool = False) -> Any:  # noqa: ARG002
        """The value of a variable, or a type by its name."""
        unknown = CELEvalError(f"undeclared reference to '{name}'")
        value = self.values[name] if name in self.values else TYPES.get(name, unknown)
        return value.get() if isinstance(value, _Once) else value

    def expr(self, tree: lark.Tree[Any]) -> Any:
        """`condition ? then : else`."""
        condition, then, otherwise = tree.children
        value = self.visit(condition)
        if isinstance(value, celtypes.BoolType):
            return self.visit(then if value else otherwise)
        return value if isinstance(value, CELEvalError) else CELEvalError("the condition of ? : is not a bool")

    def conditionalor(self, tree: lark.Tree[Any]) -> Any:
        """`a || b || …`."""
        return self._logic(tree, True)

    def conditionaland(self, tree: lark.Tree[Any]) -> Any:
        """`a && b && …`."""
        return self._logic(tree, False)

    def _logic(self, tree: lark.Tree[Any], decisive: bool) -> Any:
        """The decisive value, wherever it stands, outweighs errors."""
        terms = []
        rule = tree.data
        # A chain is a tree that leans left: thousands of terms must not be thousands of calls.
        while tree.data == rule and len(tree.children) == 2:
            rest, term = tree.children
            terms.append(term)
            tree = rest
        return _decide((self.visit(term) for term in (tree, *reversed(terms))), decisive)

    def member_dot_arg(self, tree: lark.Tree[Any]) -> Any:
        """Macros and methods. celpy itself takes `min` for a macro, which says other things than ours."""
        target, name = tree.children[:2]
        if name == BIND:
            variable, value, body = tree.children[2].children
            once = _Once(lambda: self.visit(value))
            return _Evaluator(body, {**self.values, name_of(variable): once}, self.left).visit(body)
        if name not in LOOPS:
            return self.method_eval(*cast("Any", self.visit_children(tree)))
        items = self.visit(target)
        if isinstance(items, CELEvalError):
            return items
        if not isinstance(items, (celtypes.ListType, celtypes.MapType)):
            return CELEvalError(f"{name}() goes over a list or a map, not over {kind_of(items)}")
        variable, body = tree.children[2].children
        if isinstance(items, celtypes.MapType):
            # cel-cpp counts the loop that collects the keys.
            self._count(len(items))
            if len({kind_of(key) for key in items}) > 1:
                return CELEvalError("keys of several types have no order")
            items = sorted(items)
        return self._loop(str(name), name_of(variable), body, list(items))

    def _loop(self, name: str, variable: str, body: lark.Tree[Any], items: list[Any]) -> Any:
        values = (self._with(variable, item, body) for item in items)
        if name in ("all", "exists"):
            return _decide(values, name == "exists")
        kept, first = [], -1
        for index, (item, value) in enumerate(zip(items, values, strict=True)):
            if isinstance(value, CELEvalError):
                return value
            if name != "map" and not isinstance(value, celtypes.BoolType):
                return CELEvalError(f"the condition of {name}() is not a bool")
            if name == "map" or value:
                kept.append(value if name == "map" else item)
                first = index if first < 0 else first
        if name in ("count_if", "index_where"):
            return celtypes.IntType(len(kept) if name == "count_if" else first)
        if name in ("before", "after"):
            kept = (items if first < 0 else items[:first]) if name == "before" else items[first + 1 :] if kept else []
        return celtypes.BoolType(len(kept) == 1) if name == "exists_one" else celtypes.ListType(kept)

    def _with(self, variable: str, item: Any, body: lark.Tree[Any]) -> Any:
        self._count(1)
        return _Evaluator(body, {**self.values, variable: item}, self.left).visit(body)

    def _count(self, iterations: int) -> None:
        if iterations and self.left[0] <= iterations:
            raise _AbortError(BUDGET_MESSAGE)
        self.left[0] -= iterations

    def macro_has_eval(self, exprlist: lark.Tree[Any]) -> Any:
        """`has(e.f)`: whether the map e has the key f; an error when e is none."""
        target, field = inner(exprlist.children[0]).children
        holder = self.visit(target)
        if isinstance(holder, CELEvalError):
            return holder
        if not isinstance(holder, celtypes.MapType):
            return CELEvalError(f"has() looks into a map, not into {kind_of(holder)}")
        return celtypes.BoolType(celtypes.StringType(str(field)) in holder)

    def mapinits(self, tree: lark.Tree[Any]) -> Any:
        """The entries of a map; an error in one is an error of the map."""
        found = self.visit_children(tree)
        for item in found:
            if isinstance(item, CELEvalError):
                return item
        entries: dict[Any, Any] = {}
        for key, value in zip(found[::2], found[1::2], strict=True):
            if kind_of(key) not in ("string", "int", "uint", "bool"):
                return CELEvalError(f"{kind_of(key)} cannot be a key of a map")
            if key in entries:
                raise _AbortError("the key appears twice in the map")
            entries[key] = value
        return celtypes.MapType(entries)


def _decide(values: Iterable[Any], decisive: bool) -> Any:
    error = None
    for value in values:
        if isinstance(value, celtypes.BoolType):
            if bool(value) is decisive:
                return value
        elif error is None:
            error = value if isinstance(value, CELEvalError) else CELEvalError("a term is not a bool")
    return celtypes.BoolType(not decisive) if error is None else error


def _message(error: Exception) -> str:
    text = str(error.args[0]) if error.args else type(error).__name__
    # celpy adds all names that it knows.
    return error_line(text.partition(" (in activation ")[0])


def _from_json(value: JsonValue) -> Any:
    if value is None:
        return None
    if isinstance(value, bool):
        return celtypes.BoolType(value)
    if isinstance(value, int):
        return celtypes.IntType(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number that is not finite")
        return celtypes.DoubleType(value)
    if isinstance(value, str):
        # Raises UnicodeEncodeError, a ValueError, for a lone surrogate.
        value.encode()
        return celtypes.StringType(value)
    if isinstance(value, (list, tuple)):
        return celtypes.ListType([_from_json(item) for item in value])
    return celtypes.MapType({_from_json(key): _from_json(item) for key, item in value.items()})


def _relation(symbol: str) -> Callable[[Any, Any], Any]:
    return lambda left, right: celtypes.BoolType(compare(symbol, left, right))


def _divided(left: Any, right: Any) -> Any:
    by_zero = kind_of(left) == "double" and float(right) == 0
    return celtypes.DoubleType(divided_by_zero(float(left), float(right))) if by_zero else left / right


def _conversion(name: str, kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: kind(converted(name, value))


def _field(name: str) -> Callable[..., Any]:
    return lambda *operands: celtypes.IntType(time_field(name, *operands))


_OWN: dict[type, Any] = {float: celtypes.DoubleType, str: celtypes.StringType, list: celtypes.ListType}
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "int": celtypes.IntType,
    "uint": celtypes.UintType,
    "double": celtypes.DoubleType,
    "bool": celtypes.BoolType,
    **dict.fromkeys(("timestamp", "duration"), lambda value: value),
}
Kinds = frozenset[tuple[str, ...]]


def _strict(name: str, overloads: Kinds | None, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that returns errors as values, and takes the kinds of its overloads only."""

    def called(*arguments: Any) -> Any:
        for argument in arguments:
            if isinstance(argument, CELEvalError):
                return argument
        kinds = tuple(map(kind_of, arguments))
        if overloads is not None and kinds not in overloads:
            return CELEvalError(f"{name} does not take ({', '.join(kinds)})")
        try:
            result = function(*arguments)
            # `+` of two of celpy's lists, strings or doubles gives one of Python's.
            own = _OWN.get(type(result))
            return own(result) if own else result
        # celpy's own types raise whatever Python's do; an error value is what `&&` and `||` can absorb.
        except Exception as error:  # noqa: BLE001
            return CELEvalError(str(error) or type(error).__name__)

    return called


def _ours(function: Callable[..., JsonValue]) -> Callable[..., Any]:
    return lambda *arguments: _from_json(function(*map(to_plain, arguments)))


def _table() -> dict[str, Callable[..., Any]]:
    """All operators and functions, under the names by which celpy's evaluator asks for them."""
    chosen: dict[str, Callable[..., Any]] = {
        "_==_": lambda left, right: celtypes.BoolType(equal(left, right)),
        "_!=_": lambda left, right: celtypes.BoolType(not equal(left, right)),
        "_in_": lambda item, container: celtypes.BoolType(any(equal(item, candidate) for candidate in container)),
        "_[_]": entry,
        "_+_": operator.add,
        "_-_": operator.sub,
        "_*_": operator.mul,
        "_/_": _divided,
        "_%_": remainder,
        "-_": operator.neg,
        "size": lambda value: celtypes.IntType(len(value)),
        "contains": lambda text, part: celtypes.BoolType(str(part) in str(text)),
        "matches": lambda text, pattern: celtypes.BoolType(search(str(text), str(pattern))),
        "string": lambda value: celtypes.StringType(text_of(value)),
        "type": lambda value: TypeName(kind_of(value)),
        **{name: _conversion(name, kind) for name, kind in _CONVERSIONS.items()},
        **{f"get{name}": _field(name) for name in FIELDS},
        **{f"_{sign}_": _relation(sign) for sign in RELATIONS},
        **{item.name: _ours(item.call) for item in FUNCTIONS},
    }
    return {
        name: _strict(name.strip("_"), OVERLOADS.get(name), function)
        for name, function in {**base_functions, **chosen}.items()
    }


_NAMES = Names(functions=_table())
