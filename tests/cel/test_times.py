"""Facts about timestamps and durations: to the nanosecond, both engines say the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine, Outcome
from runback_gate.cel.py_engine import PyEngine
from runback_gate.cel.spelling import FIELDS
from runback_gate.cel.times import duration, field, timestamp
from tests.examples import examples

ENGINES: tuple[Engine, ...] = (CppEngine(), PyEngine())

# The whole of what can be written, and its ends.
SECONDS = st.one_of(st.integers(-62_135_596_800, 253_402_300_799), st.sampled_from([-62_135_596_800, 253_402_300_799]))
LENGTHS = st.one_of(st.integers(-(10**19), 10**19), st.integers(-(10**10), 10**10))
ZONES = st.sampled_from(["", "UTC", "+14:00", "-09:30", "23:59", "America/St_Johns", "Asia/Kathmandu", "Europe/Berlin"])


def said(source: str) -> tuple[Outcome, ...]:
    """What each engine makes of an expression."""
    return tuple(engine.compile(source).evaluate(engine.bind({})) for engine in ENGINES)


def agreed(source: str) -> object:
    """The value that both engines give, or None where both err."""
    first, second = said(source)
    assert (first.error is None, first.value) == (second.error is None, second.value), (source, first, second)
    return first.value


@given(SECONDS, LENGTHS, LENGTHS)
@settings(max_examples=examples(30))
def test_sums_and_texts_agree(seconds: int, one: int, two: int) -> None:
    """Adding, subtracting, comparing and printing agree to the nanosecond, and err beyond the same bounds."""
    at, first, second = f"timestamp({seconds})", f'duration("{one}ns")', f'duration("{two}ns")'
    for source in (
        f"string({at} + {first})",
        f"string({at} - {first})",
        f"string(({at} + {first}) - {at})",
        f"string({first} + {second})",
        f"string({first} - {second})",
        f"{first} < {second}",
        f"{at} + {first} == {at}",
        f"int({at} + {first})",
    ):
        agreed(source)


@given(SECONDS, st.integers(0, 10**9 - 1), ZONES, st.sampled_from(FIELDS))
@settings(max_examples=examples(60))
def test_fields_agree_in_every_zone(seconds: int, nanoseconds: int, zone: str, name: str) -> None:
    """Each field of a timestamp is the same in both engines, in any zone, also where it leads out of the calendar."""
    assert agreed(f'(timestamp({seconds}) + duration("{nanoseconds}ns")).get{name}("{zone}")') is not False


@given(LENGTHS, st.sampled_from(["Hours", "Minutes", "Seconds", "Milliseconds"]))
@settings(max_examples=examples(20))
def test_fields_of_durations_agree(nanoseconds: int, name: str) -> None:
    """A duration gives its whole hours, minutes and seconds, and the part below a second, rounded towards zero."""
    agreed(f'duration("{nanoseconds}ns").get{name}()')


@pytest.mark.parametrize(
    "source",
    [
        'timestamp("2026-11-27T07:00:00.123456789Z") > timestamp("2026-11-27T07:00:00.123456780Z")',
        'duration("1.5s").getMilliseconds() == 500',
        'string(timestamp("2026-01-02T03:04:05Z") - duration("1.5s")) == "2026-01-02T03:04:03.500Z"',
        'string(duration("-1ns")) == "-0.000000001s"',
        "type(type(1)) == type && type(int) == type && type(null) == null_type",
        "type(timestamp(0)) == type(timestamp(1)) && type(timestamp(0)) != type(0)",
    ],
)
def test_the_specification_holds(source: str) -> None:
    """Nanoseconds count, milliseconds are a part, and the type of a type is `type`."""
    assert agreed(source) is True


def test_values_are_those_of_the_texts() -> None:
    """Text becomes nanoseconds; longer fractions are cut."""
    assert timestamp("1970-01-01T00:00:00.12345678999+00:00").nanoseconds == 123_456_789
    assert timestamp("1970-01-01T01:00:01+01:00").seconds == 1
    assert duration("-1h.5s").nanoseconds == -3_600_500_000_000
    assert field("FullYear", timestamp("9999-12-31T23:00:00Z"), "+02:00") == 10_000
