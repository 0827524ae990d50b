"""The command line: each command reads, calls one function, renders, exits.

    0  pass     1  fail     2  could not judge (also bad input and usage)

Commands are imported when they are asked for, so that `--help` stays fast.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

import click

from runback_gate import __version__
from runback_gate.errors import RunbackError

# Looking for plugins costs 30 ms a start, and a plugin would be code that nobody locked.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

COMMANDS = {
    "init": ("start:init", "Write a working start: gate, agent, dataset, policy with test."),
    "run": ("run:run", "Judge every case and say pass, fail or could not judge."),
    "render": ("run:render", "Render a report.json as a table, Markdown, HTML, JUnit, SARIF or annotations."),
    "backtest": ("policy:backtest", "Judge every recorded step of a folder of runs."),
    "import": ("recordings:import_", "Turn transcripts into runs."),
    "dataset": ("recordings:dataset", "Add, list and show cases."),
    "policy": ("policy:policy", "Lint, test and explain policies."),
    "schema": ("start:schema", "Print the JSON Schema of a kind of file."),
    "completion": ("start:completion", "Print the shell completion script."),
}
"""Name to (module:attribute, short help)."""

EXIT_CODES = "Exit codes: 0 pass, 1 fail, 2 could not judge (also bad input and usage)."


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  the interface is click's
        """Commands in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"runback_gate.cli.{module}"), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name in the error."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches  # noqa: PLC0415

            close = get_close_matches(args[0], COMMANDS, 1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise click.UsageError(f"no command is named {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="runback-gate")
def cli() -> None:
    """Judge an agent's recorded decisions by policies and datasets, and gate its changes."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit. Whatever goes wrong exits 2: an exit code of 1 is a verdict and must be earned."""
    # Hardly anything here is a cycle; looking for some every 700 objects costs a quarter of a run.
    gc.set_threshold(50_000, 20, 50)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_exit_code(args))


def _exit_code(args: Sequence[str] | None) -> int:
    try:
        code = cli.main(args=None if args is None else list(args), prog_name="runback-gate", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.UsageError as error:
        where = f" Try '{error.ctx.command_path} --help'." if error.ctx else ""
        return _say(f"{error.format_message()}{where}")
    except click.ClickException as error:
        return _say(error.format_message())
    except RunbackError as error:
        return _say(str(error))
    except (click.Abort, KeyboardInterrupt):
        return _say("interrupted: nothing was judged")
    except BrokenPipeError:
        # The reader went away. Point stdout elsewhere, or the interpreter complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except Exception as error:  # noqa: BLE001  a crash must not look like a verdict
        if os.environ.get("RUNBACK_DEBUG"):
            traceback.print_exc()
        kind = type(error).__name__
        return _say(f"internal error: {kind}: {' '.join(str(error).split())[:300]} (set RUNBACK_DEBUG=1 for the trace)")


def _say(message: str) -> int:
    click.echo(f"error: {' '.join(message.split())}", err=True)
    return 2
