"""Arguments and options of commands, each declared once: where its value arrives.

@command()
def lint(
    paths: tuple[str, ...] = argument("[FILE]..."),
    svr: Path | None = option("--svr FILE", "Write a Simple Verification Result too; only on a pass."),
    flags: AskFlags = options(AskFlags),
    as_json: bool = JSON,
) -> int: ...

The annotation says the rest: a `bool` is a flag, a `tuple[…, ...]` takes many, what may not be None must be given.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast

import click

T = TypeVar("T")
Parse = Callable[[str], object] | str
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
PATH = click.Path(path_type=Path, allow_dash=True)
COUNT = click.IntRange(min=0)
_PATHS = {"FILE": FILE, "FOLDER": FOLDER}


def option(
    declared: str,
    text: str,
    *,
    parse: Parse | None = None,
    shown: object = None,
    **settings: Any,
) -> Any:
    """An option as its help shows it, `"-n --trials N"`: the default of a parameter, or a field of a frozen value.

    Args:
        declared: its flags, and the word that stands for its value.
        text: its help.
        parse: makes the value of what was said; its `ValueError` is an error of the option. A `module:function` of
            this package is imported when something was said, so that help does without it.
        shown: its default, where help names it.
        settings: as `click.Option` takes them.
    """
    flags = [word for word in declared.split() if word.startswith("-")]
    metavar = declared.split()[-1] if not declared.split()[-1].startswith("-") else None
    more: dict[str, Any] = {} if parse is None else {"callback": _parsed(parse)}
    more |= {} if shown is None else {"default": shown, "show_default": True}
    return field(metadata={"flags": flags, "help": text, "metavar": metavar, **more, **settings})


def argument(metavar: str | None = None, **settings: Any) -> Any:
    """A positional argument; its type, and whether there may be many, are in its annotation."""
    return field(metadata={"metavar": metavar, **settings})


def options(kind: type) -> Any:
    """The options that are the fields of `kind`, which arrive as one value of it."""
    return field(metadata={"kind": kind})


def parameters(function: Callable[..., int]) -> tuple[Callable[..., int], list[click.Parameter]]:
    """A command as click calls it, with what click is to read."""
    signature = inspect.signature(function).parameters.values()
    declared = [(item.name, item.annotation, item.default.metadata) for item in signature]

    @functools.wraps(function)
    def call(**given: Any) -> int:
        return function(**{name: _value(name, metadata, given) for name, _, metadata in declared})

    return call, [found for item in declared for found in _parameters(*item)]


def _value(name: str, metadata: Any, given: dict[str, Any]) -> Any:
    if kind := metadata.get("kind"):
        return kind(**{item.name: _value(item.name, item.metadata, given) for item in fields(kind)})
    return given[name]


def _parameters(name: str, annotation: str, metadata: Any) -> Iterator[click.Parameter]:
    settings = dict(metadata)
    if kind := settings.pop("kind", None):
        for item in fields(kind):
            yield from _parameters(item.name, str(item.type), item.metadata)
        return
    many = annotation.endswith(", ...]")
    if "Path" in annotation:
        settings.setdefault("type", _PATHS.get(settings["metavar"] or "", PATH))
    needed = "default" not in settings and annotation != "bool" and "None" not in annotation and not many
    settings.setdefault("required", needed)
    if "flags" not in settings:
        yield click.Argument([name], **{"nargs": -1 if many else 1, **settings})
        return
    flags = settings.pop("flags")
    yield click.Option([*flags, name], **{"multiple": many, "is_flag": annotation == "bool" or None, **settings})


def _parsed(parse: Parse) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def callback(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        if value is None or value == ():
            return value
        made = attribute(parse) if isinstance(parse, str) else parse
        try:
            return tuple(map(made, value)) if isinstance(value, tuple) else made(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return callback


def attribute(place: str) -> Any:
    """What `module:name` stands for, in this package."""
    module, _, name = place.partition(":")
    return getattr(import_module(f"runback_gate.{module}"), name)


def values(flags: Any) -> dict[str, Any]:
    """What options said, by the names of their fields; options within options stand beside the others."""
    found: dict[str, Any] = {}
    for item in fields(flags):
        value = getattr(flags, item.name)
        found |= values(value) if is_dataclass(value) and "kind" in item.metadata else {item.name: value}
    return found


def value_of(kind: type[T], flags: Any, **more: object) -> T:
    """What options said, as the value that a stage below takes: the fields of that name; `more` is what none says."""
    known = {item.name for item in fields(cast("Any", kind))}
    return kind(**{**{name: value for name, value in values(flags).items() if name in known}, **more})


def said(flags: Any, *, besides: Iterable[str] = ()) -> list[str]:
    """The names of the options that were given, but those `besides`; 0 was given, an option that was not is no 0."""
    given = ((name, value) for name, value in values(flags).items() if name not in besides)
    return [name for name, value in given if value or (value == 0 and value is not False)]


def steps(metavar: str | None = None) -> Any:
    """An argument that names a step of a run, counted from 0."""
    return argument(metavar, type=COUNT)


FOLDER_THERE = click.Path(path_type=Path, file_okay=False, exists=True)
JOBS: Any = option("--jobs N", "Processes (one a core where there is much to do).", type=click.IntRange(1, 256))
ON: Any = option("--on ray[:ADDRESS]", "Run on a cluster instead (extra `ray`).")
JSON: Any = option("--json", "Print JSON.")
QUIET: Any = option("-q --quiet", "Hide progress.")
ROOT: Any = option(
    "--root FOLDER",
    "Folder of runback.yaml (default: this one, or the nearest above it in the repository).",
    type=FOLDER_THERE,
)
POLICIES: Any = option("--policies FILE|FOLDER", "Policies to use (default: those of this gate).")
PATHS: Any = argument("[FILE|FOLDER]...")
CASE_WHY = "Why the case exists: an incident, a promise."
REPORT_FILE: Any = option(
    "--report FILE|FOLDER",
    "Report, or the folder that holds report.json.",
    shown=Path(".runback/report.json"),
)
