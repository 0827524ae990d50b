"""Where Runback gate runs, and what it says elsewhere."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runback_gate import cli, platforms
from runback_gate.platforms import SUPPORTED, Machine, this_machine, unsupported

ROOT = Path(__file__).parent.parent
LINUX = Machine("linux", "x86_64", "glibc 2.36", (3, 11), "cpython")
MACOS = Machine("darwin", "arm64", "", (3, 14), "cpython")

SYSTEMS = ("linux", "darwin", "win32", "cygwin", "freebsd14", "android", "emscripten")
ARCHITECTURES = ("x86_64", "aarch64", "arm64", "i686", "armv7l", "ppc64le", "riscv64", "s390x", "AMD64", "")
LIBCS = ("glibc 2.28", "glibc 2.41", "glibc 3.0", "glibc 2.27", "glibc 2.9", "glibc", "glibc x.y", "musl 1.2", "")
PYTHONS = ((3, 10), (3, 11), (3, 12), (3, 13), (3, 14), (3, 15), (4, 0))
IMPLEMENTATIONS = ("cpython", "pypy", "graalpy", "cpython without GIL")


def test_exactly_the_stated_platforms_are_supported() -> None:
    """Of every combination, those of the stated list pass, and each other one gets an error that states the list."""
    supported = {
        Machine(system, architecture, libc, python, "cpython")
        for python in ((3, 11), (3, 12), (3, 13), (3, 14))
        for system, architectures, libcs in (
            ("linux", ("x86_64", "aarch64", "arm64"), ("glibc 2.28", "glibc 2.41", "glibc 3.0")),
            ("darwin", ("arm64",), LIBCS),
        )
        for architecture in architectures
        for libc in libcs
    }
    for machine in map(Machine._make, itertools.product(SYSTEMS, ARCHITECTURES, LIBCS, PYTHONS, IMPLEMENTATIONS)):
        error = unsupported(machine)
        assert (error is None) == (machine in supported), machine
        assert error is None or error.endswith(SUPPORTED)


@pytest.mark.parametrize(
    ("machine", "named"),
    [
        (LINUX._replace(system="win32"), "the system win32"),
        (LINUX._replace(architecture="riscv64"), "riscv64 on Linux"),
        (MACOS._replace(architecture="x86_64"), "x86_64 on macOS"),
        (LINUX._replace(libc=""), "a C library other than glibc"),
        (LINUX._replace(libc="glibc 2.17"), "the C library glibc 2.17"),
        (MACOS._replace(python=(3, 10)), "Python 3.10"),
        (MACOS._replace(implementation="pypy"), "the Python implementation pypy"),
    ],
)
def test_the_error_names_what_is_not_supported(machine: Machine, named: str) -> None:
    """The first words say what of this machine is the reason."""
    assert (unsupported(machine) or "").startswith(f"{named} is not supported")


def test_this_machine_is_supported() -> None:
    """What runs the tests is on the list, and read as what it is."""
    assert unsupported(this_machine()) is None
    assert this_machine().python == sys.version_info[:2]


@pytest.mark.parametrize("args", [[], ["--help"], ["run"], ["verify", "x"]])
def test_the_command_refuses_any_other(
    args: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command ends with exit code 2 and the list, before it reads anything."""
    monkeypatch.setattr(platforms, "this_machine", lambda: LINUX._replace(libc=""))
    with pytest.raises(SystemExit) as stop:
        cli.main(args)
    assert stop.value.code == 2
    assert (
        capsys.readouterr().err == f"error: a C library other than glibc is not supported; supported are {SUPPORTED}\n"
    )


@pytest.mark.integration
def test_set_up_refuses_any_other(tmp_path: Path) -> None:
    """`make` with an interpreter that will not do prints what is supported, and makes no environment."""
    for name in ("Makefile", "runback_gate/__init__.py", "runback_gate/platforms.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    program = tmp_path / "runback_gate" / "platforms.py"
    older = re.sub(r"^_PYTHONS = .*$", "_PYTHONS = ((2, 0), (2, 7))", program.read_text(), flags=re.MULTILINE)
    program.write_text(older)
    done = subprocess.run(
        ["make", ".venv/.made", f"PYTHON={sys.executable} /nowhere/python3"],
        cwd=tmp_path, env={**os.environ, "MAKEFLAGS": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert f"is not supported; supported are {SUPPORTED}" in done.stderr
    assert "hint: name one" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_readme_states_the_list() -> None:
    """The section of README is the list of the code, to the word."""
    assert SUPPORTED in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
