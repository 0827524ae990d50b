"""Options that several commands have, each declared once.

@click.command()
@file_option("--svr", "Write a Simple Verification Result too; only on a pass.")
@ROOT
@JSON
def lint(svr: Path | None, root: Path | None, as_json: bool) -> int: ...
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from runback_gate.report.model import Report

Command = TypeVar("Command", bound=Callable[..., Any])
T = TypeVar("T")
Decorator = Callable[[Command], Command]
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
PATH = click.Path(path_type=Path)


def option(flag: str, text: str, **settings: Any) -> Any:
    """A field of a frozen value that an option fills, by its name. Without the option it is None, false or ()."""
    empty = () if settings.get("multiple") else False if settings.get("is_flag") else None
    return field(default=empty, metadata={"flag": flag, "settings": {"help": text, **settings}})


def options(kind: type, name: str) -> Decorator[Any]:
    """Give a command the options that are the fields of `kind`; it gets one value of that type as `name`."""

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(command)
        def wrapped(**given: Any) -> int:
            value = kind(**{item.name: given.pop(item.name) for item in fields(kind)})
            return command(**given, **{name: value})

        for item in reversed(fields(kind)):
            flags = item.metadata["flag"].split()
            wrapped = click.option(*flags, item.name, **item.metadata["settings"])(wrapped)
        return wrapped

    return decorate


def values(flags: Any) -> dict[str, Any]:
    """What options said, by the names of their fields."""
    return {item.name: getattr(flags, item.name) for item in fields(flags)}


def value_of(kind: type[T], flags: Any, **more: object) -> T:
    """What options said, as the value of the same fields that a stage below takes; `more` is what no option says."""
    return kind(**values(flags), **more)


def path_option(name: str, text: str, *more: str, metavar: str = "FILE|FOLDER", **options: Any) -> Decorator[Any]:
    """An option that names a file or a folder; `more` is the parameter that gets it where its name is another."""
    return click.option(name, *more, type=PATH, metavar=metavar, help=text, **options)


def file_option(name: str, text: str, *more: str, metavar: str = "FILE", **options: Any) -> Decorator[Any]:
    """An option that names a file."""
    return click.option(name, *more, type=FILE, metavar=metavar, help=text, **options)


def folder_option(
    name: str, text: str, *more: str, metavar: str = "FOLDER", exists: bool = False, **options: Any
) -> Decorator[Any]:
    """An option that names a folder."""
    kind = click.Path(path_type=Path, file_okay=False, exists=exists)
    return click.option(name, *more, type=kind, metavar=metavar, help=text, **options)


def parsed(parse: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """A callback that puts what `parse` makes of a value in its place; its `ValueError` is an error of the option."""

    def callback(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        try:
            if isinstance(value, tuple):
                return tuple(map(parse, value))
            return None if value is None else parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return callback


JOBS = "Processes (one a core where there is much to do)."
ON = "Run on a cluster instead (extra `ray`)."
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
QUIET = click.option("-q", "--quiet", is_flag=True, help="Hide progress.")
ROOT = folder_option(
    "--root", "Folder of runback.yaml (default: this one, or the nearest above it in the repository).", exists=True
)
HERE = folder_option(
    "--root",
    "Folder of runback.yaml (default: the current one); not searched for with --base.",
    exists=True,
    default=".",
)
POLICIES = click.option(
    "--policies", multiple=True, metavar="FILE|FOLDER", help="Policies to use (default: those of this gate)."
)
CACHE = folder_option("--cache", "Response cache to read from and add to. Without it, no cached answer counts.")
REPORT_FILE = path_option(
    "--report",
    "Report, or the folder that holds report.json.",
    default=Path(".runback/report.json"),
    show_default=True,
)


def gate_root(root: Path | None) -> Path:
    """The folder that was named, or that of the nearest gate."""
    from runback_gate.revision.selection import nearest_gate  # noqa: PLC0415  `--help` does without

    return nearest_gate() if root is None else root


def load_report(path: Path, *, written_by: str = "`runback-gate run` writes it") -> Report:
    """The report of a file (`-` is standard input), or of the report.json in a folder.

    Raises:
        InputError: not there (with the hint `written_by`), or not a report that agrees with itself.
    """
    from runback_gate.documents.named_files import read_file  # noqa: PLC0415  `--help` does without
    from runback_gate.report.model import MAX_REPORT_BYTES, read_report  # noqa: PLC0415

    path = path / "report.json" if path.is_dir() else path
    return read_report(read_file(path, MAX_REPORT_BYTES, hint=written_by), path.as_posix())
