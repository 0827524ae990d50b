"""Facts about the work of one answer: it is counted before it is done, and for all of its rules together."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine
from runback_gate.cel.explain import explain
from runback_gate.cel.py_engine import PyEngine
from runback_gate.cel.work import MAX_WORK, Budget, weight
from tests.cel.work import CPP, EXPRESSIONS, data

ENGINES: tuple[Engine, ...] = (CppEngine(), PyEngine())


def spent(source: str, size: int) -> tuple[int, str | None]:
    """Units that an expression takes, and why it has no value."""
    bound = CPP.bind(data(size))
    outcome = CPP.compile(source).evaluate(bound)
    return MAX_WORK - bound.work.budget.left, outcome.error


@pytest.mark.parametrize("size", [0, 300, 6_000])
def test_a_bound_is_owed_until_it_matters(size: int) -> None:
    """What is owed of a program, from the size of the whole data alone, is never less than what it counts."""
    for source in EXPRESSIONS:
        bound, program = CPP.bind(data(size)), CPP.compile(source)
        measured = bound.work.data
        assert sum(map(measured.units, program.costs.parts)) <= measured.most(program.costs)


@pytest.mark.parametrize(
    ("value", "units"),
    [
        ("abc", 8 * 3),
        (None, 16),
        (True, 16),
        ([1, 2.5, "ab"], 16 + 16 + 16 + 8 * 2),
        (("ab", []), 16 + 8 * 2 + 16),
        ({"k": ["abc", None], "": {}}, 16 + 8 + (16 + 8 * 3 + 16) + 0 + 16),
    ],
)
def test_a_value_weighs_its_characters_and_elements(value: object, units: int) -> None:
    """Eight units a character, keys included, and sixteen for everything else."""
    assert weight(value) == units


@pytest.mark.parametrize("source", EXPRESSIONS)
def test_what_a_loop_reads_is_counted(source: str) -> None:
    """A small step is judged and counted; four times the data is counted as more, and is judged or refused."""
    (small, error), (large, reason) = spent(source, 3_000), spent(source, 12_000)
    assert error is None
    assert 0 < small < large
    assert reason is None or "too long" in reason or "without an end" in reason


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: str(engine.name))
def test_rules_of_one_answer_share_their_work(engine: Engine) -> None:
    """Each search is small, all of them are too much, and the next answer starts anew."""
    program = engine.compile('response.text.matches("(a?){1,200}x")')
    step: dict[str, JsonValue] = {"response": {"text": "a" * 20_000}}
    bound = engine.bind(step)
    reasons = [program.evaluate(bound).error for _ in range(40)]
    assert reasons[0] is None
    assert reasons[-1] == "the rules of this answer would take too long on data of this size"
    assert program.evaluate(engine.bind(step)).error is None


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: str(engine.name))
@pytest.mark.parametrize("loop", ["request.messages.map(m, m.content)", "request.parameters.map(k, k)"])
def test_a_list_that_is_copied_at_each_turn_is_bounded(engine: Engine, loop: str) -> None:
    """cel-cpp copies the list that it builds: thousands of elements would be gigabytes."""
    step: dict[str, JsonValue] = {
        "request": {"messages": [{"content": "x"}] * 9000, "parameters": {f"k{n}": n for n in range(9000)}}
    }
    assert "too long" in str(engine.compile(f"size({loop}) > 0").evaluate(engine.bind(step)).error)


def test_plain_rules_of_a_large_answer_are_judged() -> None:
    """A hundred rules of the usual kind on a step of 200 KB stay within the work of an answer."""
    bound = CPP.bind(data(200_000))
    for source in (
        'request.messages.all(m, m.role != "tool" || m.content != "")',
        'request.messages.filter(m, m.role == "user").size() > 0',
        "response.tool_calls.all(c, request.messages.exists(m, m.content.contains(c.name)))",
        '!mentions(response.text, "refund")',
    ):
        program = CPP.compile(source)
        assert {program.evaluate(bound).verdict for _ in range(5)} == {"true"}


_BOUNDED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_CPU, (5, 6))
from tests.cel.work import CPP, EXPRESSIONS, data
for source in EXPRESSIONS[int(sys.argv[1])::4]:
    CPP.compile(source).evaluate(CPP.bind(data(1_000_000)))
# The peak of `getrusage` is that of the process that started this one, where that is higher.
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_nothing_takes_long_at_the_limit_of_a_file(part: int) -> None:
    """On a step of 1 MB a quarter of all expressions takes 5 CPU seconds and 300 MB at most."""
    done = subprocess.run([sys.executable, "-c", _BOUNDED, str(part)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 300 << 10


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: str(engine.name))
def test_evaluations_share_a_budget(engine: Engine) -> None:
    """Data that is bound again, for an element of a loop, takes from the same units, and none are left in the end."""
    budget = Budget()
    program = engine.compile("request.messages.exists(m, m.content == request.system)")
    found = data(30_000)
    bound = [engine.bind(found, budget) for _ in range(3)]
    before = budget.left
    assert before <= MAX_WORK - 3 * 20_000
    assert program.evaluate(bound[0]).verdict == "false"
    assert budget.left < before
    budget.spend(budget.left - 1)
    assert "too long" in (program.evaluate(bound[1]).reason or "")
    assert "too long" in (program.evaluate(engine.bind(found, budget)).reason or "")


def test_an_explanation_takes_from_one_budget() -> None:
    """Loops in loops are explained for the elements that decided; what no units are left for is an error, at once."""
    source = "request.messages.all(m, request.messages.exists(n, n.content == m.content && n.role == 'nobody'))"
    whole, short = Budget(), Budget()
    short.spend(MAX_WORK - 100_000)
    known: dict[str, Any] = {"params": {}, "variables": {}, "engine": CPP, "data": data(12_000)}
    values = explain(source, **known, budget=whole)
    cut = explain(source, **known, budget=short)
    assert values[-1].note.startswith("m = element 1 of 100, n = element 1")
    assert 100_000 < MAX_WORK - whole.left < MAX_WORK // 4
    assert short.left == 0
    assert any("too long" in (value.error or "") for value in cut)
