"""What holds for every wire format."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runback_gate import wire

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.stem for path in (ROOT / "runback_gate/wire").glob("*.py") if path.stem != "__init__")


@pytest.mark.integration
@pytest.mark.parametrize("module", ["wire", *(f"wire.{name}" for name in MODULES), "step", "chain", "canonical"])
def test_the_standard_library_is_enough(module: str) -> None:
    """A recorder is put into the environment of an agent, which may lack every package that the gate needs."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import runback_gate.{module}"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


@pytest.mark.parametrize(
    ("body", "written", "lost"),
    [
        ({"a": 1}, {"a": 1.0}, ()),
        ({"a": 1}, {"a": True}, ("$.a",)),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3, "c": 4}]}, ("$.a[1].b", "$.a[1].c")),
        ({"a": [1]}, {"a": [1, 2]}, ("$.a",)),
        ({"a": 1, "b": 2}, {"a": 1}, ("$.b",)),
    ],
)
def test_what_is_lost_is_named(body: Any, written: Any, lost: tuple[str, ...]) -> None:
    """A body that a replay sends as it was is exact; each place that differs makes it semantic."""
    assert wire.grade(body, written) == ("semantic" if lost else "exact", lost)
