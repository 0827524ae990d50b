"""The surfaces on which a job publishes its outcome: each is handed the outcome, and each may fail alone.

In: an `Outcome`. Out: a check run, a comment, annotations, a summary. What could not be written is noted in
`PublishState`, which the surfaces that come later show.

    state = PublishState(event)
    surfaces = [*pull_surfaces(api, options, state), Annotations(print, state), Summary(append, state)]
    for surface in surfaces:
        surface.publish(outcome)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import field

from runback_gate.errors import GitHubError
from runback_gate.frozen import dataclass
from runback_gate.github.api import Api
from runback_gate.github.check import Check, cancel_check, finish_check, start_check
from runback_gate.github.comment import publish_comment
from runback_gate.github.event import Event
from runback_gate.github.outcome import Outcome
from runback_gate.report.annotations import commands
from runback_gate.report.text import command_data, markdown, safe_terminal

MAX_SUMMARY = 1_000_000
"""Bytes of one step's summary. GitHub takes 1 MiB and drops the whole of what is longer."""

LOG_WIDTH = 120
"""Columns of a log that people read in a browser."""

Write = Callable[[str], object]


@dataclass(slots=True)
class PublishState:
    """What the surfaces speak of, and what they have said so far."""

    event: Event
    """With its pull request, once that is known."""
    notes: list[str] = field(default_factory=list)
    """What could not be written, in words."""
    check_url: str | None = None
    """Page of the check run with the outcome; None where there is none."""
    author: str = ""
    """Login that the token writes as; empty where it is not known."""


@dataclass(frozen=True, slots=True)
class SurfaceOptions:
    """Which surfaces of a pull request are wanted, and how they are known."""

    name: str
    """Of the check."""
    key: str
    """Of the gate, among those of a repository."""
    check: bool = True
    comment: bool = True


class Surface:
    """A place where an outcome is told."""

    def start(self) -> None:
        """Tell that the gate is judging."""

    def publish(self, outcome: Outcome) -> None:
        """Tell what came of it; never raises for what GitHub does."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Tell that the job was cancelled before there was an outcome."""


def pull_surfaces(api: Api, options: SurfaceOptions, state: PublishState) -> list[Surface]:
    """The surfaces that are written through the API."""
    check = [CheckRun(api, options, state)] if options.check else []
    comment = [PullComment(api, options, state)] if options.comment else []
    return [*check, *comment]


class CheckRun(Surface):
    """The check run on the head, with the annotations."""

    def __init__(self, api: Api, options: SurfaceOptions, state: PublishState) -> None:
        self._api, self._options, self._state = api, options, state
        self._check: Check | None = None

    def start(self) -> None:
        """Find or make the check run, which is in progress then."""
        try:
            self._check = start_check(self._api, self._state.event, name=self._options.name, key=self._options.key)
        except GitHubError as error:
            self._state.notes.append(_missing("check run", self._state.event, error))
        else:
            self._state.author = self._check.author

    def publish(self, outcome: Outcome) -> None:
        """Set the conclusion and add the annotations."""
        if self._check is None:
            return
        try:
            finish_check(self._api, self._check, outcome, _footer(self._state.event, ""))
        except GitHubError as error:
            self._state.notes.append(_missing("check run", self._state.event, error))
        else:
            self._state.check_url = self._check.url

    def cancel(self) -> None:
        """End the check run, so that it is not for ever in progress."""
        if self._check is not None:
            with contextlib.suppress(GitHubError):
                cancel_check(self._api, self._check)


class PullComment(Surface):
    """The comment on the pull request."""

    def __init__(self, api: Api, options: SurfaceOptions, state: PublishState) -> None:
        self._api, self._options, self._state = api, options, state

    def publish(self, outcome: Outcome) -> None:
        """Write the comment, or write it anew."""
        state = self._state
        footer = _footer(state.event, state.check_url or "")
        try:
            publish_comment(self._api, state.event, outcome, key=self._options.key, footer=footer, author=state.author)
        except GitHubError as error:
            self._state.notes.append(_missing("comment", self._state.event, error))


class Table(Surface):
    """The table in the log of the job, between marks that keep the runner from taking anything in it for a command."""

    def __init__(self, write: Write, mark: str, *, unicode: bool) -> None:
        self._write, self._mark, self._unicode = write, mark, unicode

    def publish(self, outcome: Outcome) -> None:
        """Write the rows, or why there are none."""
        from runback_gate.report.console import render  # noqa: PLC0415  loads rich

        self._write(f"::stop-commands::{self._mark}\n")
        if outcome.report:
            self._write(render(outcome.report, width=LOG_WIDTH, colour=False, show_all=False, unicode=self._unicode))
        else:
            self._write(f"{safe_terminal(outcome.title)}\n")
        self._write(f"::{self._mark}::\n")


class Annotations(Surface):
    """Annotations as commands in the log of the job, where no check run carries them."""

    def __init__(self, write: Write, state: PublishState) -> None:
        self._write, self._state = write, state

    def publish(self, outcome: Outcome) -> None:
        """Write the commands, one a line."""
        if self._state.check_url is None:
            self._write(commands(outcome.annotations))


class Notes(Surface):
    """What could not be written, as warnings in the log of the job."""

    def __init__(self, write: Write, state: PublishState) -> None:
        self._write, self._state = write, state

    def publish(self, outcome: Outcome) -> None:  # noqa: ARG002  they say what came of the others
        """Write one command for each note."""
        for note in self._state.notes:
            self._write(f"::warning title=Runback gate::{command_data(note)}\n")


class Summary(Surface):
    """The page of the job."""

    def __init__(self, write: Write, state: PublishState) -> None:
        self._write, self._state = write, state

    def publish(self, outcome: Outcome) -> None:
        """Write the outcome, and what could not be written elsewhere."""
        notes = "".join(f"\n> {markdown(note)}\n" for note in self._state.notes)
        self._write(outcome.markdown(MAX_SUMMARY - len(notes.encode())) + notes)


def _missing(what: str, event: Event, error: GitHubError) -> str:
    """Why something was not written, in one line."""
    if event.fork and error.status == 403:
        return (
            f"No {what}: the token of a pull request from a fork may only read. The verdict is the exit code of this "
            "job; its summary and its annotations say the rest."
        )
    return f"No {what}: {safe_terminal(str(error))}"


def _footer(event: Event, url: str) -> str:
    links = [f"head `{event.head[:7]}`", f"[job]({event.run_url})"]
    if url:
        links.append(f"[all rows]({url})")
    return f"\n{' · '.join(links)}\n"
