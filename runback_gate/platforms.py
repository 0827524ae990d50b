"""The platforms that Runback gate supports: those for which every package of the locks is a wheel.

In: what a machine is. Out: None, or an error that says what is missing and what is supported. It needs no package, so
that set-up can ask before there is one; `.ci/platforms.py` holds the locks against the same list.

    python3 -m runback_gate.platforms      # exit code 1 and the error, or nothing
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

SUPPORTED = (
    "Linux on x86_64 and arm64 with glibc 2.28 or newer, macOS 13 or newer on arm64, each with CPython 3.11 to 3.14"
)
"""The list as README states it."""

_PYTHONS = ((3, 11), (3, 14))
_GLIBC = (2, 28)
_MACHINES = {"linux": ("x86_64", "aarch64", "arm64"), "darwin": ("arm64",)}


class Machine(NamedTuple):
    """What decides whether a wheel fits."""

    system: str
    """As `sys.platform` names it."""
    architecture: str
    """As `uname -m` prints it; empty where there is no such thing."""
    libc: str
    """Name and version of the C library of Linux, such as `glibc 2.36`; empty for one that does not name itself."""
    python: tuple[int, int]
    implementation: str
    """`cpython`, or the name of another; `cpython without GIL`, whose wheels are others."""


def this_machine() -> Machine:
    """The interpreter that runs this, and what is below it."""
    linux = sys.platform == "linux"
    return Machine(
        system=sys.platform,
        architecture=os.uname().machine if hasattr(os, "uname") else "",
        libc=_libc() if linux else "",
        python=sys.version_info[:2],
        implementation=sys.implementation.name + (" without GIL" if "t" in getattr(sys, "abiflags", "") else ""),
    )


def unsupported(machine: Machine) -> str | None:
    """Why nothing here would work or was tried, with the list of what is supported; None on a supported platform."""
    fault = _fault(machine)
    return None if fault is None else f"{fault} is not supported; supported are {SUPPORTED}"


def _fault(machine: Machine) -> str | None:
    if machine.system not in _MACHINES:
        return f"the system {machine.system}"
    if machine.architecture not in _MACHINES[machine.system]:
        return f"{machine.architecture} on {'macOS' if machine.system == 'darwin' else 'Linux'}"
    if machine.implementation != "cpython":
        return f"the Python implementation {machine.implementation}"
    if not _PYTHONS[0] <= machine.python <= _PYTHONS[1]:
        return "Python {}.{}".format(*machine.python)
    if machine.system == "linux" and not _new_enough(machine.libc):
        return f"the C library {machine.libc}" if machine.libc else "a C library other than glibc"
    return None


def _new_enough(libc: str) -> bool:
    name, _, version = libc.partition(" ")
    parts = version.split(".")
    return (
        name == "glibc"
        and len(parts) >= 2
        and all(map(str.isdecimal, parts[:2]))
        and ((int(parts[0]), int(parts[1])) >= _GLIBC)
    )


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return ""


if __name__ == "__main__":
    if error := unsupported(this_machine()):
        sys.exit(f"error: {error}")
