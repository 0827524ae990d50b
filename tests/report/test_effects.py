"""The effects of a policy change as text and as Markdown, whole and hostile."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import pytest

from runback_gate.analysis.policy_effect import FieldChange, RuleEffect
from runback_gate.report.effects import as_markdown, as_text, summary
from tests.report.effects import FLIP, LIMIT, LOOSER, TEXT
from tests.report.reports import PAYLOADS

Golden = Callable[[str, str], None]

EFFECTS = (
    LOOSER,
    TEXT,
    dataclasses.replace(TEXT, policy="words", changes=()),
    dataclasses.replace(TEXT, policy="tone", word="new", changes=(), matched=0),
    dataclasses.replace(TEXT, policy="fresh", word="new", changes=(), matched=1),
    dataclasses.replace(TEXT, policy="narrow", word="looser", matched=0),
)


def place(side: str, path: str, line: int) -> str:
    """A place, by its side."""
    return f"{path}:{line}" + (" in 4be1f02" if side == "base" else "")


def test_text(golden: Golden) -> None:
    """Every word, note and kind of flip, whole."""
    golden("effects.txt", as_text(EFFECTS, steps=1229, width=120, place=place, show=2))


def test_markdown(golden: Golden) -> None:
    """The same in Markdown."""
    golden("effects.md", as_markdown(EFFECTS, steps=1229, place=place, show=2))


def test_ascii() -> None:
    """A terminal that knows no signs gets none."""
    assert as_text((LOOSER,), steps=1, width=80, place=place, show=9, unicode=False).isascii()


def test_nothing() -> None:
    """No change is one line."""
    assert as_text((), steps=0, width=80, place=place, show=3) == "no policy changed\n"
    assert as_markdown((), steps=0, place=place, show=3) == "**Policy changes**: no policy changed\n"
    assert summary((), 0) == "no policy changed"


def test_counts_without_a_list() -> None:
    """Nothing is listed where nothing is asked for, and all is counted."""
    text = as_text((LOOSER,), steps=1, width=80, place=place, show=0)
    assert "01JD" not in text
    assert "newly permitted   7 recorded steps" in text
    assert "| step |" not in as_markdown((LOOSER,), steps=1, place=place, show=0)


def test_a_narrow_terminal() -> None:
    """The reason then stands under the step."""
    lines = as_text((LOOSER,), steps=1, width=60, place=place, show=1).splitlines()
    assert "      amount <= limit: 250 <= 100 false → 250 <= 500 true" in lines


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text(payload: str) -> None:
    """Whatever a file or a model holds ends no line, opens no markup and steers no terminal."""
    flip = dataclasses.replace(FLIP, run=payload, validation=payload, why=payload, answer=payload)
    rule = RuleEffect(payload, "kept", (("newly permitted", 1),), 0, (flip,))
    change = FieldChange(payload, payload, payload, "", "head", payload, 1)
    effect = dataclasses.replace(LOOSER, policy=payload, changes=(change,), validations=(rule,))
    tame = dataclasses.replace(flip, run="r", validation="r", why="w", answer="a")
    plain = dataclasses.replace(
        effect, policy="p", changes=(LIMIT,), validations=(dataclasses.replace(rule, id="r", flips=(tame,)),)
    )
    text = as_text((effect,), steps=1, width=400, place=place, show=1)
    assert not any(character in text for character in "\x1b\x9b\r\u2028\u202e\u2066\x07")
    assert "##[" not in text
    shape = as_markdown((plain,), steps=1, place=place, show=1)
    hostile = as_markdown((effect,), steps=1, place=place, show=1)
    assert [line.count(" | ") for line in hostile.splitlines()] == [line.count(" | ") for line in shape.splitlines()]
    prose = re.sub("`[^`\n]*`", "", hostile)
    assert "<script" not in prose
    assert not re.search(r"(?<!\\)\]\(", prose)
    assert len(hostile) < 40_000
