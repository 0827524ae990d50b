"""Every surface is a rendering of one report.

In: the name of a format. Out: its renderer, a function `Report -> str`, loaded when it is asked for.

    text = renderer("markdown")(report)
"""

# No `from __future__ import annotations` here: the name would stand where the module `annotations` is looked up.
from collections.abc import Callable
from importlib import import_module
from typing import Final, cast

Render = Callable[..., str]
"""`(report: Report, **options) -> str`; only `console` needs options: `width`, `colour`, `show_all`."""

FORMATS: Final = {
    "console": "console",
    "markdown": "markdown",
    "html": "html",
    "junit": "junit",
    "sarif": "sarif",
    "github": "annotations",
    "json": "model",
}
"""The name of each format, and the module of this package that renders it."""

FILES: Final = {"markdown": "report.md", "html": "report.html", "junit": "junit.xml", "sarif": "report.sarif"}
"""Formats that can be written beside report.json, and their file names."""
REPORT: Final = "report.json"
BUNDLE: Final = "attestation.json"
OUTPUTS: Final = (REPORT, *FILES.values(), BUNDLE)
"""What stands for one run. None of an earlier one may stay: it would be taken for what this one says."""


def renderer(name: str) -> Render:
    """The renderer of a format in `FORMATS`; its libraries are imported now, not before.

    Raises:
        KeyError: not a format.
    """
    module = import_module(f"runback_gate.report.{FORMATS[name]}")
    return cast("Render", module.render)
