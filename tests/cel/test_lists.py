"""Facts about what expressions can say of a list as a whole: the same in both engines, as in plain Python."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.canonical import JsonValue
from runback_gate.cel.aggregates import average, distinct, largest, smallest, total
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine, Outcome
from runback_gate.cel.limits import MAX_DEPTH, check_limits, parse
from runback_gate.cel.macros import OURS
from runback_gate.cel.parser import ENGINE_DEPTH
from runback_gate.cel.py_engine import PyEngine
from runback_gate.errors import ExpressionError
from tests.examples import examples

CPP = CppEngine()
ENGINES: tuple[Engine, ...] = (CPP, PyEngine())
LARGEST = 2**63 - 1


def both(source: str, values: JsonValue = None) -> Outcome:
    """What both engines make of an expression over `history`, which stands for any list."""
    data: dict[str, JsonValue] = {"history": values}
    first, second = (engine.compile(source).evaluate(engine.bind(data)) for engine in ENGINES)
    assert repr(first.value) == repr(second.value)
    assert (first.error is None) == (second.error is None), (first, second)
    return first


TABLE = """
sum([]) => 0
[40, 250].sum() => 290
sum([0.1, 0.2, 0.3]) => 0.6
sum([1, 2.0]) => mixes double and int
sum([9223372036854775807, 1]) => does not fit 64 bits
sum([1e308, 1e308]) => does not fit a double
sum([1.0 / 0.0]) => not finite
sum(["a"]) => no int and no double
sum([true]) => no int and no double
sum("a") => does not take
min([3, 1, 2]) => 1
max([3.5, 1.0]) => 3.5
max(["2026-01-02", "2025-12-31"]) => '2026-01-02'
min([]) => the list is empty
max([]) => the list is empty
max([1, "1"]) => mixes int and string
min([[1]]) => no int and no double and no string
average([1, 2]) => 1.5
average([0.5, 1.5]) => 1.0
average([]) => the list is empty
average(["1"]) => no int and no double
distinct([1, 1.0, "a", true, {"a": [1]}, {"a": [1.0]}, null, "a"]) => [1, 'a', True, {'a': [1]}, None]
distinct([duration("1s")]) => JSON has no form for
[3, 1, 3].distinct().size() => 2
[1, 2, 3].count_if(n, n > 1) => 2
[].count_if(n, n > 1) => 0
[1, 2, 3].count_if(n, n / (n - 3) == 0) => divi
[5, 6, 5].index_where(n, n == 5) => 0
[5, 6, 5].index_where(n, n == 6) => 1
[5, 6, 5].index_where(n, n == 7) => -1
[5, 6, 7].before(n, n == 6) => [5]
[5, 6, 7].before(n, n == 5) => []
[5, 6, 7].before(n, n == 9) => [5, 6, 7]
[5, 6, 7].after(n, n == 6) => [7]
[5, 6, 7].after(n, n == 7) => []
[5, 6, 7].after(n, n == 9) => []
[5, 6, 5].after(n, n == 5) => [6, 5]
[1, 2].before(n, n == 1 || n / 0 == 0) => divi
[1, 2, 3].before(l_, [4, 5].index_where(i_, i_ == l_ + 2) == 0) => [1]
[1, 2, 3].map(l_, [9, 3].index_where(i_, i_ == l_)) => [-1, -1, 1]
history.index_where(n, true) => error
history.count_if(n, true) => error
{"b": 1, "a": 2}.before(k, k == "b") => ['a']
{}.index_where(k, true) => -1
"".after(c, true) => error
"""


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_what_is_said_of_a_list(row: str) -> None:
    """Both engines give this value, or an error that says why."""
    source, _, expected = row.partition(" => ")
    found = both(source)
    if found.error is None:
        assert repr(found.value) == expected
    else:
        assert expected == "error" or expected in found.error


NUMBERS = st.one_of(
    st.lists(st.integers(-(2**63), LARGEST), max_size=6),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=6),
    st.lists(st.one_of(st.integers(-9, 9), st.floats(-9, 9), st.text(max_size=2), st.booleans()), max_size=4),
)


@settings(max_examples=examples(40))
@given(NUMBERS, st.sampled_from(["sum", "min", "max", "average", "distinct"]))
def test_both_engines_say_what_python_says(values: list[Any], name: str) -> None:
    """A list as a whole, in both engines and in Python: one value, or an error."""
    by_name: dict[str, Any] = {
        "sum": total,
        "min": smallest,
        "max": largest,
        "average": average,
        "distinct": distinct,
    }
    found = both(f"{name}(history)", cast("JsonValue", values))
    try:
        expected = by_name[name](values)
    except ValueError as error:
        assert found.error is not None
        assert str(error) in found.error
    else:
        assert repr(found.value) == repr(expected)


@settings(max_examples=examples(40))
@given(
    st.lists(st.one_of(st.integers(-3, 3), st.sampled_from(["a", 0.5])), max_size=6),
    st.sampled_from(["n == 1", "n > 0", "n in [1, 2]", "10 / n > 3", "n != n", "n == n"]),
)
def test_the_macros_split_a_list(values: list[Any], condition: str) -> None:
    """What stands before, the element itself and what stands after make up the list; each is an error where one is."""
    data = cast("JsonValue", values)
    count, index, before, after, kept = (
        both(f"history.{name}(n, {condition})", data)
        for name in ("count_if", "index_where", "before", "after", "filter")
    )
    if kept.error is not None:
        assert None not in (count.error, index.error, before.error, after.error)
        return
    assert count.value == len(cast("list[JsonValue]", kept.value))
    at = cast("int", index.value)
    middle = [] if at < 0 else [values[at]]
    assert [*cast("list[Any]", before.value), *middle, *cast("list[Any]", after.value)] == values
    assert (at < 0) == (count.value == 0)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("engine", [CPP, pytest.param(ENGINES[1], marks=pytest.mark.slow)], ids=["cel-cpp", "celpy"])
def test_loops_of_ours_are_bounded(engine: Engine, name: str) -> None:
    """They share the 10,000 turns of an evaluation, and a list that is too long to be copied is refused."""
    few = engine.bind({"history": cast("JsonValue", list(range(120)))})
    program = engine.compile(f"history.all(a, size([history.{name}(b, b == a)]) == 0 || true)")
    assert "without an end" in str(program.evaluate(few).error)
    many = engine.bind({"history": cast("JsonValue", list(range(9_000)))})
    assert "too long" in str(engine.compile(f"history.{name}(a, a == 1)").evaluate(many).error)


def test_what_functions_read_in_a_loop_is_counted() -> None:
    """A whole list that is handed over at each turn takes from the work of the answer, and ends it."""
    data = {"history": cast("JsonValue", [{"n": float(n)} for n in range(2_000)])}
    bound = CPP.bind(data)
    assert CPP.compile("sum(history.map(h, h.n)) > 0.0").evaluate(bound).verdict == "true"
    found = CPP.compile("history.all(h, size(distinct(history)) > 0)").evaluate(CPP.bind(data))
    assert "too long" in str(found.error)


@pytest.mark.parametrize("name", OURS)
def test_a_macro_takes_a_variable_and_a_condition(name: str) -> None:
    """Anything else is refused where it stands, as for CEL's own."""
    with pytest.raises(ExpressionError, match="takes a loop variable and an expression"):
        check_limits(f"history.{name}(h)")
    with pytest.raises(ExpressionError, match="must be a new name"):
        check_limits(f"history.{name}(1, true)")


def test_a_macro_may_be_as_deep_as_a_person_may_write() -> None:
    """What it becomes has more levels, and is refused with that reason where the engine would not take it."""
    deep = "h" + " + 1" * (MAX_DEPTH - 4)
    assert parse(f"history.index_where(h, {deep} > 0)").depth <= MAX_DEPTH
    with pytest.raises(ExpressionError, match=f"deeper than {ENGINE_DEPTH} levels"):
        CPP.compile(f"history.before(h, {deep} > 0).size() > 0")
