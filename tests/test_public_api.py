"""What users of the package and of the command may rely on."""

from __future__ import annotations

from importlib.metadata import entry_points, version
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest

import runback_gate
from runback_gate.cli import COMMANDS, main
from runback_gate.gate.verdict import Verdict


def exit_code(*arguments: str) -> int | str | None:
    """What the command line exits with."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return stop.value.code


def test_package_exports_the_recorder_and_its_version() -> None:
    """An agent needs these alone; everything else is imported from its stage."""
    names = {name for name, value in vars(runback_gate).items() if not isinstance(value, ModuleType)}
    assert {name for name in names if not name.startswith("_")} == {"annotations", "TYPE_CHECKING"}
    assert all(map(callable, (runback_gate.record, runback_gate.Recording, runback_gate.tool)))
    with pytest.raises(AttributeError):
        _ = runback_gate.nonsense
    assert runback_gate.__version__ == version("runback-gate")


def test_package_is_typed() -> None:
    """The package tells type checkers that it is typed."""
    assert files("runback_gate").joinpath("py.typed").is_file()


def test_console_script() -> None:
    """There is one command, `runback-gate`."""
    scripts = [entry for entry in entry_points(group="console_scripts") if entry.value.startswith("runback_gate")]
    assert [(entry.name, entry.value) for entry in scripts] == [("runback-gate", "runback_gate.cli:main")]


def test_commands() -> None:
    """These are the commands, in the order of `--help`."""
    first = "init demo run merge render show view replay bisect cause attest verify backtest record serve runs"
    assert list(COMMANDS) == [
        *first.split(),
        "archive",
        "import",
        "scan",
        "dataset",
        "policy",
        "action",
        "cache",
        "keys",
        "audit",
        "schema",
        "completion",
    ]


def test_verdicts_and_exit_codes() -> None:
    """0 is pass, 1 is fail, 2 is could not judge; warned and waived rows do not block."""
    assert {verdict.value: verdict.exit_code for verdict in Verdict} == {
        "PASS": 0,
        "FAIL": 1,
        "WARN": 0,
        "WAIVED": 0,
        "UNDECIDED": 2,
    }


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), *((name, "--help") for name in COMMANDS)])
def test_asking_for_help_is_no_verdict(arguments: tuple[str, ...]) -> None:
    """Help and version exit 0, for every command."""
    assert exit_code(*arguments) == 0


@pytest.mark.parametrize("arguments", [("nonsense",), ("--nonsense",), ("run", "--nonsense"), ("schema", "Nonsense")])
def test_wrong_usage_is_not_judged(arguments: tuple[str, ...]) -> None:
    """An unknown command, option or choice exits 2 and falls back to nothing."""
    assert exit_code(*arguments) == 2


def test_no_gate_is_not_judged(tmp_path: Path) -> None:
    """A folder without a gate exits 2: nothing judged is never green."""
    assert exit_code("run", "--root", str(tmp_path)) == 2
