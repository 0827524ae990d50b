"""What a test needs of an extra: it skips where the extra is not installed, and fails where it must be.

z3 = needs("z3")
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

import pytest

REQUIRED = os.environ.get("RUNBACK_REQUIRE_EXTRAS") == "1"
"""Set where every extra is installed: a module that is missing there is a fault, no reason to skip."""


def needs(name: str) -> ModuleType:
    """The module of an extra."""
    if REQUIRED:
        return importlib.import_module(name)
    module: ModuleType = pytest.importorskip(name, reason=f"{name} is not installed; see the extras in pyproject.toml")
    return module
