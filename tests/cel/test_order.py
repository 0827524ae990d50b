"""Facts about the order in which loops go over maps."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine
from runback_gate.cel.inline import inline
from runback_gate.cel.py_engine import PyEngine

ENGINES: tuple[Engine, ...] = (CppEngine(), PyEngine())
KEYS = [f"k{number:02}" for number in range(30)]
DATA: dict[str, JsonValue] = {"response": {"tool_calls": [{"arguments": dict.fromkeys(reversed(KEYS), 1)}]}}
ARGUMENTS = "response.tool_calls[0].arguments"
WAYS = [
    ARGUMENTS,
    'response["tool_calls"][0]["arguments"]',
    "variables.args",
    f"[{ARGUMENTS}][0]",
    f"dyn({ARGUMENTS})",
    f"(true ? {ARGUMENTS} : {{}})",
    'parse_json("{\\"k01\\":1, \\"k00\\":2}")',
    "params.limits",
    "{response.tool_calls[0].arguments.k05 == 1 ? 'b' : 'c': 1, 'a': 2}",
]
PARAMS: dict[str, JsonValue] = {"limits": {"b": 1, "a": 2, "c": 3}}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: str(engine.name))
def test_maps_are_gone_over_in_the_order_of_their_keys(engine: Engine, way: str) -> None:
    """Wherever a map comes from, `map` and `filter` over it give its keys sorted."""
    bound = engine.bind(DATA)
    for loop in ("map(k, k)", "filter(k, true)"):
        whole = inline(f"{way}.{loop}", PARAMS, {"args": ARGUMENTS})
        keys = engine.compile(whole).evaluate(bound).value
        assert isinstance(keys, list)
        assert keys == sorted(map(str, keys))
        assert keys


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: str(engine.name))
def test_loops_over_what_is_no_map_stay(engine: Engine) -> None:
    """A list keeps its order; text is an error; keys of several kinds are in order where they are written."""
    bound = engine.bind({"response": {"list": ["b", "a"], "text": "ba"}})
    assert engine.compile("response.list.map(k, k)").evaluate(bound).value == ["b", "a"]
    assert engine.compile("response.text.map(k, k)").evaluate(bound).verdict == "error"
    assert engine.compile("{'a': 1, 2: 1, true: 1, 1: 1}.map(k, k)").evaluate(bound).value == [True, 1, 2, "a"]


@pytest.mark.integration
def test_every_process_says_the_same() -> None:
    """Values and the texts of errors of the judging engine are the same in each process."""
    script = (
        "from runback_gate.cel.cpp_engine import CppEngine\n"
        "engine = CppEngine()\n"
        f"bound = engine.bind({DATA!r})\n"
        f"for source in ('{ARGUMENTS}.map(k, k)[0]', '{ARGUMENTS}.all(k, {ARGUMENTS}[k][k] == 1)'):\n"
        "    outcome = engine.compile(source).evaluate(bound)\n"
        "    print(outcome.value, outcome.error)\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in range(4)
    }
    assert len(said) == 1
