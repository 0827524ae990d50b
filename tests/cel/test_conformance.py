"""Facts about the conformance tests of the CEL specification: what each engine says, and what does not apply.

The tests are those of google/cel-spec at 508bd98, `tests/simple/testdata`, one JSON object a line.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.errors import ExpressionError
from tests.conftest import SHARED_DATA
from tests.extras import needs_data

TESTS = SHARED_DATA / "cel" / "tests.jsonl"
ENGINES: tuple[Engine, ...] = (CppEngine(), PyEngine())

NOT_APPLICABLE = {
    "container": "policies have no containers",
    "proto": "recorded data is JSON, there are no messages",
    "disable_macros": "macros are always there",
    "disable_check": "expressions are always checked before they judge",
    "check_only": "types are what lint says, in words of its own",
    "dotted name": "variables have no dots in their names",
    "value": "data and results are JSON: no bytes, types, NaN or infinity, and only text as keys",
    "bytes": "recorded data is JSON and holds no bytes",
    "U+0000": "the binding of the judging engine ends every text there, so nothing may hold it",
    "back-quotes": 'fields with other characters are written `args["content-type"]`',
}
"""Why a test does not apply, by what it needs."""

REFUSED = {"parse/nest/parens", "parse/repeat/not", "parse/repeat/unary_neg"}
"""Deeper than 30 levels, the limit that both engines hold."""


def value(wanted: list[Any]) -> Any:
    """A value of the tests as JSON; KeyError where it has none."""
    kind = wanted[0]
    if kind in ("int", "uint"):
        return int(wanted[1])
    if kind == "double" and math.isfinite(float(wanted[1])):
        return float(wanted[1])
    if kind in ("string", "bool"):
        return wanted[1]
    if kind == "null":
        return None
    if kind == "list":
        return [value(item) for item in wanted[1]]
    if kind == "map" and all(key[0] == "string" for key, _ in wanted[1]):
        return {key[1]: value(item) for key, item in wanted[1]}
    raise KeyError(kind)


def reason(test: dict[str, Any]) -> str | None:
    """Why a test does not apply."""
    for name in ("container", "proto", "disable_macros", "disable_check", "check_only"):
        if test[name]:
            return name
    if any("." in name for name in (*test["types"], *test["bindings"])):
        return "dotted name"
    try:
        for item in (*test["bindings"].values(), *([test["want"]] if test["want"][0] != "error" else ())):
            value(item)
    except KeyError:
        return "value"
    source = test["expr"]
    if any(sign in source for sign in ("b'", 'b"', "bytes(")):
        return "bytes"
    if any(sign in source for sign in ("\\x00", "\\X00", "\\000", "\\u0000", "\\U00000000")):
        return "U+0000"
    return "back-quotes" if ".`" in source else None


@cache
def all_tests() -> list[tuple[str, dict[str, Any]]]:
    """All tests by name."""
    if not TESTS.exists():
        return []
    found = map(json.loads, TESTS.read_text().splitlines())
    return [("/".join((test["file"], test["section"], test["name"])), test) for test in found]


def deviations(engine: Engine) -> Iterator[tuple[str, object]]:
    """The tests that an engine does not pass, with what it says; `refused` for what it does not compile."""
    for name, test in all_tests():
        if reason(test):
            continue
        wanted = test["want"]
        names = tuple(sorted({*test["types"], *test["bindings"]}))
        bound = engine.bind({key: value(item) for key, item in test["bindings"].items()})
        try:
            outcome = engine.compile(test["expr"], local=names).evaluate(bound)
        except ExpressionError:
            if wanted[0] != "error":
                yield name, "refused"
            continue
        said = outcome.error if outcome.error is not None else repr(outcome.value)
        right = outcome.error is not None if wanted[0] == "error" else said == repr(value(wanted))
        if not right:
            yield name, said


@pytest.mark.slow
@needs_data(TESTS)
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: str(engine.name))
def test_what_an_engine_takes_it_answers_as_the_specification(engine: Engine) -> None:
    """Every test that applies has the stated result; three are too deep."""
    assert dict(deviations(engine)) == dict.fromkeys(REFUSED, "refused")


@needs_data(TESTS)
def test_most_tests_apply() -> None:
    """At least 99 of 100 tests that apply are taken; each that does not apply has a reason, and each reason is used."""
    reasons = [reason(test) for _, test in all_tests()]
    applying = reasons.count(None)
    assert applying > 800
    assert len(REFUSED) / applying < 0.01
    assert set(reasons) - {None} <= set(NOT_APPLICABLE)
