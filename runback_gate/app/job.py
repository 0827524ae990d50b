"""A job of GitHub Actions: judges what its event is about, and publishes the outcome wherever someone looks.

In: the inputs of the workflow, the runner's files, the world outside. Out: the exit code of the verdict; for people and
later steps a check run, a comment, a summary, annotations, report files and outputs. Each of these may fail alone and
is then said to be missing; the exit code never depends on one.

    with open_runner(environ, workspace, inputs, user=None) as runner:
        judge_job(inputs, workspace, runner, world)
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from runback_gate.app.archived import ArchiveOptions
from runback_gate.app.live import LiveOptions, World
from runback_gate.app.outputs import write_outputs
from runback_gate.app.paths import slug
from runback_gate.app.progress import Progress
from runback_gate.app.pull_request import JobOptions, judge_event
from runback_gate.documents.named_files import read_file
from runback_gate.errors import InputError, RunbackError, WriteError
from runback_gate.frozen import dataclass
from runback_gate.github.api import Api
from runback_gate.github.event import MAX_EVENT_BYTES, Event, read_event
from runback_gate.github.outcome import Outcome, judged, not_judged
from runback_gate.github.runner import Inputs, Runner, home
from runback_gate.github.surfaces import (
    Annotations,
    Notes,
    PublishState,
    Summary,
    Surface,
    SurfaceOptions,
    Table,
    pull_surfaces,
)
from runback_gate.report.text import line, log

_FORMS = {"sarif": "report.sarif", "markdown": "report.md"}
_HINT = "`runback-gate action` runs in a job of GitHub Actions; elsewhere use `runback-gate run`"


class Cancelled(KeyboardInterrupt):
    """The runner wants the job to end."""


@dataclass(frozen=True, slots=True)
class JobWorld:
    """What a job is handed of the world outside."""

    world: World
    day: str
    """YYYY-MM-DD that waivers are held against."""
    mark: str
    """Drawn by chance: between two of them the runner takes nothing for a command."""
    pause: Callable[[float], None]
    """Waits some seconds."""
    write: Callable[[str], object]
    """Writes to the log of the job."""
    unicode: bool
    """Whether the log can show the signs."""
    debug: Callable[[str], object]
    """Is told the trace of a crash, where somebody wants it."""
    progress: Callable[[], AbstractContextManager[Progress]]
    cancellable: Callable[[], AbstractContextManager[None]]
    """Turns the signals with which a runner ends a job into `Cancelled`."""
    cores: int = 1
    """Of this machine."""


def judge_job(inputs: Inputs, workspace: Path, runner: Runner, world: JobWorld) -> int:
    """Judge, tell it, and hand the outputs to the next steps; the exit code is that of the verdict.

    Raises:
        InputError: no event of GitHub Actions.
        Cancelled: the runner ended the job; each surface says so.
    """
    state = PublishState(_event(world))
    event = state.event
    api = Api(event.api_url, event.repository, inputs.token, sleep=world.pause) if inputs.token else None
    if api is None:
        state.notes.append("No token was given, so nothing was written to GitHub.")
    surfaces = _surfaces(inputs, runner, world, api, state)
    for surface in surfaces:
        surface.start()
    try:
        with world.cancellable():
            outcome = _outcome(inputs, workspace, world, api, state)
    except Cancelled:
        for surface in surfaces:
            surface.cancel()
        raise
    # The files and the log of the job come first, because they need nobody.
    written = _write_report(outcome, runner, state)
    for surface in surfaces:
        surface.publish(outcome)
    runner.output("verdict", outcome.verdict)
    runner.output("report", f"{inputs.report}/report.json" if written else "")
    runner.output("check-url", state.check_url or "")
    runner.output("bundle", "")
    return outcome.verdict.exit_code


def _event(world: JobWorld) -> Event:
    environ = world.world.environ
    path = environ.get("GITHUB_EVENT_PATH")
    if not path:
        raise InputError("GITHUB_EVENT_PATH is not set", hint=_HINT)
    return read_event(read_file(Path(path), MAX_EVENT_BYTES, hint=_HINT), environ)


def _surfaces(inputs: Inputs, runner: Runner, world: JobWorld, api: Api | None, state: PublishState) -> list[Surface]:
    """Where the outcome is told; those that come later say what the earlier ones could not."""
    # One of several jobs that judge a part each says nothing: the one that merges them speaks for all.
    whole = inputs.shard[1] == 1
    check, comment = inputs.check and whole, inputs.comment and whole
    wanted = SurfaceOptions(inputs.name, slug(inputs.name), check=check, comment=comment)
    return [
        Table(world.write, world.mark, unicode=world.unicode),
        *(pull_surfaces(api, wanted, state) if api else ()),
        Annotations(world.write, state),
        Notes(world.write, state),
        Summary(runner.summarize, state),
    ]


def _outcome(inputs: Inputs, workspace: Path, world: JobWorld, api: Api | None, state: PublishState) -> Outcome:
    """What judging comes to; whatever goes wrong comes to no verdict."""
    environ = world.world.environ
    options = JobOptions(
        day=world.day,
        workspace=workspace,
        root=inputs.root,
        agent=inputs.agent,
        dataset=inputs.dataset,
        cache=home(environ) / inputs.cache if inputs.cache else None,
        shard=inputs.shard,
        live=LiveOptions(live=inputs.live),
        approve=inputs.approve,
        prove=inputs.prove,
        archive=ArchiveOptions(inputs.archive, inputs.archive_seconds, world.cores) if inputs.archive else None,
        merge=inputs.merge,
    )
    try:
        with world.progress() as progress:
            state.event, report = judge_event(state.event, api, options, world=world.world, progress=progress)
    except RunbackError as error:
        return not_judged(error, folder=inputs.root)
    except Exception as error:  # noqa: BLE001  a crash must not look like a verdict, and must be told like one
        if environ.get("RUNBACK_DEBUG"):
            world.debug(traceback.format_exc())
        words = f"internal error: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        return not_judged(RunbackError(words, hint="this is a bug in Runback gate: please report it"))
    return judged(report, folder=inputs.root)


def _write_report(outcome: Outcome, runner: Runner, state: PublishState) -> bool:
    """The files of the report; whether they are there."""
    if outcome.report is None:
        return False
    try:
        write_outputs(outcome.report, runner.folder, _FORMS)
    except WriteError as error:
        state.notes.append(f"No report files: {log(line(str(error)))}")
        return False
    return True
