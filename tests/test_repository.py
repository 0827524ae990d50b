"""Facts about the files of the repository: sizes, no traces of a machine, locks that match what they lock."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.extras import NO_DATA, wanted
from tests.sources import parsed

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "runback_gate").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
EXTRAS = ("providers", "bedrock", "otlp", "proof", "archive", "ray")
GROUPS = ("model", "browser", "storage")
LOCKS = ("run", "dev", *EXTRAS, *GROUPS)

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# Written so that they do not match themselves.
MACHINE = re.compile(rb"(?<![\w.~:-])/(?:roo[t]|hom[e]/\w+|User[s]/\w+|wor[k]/\w+|opt/whee[l]s)\b")
REGISTRY = re.compile(
    rb"py[p]i\.|pythonhoste[d]\.|registry\.npmj[s]|crate[s]\.io|proxy\.golan[g]|debia[n]\.org|npmmirro[r]"
)


def tracked_files() -> list[Path]:
    """Every file that git knows and that is still in the checkout."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [path for name in done.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def locked(lock: str) -> dict[str, Version]:
    """The packages of a lock, by normalised name."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
    return {name: Version(version) for name, version in re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, re.MULTILINE)}


def project() -> dict[str, list[Requirement]]:
    """What pyproject.toml asks for: at run time, for the tests and checks, and to build."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = {
        "run": document["project"]["dependencies"] + document["dependency-groups"]["build"],
        "dev": document["dependency-groups"]["dev"],
        **{group: document["dependency-groups"][group] for group in GROUPS},
        **{extra: document["project"]["optional-dependencies"][extra] for extra in EXTRAS},
        "build": document["build-system"]["requires"],
    }
    return {name: [Requirement(line) for line in lines] for name, lines in asked.items()}


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions and methods of a file."""
    return [node for node in ast.walk(parsed(path)) if isinstance(node, FUNCTIONS)]


@pytest.mark.integration
def test_files_are_short() -> None:
    """No Python file has 400 lines or more: neither of the package nor of tests, benchmarks, docs, demo and checks."""
    sizes = {
        path.relative_to(ROOT).as_posix(): len(path.read_bytes().splitlines())
        for path in tracked_files()
        if path.suffix == ".py"
    }
    assert {name.partition("/")[0] for name in sizes} >= {"runback_gate", "tests", "benchmarks", "docs", "demo", ".ci"}
    assert {name: size for name, size in sizes.items() if size >= 400} == {}


@pytest.mark.integration
def test_functions_are_short() -> None:
    """No function of the package has more than 50 lines."""
    lengths = {
        f"{path.relative_to(ROOT).as_posix()}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in MODULES
        for node in functions(path)
    }
    assert {name: length for name, length in lengths.items() if length > 50} == {}


@pytest.mark.integration
def test_tests_state_facts() -> None:
    """Every test says in its docstring what it holds."""
    silent = {
        f"{path.relative_to(ROOT).as_posix()}: {node.name}"
        for path in TESTS
        for node in functions(path)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    }
    assert silent == set()


@pytest.mark.integration
@pytest.mark.parametrize("trace", [MACHINE, REGISTRY], ids=["machine path", "registry host"])
def test_no_trace_of_a_machine(trace: re.Pattern[bytes]) -> None:
    """No tracked file names a folder of somebody's machine, or the host of a package registry."""
    found = [path.relative_to(ROOT).as_posix() for path in tracked_files() if trace.search(path.read_bytes())]
    assert found == []


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_are_hashed(lock: str) -> None:
    """Every package of a lock carries at least one SHA-256."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert [block.splitlines()[0] for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", block)] == []
    assert len(blocks) == len(locked(lock))


@pytest.mark.parametrize(
    ("lock", "kinds"),
    [
        ("run", ["run", "build"]),
        ("dev", ["run", "dev", "build"]),
        *((extra, ["run", extra, "build"]) for extra in EXTRAS),
        *((group, [group]) for group in GROUPS),
    ],
)
def test_locks_match_the_project(lock: str, kinds: list[str]) -> None:
    """Each lock holds what pyproject.toml asks for, in a version that it allows; if not, `make lock`."""
    versions = locked(lock)
    asked = [requirement for kind in kinds for requirement in project()[kind]]
    assert [
        str(requirement)
        for requirement in asked
        if canonicalize_name(requirement.name) not in versions
        or versions[canonicalize_name(requirement.name)] not in requirement.specifier
    ] == []


@pytest.mark.parametrize("lock", ["dev", *EXTRAS])
def test_locks_contain_the_run_lock(lock: str) -> None:
    """What is tested is what runs: the lock for tests holds the same versions, and more; so does that of the extra."""
    assert locked("run").items() <= locked(lock).items()


def test_locks_agree() -> None:
    """All can be installed side by side: what two of them share has one version."""
    versions: dict[str, set[Version]] = {}
    for lock in LOCKS:
        for name, version in locked(lock).items():
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_each_promise_names_its_tests() -> None:
    """Every promise of SECURITY.md names at least one test or check, and each of them is there."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    section = text.split("## What always holds\n")[1].split("\n## ")[0]
    promises = re.split(r"^- ", section, flags=re.MULTILINE)[1:]
    assert len(promises) > 12
    for promise in promises:
        named = re.findall(r"`((?:tests|\.ci)/[\w./]+)`", promise)
        assert named, promise
        assert [name for name in named if not (ROOT / name).is_file()] == []


def test_skipped_tests_say_what_they_want() -> None:
    """The line that ends a session counts wants, not reasons."""
    reasons = ["z3 is not installed; see", "could not import 'openai'", f"Skipped: {NO_DATA}", "root may write"]
    assert wanted(reasons) == (
        "2 for want of an extra (make .venv/.extras), 1 for want of real data (RUNBACK_SHARED_DATA), "
        "1 for want of something else (-rs)"
    )
