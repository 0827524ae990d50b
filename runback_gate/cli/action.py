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
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from runback_gate.app.paths import slug
from runback_gate.cli.files import read_file, write_file, write_lines
from runback_gate.cli.runner import MAX_SUMMARY, Inputs, Runner, open_runner, read_inputs
from runback_gate.cli.terminal import progress, say, today, unicode
from runback_gate.documents import expand, safe_read
from runback_gate.errors import GitHubError, InputError, RunbackError, WriteError
from runback_gate.report.text import command_data, markdown, terminal

if TYPE_CHECKING:
    from runback_gate.app.against import Against
    from runback_gate.github.api import Api
    from runback_gate.github.check import Check
    from runback_gate.github.event import Event
    from runback_gate.github.outcome import Outcome
    from runback_gate.report.model import Report, Revision

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
    with open_runner(os.environ, workspace, inputs.report, user=user, keep=bool(inputs.sign)) as runner:
        if inputs.sign:
            from runback_gate.cli.signing import sign  # noqa: PLC0415  a job that judges does without

            return sign(inputs, workspace / inputs.sign, runner)
        return _Job(inputs, workspace, runner).run()


class _Cancelled(KeyboardInterrupt):
    """The runner wants the job to end."""


@dataclass
class _Job:
    """One run of the action."""

    inputs: Inputs
    workspace: Path
    runner: Runner
    notes: list[str] = field(default_factory=list)
    """What could not be done, in words for the summary and the log."""

    def run(self) -> int:
        from runback_gate.github.api import Api  # noqa: PLC0415  loads PyGithub

        event = self._event()
        token = self.inputs.token
        api = Api(event.api_url, event.repository, token, sleep=time.sleep) if token else None
        if api is None:
            self.notes.append("No token was given, so nothing was written to GitHub.")
        check = self._start(api, event)
        try:
            with _cancellable():
                event, report, outcome = self._judge(api, event)
        except _Cancelled:
            self._cancel(api, check)
            raise
        self._publish(api, event, check, report, outcome)
        return outcome.verdict.exit_code

    def _event(self) -> Event:
        from runback_gate.github.event import MAX_EVENT_BYTES, read_event  # noqa: PLC0415  `--help` does without

        path = os.environ.get("GITHUB_EVENT_PATH")
        if not path:
            raise InputError("GITHUB_EVENT_PATH is not set", hint=_HINT)
        return read_event(read_file(Path(path), MAX_EVENT_BYTES, hint=_HINT), os.environ)

    def _judge(self, api: Api | None, event: Event) -> tuple[Event, Report | None, Outcome]:
        """The report and what it comes to; whatever goes wrong comes to no verdict."""
        from runback_gate.github.outcome import judged, not_judged  # noqa: PLC0415

        folder = self.inputs.root
        try:
            event, report = self._report(api, event)
        except RunbackError as error:
            return event, None, not_judged(error, folder=folder)
        except Exception as error:  # noqa: BLE001  a crash must not look like a verdict, and must be told like one
            if os.environ.get("RUNBACK_DEBUG"):
                say(traceback.format_exc(), err=True)
            words = f"internal error: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
            return event, None, not_judged(RunbackError(words, hint="a fault of Runback gate: please report it"))
        return event, report, judged(report, folder=folder)

    def _report(self, api: Api | None, event: Event) -> tuple[Event, Report]:
        """Find the two sides, lay out what the gate can name, and judge; or read what the parts judged."""
        from runback_gate.app.against import Against, BaseFiles  # noqa: PLC0415
        from runback_gate.github.pull import find_commits  # noqa: PLC0415
        from runback_gate.github.tree import GitHubTree  # noqa: PLC0415
        from runback_gate.report.model import Revision  # noqa: PLC0415
        from runback_gate.revision.layout import laid_out  # noqa: PLC0415
        from runback_gate.revision.selection import select  # noqa: PLC0415

        inputs = self.inputs
        if inputs.merge and event.trusted:
            hint = "judge the whole of it in this job"
            raise InputError(f"on `{event.name}` reports of other jobs are not trusted", hint=hint)
        if api is None:
            raise InputError("without a token the commit cannot be read", hint="give the input `token`")
        commits = find_commits(api, event)
        event, base = commits.event, None
        if commits.base is not None:
            before = GitHubTree(api, commits.base, inputs.root, self.workspace)
            base = BaseFiles(event.base_branch or commits.base[:7], commits.base, lambda: laid_out(before))
        if inputs.merge:
            return event, self._merged(event, Revision(base.name, base.commit) if base else None)
        tree = GitHubTree(api, commits.head, inputs.root, self.workspace)
        with laid_out(tree, select(tree, also=inputs.agent).entries) as folder:
            return event, self._judged(folder, Against(base, inputs.approve, event.head))

    def _judged(self, root: Path, against: Against) -> Report:
        from runback_gate.app.judge import JudgeOptions, judge  # noqa: PLC0415
        from runback_gate.app.live import LiveOptions, World  # noqa: PLC0415
        from runback_gate.replay.providers import real_world  # noqa: PLC0415

        inputs, live = self.inputs, LiveOptions(live=self.inputs.live)
        options = JudgeOptions(today(), inputs.agent, inputs.dataset, self._cache(), inputs.shard, live, against)
        with progress(quiet=False) as shown:
            return judge(root, options, world=World(os.environ, real_world()), progress=shown).report

    def _merged(self, event: Event, base: Revision | None) -> Report:
        """The report of all parts, which must be of this very commit and base."""
        from runback_gate.report.merge import merge  # noqa: PLC0415
        from runback_gate.report.model import MAX_REPORT_BYTES, read_report  # noqa: PLC0415

        folder = self.workspace / str(self.inputs.merge)
        names = expand(folder, ["**/report.json"])
        report = merge([read_report(safe_read(folder, name, MAX_REPORT_BYTES), name) for name in names])
        if report.head is None or report.head.commit != event.head or report.base != base:
            message = f"the parts are of {report.head} against {report.base}, not of {event.head[:7]} against {base}"
            raise InputError(message, hint="merge the parts that this run of the workflow judged")
        return report

    def _cache(self) -> Path | None:
        return Path(os.environ.get("HOME", "/")) / self.inputs.cache if self.inputs.cache else None

    # What is told, and to whom.

    def _start(self, api: Api | None, event: Event) -> Check | None:
        from runback_gate.github.check import start_check  # noqa: PLC0415

        if api is None or not self.inputs.check or self._is_part():
            return None
        try:
            return start_check(api, event, name=self.inputs.name, key=self._key())
        except GitHubError as error:
            self.notes.append(_missing("check run", event, error))
            return None

    def _cancel(self, api: Api | None, check: Check | None) -> None:
        from runback_gate.github.check import cancel_check  # noqa: PLC0415

        if api is not None and check is not None:
            with contextlib.suppress(GitHubError):
                cancel_check(api, check)

    def _publish(
        self, api: Api | None, event: Event, check: Check | None, report: Report | None, outcome: Outcome
    ) -> None:
        """Everything that is said, each part alone; the job's own log and files first, because they need nobody."""
        written = self._files(report)
        self._table(report, outcome)
        shown = self._finish(api, event, check, outcome)
        url = check.url if check and shown else ""
        self._comment(api, event, outcome, url)
        if not shown:
            self._annotate(outcome, report)
        for note in self.notes:
            click.echo(f"::warning title=Runback gate::{command_data(note)}")
        self.runner.output("verdict", outcome.verdict)
        self.runner.output("report", f"{self.inputs.report}/report.json" if written else "")
        self.runner.output("check-url", url)
        self.runner.output("bundle", "")
        notes = "".join(f"\n> {markdown(note)}\n" for note in self.notes)
        self.runner.summarize(outcome.markdown(MAX_SUMMARY - len(notes.encode())) + notes)

    def _files(self, report: Report | None) -> bool:
        from runback_gate.report import renderer  # noqa: PLC0415
        from runback_gate.report.model import report_parts  # noqa: PLC0415

        if report is None:
            return False
        try:
            write_lines(self.runner.folder / "report.json", report_parts(report))
            for form, name in _FORMS.items():
                write_file(self.runner.folder / name, renderer(form)(report).encode())
        except WriteError as error:
            self.notes.append(f"No report files: {terminal(str(error))}")
            return False
        return True

    def _table(self, report: Report | None, outcome: Outcome) -> None:
        """The table in the log, between marks that keep the runner from taking anything in it for a command."""
        from runback_gate.report.console import render  # noqa: PLC0415

        mark = secrets.token_hex(16)
        click.echo(f"::stop-commands::{mark}")
        if report:
            click.echo(render(report, width=_WIDTH, colour=False, show_all=False, unicode=unicode()), nl=False)
        else:
            click.echo(terminal(outcome.title))
        click.echo(f"::{mark}::")

    def _finish(self, api: Api | None, event: Event, check: Check | None, outcome: Outcome) -> bool:
        from runback_gate.github.check import finish_check  # noqa: PLC0415

        if api is None or check is None:
            return False
        try:
            finish_check(api, check, outcome, _footer(event, ""))
        except GitHubError as error:
            self.notes.append(_missing("check run", event, error))
            return False
        return True

    def _comment(self, api: Api | None, event: Event, outcome: Outcome, url: str) -> None:
        from runback_gate.github.comment import publish_comment  # noqa: PLC0415

        if api is None or not self.inputs.comment or self._is_part():
            return
        try:
            publish_comment(api, event, outcome, key=self._key(), footer=_footer(event, url))
        except GitHubError as error:
            self.notes.append(_missing("comment", event, error))

    def _annotate(self, outcome: Outcome, report: Report | None) -> None:
        from runback_gate.report.annotations import command, render  # noqa: PLC0415

        if report:
            click.echo(render(report, folder=self.inputs.root), nl=False)
        else:
            click.echo("\n".join(command(item) for item in outcome.annotations))

    def _is_part(self) -> bool:
        """Whether this is one of several jobs that judge a part each: the one that merges them speaks for all."""
        return self.inputs.shard[1] > 1

    def _key(self) -> str:
        return slug(self.inputs.name)


def _missing(what: str, event: Event, error: GitHubError) -> str:
    """Why something was not written, in one line."""
    if event.fork and error.status == 403:
        return (
            f"No {what}: the token of a pull request from a fork may only read. The verdict is the exit code of this "
            "job; its summary and its annotations say the rest."
        )
    return f"No {what}: {terminal(str(error))}"


def _footer(event: Event, url: str) -> str:
    links = [f"head `{event.head[:7]}`", f"[job]({event.run_url})"]
    if url:
        links.append(f"[all rows]({url})")
    return f"\n{' · '.join(links)}\n"


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
