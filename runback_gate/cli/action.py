"""`action` is what the container of the GitHub Action starts: judge, or sign, and exit with the verdict."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from functools import partial
from pathlib import Path
from types import FrameType

import click

from runback_gate.cli import terminal
from runback_gate.cli.asking import handling
from runback_gate.cli.groups import command
from runback_gate.cli.options import option
from runback_gate.github.runner import open_runner, read_inputs


@command()
def action(
    user: int | None = option(
        "--user", "User id to switch to, when run as root, before a change is read.", type=click.IntRange(1, 65535)
    ),
) -> int:
    """Judge a pull request in a job of GitHub Actions; reads GITHUB_* and INPUT_* from the environment.

    Exit codes: 0 pass, 1 fail, 2 could not judge.
    """
    inputs = read_inputs(os.environ)
    workspace = Path(os.environ.get("GITHUB_WORKSPACE") or ".")
    write = partial(click.echo, nl=False)
    with open_runner(os.environ, workspace, inputs, user=user) as runner:
        if inputs.sign:
            from runback_gate.app.sign_job import sign_job  # noqa: PLC0415  a job that judges does without
            from runback_gate.cli.attest import signing_world  # noqa: PLC0415

            return sign_job(inputs, workspace / inputs.sign, runner, signing_world(), write)
        from runback_gate.app.job import JobWorld, judge_job  # noqa: PLC0415  loads the engine
        from runback_gate.app.live import World  # noqa: PLC0415
        from runback_gate.replay.providers import real_world  # noqa: PLC0415

        world = JobWorld(
            World(os.environ, real_world()),
            day=terminal.today(),
            mark=secrets.token_hex(16),
            pause=time.sleep,
            write=write,
            unicode=terminal.unicode(),
            debug=partial(terminal.say, err=True),
            progress=partial(terminal.progress, quiet=False),
            cancellable=_cancellable,
            cores=os.cpu_count() or 1,
        )
        return judge_job(inputs, workspace, runner, world)


def _cancellable() -> contextlib.AbstractContextManager[None]:
    """Turn the signals with which a runner ends a job into an exception."""
    from runback_gate.app.job import Cancelled  # noqa: PLC0415  loads the engine

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Cancelled

    return handling(stop)
