#!/usr/bin/env python3
"""Holds every lock against every supported platform: wheels alone, by their hashes, for each Python. Nothing is built.

uv answers from the index of the registry, which it caches; no package is fetched. What is known not to resolve has to
fail: the list of supported platforms is true in both directions. Needs `.venv` (`make .venv/.dev`); some 30 s.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import gettempdir

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {path.stem for path in (ROOT / "requirements").glob("*.lock")}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACOS = "13.0"

SUPPORTED = {
    "x86_64-manylinux_2_28": LOCKS,
    "aarch64-manylinux_2_28": LOCKS - {"proof"},
    "aarch64-manylinux_2_38": {"proof"},
    "aarch64-apple-darwin": LOCKS,
}
"""Platform, as uv names it, to the locks that resolve there."""

UNSUPPORTED = {
    "aarch64-manylinux_2_28": {"proof"},
    "x86_64-apple-darwin": {"run"},
    "x86_64-unknown-linux-musl": {"run"},
    "aarch64-unknown-linux-musl": {"run"},
}
"""What README names as unsupported: z3-solver, cryptography and cel-expr-python have no wheel there."""


def resolves(platform: str, python: str, locks: Iterable[str]) -> str:
    """The error of uv, empty where every package of the locks has a wheel that fits."""
    files = [part for lock in sorted(locks) for part in ("-r", f"requirements/{lock}.lock")]
    command = [".venv/bin/uv", "pip", "install", "--no-config", "--quiet", "--dry-run", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--python-platform", platform, "--python-version", python]
    command += ["--target", str(Path(gettempdir()) / "runback-platforms"), *files]
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": MACOS}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else " ".join(done.stderr.split()) or f"exit code {done.returncode}"


def fault(platform: str, python: str, locks: Iterable[str], known: bool) -> str:
    """What is wrong with one cell of the table, as a line; empty where all is as it is stated."""
    place = f"{platform}, Python {python}, {' '.join(sorted(locks))}"
    error = resolves(platform, python, locks)
    if known and "no usable wheels" not in error and "no wheels with a matching" not in error:
        return f"{place}: stated as unsupported for want of wheels, but: {error or 'it resolves'}"
    return "" if known else error and f"{place}: {error}"


def main() -> int:
    """Every cell; the exit code."""
    if unnamed := LOCKS - set().union(*SUPPORTED.values()):
        sys.exit(f"platforms: no platform for {unnamed}")
    cells = [(name, python, locks, False) for name, locks in SUPPORTED.items() for python in PYTHONS]
    # What is missing is missing for each Python.
    cells += [(name, PYTHONS[0], locks, True) for name, locks in UNSUPPORTED.items()]
    with ThreadPoolExecutor(4) as pool:
        faults = [line for line in pool.map(lambda cell: fault(*cell), cells) if line]
    for line in faults:
        print(f"platforms: {line}", file=sys.stderr)
    if not faults:
        print(f"platforms: {len(LOCKS)} locks, wheels only, on {len(SUPPORTED)} platforms with {len(PYTHONS)} Pythons")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
