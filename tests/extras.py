"""What a test needs beside the package: it skips where that is not here, and fails where it must be.

z3 = needs("z3")
with_traces = needs_data(SHARED_DATA / "otlp")
"""

from __future__ import annotations

import importlib
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

REQUIRED = os.environ.get("RUNBACK_REQUIRE_EXTRAS") == "1"
"""Set where every extra is installed: a module that is missing there is a fault, no reason to skip."""
NO_DATA = "real data is not here"
WANTED = {
    "an extra (make .venv/.extras)": ("is not installed", "could not import", ".lock"),
    "real data (RUNBACK_SHARED_DATA)": (NO_DATA, "empty parameter set"),
}
"""What a skipped test wants, by words of its reason."""


def needs(name: str) -> ModuleType:
    """The module of an extra."""
    if REQUIRED:
        return importlib.import_module(name)
    module: ModuleType = pytest.importorskip(name, reason=f"{name} is not installed; see the extras in pyproject.toml")
    return module


def needs_data(path: Path) -> pytest.MarkDecorator:
    """Marks tests that read files of other people's tools."""
    return pytest.mark.skipif(not path.exists(), reason=NO_DATA)


def wanted(reasons: Iterable[str]) -> str:
    """What skipped tests want, as one line."""
    found = Counter(
        next((what for what, words in WANTED.items() if any(word in reason for word in words)), "something else (-rs)")
        for reason in reasons
    )
    return ", ".join(f"{number} for want of {what}" for what, number in found.most_common())
