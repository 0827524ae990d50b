"""Documents: every value, key and CEL position leads back to its place in the file."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runback_gate.documents import parse_document
from runback_gate.errors import DocumentError, Location

# A machine may be slow: that is no failure.
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

POLICY = """\
# a policy
apiVersion: runback.dev/v1
kind: Policy
spec:
  ünï: [1, -2.5, 1E2, true, false, null, ~, n, 1.2.3, 1-2, "1", 'true', "no", '1_000']
  nested:
    - - deep: {a: "\\u00e9\\0", b: }
  'empty': ''
"""


@LAW
@given(st.text("ab01:,-?[]{}#&*!|>'\"%@\\ \n\t<é~.eE\r", max_size=40))
def test_any_yaml_like_text_is_a_document_or_a_document_error(text: str) -> None:
    """The same for text made of YAML's own signs, where most of its grammar is reached; every part has a place."""
    try:
        document = parse_document(text, "a.yaml")
    except DocumentError as error:
        assert str(error).startswith("a.yaml")
        return
    lines = text.split("\n")
    for pointer, value in parts(document.value):
        for place in (document.mark(pointer), document.key_mark(pointer)):
            assert 1 <= (place.line or 0) <= len(lines)
            assert 1 <= (place.column or 0) <= len(lines[(place.line or 1) - 1]) + 1
        if isinstance(value, str):
            source = document.expression(pointer)
            document.expression_location(pointer, source.count("\n") + 1, 1)


def parts(value: Any, pointer: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    """Every value inside a value, with the way to it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(pointer, value), *(part for key, item in inner for part in parts(item, (*pointer, key)))]


def test_every_part_has_its_place() -> None:
    """Values, keys and items have 1-based positions; what is absent has that of the nearest value around it."""
    document = parse_document(POLICY, "p.yaml")
    assert Location("p.yaml", 2, 1) == document.mark(())
    assert Location("p.yaml", 5, 3) == document.mark(("spec",))
    assert Location("p.yaml", 4, 1) == document.key_mark(("spec",))
    assert Location("p.yaml", 5, 12) == document.mark(("spec", "ünï", 1))
    assert Location("p.yaml", 5, 12) == document.key_mark(("spec", "ünï", 1))
    assert Location("p.yaml", 7, 15) == document.mark(("spec", "nested", 0, 0, "deep"))
    assert Location("p.yaml", 7, 9) == document.key_mark(("spec", "nested", 0, 0, "deep"))
    assert Location("p.yaml", 8, 12) == document.mark(("spec", "empty"))
    assert Location("p.yaml", 7, 9) == document.mark(("spec", "nested", 0, 0, "absent", 3))
    assert Location("p.yaml", 7, 9) == document.key_mark(("spec", "nested", 0, 0, "absent"))
    assert Location("p.yaml", 2, 13) == document.mark(("apiVersion", "deeper"))


EXPRESSIONS = [
    ("e: a == b &&  X", "a == b &&  X", (1, 15)),
    ("é: 'a == ''é'' && 😀 X'", "a == 'é' && 😀 X", (1, 21)),
    ('e: "a == \\"\\u00e9\\x41\\U0001F600\\t\\" && X"', 'a == "éA😀\t" && X', (1, 40)),
    ('- e: "a\\nb X"', None, (1, 12)),
    ("e: a ==\n     b && X\n", "a == b && X", (2, 11)),
    ("e: 'a ==\r\n\r\n  b && X'\r\n", "a ==\nb && X", (3, 8)),
    ('e: "a ==  \n     b && X"\n', "a == b && X", (2, 11)),
    ("e: |\n  a ==\n    'é' && X\n", "a ==\n  'é' && X", (3, 12)),
    ("e: |\n  a ==\n    'é' && X", "a ==\n  'é' && X", (3, 12)),
    ("e: >\n  a ==\n  'é' && X\nf: 1\n", "a ==\n'é' && X", (3, 10)),
    ("e: >\n  a ==\n  'é' && X", "a ==\n'é' && X", (3, 10)),
    ("e: >-  # why\n\n   a ==\n\n     b\n\n   X\n\n\n# end\n", "\na ==\n\n  b\n\nX", (7, 4)),
    ("e: |+\r\n  a ==\r\n  X\r\n\r\n", "a ==\nX", (3, 3)),
    ("e: |2\n    a ==\n   X\n", "  a ==\n X", (3, 4)),
    ("e: >2-\n    a ==\n   X\n", "  a ==\n X", (3, 4)),
    ("s:\n  - id: x\n    e: |\n      a // comment\n      && X\n  - id: y\n", "a // comment\n&& X", (5, 10)),
]


@pytest.mark.parametrize(("text", "source", "place"), EXPRESSIONS)
def test_cel_positions_lead_back_into_the_file(text: str, source: str | None, place: tuple[int, int]) -> None:
    """The X of the source is the X of the file, in every style of scalar."""
    document = parse_document(text, "p.yaml")
    pointer = next(way for way, _ in parts(document.value) if way[-1:] in (("e",), ("é",)))
    found = document.expression(pointer)
    assert found == (source or "a\nb X")
    offset = found.index("X")
    line, column = found.count("\n", 0, offset) + 1, offset - found.rfind("\n", 0, offset)
    assert Location("p.yaml", *place) == document.expression_location(pointer, line, column)
    assert text.split("\n")[place[0] - 1][place[1] - 1] == "X"


def test_cel_positions_that_cannot_be_told_are_the_start() -> None:
    """Where blank lines or the size hide the place, it is where the text begins; past the end, the end."""
    document = parse_document("e: 'a\n\n\n  X'\n", "p.yaml")
    assert Location("p.yaml", 1, 5) == document.expression_location(("e",), 3, 1)
    document = parse_document(f"e: {'x' * 40_000}", "p.yaml")
    assert Location("p.yaml", 1, 4) == document.expression_location(("e",), 1, 9)
    document = parse_document("e: abc\n", "p.yaml")
    assert Location("p.yaml", 1, 7) == document.expression_location(("e",), 1, 4)
    assert Location("p.yaml", 1, 7) == document.expression_location(("e",), 1, 99)
    document = parse_document("e: |\n\nf: 1\n", "p.yaml")
    assert document.expression(("e",)) == ""
    assert Location("p.yaml", 2, 1) == document.expression_location(("e",), 1, 1)


def test_a_number_or_constant_is_an_expression_as_written() -> None:
    """CEL source without quotes that YAML takes for a number or a constant keeps its spelling."""
    document = parse_document("a: true\nb: 1.50\nc:\n", "p.yaml")
    assert [document.expression((key,)) for key in "abc"] == ["true", "1.50", ""]


@pytest.mark.parametrize("pointer", [(), ("list",), ("absent",), ("list", 5)])
def test_what_is_no_scalar_is_no_expression(pointer: tuple[str | int, ...]) -> None:
    """A list, a mapping and nothing at all are errors with a place."""
    document = parse_document("list: [1]", "p.yaml")
    for ask in (document.expression, lambda way: document.expression_location(way, 1, 1)):
        with pytest.raises(DocumentError, match="expected an expression"):
            ask(pointer)


SEQUENCES = [
    ("s:\n  - 1\n", 2, "s:\n  - 1\n", ""),
    ("s:\n- 1\n- a: b\n", 0, "s:\n- 1\n- a: b\n", ""),
    ("s:\n  - 1  # one\n# end\nt: 1\n", 2, "s:\n  - 1  # one\n", "# end\nt: 1\n"),
    ("s:\n  - a: 1\n    # of a\n\n    # no more\n", 2, "s:\n  - a: 1\n    # of a\n", "\n    # no more\n"),
    ("s:\r\n  - é\r\n    # of é\r\nt: 1\r\n", 2, "s:\r\n  - é\r\n    # of é\r\n", "t: 1\r\n"),
    ("s:\n  - 1", 2, "s:\n  - 1", ""),
    ("s:\n  - 1\n    # last", 2, "s:\n  - 1\n    # last", ""),
    ("s:\n  - a: |\n      x\n\n  # end\nt: 1\n", 2, "s:\n  - a: |\n      x\n\n", "  # end\nt: 1\n"),
    ("s:\n  - a: >-\n      x", 2, "s:\n  - a: >-\n      x", ""),
    ("s:\n  - a: {b: [1,\n      2]}  # x\nt: 1\n", 2, "s:\n  - a: {b: [1,\n      2]}  # x\n", "t: 1\n"),
    ("s:\n  - a: []\nt: 1\n", 2, "s:\n  - a: []\n", "t: 1\n"),
    ("s:\n  - a:\n    -\nt: 1\n", 2, "s:\n  - a:\n    -\n", "t: 1\n"),
    ("s:\n  - - 1\n    - 2\n...\n", 2, "s:\n  - - 1\n    - 2\n", "...\n"),
    ("s:\n  - 'a\n\n    b'\nt: 1\n", 2, "s:\n  - 'a\n\n    b'\n", "t: 1\n"),
]


@pytest.mark.parametrize(("text", "column", "head", "tail"), SEQUENCES)
def test_an_item_can_be_added_to_a_block_sequence(text: str, column: int, head: str, tail: str) -> None:
    """The place is behind the last item and its comments, and an item written there is the last one."""
    document = parse_document(text, "d.yaml")
    end = document.sequence_end(("s",))
    assert (column, head, tail) == (end.column, text[: end.offset], text[end.offset :])
    joint = "" if head.endswith("\n") else "\n"
    added: Any = parse_document(f"{head}{joint}{' ' * column}- new: [1]\n{tail}", "d.yaml").value
    before: Any = document.value
    assert {**before, "s": [*before["s"], {"new": [1]}]} == added


@pytest.mark.parametrize("text", ["s: []", "s: [1]", "s: {a: 1}", "s: x", "s:", "t: 1"])
def test_other_values_have_no_place_for_an_item(text: str) -> None:
    """Only block sequences can be added to by a line."""
    with pytest.raises(DocumentError, match="not a list that a line can be added to"):
        parse_document(text, "d.yaml").sequence_end(("s",))


def test_what_was_forgotten_is_read_again() -> None:
    """Content and positions are as they were, whatever was asked for before."""
    text = "spec:\n  cases:\n    - id: a\n      cel: >-\n        1 == 1\n    - id: b\n"
    document, again = parse_document(text, "d.yaml"), parse_document(text, "d.yaml")
    for pointer in (("spec", "cases", 1, "id"), ("spec", "cases", 0, "cel")):
        document.forget()
        assert document.value == again.value
        document.forget()
        assert document.mark(pointer) == again.mark(pointer)
        assert document.key_mark(pointer) == again.key_mark(pointer)
    document.forget()
    assert document.expression(("spec", "cases", 0, "cel")) == again.expression(("spec", "cases", 0, "cel"))
    assert document.sequence_end(("spec", "cases")) == again.sequence_end(("spec", "cases"))
