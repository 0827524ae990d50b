"""Rules by template: each tells a failing call from fine ones, and nothing is made of what does not tell them apart."""

from __future__ import annotations

from typing import Any

import pytest

from runback_gate.analysis.templates import TEMPLATES, Call, Candidate, candidates

LOOKED = ("lookup_order", {"order": "A1"})


def call(*before: tuple[str, Any], **arguments: Any) -> Call:
    return Call("refund", arguments, before)


def made(incident: Call, *seen: Call) -> list[Candidate]:
    return list(candidates([incident], {"refund": seen} if seen else {}))


FINE = [
    call(LOOKED, order="A1", amount=amount, reason=reason)
    for amount, reason in zip((10, 40, 20, 30, 25), "abaab", strict=True)
]


@pytest.mark.parametrize(
    ("incident", "template", "said"),
    [
        (call(("lookup_order", {"order": "B2"}), order="A1", amount=20, reason="a"), "lookup", "of the same order"),
        (call(order="A1", amount=20, reason="a"), "lookup", "refund without lookup_order"),
        (
            call(LOOKED, ("refund", {"order": "A1"}), order="A1", amount=20, reason="a"),
            "once",
            "again for the same order",
        ),
        (call(LOOKED, order="A1", amount=250, reason="a"), "limit", "refund with amount above 40"),
        (call(LOOKED, order="A1", amount=1, reason="a"), "limit", "refund with amount below 10"),
        (call(LOOKED, order="A1", reason="a"), "required", "refund without amount"),
        (call(LOOKED, order="A1", amount=20, reason="z"), "allowed", "refund with reason that is not listed"),
    ],
)
def test_a_template(incident: Call, template: str, said: str) -> None:
    """What only the incident did becomes a rule about it."""
    found = [item for item in made(incident, *FINE) if item.template == template]
    assert any(said in item.message for item in found)
    assert all("refund" in item.condition for item in found)


def test_never() -> None:
    """A tool that no fine step calls."""
    (item,) = made(call(amount=1))
    assert (item.template, item.expression, item.condition) == ("never", 'size(calls(response, "refund")) == 0', "")


def test_nothing_tells_them_apart() -> None:
    """A call as the fine ones were gives no rule."""
    assert made(FINE[0], *FINE) == []
    assert made(call(LOOKED, order="A1", amount=20, reason="new"), *FINE[:4]) == []
    assert list(candidates([], {})) == []


def test_the_most_specific_comes_first() -> None:
    """In the order of the templates, each rule once."""
    found = made(call(order="A1", amount=250, reason="z"), *FINE)
    places = [TEMPLATES.index(item.template) for item in found]
    assert places == sorted(places)
    assert len({item.expression for item in found}) == len(found) > 3


def test_names_that_are_no_identifiers() -> None:
    """Keys are written so that both engines read them, whatever a model called them."""
    fine = [Call("pay it", {'a "b"': 1, "in": 2}) for _ in range(3)]
    expressions = [item.expression for item in candidates([Call("pay it", {'a "b"': 9, "in": 9})], {"pay it": fine})]
    assert (
        'calls(response, "pay it").all(c, "a \\"b\\"" in c.arguments && c.arguments["a \\"b\\""] <= params.limit)'
        in expressions
    )
    assert 'calls(response, "pay it").all(c, "in" in c.arguments && c.arguments["in"] <= params.limit)' in expressions


def test_booleans_and_text_have_no_limit() -> None:
    """1 and true are two things."""
    fine = [Call("refund", {"fast": False, "amount": "10"}) for _ in range(3)]
    found = candidates([Call("refund", {"fast": True, "amount": "99"})], {"refund": fine})
    assert [item.template for item in found] == []
