"""What may import what, and what is loaded when: the parts that import-linter (`make check`) cannot see."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "runback_gate"
MODULES = sorted(PACKAGE.rglob("*.py"))

HEAVY = (
    "aiohttp",
    "asyncio",
    "celpy",
    "cel_expr_python",
    "github",
    "google.protobuf",
    "litellm",
    "pydantic",
    "rich",
    "sigstore",
    "yaml",
)
"""Packages that a start must not pay for: importing any of them costs more than the whole promise of `--help`."""

FILE_CALLS = frozenset(
    "glob iterdir mkdir open read_bytes read_text rglob rmdir symlink_to touch unlink write_bytes write_text".split()
)
"""Names by which files are touched without importing anything but `pathlib`."""

TOUCHES_FILES = (
    "capture/outside.py",
    "cli/",
    "documents/files.py",
    "documents/named_files.py",
    "github/runner.py",
    "replay/cache.py",
    "revision/",
    "store/",
)
"""Where files may be touched, relative to the package."""


def loaded_after(code: str) -> list[str]:
    """The heavy packages that a fresh interpreter holds after running `code`."""
    report = f"import json, sys; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded: list[str] = json.loads(done.stdout.splitlines()[-1])
    return loaded


def file_calls(source: str) -> list[str]:
    """The calls in `source` that touch a file by their name, as `line: name`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in FILE_CALLS:
                found.append(f"{node.lineno}: {name}")
    return found


def test_import_is_light() -> None:
    """`import runback_gate` loads none of the heavy packages."""
    assert loaded_after("import runback_gate") == []


def test_help_is_light() -> None:
    """`runback-gate --help` loads none of the heavy packages."""
    code = """
import sys
from runback_gate.cli import main
sys.argv = ["runback-gate", "--help"]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""
    assert loaded_after(code) == []


def test_files_are_touched_at_the_edges() -> None:
    """Only documents, the store, the response cache, commits and the command line touch files."""
    names = {module.relative_to(PACKAGE).as_posix(): module for module in MODULES}
    calls = {
        name: file_calls(module.read_text(encoding="utf-8"))
        for name, module in names.items()
        if not name.startswith(TOUCHES_FILES)
    }
    assert {name: found for name, found in calls.items() if found} == {}


def test_file_calls_are_found() -> None:
    """The search above sees methods and the builtin, and leaves other names alone."""
    assert file_calls("path.read_bytes()\nopen(name)\nread(name)\n") == ["1: read_bytes", "2: open"]
