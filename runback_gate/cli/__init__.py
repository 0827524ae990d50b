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
from typing import TextIO

import click

from runback_gate import __version__, platforms
from runback_gate.cli.groups import Commands
from runback_gate.errors import RunbackError

# Looking for plugins costs 30 ms a start, and a plugin would be code that nobody locked.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

COMMANDS = {
    "init": ("start:init", "Write a working starting point: gate, agent, dataset, and a policy with its test."),
    "demo": ("start:demo", "Write a failing run into an empty folder and open it on the step that broke."),
    "run": ("run:run", "Judge every case: pass, fail or could not judge."),
    "merge": ("render:merge", "Join the reports of the parts of a run into one."),
    "render": ("render:render", "Show a report.json as a table, Markdown, HTML, JUnit, SARIF or annotations."),
    "show": ("render:show", "Show a whole row of a report: what was asked and answered, what changed, what to do."),
    "view": ("render:view", "Write a run as one HTML file that opens on the step that broke."),
    "replay": ("replay:replay", "Ask a recorded step, or a whole run, again and show then and now."),
    "bisect": ("investigate:bisect", "Find the first prompt, revision or model under which a step goes wrong."),
    "cause": ("investigate:cause", "Find the part of the context that makes a step go wrong."),
    "attest": ("attest:attest", "Sign the result of a report."),
    "verify": ("attest:verify", "Verify a signed result, and say whether it passed."),
    "backtest": ("backtest:backtest", "Judge every recorded step of a folder of runs."),
    "record": ("recording:record", "Run a Python program and record what its agent does."),
    "serve": ("recording:serve", "Record agents in any language and browse runs, on one local port."),
    "runs": ("runs:runs", "List and show recorded runs."),
    "archive": ("archive:archive", "Pack runs into Parquet; verify, list and restore them."),
    "import": ("transcripts:import_", "Import transcripts, logs and traces as runs."),
    "scan": ("scan:scan", "Find secrets and personal data in files."),
    "dataset": ("datasets:dataset", "Add, list and show cases."),
    "policy": ("policy:policy", "Lint, test, explain and compare policies."),
    "action": ("action:action", "Judge a pull request in a job of GitHub Actions."),
    "cache": ("cache:cache", "List, count and prune the cached answers of models."),
    "keys": ("keys:keys", "Make and show keys for signing without a network."),
    "audit": ("audit:audit", "Make and verify tamper-evident records."),
    "schema": ("start:schema", "Print the JSON Schema of a kind of file."),
    "completion": ("start:completion", "Print the shell completion script."),
}
"""Name to (module:attribute, short help)."""

NAME = "runback-gate"
EXIT_CODES = "Exit codes: 0 pass, 1 fail, 2 could not judge (also bad input and usage)."
_COMPLETE = "_RUNBACK_GATE_COMPLETE"


class LazyGroup(Commands):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  the interface is click's
        """Commands in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        from runback_gate.cli.options import attribute  # noqa: PLC0415  the list of commands does without options

        if cmd_name not in COMMANDS:
            return None
        command: click.Command = attribute(f"cli.{COMMANDS[cmd_name][0]}")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name=NAME)
def cli() -> None:
    """Judge an agent's recorded decisions against policies and datasets, and gate changes to it."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit. Whatever goes wrong exits 2: an exit code of 1 is a verdict and must be earned."""
    # Hardly anything here is a cycle; looking for some every 700 objects costs a quarter of a run.
    gc.set_threshold(50_000, 20, 50)
    streams = [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _exit_code(sys.argv[1:] if args is None else list(args))
    except OSError:
        # Standard error takes no more, so the exit code is all that can be said.
        code = 2
    written = [_flush(stream) for stream in streams]
    sys.exit(code if all(written) else 2)


def _exit_code(args: list[str]) -> int:
    if unsupported := platforms.unsupported(platforms.this_machine()):
        # Not through `_say`: what it needs may be what has no wheel here.
        click.echo(f"error: {unsupported}", err=True)
        return 2
    try:
        return _invoke(args)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        where = f" Try '{context.command_path} --help'." if context else ""
        return _say(f"{error.format_message().rstrip('.')}.{where}")
    except RunbackError as error:
        return _say(str(error))
    except KeyboardInterrupt:
        return _say("interrupted")
    except BrokenPipeError:
        # The reader had enough, as `head` does: nothing to complain about, but no verdict reached it either.
        return 2
    except OSError as error:
        place = "standard output" if error.filename is None else error.filename
        return _say(f"{place}: {error.strerror or error}")
    except Exception as error:  # noqa: BLE001  a crash must not look like a verdict
        if os.environ.get("RUNBACK_DEBUG"):
            _debug(traceback.format_exc())
        kind = type(error).__name__
        return _say(f"internal error: {kind}: {' '.join(str(error).split())[:300]} (set RUNBACK_DEBUG=1 for the trace)")


def _invoke(args: list[str]) -> int:
    """Run one command. Not through click's own `main`, which exits 1 when the reader of a pipe went away."""
    if instruction := os.environ.get(_COMPLETE):
        from click.shell_completion import shell_complete  # noqa: PLC0415  a run does without

        return 2 if shell_complete(cli, {}, NAME, _COMPLETE, instruction) else 0
    with cli.make_context(NAME, args) as context:
        code = cli.invoke(context)
    # A command that says nothing has not judged.
    return code if isinstance(code, int) else 2


def _say(message: str) -> int:
    from runback_gate.masking import masked, secrets_of  # noqa: PLC0415  a run that goes well does without
    from runback_gate.report.text import safe_terminal  # noqa: PLC0415

    click.echo(f"error: {safe_terminal(masked(message, secrets_of(os.environ)))}", err=True)
    return 2


def _debug(trace: str) -> None:
    from runback_gate.cli.terminal import say  # noqa: PLC0415  a run that goes well does without
    from runback_gate.masking import masked, secrets_of  # noqa: PLC0415

    say(masked(trace, secrets_of(os.environ)), err=True)


def _flush(stream: TextIO) -> bool:
    """Write out what is left; what cannot be written would make the interpreter exit with a code of its own."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True
