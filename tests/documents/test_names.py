"""Names: a document says its kind, and a misspelled name is answered with the nearest."""

from __future__ import annotations

import pytest

from runback_gate.documents import Document, check_kind, nearest, parse_document, quoted, suggestion
from runback_gate.errors import DocumentError


def document(text: str) -> Document:
    """A document of this text."""
    return parse_document(text, "a.yaml")


def test_the_kind_is_given() -> None:
    """A document of a known kind and this format says which kind it is."""
    assert check_kind(document("apiVersion: runback.dev/v1\nkind: Policy\n"), {"Policy", "PolicyTest"}) == "Policy"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1]", "a.yaml:1:1: not a mapping with apiVersion and kind (begin with `apiVersion: runback.dev/v1`)"),
        ("kind: Policy", "a.yaml:1:1: apiVersion is missing (known: runback.dev/v1)"),
        (
            "apiVersion: runback.dev/v2",
            "a.yaml:1:13: unknown apiVersion 'runback.dev/v2' (did you mean 'runback.dev/v1'?)",
        ),
        ("apiVersion: 1", "a.yaml:1:13: apiVersion is not text (known: runback.dev/v1)"),
        ("apiVersion: runback.dev/v1", "a.yaml:1:1: kind is missing (known: Policy, Waiver)"),
        ("apiVersion: runback.dev/v1\nkind: policy", "a.yaml:2:7: unknown kind 'policy' (did you mean 'Policy'?)"),
        ("apiVersion: runback.dev/v1\nkind: Zebra", "a.yaml:2:7: unknown kind 'Zebra' (known: Policy, Waiver)"),
        ("apiVersion: runback.dev/v1\nkind: [Policy]", "a.yaml:2:7: kind is not text (known: Policy, Waiver)"),
    ],
)
def test_another_kind_is_an_error(text: str, expected: str) -> None:
    """What is missing or unknown is named, with what is known."""
    with pytest.raises(DocumentError) as caught:
        check_kind(document(text), ("Waiver", "Policy"))
    assert expected == str(caught.value)


def test_the_nearest_name_is_found() -> None:
    """Case and a few letters do not matter; nothing alike, or nothing short enough to compare, is nothing."""
    assert nearest("expresion", ["message", "expression"]) == "expression"
    assert nearest("DENY", ("Deny", "Warn")) == "Deny"
    assert nearest("zebra", ["message"]) is None
    assert nearest("x" * 100_000, ["x" * 100_000]) is None
    assert nearest("a", []) is None


def test_the_hint_for_an_unknown_name() -> None:
    """The nearest name, else all of a few, else nothing."""
    assert suggestion("warm", ["Deny", "Warn"]) == "did you mean 'Warn'?"
    assert suggestion("zebra", ["Warn", "Deny"]) == "known: Deny, Warn"
    assert suggestion("zebra", [f"word{index}" for index in range(9)]) is None
    assert suggestion("zebra", []) is None


def test_text_in_messages_is_short_and_printable() -> None:
    """Escape sequences, bidirectional controls and line ends are shown escaped, long text is cut."""
    assert quoted("a\x1b[31m\u202e\n") == r"'a\x1b[31m\u202e\n'"
    assert quoted("x" * 61) == "'" + "x" * 59 + "…'"
