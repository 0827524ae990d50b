"""What a project says of redaction: rules in RE2, values that stay, a level; each tried when it is read."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from runback_gate.errors import DocumentError
from runback_gate.redact import ProjectRules, Redactor, linear, project_from_json, project_json, read_project

KEY = b"k" * 32
RULE = "{id: staff, pattern: 'EMP-[0-9]{6}', example: badge EMP-123456, counterExample: EMP-12}"


def project(redact: str) -> ProjectRules:
    """What a gate config says of redaction; the rest of it is another reader's."""
    return read_project(f"spec:\n  agents: 7\n  redact: {redact}\n".encode(), "runback.yaml")


def redactor(redact: str, level: Any = "standard") -> Redactor:
    return Redactor(level, key=KEY, project=project(redact))


def test_a_rule_of_the_project_finds() -> None:
    """What it finds is replaced under its id; a group named `value` alone where there is one."""
    text, counts = redactor(f"{{rules: [{RULE}]}}").text("EMP-654321 is in, EMP-1 is not")
    assert (counts, text[-20:]) == ({"staff": 1}, " is in, EMP-1 is not")
    group = RULE.replace("EMP-[0-9]{6}", "badge (?P<value>[A-Z]+-[0-9]{6})")
    text, _ = redactor(f"{{rules: [{group}]}}").text("my badge EMP-654321, her EMP-654322")
    assert re.fullmatch(r"my badge <staff:\w{12}>, her EMP-654322", text)


def test_levels_and_validators() -> None:
    """A strict rule waits for `strict`; a validator refuses what only looks right."""
    strict = f"{{rules: [{RULE[:-1]}, level: strict}}]}}"
    assert redactor(strict).text("EMP-654321")[1] == {}
    assert redactor(strict, "strict").text("EMP-654321")[1] == {"staff": 1}
    card, other = "4111111111111111", "4111111111111112"
    club = f"{{id: club, pattern: '[0-9]{{16}}', validator: card, example: '{card}', counterExample: '{other}'}}"
    assert redactor(f"{{rules: [{club}]}}").text(f"{card} {other}")[1] == {"club": 1}


@pytest.mark.parametrize(
    "value",
    [
        {"to": "help@example.org"},
        {"text": "mail help@example.org now"},
        {"password": "hunter2-of-the-demo"},
        {"access_token": 1234567890},
    ],
)
def test_kept_values_stay(value: dict[str, Any]) -> None:
    """A value that is kept stays in text, behind the name of a secret, and as a number; others do not."""
    kept = redactor("{keep: ['*@example.org', 'hunter2-*', '1234567890']}")
    assert kept.redact(value) == (value, {})
    assert Redactor("standard", key=KEY).redact(value)[1]
    assert kept.redact({"to": "jane@example.com", "password": "another-1!"})[1] == {"email": 1, "secret": 1}


def test_the_digest_names_what_the_project_says() -> None:
    """Rules and kept values are part of what names a set; without them the digest is that of the level."""
    said = ["{level: strict}", f"{{rules: [{RULE}]}}", "{keep: [abcd]}"]
    digests = [redactor(each).ruleset for each in said]
    assert digests[0] == Redactor("standard", key=KEY).ruleset
    assert len(set(digests)) == 3


def test_it_is_handed_down_as_json() -> None:
    """The recorder of another process has what this one read."""
    found = project(f"{{level: strict, rules: [{RULE}], keep: ['*@example.org']}}")
    assert (found.level, found.keep, [rule.id for rule in found.rules]) == ("strict", ("*@example.org",), ["staff"])
    assert project_from_json(json.loads(json.dumps(project_json(found)))) == found


@pytest.mark.parametrize(
    ("redact", "said"),
    [
        ("{level: high}", "level"),
        ("{colour: red}", "unknown field"),
        (f"{{rules: [{RULE.replace('123456', '1234')}]}}", r"rules\[0\]: example: not found"),
        (f"{{rules: [{RULE.replace('EMP-12}', 'EMP-000000}')}]}}", r"rules\[0\]: counter: found"),
        (f"{{rules: [{RULE.replace('EMP', '(?=E)EMP')}]}}", "not RE2"),
        (f"{{rules: [{RULE.replace('[0-9]', '[[:digit:]]')}]}}", "pattern"),
        (f"{{rules: [{RULE.replace('{6}', '{1000}')}]}}", "instructions|example"),
        (f"{{rules: [{RULE[:-1]}, validator: rhyme}}]}}", "check: one of"),
        (f"{{rules: [{RULE}, {RULE}]}}", "two rules have the id"),
        ("{rules: [{id: staff, pattern: x}]}", "is missing"),
        ("{keep: ['*']}", "fewer than 4 characters"),
        ("[]", "a mapping"),
    ],
)
def test_what_is_wrong_is_an_error_with_its_place(redact: str, said: str) -> None:
    """Nothing is half understood: a wrong rule is refused, in file and line."""
    with pytest.raises(DocumentError, match=said) as caught:
        project(redact)
    assert caught.value.location is not None
    assert caught.value.location.line == 3


def test_no_pattern_takes_long() -> None:
    """A pattern that a backtracking engine would try for years costs what the text is long."""
    slow = "{id: slow, pattern: '(a+)+b', example: aab, counterExample: c}"
    began = time.process_time()
    assert redactor(f"{{rules: [{slow}]}}").text("a" * 20_000)[1] == {}
    assert time.process_time() - began < 5


def test_without_re2_the_same_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent's environment may lack google-re2: `re` reads the pattern then."""
    with_re2 = redactor(f"{{rules: [{RULE}]}}").text("EMP-654321 é EMP-111111")
    monkeypatch.setattr(linear, "re2", None)
    monkeypatch.setattr("runback_gate.redact.prefilter.re2", None)
    assert redactor(f"{{rules: [{RULE}]}}").text("EMP-654321 é EMP-111111") == with_re2
