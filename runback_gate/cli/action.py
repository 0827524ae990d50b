"""`action` is what the container of the GitHub Action starts: judge, tell the pull request, exit with the verdict.

In: the environment of a job (GITHUB_*, INPUT_*). Out: the exit code, and for people and later steps a check run, a
comment, a summary, annotations, report files and outputs. Each of these may fail alone and is then said to be missing;
the exit code never depends on one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from runback_gate.app.paths import slug
from runback_gate.cli.terminal import progress, say, today, unicode
from runback_gate.documents.named_files import read_file
from runback_gate.errors import InputError, RunbackError, WriteError
from runback_gate.github.runner import Inputs, Runner, home, open_runner, read_inputs
from runback_gate.report.text import safe_terminal

if TYPE_CHECKING:
    from runback_gate.github.api import Api
    from runback_gate.github.event import Event
    from runback_gate.github.outcome import Outcome
    from runback_gate.github.surfaces import PublishState

_FORMS = {"sarif": "report.sarif", "markdown": "report.md"}
_WIDTH = 120
"""Columns of a log that people read in a browser."""
_HINT = "`runback-gate action` runs in a job of GitHub Actions; elsewhere use `runback-gate run`"


@click.command()
@click.option("--user", type=click.IntRange(1, 65535), help="User that root becomes before it reads a change.")
def action(user: int | None) -> int:
    """Judge a pull request in a job of GitHub Actions; reads GITHUB_* and INPUT_* from the environment.

    Exit codes: 0 pass, 1 fail, 2 could not judge.
    """
    inputs = read_inputs(os.environ)
    workspace = Path(os.environ.get("GITHUB_WORKSPACE") or ".")
    with open_runner(os.environ, workspace, inputs, user=user) as runner:
        if inputs.sign:
            from runback_gate.cli.signing import sign  # noqa: PLC0415  a job that judges does without

            return sign(inputs, workspace / inputs.sign, runner)
        return _judge(inputs, workspace, runner)


class _Cancelled(KeyboardInterrupt):
    """The runner wants the job to end."""


def _judge(inputs: Inputs, workspace: Path, runner: Runner) -> int:
    """Judge, tell it wherever somebody looks, and hand the outputs to the next steps."""
    from runback_gate.github.api import Api  # noqa: PLC0415  loads PyGithub
    from runback_gate.github.surfaces import Annotations, Notes, PublishState, Summary, SurfaceOptions, pull_surfaces  # noqa: PLC0415

    state = PublishState(_event())
    event = state.event
    api = Api(event.api_url, event.repository, inputs.token, sleep=time.sleep) if inputs.token else None
    if api is None:
        state.notes.append("No token was given, so nothing was written to GitHub.")
    # One of several jobs that judge a part each says nothing: the one that merges them speaks for all.
    whole = inputs.shard[1] == 1
    check, comment = inputs.check and whole, inputs.comment and whole
    wanted = SurfaceOptions(inputs.name, slug(inputs.name), check=check, comment=comment)
    surfaces = [
        *(pull_surfaces(api, wanted, state) if api else ()),
        Annotations(_echo, state),
        Notes(_echo, state),
        Summary(runner.summarize, state),
    ]
    for surface in surfaces:
        surface.start()
    try:
        with _cancellable():
            outcome = _outcome(inputs, workspace, api, state)
    except _Cancelled:
        for surface in surfaces:
            surface.cancel()
        raise
    # The log and the files of the job come first, because they need nobody.
    written = _write_report(outcome, runner, state)
    _print_table(outcome)
    for surface in surfaces:
        surface.publish(outcome)
    runner.output("verdict", outcome.verdict)
    runner.output("report", f"{inputs.report}/report.json" if written else "")
    runner.output("check-url", state.check_url or "")
    runner.output("bundle", "")
    return outcome.verdict.exit_code


def _event() -> Event:
    from runback_gate.github.event import MAX_EVENT_BYTES, read_event  # noqa: PLC0415  `--help` does without

    path = os.environ.get("GITHUB_EVENT_PATH")
    if not path:
        raise InputError("GITHUB_EVENT_PATH is not set", hint=_HINT)
    return read_event(read_file(Path(path), MAX_EVENT_BYTES, hint=_HINT), os.environ)


def _outcome(inputs: Inputs, workspace: Path, api: Api | None, state: PublishState) -> Outcome:
    """What judging comes to; whatever goes wrong comes to no verdict."""
    from runback_gate.app.live import LiveOptions, World  # noqa: PLC0415  loads the engine
    from runback_gate.app.pull_request import JobOptions, judge_event  # noqa: PLC0415
    from runback_gate.github.outcome import judged, not_judged  # noqa: PLC0415
    from runback_gate.replay.providers import real_world  # noqa: PLC0415

    options = JobOptions(
        day=today(),
        workspace=workspace,
        root=inputs.root,
        agent=inputs.agent,
        dataset=inputs.dataset,
        cache=home(os.environ) / inputs.cache if inputs.cache else None,
        shard=inputs.shard,
        live=LiveOptions(live=inputs.live),
        approve=inputs.approve,
        merge=inputs.merge,
    )
    try:
        with progress(quiet=False) as shown:
            world = World(os.environ, real_world())
            state.event, report = judge_event(state.event, api, options, world=world, progress=shown)
    except RunbackError as error:
        return not_judged(error, folder=inputs.root)
    except Exception as error:  # noqa: BLE001  a crash must not look like a verdict, and must be told like one
        if os.environ.get("RUNBACK_DEBUG"):
            say(traceback.format_exc(), err=True)
        words = f"internal error: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        return not_judged(RunbackError(words, hint="a fault of Runback gate: please report it"))
    return judged(report, folder=inputs.root)


def _write_report(outcome: Outcome, runner: Runner, state: PublishState) -> bool:
    """The files of the report; whether they are there."""
    from runback_gate.app.outputs import write_outputs  # noqa: PLC0415  nothing to write without a verdict

    if outcome.report is None:
        return False
    try:
        write_outputs(outcome.report, runner.folder, _FORMS)
    except WriteError as error:
        state.notes.append(f"No report files: {safe_terminal(str(error))}")
        return False
    return True


def _print_table(outcome: Outcome) -> None:
    """The table in the log, between marks that keep the runner from taking anything in it for a command."""
    from runback_gate.report.console import render  # noqa: PLC0415  loads rich

    mark = secrets.token_hex(16)
    _echo(f"::stop-commands::{mark}\n")
    if outcome.report:
        _echo(render(outcome.report, width=_WIDTH, colour=False, show_all=False, unicode=unicode()))
    else:
        _echo(f"{safe_terminal(outcome.title)}\n")
    _echo(f"::{mark}::\n")


def _echo(text: str) -> None:
    click.echo(text, nl=False)


@contextlib.contextmanager
def _cancellable() -> Iterator[None]:
    """Turn the signals with which a runner ends a job into an exception."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _Cancelled

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
