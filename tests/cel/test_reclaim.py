"""Facts about what the binding keeps of calls: it is given back, and nothing else is."""

from __future__ import annotations

import gc

import pytest

from runback_gate.cel import cpp_engine, reclaim
from runback_gate.cel.cpp_engine import CppEngine

ENGINE = CppEngine()
ASKS = ENGINE.compile('mentions(response.text, "refund")')


@pytest.fixture(autouse=True)
def _alone() -> None:
    """What other tests left is not looked through."""
    gc.freeze()


def call(times: int) -> None:
    """Call a function of ours."""
    for number in range(times):
        assert ASKS.evaluate(ENGINE.bind({"response": {"text": f"a refund {number}"}})).value is True


def kept() -> int:
    """How many tuples of marked boxes there are."""
    return sum(type(item) is tuple and len(item) == 1 and reclaim._is_marked(item[0]) for item in gc.get_objects())


def test_what_calls_leave_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the binding keeps the tuples of calls they are released in time, by itself and when asked."""
    if not cpp_engine._keeps_tuples():
        pytest.skip("this release of cel-expr-python releases them")
    reclaim.reclaim()
    call(50)
    assert kept() == 50
    assert (reclaim.reclaim(), kept(), reclaim.reclaim()) == (50, 0, 0)
    monkeypatch.setattr(reclaim, "EVERY", 10)
    call(55)
    assert kept() <= 10


def test_what_is_in_use_stays() -> None:
    """A tuple that somebody refers to beside the binding is not touched, so none is released twice at a time."""
    reclaim.reclaim()
    held = ([reclaim._MARK],)
    others = [held]
    before = reclaim._references([held])
    assert reclaim.reclaim() == 0
    assert (reclaim._references([held]), kept(), others[0]) == (before, 1, held)


def test_a_binding_that_keeps_nothing() -> None:
    """It is known by a call."""
    assert not reclaim.keeps_tuples(lambda function: function([1]))
    stored: list[object] = []

    def keeping(function: object) -> None:
        stored.append(([1],))
        function(*stored[0])  # type: ignore[operator,misc]

    assert reclaim.keeps_tuples(keeping)
