"""What loosens a gate is found, once and at the line to read, and each kind of it is met and listed in the docs."""

from __future__ import annotations

import re

import pytest

from runback_gate.change.gates import find_weakenings
from runback_gate.change.model import KINDS
from tests.change.edits import ROOT, Way, pair
from tests.change.ways import WAYS, line_of


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.what)
def test_a_way_to_loosen_the_gate(way: Way) -> None:
    """It is found once, by its kind, with the old and the new value, at the line that a reviewer must read."""
    found = find_weakenings(*pair(way.given, way.edits))
    assert sorted(item.kind for item in found) == sorted((way.kind, *way.more))
    item = next(item for item in found if (item.kind, item.subject) == (way.kind, way.subject))
    assert way.said in item.message
    assert "\n" not in item.message
    assert (item.side, item.location.path, item.location.line) == line_of(way)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.what)
def test_what_the_base_has_is_no_weakening(way: Way) -> None:
    """A gate does not loosen itself, however it is written."""
    assert find_weakenings(*pair(way.given, ())) == ()


def test_every_kind_has_a_way() -> None:
    """Each kind of weakening is met by a test; `gate-changed` is for fields that do not exist yet."""
    assert {way.kind for way in WAYS} == {*KINDS} - {"gate-changed"}


def test_the_docs_list_the_ways() -> None:
    """The table of the trust page has the same ways, kinds and places, in the same order."""
    page = (ROOT / "docs/concepts/trust.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+) \| `([a-z-]+)` \| (base|head) `([^`]+)` \|$", page, re.MULTILINE)
    assert rows == [(way.what, way.kind, *way.at.split(" ")[:2]) for way in WAYS]
