"""String constants of Python modules, read from their source: nothing of it is executed.

In: the bytes of a module. Out: the text of one of its constants, or all of them.

    read_constant(b'SYSTEM = "Be kind. " + "Be brief."', "SYSTEM", "app/prompts.py")     # 'Be kind. Be brief.'

A constant is a name that the module binds once, at its top level, to string literals: side by side, in parentheses,
joined by `+`, or with a `strip()` behind them. What is computed, bound twice or declared `global` is none: its text
could be another one when the agent runs.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Final

from runback_gate.errors import DocumentError, Location

_STRIPS: Final = {"strip": str.strip, "lstrip": str.lstrip, "rstrip": str.rstrip}
_NAMES: Final = ("name", "asname", "rest")
"""Fields of a node that bind the name they hold: functions, classes, imports, handlers, patterns."""


def read_constant(data: bytes, symbol: str, path: str) -> str:
    """The text of a constant of a module.

    Args:
        data: the source.
        symbol: name of the constant.
        path: names the module in errors.

    Raises:
        DocumentError: no Python, or no constant of that name.
    """
    tree = _tree(data)
    if tree is None:
        raise DocumentError("not a Python module that can be read", location=Location(path))
    lines = _bound(tree).get(symbol, [])
    if not lines:
        known = ", ".join(name for name, _ in _constants(tree))[:200]
        raise DocumentError(f"no constant {symbol!r}", hint=f"constants: {known or 'none'}", location=Location(path))
    text = dict(_constants(tree)).get(symbol)
    if text is None:
        what = "is bound more than once" if len(lines) > 1 else "is no string constant"
        hint = "bind it once, at the top level, to string literals; nothing is executed to find its text"
        raise DocumentError(f"{symbol!r} {what}", hint=hint, location=Location(path, max(lines)))
    return text


def constants(data: bytes) -> tuple[tuple[str, str], ...]:
    """Name and text of every constant of a module; none where it cannot be read."""
    tree = _tree(data)
    return () if tree is None else tuple(_constants(tree))


def _tree(data: bytes) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    bound = _bound(tree)
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        if isinstance(target, ast.Name) and len(bound[target.id]) == 1 and (text := _text(value)) is not None:
            yield target.id, text


def _text(node: ast.expr) -> str | None:
    """The text of string literals; None for anything that is computed."""
    # A chain of `+` leans to the left: read from its end, without recursion.
    parts: list[str] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        right = _operand(node.right)
        if right is None:
            return None
        parts.append(right)
        node = node.left
    first = _operand(node)
    return None if first is None else first + "".join(reversed(parts))


def _operand(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args and not node.keywords:
        strip, inner = _STRIPS.get(node.func.attr), node.func.value
        if strip and isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            return strip(inner.value)
    return None


def _bound(tree: ast.Module) -> dict[str, list[int]]:
    """The lines in which each name is bound, in whatever scope; a `*` import may bind any that stands before it."""
    bound: dict[str, list[int]] = {}
    stars = []
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Name):
            names = [] if isinstance(node.ctx, ast.Load) else [node.id]
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            names = node.names
        elif isinstance(node, ast.alias):
            names = [node.asname or node.name.partition(".")[0]]
        else:
            names = [name for field in _NAMES if isinstance(name := getattr(node, field, None), str)]
        if "*" in names:
            stars.append(line)
        for name in names:
            bound.setdefault(name, []).append(line)
    for lines in bound.values():
        lines += [star for star in stars if star > min(lines)]
    return bound
