"""Expressions whose work grows with their data."""

from __future__ import annotations

from itertools import product
from typing import cast

from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine

CPP = CppEngine()

PLACES = ("request.system", "request.messages", "response.text", "m.content")

READS = [
    *(f"{one} == {two}" for one, two in product(PLACES[:3], PLACES[:3])),
    *(f"size({place}) > 0" for place in PLACES),
    *(f"{one} in {two}" for one, two in product(PLACES, ("request.messages",))),
    *(f"{one}.contains({two})" for one, two in product((PLACES[0], PLACES[3]), PLACES[2:])),
    "size(request.system + m.content) > 0",
    'request.system.matches("(a?){1,50}x")',
    'mentions(request.system, "b")',
    'includes(request.parameters, {"a": 1})',
    "request.messages.exists(n, n.content == m.content && size(request.system) > 3)",
    "request.messages.filter(n, n == m).size() > 0",
]

LOOPS = ("request.messages.all(m, {} || true)", "size(request.messages.map(m, {})) > 0")

EXPRESSIONS = [loop.format(read) for loop, read in product(LOOPS, READS)]
"""What a loop can do to data that it does not go over, by rule."""


def data(size: int) -> dict[str, JsonValue]:
    """A step of some `size` bytes: a third of it messages, the rest one text and another."""
    messages = [{"role": "user", "content": f"text {number}"} for number in range(size // 120)]
    system = "a" * (size // 3)
    parameters = {f"k{number}": number for number in range(size // 1000)}
    return {
        "request": {
            "messages": cast("JsonValue", messages),
            "system": system,
            "parameters": cast("JsonValue", parameters),
        },
        "response": {"text": "a" * (size // 4) + "b", "tool_calls": []},
    }
