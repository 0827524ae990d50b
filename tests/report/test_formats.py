"""The formats by name, each loaded when it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runback_gate.report import FORMATS, renderer
from runback_gate.report.model import Report

BEGINNINGS = {
    "console": "acme   2 datasets",
    "markdown": "### ✗",
    "html": "<!doctype html>",
    "junit": "<?xml",
    "sarif": "{",
    "github": "::error",
    "json": "{",
}


def test_every_format_is_covered() -> None:
    """The names that the command line offers."""
    assert list(FORMATS) == list(BEGINNINGS)


@pytest.mark.parametrize("name", FORMATS)
def test_renderer(name: str, red: Report) -> None:
    """Every format renders a report, the same way twice."""
    options = {"width": 80, "colour": False, "show_all": False} if name == "console" else {}
    text = renderer(name)(red, **options)
    assert text.startswith(BEGINNINGS[name])
    assert text.endswith("\n")
    assert renderer(name)(red, **options) == text


def test_unknown_format() -> None:
    """Another name is no format."""
    with pytest.raises(KeyError):
        renderer("pdf")


@pytest.mark.integration
def test_import_is_light() -> None:
    """Importing the package loads no renderer and no library of one."""
    code = (
        "import runback_gate.report, sys; print([n for n in ('rich', 'jinja2', 'pydantic', 'xml') if n in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
