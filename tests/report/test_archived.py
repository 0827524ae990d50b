"""What a changed policy does to archived steps stands on every surface, whole or cut, and changes no verdict."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from runback_gate.report import renderer
from runback_gate.report.effects import archive_line, archive_markdown, archive_text
from runback_gate.report.model import OnArchive, Report, read_report, write_report
from tests.report.effects import FLIP, LOOSER, TEXT
from tests.report.reports import PAYLOADS

WHOLE = OnArchive("s3://acme/runs", "2026-10-01", 3104882, 9000, 3104882, 9000, 120, (LOOSER, TEXT))
PART = dataclasses.replace(WHOLE, steps=1200000, runs=3000)


def test_in_one_line() -> None:
    """What flips, of how many, since when, where; and what the time was too short for."""
    said = "newly permitted: 7, now skipped: 1 of 3,104,882 steps since 2026-10-01 in s3://acme/runs"
    assert archive_line(WHOLE) == said
    assert archive_line(PART) == (
        "newly permitted: 7, now skipped: 1 of 1,200,000 steps since 2026-10-01 in s3://acme/runs; the 120 s were over "
        "before all 3,104,882 steps of 9,000 runs were judged, and the rest may flip too"
    )
    calm = dataclasses.replace(WHOLE, effects=(TEXT,), since="")
    assert archive_line(calm) == "no verdict flips on 3,104,882 steps (not proven) in s3://acme/runs"
    runs = dataclasses.replace(LOOSER, scope="run")
    assert " of 9,000 runs since" in archive_line(dataclasses.replace(WHOLE, effects=(runs,)))


@pytest.mark.parametrize("form", ["console", "markdown", "html", "sarif", "github", "json"])
def test_on_every_surface(red: Report, green: Report, form: str) -> None:
    """Its line, or in JSON its fields; where there is room a flip of the sample too. Verdict and rows stay."""
    for report in (red, green):
        more: dict[str, Any] = {"width": 120, "colour": False, "show_all": False} if form == "console" else {}
        text = " ".join(renderer(form)(dataclasses.replace(report, archive=PART), **more).split())
        assert ("1,200,000 steps" if form != "json" else '"steps": 1200000') in text
        assert "s3" in text
        if form in ("console", "markdown", "html", "json"):
            assert FLIP.run in text


def test_it_is_read_again_and_is_no_verdict(green: Report) -> None:
    """A report with it is as green as without, and an older one has none."""
    report = dataclasses.replace(green, archive=PART)
    assert read_report(write_report(report)) == report
    assert (report.verdict, report.exit_code) == (green.verdict, green.exit_code)


def saying(text: str) -> OnArchive:
    """One flip, every text of which is this one."""
    flip = dataclasses.replace(FLIP, run=text, validation=text, why=text or "why", answer=text)
    rule = dataclasses.replace(LOOSER.validations[0], id=text, flips=(flip,))
    return dataclasses.replace(
        WHOLE, name=text, effects=(dataclasses.replace(LOOSER, policy=text, validations=(rule,)),)
    )


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text(payload: str) -> None:
    """Whatever an archived answer holds ends no line, opens no markup and steers no terminal."""
    text = archive_text(saying(payload), width=400, show=1)
    assert not any(character in text for character in "\x1b\x9b\r\u2028\u202e\u2066\x07")
    hostile = archive_markdown(saying(payload), show=1)
    assert hostile.count("\n") == archive_markdown(saying("tame"), show=1).count("\n")
    assert "<script" not in re.sub("`[^`\n]*`", "", hostile)
    assert len(hostile) < 40_000
