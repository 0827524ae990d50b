"""Facts about both CEL engines: what each promises, and that their verdicts are the same."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import BUDGET_MESSAGE, ERROR_LENGTH, Engine, Outcome, error_line, json_value, kind
from runback_gate.cel.py_engine import PyEngine
from runback_gate.errors import ExpressionError

CPP, PY = CppEngine(), PyEngine()
ENGINES: tuple[Engine, ...] = (CPP, PY)
each_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)

DATA: dict[str, JsonValue] = {
    "response": {
        "text": "I asked a specialist. Ünïcode 😀",
        "tool_calls": [{"name": "issue_refund", "arguments": {"amount": 250}}],
    },
    "history": [],
    "case": {"id": "c1"},
}


def say(engine: Engine, source: str, data: dict[str, JsonValue] = DATA) -> Outcome:
    """What an engine makes of an expression."""
    return engine.compile(source).evaluate(engine.bind(data))


@each_engine
def test_only_a_bool_is_a_verdict(engine: Engine) -> None:
    """True and false are verdicts; any other value is an error that says what came out."""
    found = [say(engine, source) for source in ("1 == 1", "1 == 2", "1", '"true"', "null", "[true]", "1.5", "{}")]
    assert [outcome.verdict for outcome in found] == ["true", "false", *["error"] * 6]
    assert [outcome.reason for outcome in found] == [
        None,
        None,
        *(f"returned {name}, expected bool" for name in ("int", "string", "null", "list", "double", "map")),
    ]


@each_engine
def test_values_are_json(engine: Engine) -> None:
    """Maps come out with sorted keys, times as text; what JSON cannot hold is an error."""
    value = say(engine, '{"b": [1, {"d": null, "c": 2.5}], "a": timestamp("2026-01-01T00:00:00.5Z")}').value
    assert repr(value) == "{'a': '2026-01-01T00:00:00.500000Z', 'b': [1, {'c': 2.5, 'd': None}]}"
    assert [say(engine, text).error for text in ("type(1)", "{1: 2}", "1.0 / 0.0", '[duration("1.5s")]')] == [
        "a value that JSON cannot hold",
        "a map with keys that are not strings",
        "a number that is not finite",
        None,
    ]


@pytest.mark.slow
@each_engine
def test_budget_of_one_loop(engine: Engine) -> None:
    """9,999 iterations pass, 10,001 are an error, which `|| true` does not absorb."""
    short, long = (engine.bind({"history": [0] * size}) for size in (9_999, 10_001))
    program = engine.compile("history.all(x, x >= 0) || true")
    assert program.evaluate(short).verdict == "true"
    assert program.evaluate(long).error == BUDGET_MESSAGE


@pytest.mark.parametrize("loop", ["history.exists(x, x < 0)", "history.exists_one(x, x == 1)"])
def test_budget_of_other_loops(loop: str) -> None:
    """Every kind of loop counts."""
    program = CPP.compile(loop)
    assert program.evaluate(CPP.bind({"history": [0] * 9_999})).verdict == "false"
    assert program.evaluate(CPP.bind({"history": [0] * 10_001})).error == BUDGET_MESSAGE


@pytest.mark.slow
@each_engine
def test_budget_of_nested_loops(engine: Engine) -> None:
    """Three nested loops over 120 elements end with an error; the budget is that of the whole evaluation."""
    outcome = say(
        engine, "history.all(a, history.all(b, history.all(c, a + b + c >= 0)))", {"history": list(range(120))}
    )
    assert outcome.error == BUDGET_MESSAGE
    source = "history.map(a, history.filter(b, true)).size() > 1"
    assert say(engine, source, {"history": list(range(99))}).value is True
    assert say(engine, source, {"history": list(range(100))}).error == BUDGET_MESSAGE


@each_engine
def test_the_budget_is_not_used_up(engine: Engine) -> None:
    """Each evaluation has a budget of its own."""
    program, data = engine.compile("history.all(a, true)"), engine.bind({"history": [0] * 6_000})
    assert [program.evaluate(data).verdict for _ in range(2)] == ["true"] * 2


@each_engine
@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("1 +", 1, 4),
        ("(" * 40 + "1" + ")" * 40, 1, 31),
        ("1" + " + 1" * 31, 1, 119),
        ("a\n  b", 2, 3),
        ('"\ud800"', 1, 2),
        ("a" * 70_000, 1, 1),
    ],
)
def test_errors_of_compiling_have_a_place(engine: Engine, source: str, line: int, column: int) -> None:
    """What cannot be read is an ExpressionError with line and column, before an engine sees it."""
    with pytest.raises(ExpressionError) as caught:
        engine.compile(source)
    location = caught.value.location
    assert location is not None
    assert (location.line, location.column) == (line, column)


@pytest.mark.parametrize(
    ("source", "message", "place"),
    [
        ("foo(1)", "unknown function 'foo'", ":1:1"),
        ("params.x", "undeclared reference to 'params.x'", ":1:8"),
        ('"😀" +\n  1', "`+` does not take (string, int)", ":1:5"),
        ("!1", "`!` does not take (int)", ":1:1"),
        ('"a".startsWith(1)', "startsWith does not take (string, int)", ":1:5"),
        ("true ? 1 : 'a'", "`? :` does not take (bool, int, string)", ":1:6"),
    ],
)
def test_types_are_checked_by_the_judging_engine(source: str, message: str, place: str) -> None:
    """Unknown names and types that cannot fit are errors of compiling, in words without the engine's signatures."""
    with pytest.raises(ExpressionError) as caught:
        CPP.compile(source)
    assert caught.value.message == message
    assert str(caught.value.location) == place


@each_engine
def test_local_names(engine: Engine) -> None:
    """A program may be compiled with names besides the roots, which the data then binds."""
    program = engine.compile("c.amount > 1 && has(response.text)", local=("c",))
    assert program.evaluate(engine.bind({**DATA, "c": {"amount": 2}})).verdict == "true"
    assert program.evaluate(engine.bind(DATA)).verdict == "error"


@each_engine
def test_missing_roots_are_errors(engine: Engine) -> None:
    """A root that is not bound is an error outcome, unless a term beside it decides."""
    assert say(engine, "response.text == ''", {}).verdict == "error"
    assert say(engine, "response.text == '' || true", {}).verdict == "true"


def deep(levels: int) -> JsonValue:
    value: JsonValue = 1
    for _ in range(levels):
        value = [value]
    return value


@each_engine
@pytest.mark.parametrize(
    "value",
    [
        deep(128),
        deep(3000),
        2**53,
        2**70,
        -(2**64),
        float("nan"),
        float("inf"),
        "\ud800",
        {"\ud800": 1},
        {"a": ["\udfff"]},
    ],
    ids=lambda value: type(value).__name__,
)
def test_hostile_data_never_crashes(engine: Engine, value: JsonValue) -> None:
    """Data that a step cannot hold gives an outcome with a short reason, never an exception."""
    for source in ("response.x == response.x", "response.x", "parse_json(response.x)", "response.x > 1", "!response.x"):
        outcome = say(engine, source, {"response": {"x": value}})
        assert outcome.error is None or len(outcome.error) <= ERROR_LENGTH
        assert outcome.error is None or "\n" not in outcome.error


@each_engine
@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('response.text.contains("card number")', {"text": "Done.\0 Your card number is"}),
        ('response.text.size() == 8 && response.text == "a\ufffdb c d\ufffd"', {"text": "a\0b c d\0"}),
        ("!has(response.amount) && size(response) == 1", {"amount\0": 250}),
        ("size(response.list[0]) == 2", {"list": [{"a": 1, "a\0": 2}]}),
        ('response.text == "\\\\u0000"', {"text": "\\u0000"}),
    ],
)
def test_nothing_hides_behind_nul(engine: Engine, source: str, value: JsonValue) -> None:
    """U+0000, where cel-cpp would end a text, is U+FFFD to every expression; what follows it is seen."""
    assert say(engine, source, {"response": value}).verdict == "true"


def test_null_is_not_used_up() -> None:
    """The binding releases a None for each null that it hands over: the process outlives more of them than it holds."""
    program = CPP.compile("includes(response, {'a': null}) && history.size() > 0")
    nulls: list[JsonValue] = [None] * 20_000
    for _ in range(3):
        data: dict[str, JsonValue] = {"response": {"a": None, "more": nulls}, "history": nulls}
        assert program.evaluate(CPP.bind(data)).verdict == "true"
        assert CPP.compile("response.more").evaluate(CPP.bind(data)).value == nulls


@each_engine
def test_error_texts_are_short_lines(engine: Engine) -> None:
    """An error text is one line of at most 300 characters without a memory address."""
    huge = {"response": cast("JsonValue", {"x" * 100 + str(n): "\n" * 50 for n in range(100)})}
    for source in (
        "response.missing",
        "response[1]",
        "timestamp(response)",
        "response + 1",
        "response.all(x, response[x].y)",
        "calls(response, response)",
        "response.map(k, response[k])[0] + 1",
        f'response["{"y" * 2000}"]',
    ):
        text = say(engine, source, huge).error
        assert text is not None
        assert len(text) <= ERROR_LENGTH
        assert "\n" not in text
        assert "0x" not in text


def test_each_engine_reads_its_own_data() -> None:
    """Data that was bound for the other engine is an error outcome."""
    for engine, other in ((CPP, PY), (PY, CPP)):
        outcome = engine.compile("true").evaluate(other.bind(DATA))
        assert outcome.error == f"the data was bound for the engine {other.name}"


def test_engines_have_names_and_versions() -> None:
    """Reports can say which engine judged."""
    assert [engine.name for engine in ENGINES] == ["cel-cpp", "celpy"]
    assert PY.version == "0.5.0"
    assert all(part.isdigit() for part in CPP.version.split("."))


@each_engine
def test_programs_are_remembered(engine: Engine) -> None:
    """The same text is compiled once."""
    assert engine.compile("1 == 1") is engine.compile("1 == 1") is type(engine)().compile("1 == 1")


@each_engine
def test_programs_are_shared_by_threads(engine: Engine) -> None:
    """Threads that run one program at once, functions of ours included, get what each would get alone."""
    source = "response.list.all(x, x != 2) && sum(response.list) > 3 && response.text.matches('^a+')"
    said: dict[bool, list[Outcome]] = {True: [], False: []}

    def judge(kept: bool) -> None:
        data: dict[str, JsonValue] = {"response": {"list": [1, 3 if kept else 2, 4], "text": "aab"}}
        for _ in range(20):
            said[kept].append(type(engine)().compile(source).evaluate(engine.bind(data)))

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [Thread(target=judge, args=(kept,)) for kept in (True, False, True)]
        for step in (Thread.start, Thread.join):
            for thread in threads:
                step(thread)
    finally:
        sys.setswitchinterval(usual)
    assert said == {True: [Outcome(True)] * 40, False: [Outcome(False)] * 20}


@pytest.mark.integration
def test_importing_the_contract_is_light() -> None:
    """The protocol loads no engine, no protobuf and no RE2; the judging engine is loaded when it is made."""
    script = "import sys, runback_gate.cel.engine, runback_gate.cel.inline\n"
    script += "heavy = ('cel_expr_python', 'celpy', 'google', 'lark')\n"
    script += "print([name for name in (*heavy, 're2') if name in sys.modules])\n"
    script += "import runback_gate.cel.cpp_engine\n"
    script += "print([name for name in heavy if name in sys.modules])\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]


@each_engine
def test_nothing_is_printed(engine: Engine, capfd: pytest.CaptureFixture[str]) -> None:
    """Malformed patterns, failing functions and exhausted budgets leave the console alone."""
    for source in (
        'response.text.matches("(")',
        'response.text.matches(case.id + "[")',
        'response.text.matches("(\\\\pL{500}){2}")',
        "parse_json('{')",
        "history.map(x, x.y)",
        "1 / 0",
    ):
        assert say(engine, source).verdict == "error"
    assert capfd.readouterr() == ("", "")


def test_json_forms() -> None:
    """What engines compute has one JSON form; kinds are named as CEL names them."""
    assert json_value({"b": (1, 2.0), "a": datetime(2026, 1, 2, tzinfo=UTC)}) == {
        "a": "2026-01-02T00:00:00Z",
        "b": [1, 2.0],
    }
    assert [json_value(timedelta(seconds=seconds)) for seconds in (90, 0.25, 100)] == ["90s", "0.25s", "100s"]
    samples: list[JsonValue] = [None, True, 1, 1.5, "", [], {}]
    assert [kind(value) for value in samples] == "null bool int double string list map".split()
    for value in cast("tuple[object, ...]", (b"", object(), float("nan"), {1: 2})):
        with pytest.raises(ValueError, match="a "):
            json_value(value)


@given(st.text())
def test_error_lines(text: str) -> None:
    """Any text becomes one short line that can be printed."""
    line = error_line(text)
    assert len(line) <= ERROR_LENGTH
    assert line.isprintable()


def test_error_lines_hide_addresses() -> None:
    """Where an object lay in memory is not part of a report."""
    assert error_line("no overload: <function f at 0x7f00deadbeef>\n\n twice") == "no overload: <function f> twice"


def test_compiling_is_deterministic() -> None:
    """A map's order does not reach a result."""
    source = 'response.map(k, k) == [] || {"b": 1, "a": 2} == {"a": 2, "b": 1}'
    checks: list[Callable[[], Outcome]] = [lambda: say(CPP, source), lambda: say(PY, source)]
    assert {check().verdict for check in checks} == {"true"}
