"""Facts about conversions of text: what is written as the specification says is converted, everything else is an error,
and both engines agree on which is which."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.cel.spelling import SPELLINGS, position, takes
from tests.examples import examples

ENGINES: tuple[Engine, ...] = (CppEngine(), PyEngine())

SPELLED = {
    "int": ["0", "-5", "+5", "007"],
    "uint": ["0", "5"],
    "double": ["1.5", "-.5", "1.", "1e3", "+2E-3", "Infinity", "NaN"],
    "bool": ["true", "False", "f", "1"],
    "duration": ["1s", "-1.5h", "1h1m1s1ms1us1ns", "0", "+.5s"],
    "timestamp": ["2026-11-27T07:00:00Z", "2026-11-27T07:00:00.123456789+01:00", "0001-01-01T00:00:00Z"],
    "getHours": ["UTC", "Europe/Berlin", "+01:00", "-1:30", "02:00", ""],
}
"""Texts of each kind of conversion, to be changed a little."""


def verdicts(function: str, text: str) -> set[bool]:
    """Whether each engine converts a text that is data, and one that is a literal."""
    said = set()
    for engine in ENGINES:
        literal = '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'
        for source in ("response.text", literal):
            call = f"{function}({source})" if not position(function) else f"timestamp(1).{function}({source})"
            outcome = engine.compile(f"{call} == {call} || true").evaluate(engine.bind({"response": {"text": text}}))
            assert outcome.verdict == "true"
            outcome = engine.compile(f"type({call}) != string").evaluate(engine.bind({"response": {"text": text}}))
            said.add(outcome.error is None)
    return said


@st.composite
def nearly(draw: st.DrawFn) -> tuple[str, str]:
    """A conversion, and a text that it takes with up to two characters replaced, left out or put in."""
    function = draw(st.sampled_from(sorted(SPELLED)))
    text = draw(st.sampled_from(SPELLED[function]))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        new = draw(st.sampled_from([*" \t\n+-.:eExX_09afnosthmuTZz٣é1", "", "00"]))
        text = text[:at] + new + text[at + draw(st.integers(0, 1)) :]
    return function, text


@given(nearly())
@settings(max_examples=examples(100))
def test_engines_convert_the_same_texts(case: tuple[str, str]) -> None:
    """Literal or data, both engines convert a text or none does; what is spelled otherwise is an error."""
    function, text = case
    said = verdicts(function, text)
    assert len(said) == 1
    assert takes(function, text) or said == {False}


@pytest.mark.parametrize(("function", "text"), [(name, text) for name, texts in SPELLED.items() for text in texts])
def test_what_is_spelled_right_is_converted(function: str, text: str) -> None:
    """Every text of the specification's grammars is converted."""
    assert verdicts(function, text) == {True}


@pytest.mark.parametrize("function", sorted(set(SPELLINGS) - {name for name in SPELLINGS if name.startswith("get")}))
@pytest.mark.parametrize("space", [" ", "\t", "\n", "\u00a0"])
def test_white_space_is_never_passed_over(function: str, space: str) -> None:
    """White space before, after and within is an error in each conversion."""
    text = SPELLED[function][-1]
    for wrong in (space + text, text + space, text[:1] + space + text[1:]):
        assert verdicts(function, wrong) == {False}


def test_other_kinds_are_converted_as_before() -> None:
    """Numbers, truth values and times are no text: their spelling is nobody's business."""
    values: dict[str, JsonValue] = {"response": {"text": "7", "usage": {"a": 1.9, "b": True, "c": 7}}}
    for source in ("int(response.usage.a) == 1", "bool(response.usage.b)", "double(response.usage.c) == 7.0"):
        assert {engine.compile(source).evaluate(engine.bind(values)).verdict for engine in ENGINES} == {"true"}
