"""Templates of `str.format`: filled in as Python does, within bounds, and read backwards."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.agent.placeholders import fill, fit, jinja_pieces, pieces, propose, written
from runback_gate.errors import InputError

VARIABLES: dict[str, Any] = {"name": "Ann", "amount": 1234.5, "count": 7, "yes": True}
WORDS = st.lists(st.sampled_from(["Ann", "Bob", "May", "12", "order"]), min_size=1, max_size=3).map(" ".join)


@pytest.mark.parametrize("template", ["Hi {name}!", "{amount:,.2f} {count:>5} {{x}} {yes} {name!r:>10}", "none", ""])
def test_python_gives_the_same(template: str) -> None:
    """For what is allowed, the prompt is the one that `str.format` makes."""
    assert fill(template, VARIABLES, "p.txt") == template.format(**VARIABLES)


@pytest.mark.parametrize(
    "template",
    [
        *("{gone}", "{name.__class__}", "{name[0]}", "{}", "{0}", "{", "{name!x}"),
        *("{name:d}", "{name:99999}", "{name:{count}}", "{name:1000}" * 1100),
    ],
)
def test_what_is_not_a_plain_place_is_an_error(template: str) -> None:
    """Attributes, items, positions, nested and wide formats, what was not recorded: each says so with its file."""
    with pytest.raises(InputError) as caught:
        fill(template, VARIABLES, "p.txt")
    assert caught.value.location
    assert caught.value.location.path == "p.txt"


@given(st.lists(st.tuples(st.text(), st.sampled_from("abc")), max_size=6), st.text())
def test_pieces_and_templates_are_one(parts: list[tuple[str, str]], last: str) -> None:
    """A template that is written is read as its pieces; what fills it in is found to fit."""
    found = [*parts, (last, None)]
    template = written(found)
    assert pieces(template) == (found if parts else None)
    filled = fill(template, {"a": "1", "b": "2", "c": "3"}, "p")
    values = fit(found, filled)
    assert values is None or fill(template, {**values}, "p") == filled


@given(WORDS, WORDS, WORDS, WORDS)
def test_what_varies_becomes_a_place(name: str, day: str, other: str, later: str) -> None:
    """A proposed template gives each of the texts that it was made from."""
    long = "You are the agent of a shop; be kind, be brief, and never promise what the shop cannot keep."
    texts = [f"{long} You help {name}. Today is {day}.", f"{long} You help {other}. Today is {later}."]
    found = propose(texts)
    if texts[0] == texts[1]:
        assert found is None
        return
    assert found is not None
    for text in texts:
        values = fit(found, text)
        assert values is not None
        assert fill(written(found), {**values}, "p") == text


def test_texts_with_little_in_common_have_no_template() -> None:
    """Two prompts of different agents are not one prompt with places."""
    assert propose(["You sell shoes to people.", "Translate each sentence that follows into French"]) is None
    assert propose(["one"]) is None


def test_jinja_variables_are_places_too() -> None:
    """A template of Jinja2 without logic is read backwards as well; one with logic is not."""
    found = jinja_pieces("Hi {{ name }}, it is {{day}}.")
    assert found is not None
    assert fit(found, "Hi Ann, it is May.") == {"name": "Ann", "day": "May"}
    assert jinja_pieces("{% if a %}{{ name }}{% endif %}") is None


def test_a_pseudonym_is_one_value() -> None:
    """Of two pseudonyms nothing stays in the template, though they share the name of their rule."""
    long = "You are the agent of a shop; be kind and brief, and never promise what the shop cannot keep, to"
    found = propose([f"{long} Ann (<email:3f9a1c07be21>).", f"{long} Bob (<email:111111111111>)."])
    assert found is not None
    assert written(found) == f"{long} {{value_1}} ({{value_2}})."
