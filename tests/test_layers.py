"""What may import what, and what is loaded when: the parts that import-linter (`make check`) cannot see."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.sources import parsed

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
    "pycurl",
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
    "documents/shared_files.py",
    "documents/folders.py",
    "documents/named_files.py",
    "executors/memory.py",
    "executors/ray.py",
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


def file_calls(tree: ast.Module) -> list[str]:
    """The calls in `tree` that touch a file by their name, as `line: name`."""
    found = []
    for node in ast.walk(tree):
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


@pytest.mark.integration
def test_files_are_touched_at_the_edges() -> None:
    """Only documents, the store, the response cache, commits and the command line touch files."""
    names = {module.relative_to(PACKAGE).as_posix(): module for module in MODULES}
    calls = {name: file_calls(parsed(module)) for name, module in names.items() if not name.startswith(TOUCHES_FILES)}
    assert {name: found for name, found in calls.items() if found} == {}


def test_file_calls_are_found() -> None:
    """The search above sees methods and the builtin, and leaves other names alone."""
    assert file_calls(ast.parse("path.read_bytes()\nopen(name)\nread(name)\n")) == ["1: read_bytes", "2: open"]


@pytest.mark.integration
def test_values_are_made_in_one_place() -> None:
    """`frozen` alone takes `dataclass` from the standard library: its methods cost every start."""
    standard = re.compile(r"^from dataclasses import .*\bdataclass\b|@dataclasses\.dataclass\b", re.MULTILINE)
    found = [module.name for module in MODULES if standard.search(module.read_text(encoding="utf-8"))]
    assert found == []


def unexplained_imports(source: str, tree: ast.Module) -> list[str]:
    """The imports inside of functions that give no reason, as `line: statement`.

    Imports that follow one another share the reason of the first: behind its `noqa`, or in a comment above it.
    """
    lines = source.splitlines()
    found = []
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for block in (getattr(node, "body", []) for node in ast.walk(function)):
            explained = False
            for statement in block if isinstance(block, list) else ():
                if not isinstance(statement, (ast.Import, ast.ImportFrom)):
                    explained = False
                    continue
                line, above = lines[statement.lineno - 1], lines[statement.lineno - 2].strip()
                # A statement over several lines has its `noqa` on the first of them.
                reason = line.partition("PLC0415")[2].removeprefix(", TID251").strip()
                explained = explained or bool(reason) or above.startswith("#")
                if not explained:
                    found.append(f"{statement.lineno}: {line.strip()}")
    return sorted(set(found))


@pytest.mark.integration
def test_function_level_imports_have_a_reason() -> None:
    """An import inside of a function says what it saves the start, or why it cannot stand above."""
    silent = {
        module.relative_to(PACKAGE).as_posix(): unexplained_imports(module.read_text(encoding="utf-8"), parsed(module))
        for module in MODULES
    }
    assert {name: found for name, found in silent.items() if found} == {}


def test_reasons_are_found() -> None:
    """The search above wants a reason from the first import of each block."""
    source = """
def f():
    import a  # noqa: PLC0415  loads the engine
    import b  # noqa: PLC0415
    g()
    import c  # noqa: PLC0415
    # The group imports this module.
    import d  # noqa: PLC0415
"""
    assert unexplained_imports(source, ast.parse(source)) == ["6: import c  # noqa: PLC0415"]


def test_the_table_of_layers_is_that_of_the_linter() -> None:
    """ARCHITECTURE.md lists each layer that import-linter holds, in the same order."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(contract["layers"] for contract in linter["contracts"] if contract["id"] == "layers")
    held = [set(re.findall(r"\w+", layer)) for layer in layers if layer != "__main__"]
    table = re.findall(
        r"^\| ((?:`\w+`(?:, )?)+) \|", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [set(re.findall(r"\w+", row)) for row in table] == held
