"""Rules as data: each finds its own example, leaves its own counter-example, and says where its format is published."""

from __future__ import annotations

import re
from typing import Any

import pytest

from runback_gate.errors import DocumentError
from runback_gate.redact import ProjectRules, Redactor, load_rules, parse_rules
from runback_gate.redact.formats import ALPHABETS, pattern
from runback_gate.redact.prefilter import _each, _set
from runback_gate.redact.rule import LEVELS, matches

RULES = load_rules("strict")
KEY = b"k" * 32
REDACTORS = {level: Redactor(level, key=KEY) for level in LEVELS}


def test_a_rule_finds_its_example_and_not_its_counter() -> None:
    """The example of each rule is found in a sentence, by its hints as well; the counter-example is not."""
    for rule in RULES:
        for text in (rule.example, f"see {rule.example} there", f"x={rule.example}\n"):
            assert list(matches(rule, text)), (rule.id, text)
            assert re.search(rule.searched, text), (rule.id, text)
        assert not list(matches(rule, f"see {rule.counter} there")), rule.id


def test_what_an_example_holds_is_gone() -> None:
    """At the level of a rule its example does not stay."""
    for rule in RULES:
        text, counts = REDACTORS[rule.level].text(f"see {rule.example} there")
        assert sum(counts.values()) >= 1, rule.id
        assert rule.example not in text, rule.id


def test_ids_are_unique_and_origins_are_pages() -> None:
    """No two rules have one id; each names the page where its format is published."""
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.origin.startswith("https://") for rule in RULES)


def test_both_prefilters_say_the_same() -> None:
    """With google-re2 and without it the same rules are tried."""
    each, found = _each(RULES), _set(RULES)
    for rule in RULES:
        for text in (rule.example, rule.counter, f"a {rule.example.lower()} b", "nothing at all"):
            assert sorted(each(text)) == sorted(found(text))


def test_levels_grow() -> None:
    """`strict` finds what `standard` finds, and `off` nothing."""
    standard = load_rules("standard")
    assert set(standard) < set(RULES)
    assert Redactor("off", key=KEY).redact({"password": "hunter2!"}) == ({"password": "hunter2!"}, {})
    with pytest.raises(ValueError, match="no level"):
        load_rules("strong")  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", ["{hexes:3}", "a{hex:3", "a]b[", "{hex}"])
def test_a_layout_that_is_none_is_refused(layout: str) -> None:
    """A layout with an unknown alphabet or an open hole is an error, never a pattern that finds nothing."""
    with pytest.raises(ValueError, match="not the layout"):
        pattern(layout)


@pytest.mark.parametrize("alphabet", sorted(ALPHABETS))
def test_a_fixed_length_is_the_whole_length(alphabet: str) -> None:
    """A token of a fixed length that goes on is another text."""
    letter = (
        "2" if alphabet not in ("lower", "alpha", "upper") else {"lower": "a", "alpha": "a", "upper": "A"}[alphabet]
    )
    found = re.compile(pattern(f"x-{{{alphabet}:8}}"))
    assert found.search(f"x-{letter * 8} ")
    assert not found.search(f"x-{letter * 9}")


CUSTOM: dict[str, Any] = {
    "id": "staff-number",
    "formats": ["EMP-{digit:6}"],
    "example": "EMP-123456",
    "counter": "EMP-12",
}


def test_a_project_adds_rules_in_the_same_form() -> None:
    """A rule of the project's own is found before ours, and changes the digest of the set."""
    rules = parse_rules([CUSTOM], path="redact.json")
    own = Redactor("standard", key=KEY, project=ProjectRules(rules=rules))
    text, counts = own.text("badge EMP-123456")
    assert counts == {"staff-number": 1}
    assert text.startswith("badge <staff-number:")
    assert own.ruleset != Redactor("standard", key=KEY).ruleset


@pytest.mark.parametrize(
    "change",
    [
        {"id": "Staff Number"},
        {"id": None},
        {"check": "none of ours"},
        {"level": "off"},
        {"formats": ["{digits:6}"]},
        {"formats": [], "pattern": "("},
        {"formats": [], "pattern": "EMP-[0-9]{6}"},
        {"colour": "red"},
        {"example": "EMP-1"},
        {"counter": "EMP-123456"},
    ],
)
def test_a_rule_that_is_none_is_refused(change: dict[str, Any]) -> None:
    """Whatever is wrong with a rule is an error that names its place."""
    with pytest.raises(DocumentError, match=r"redact\.json: rule 0"):
        parse_rules([{**CUSTOM, **change}], path="redact.json")


def test_rules_are_a_list() -> None:
    """Anything else is refused."""
    with pytest.raises(DocumentError, match="are a list"):
        parse_rules({}, path="redact.json")
