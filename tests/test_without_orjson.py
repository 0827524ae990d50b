"""The canonical form and the strict reader are the same where orjson is not installed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import canonical_bytes, made_bytes, parse_canonical, parse_json, plain_bytes
from runback_gate.errors import DocumentError
from tests.json_values import ANY, LARGE


def without_orjson() -> ModuleType:
    """The module as it is where orjson is not installed."""
    spec = find_spec("runback_gate.canonical")
    assert spec is not None
    assert spec.loader is not None
    copy = module_from_spec(spec)
    known = sys.modules["orjson"]
    # How Python is told that a module cannot be imported.
    sys.modules["orjson"] = None  # type: ignore[assignment]

    try:
        spec.loader.exec_module(copy)
    finally:
        sys.modules["orjson"] = known
    return copy


PLAIN = without_orjson()


def outcome(call: Callable[[], Any]) -> Any:
    """What a call gives, or that it refuses."""
    try:
        return call()
    except DocumentError:
        return "refused"


@given(ANY | LARGE | st.text() | st.floats())
def test_values_have_equal_bytes_without_orjson(value: Any) -> None:
    """A recorder that has the standard library alone writes what every other reader expects."""
    assert outcome(lambda: PLAIN.canonical_bytes(value)) == outcome(lambda: canonical_bytes(value))
    try:
        sound = plain_bytes(value)
    except (TypeError, ValueError):
        return
    if b"null" not in sound:  # orjson writes NaN so
        assert json.loads(PLAIN.plain_bytes(value)) == json.loads(sound)


@given(
    st.binary()
    | ANY.map(plain_bytes)
    | ANY.map(canonical_bytes)
    | st.text().map(lambda text: json.dumps(text).encode())
    | st.sampled_from(
        [b"NaN", b"-Infinity", b"1e400", b"9" * 400, b"9" * 5000, b"-0", b"1.0", b'"\\ud800"', b"\xef\xbb\xbf1"]
    )
    | st.integers(1, 2000).map(lambda depth: b"[" * depth + b"]" * depth)
)
def test_bytes_are_read_alike_without_orjson(data: bytes) -> None:
    """The same value, or a refusal of both."""
    for plain, fast in ((PLAIN.parse_json, parse_json), (PLAIN.parse_canonical, parse_canonical)):
        assert repr(outcome(partial(plain, data, path="x"))) == repr(outcome(partial(fast, data, path="x")))


MADE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from([2**53, -(2**53), 2**70, 10**15]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "B"]), inner, max_size=3),
    max_leaves=6,
)


@given(MADE)
def test_what_is_made_is_written_alike_without_orjson(value: Any) -> None:
    """What this package made is not looked through, and has its canonical bytes: large numbers have marks."""
    expected = outcome(lambda: canonical_bytes(value))
    assert outcome(lambda: PLAIN.made_bytes(value)) == outcome(lambda: made_bytes(value)) == expected
