"""Commands and groups: help if no command is given, and the nearest name if one is unknown.

@click.group(cls=Commands)
def policy(): ...

@policy.command()
def lint(as_json: bool = JSON) -> int: ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., int]], Any]


def command(name: str | None = None, **settings: Any) -> Decorator:
    """Make a command of a function whose parameters say what they are, by `option` and its like."""

    def decorate(function: Callable[..., int]) -> Any:
        from runback_gate.cli.options import parameters  # noqa: PLC0415  the list of commands does without options

        call, declared = parameters(function)
        make: Any = click.command(name, params=declared, **settings)
        return make(call)

    return decorate


class Commands(click.Group):
    """A group in the order in which its commands are written."""

    def command(self, name: str | None = None, **settings: Any) -> Decorator:  # type: ignore[override]
        """As `command`, and of this group."""

        def decorate(function: Callable[..., int]) -> Any:
            self.add_command(made := command(name, **settings)(function))
            return made

        return decorate

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  the interface is click's
        """Commands in the order in which they are used, not by the alphabet."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; without any argument the help is shown and it is an error, since a script meant something."""
        if not args and not ctx.resilient_parsing:
            click.echo(f"{ctx.get_help()}\n", err=True)
            raise click.UsageError("no command was given", ctx)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name in the error."""
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            from runback_gate.documents.names import suggestion  # noqa: PLC0415  most starts need none

            hint = suggestion(args[0], names)
            raise click.UsageError(f"no command is named {args[0]!r}" + (f" ({hint})" if hint else ""), ctx)
        return super().resolve_command(ctx, args)
