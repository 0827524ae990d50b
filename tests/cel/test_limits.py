"""Limits of expressions: size, depth, loops and growth."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.cel import limits as syntax
from runback_gate.cel.limits import check_limits, growth, parse, walk
from runback_gate.errors import ExpressionError
from tests.cel.parsers import PIECES, cpp_reads, damaged, ours_reads, py_reads, refusal
from tests.examples import examples


def test_size_limit() -> None:
    """4 KiB of UTF-8 pass, one byte more does not; inlined text may have 64 KiB."""
    assert check_limits('"' + "é" * 2047 + '"').kind == "literal"
    assert refusal('"' + "é" * 2048 + '"').message == "the expression is larger than 4 KiB"
    assert parse('"' + "a" * (2**16 - 2) + '"').kind == "literal"
    assert refusal('"' + "a" * (2**16 - 1) + '"', limits=False).message == "the expression is larger than 64 KiB"


DEEP: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: "(" * n + "1" + ")" * n,
    "fields in parentheses": lambda n: "(a" + ".b" * n + ")",
    "minus": lambda n: "-" * n + "a",
    "not": lambda n: "!" * n + "a",
    "fields": lambda n: "a" + ".b" * n,
    "keys": lambda n: "a" + "[0]" * n,
    "keys in keys": lambda n: "a[" * n + "0" + "]" * n,
    "calls": lambda n: "f(" * n + "a" + ")" * n,
    "methods": lambda n: "a" + ".f()" * n,
    "lists": lambda n: "[" * n + "1" + "]" * n,
    "maps": lambda n: "{1:" * n + "1" + "}" * n,
    "conditionals": lambda n: "a ? 1 : " * n + "1",
    "sums": lambda n: "1" + " + 1" * n,
    "comparisons": lambda n: "a" + " == a" * n,
    "loops": lambda n: "[1]" + ".map(x, x)" * n,
    "nested loops": lambda n: "[1].all(x, " * n + "true" + ")" * n,
    "mixed": lambda n: "(a && [1].exists(x, " * n + "true" + "))" * n,
}


@pytest.mark.parametrize("shape", DEEP.values(), ids=DEEP.keys())
def test_depth_limits(shape: Callable[[int], str]) -> None:
    """Whatever nests, 24 levels are the limit for people, 30 for inlined text, and cel-cpp takes all of these."""
    deepest = next(n for n in range(30, 0, -1) if ours_reads(shape(n)))
    assert cpp_reads(shape(deepest))
    assert py_reads(shape(deepest))
    assert parse(shape(deepest)).depth <= syntax.ENGINE_DEPTH
    assert "nested deeper than 30 levels" in refusal(shape(deepest + 1), limits=False).message
    assert "nested deeper than" in refusal(shape(min(deepest, 28))).message
    for many in (40, 1000):
        assert refusal(shape(many), limits=False).location is not None


@pytest.mark.slow
@pytest.mark.parametrize("shape", DEEP.values(), ids=DEEP.keys())
def test_as_deep_as_a_text_can_be(shape: Callable[[int], str]) -> None:
    """20,000 levels are refused like 40."""
    assert refusal(shape(20_000)[: 2**16], limits=False).location is not None


def test_long_chains_of_logic_are_flat() -> None:
    """`&&` and `||` may have as many terms as fit: engines balance them."""
    assert check_limits(" || ".join("a" for _ in range(500))).depth == 2


def test_loops_nest_twice() -> None:
    """Two loops may stand in each other, a third may not; loops behind each other are not nested."""
    assert check_limits("a.all(x, x.all(y, y > 0)) && a.filter(x, true).map(x, x).all(y, y)").name == "&&"
    error = refusal("a.all(x,\n  x.all(y, y.all(z, true)))")
    assert (error.message, str(error.location)) == ("loops are nested deeper than 2", ":2:14")
    assert error.hint == "move the inner loop to spec.variables"


@pytest.mark.parametrize("name", ["request", "response", "history", "params", "variables", "int", "type"])
def test_loop_variables_hide_nothing(name: str) -> None:
    """A loop variable may not have the name of a root, of `params`, of `variables` or of a type."""
    assert "hides a name that has a meaning" in refusal(f"a.all({name}, true)").message


@pytest.mark.parametrize(
    ("source", "bound"),
    [
        ("1", 1),
        ("response.text", 1),
        ("a + a", 2),
        ('"x" + a', 1),
        ("[a, a, a]", 3),
        ("[1, 2, 3]", 1),
        ("{a: a}", 2),
        ("a.map(x, x + x)", 2),
        ("a.map(x, x + x).map(x, x + x).map(x, x + x)", 8),
        ("a.filter(x, x + x == x)", 2),
        ("a ? b + b : c", 2),
        ("has(a.b)", 1),
    ],
)
def test_growth(source: str, bound: int) -> None:
    """The bound says how many copies of a piece of data one value can hold."""
    assert growth(parse(source)) == bound


def test_growth_is_limited() -> None:
    """A chain of loops that each double their text is refused before it takes memory; literals may be many."""
    assert growth(check_limits("[a]" + ".map(x, x + x)" * 8)) == 256
    assert "could repeat its data more than 256 times" in refusal("[a]" + ".map(x, x + x)" * 9).message
    assert growth(check_limits(f"a in [{', '.join(str(n) for n in range(600))}]")) == 1


@settings(max_examples=examples(100))
@given(st.one_of(st.text(st.characters(), max_size=80), damaged(), st.lists(PIECES, max_size=40).map("".join)))
def test_limits_hold_for_any_text(source: str) -> None:
    """Any text is a tree within all limits, or one ExpressionError with line and column."""
    try:
        node = check_limits(source)
    except ExpressionError as error:
        assert error.location is not None
        assert error.location.line
        assert error.location.column
    else:
        assert node.depth <= syntax.MAX_DEPTH
        assert len(source.encode()) <= syntax.MAX_SOURCE
        assert all(len(scope) <= syntax.MAX_NESTING for _, scope in walk(node))
        assert all(0 <= part.start < part.end <= len(source) for part, _ in walk(node))
