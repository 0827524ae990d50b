"""`import`: transcripts become runs.

In: the bytes of a transcript, the agent that it is of, and a source of chance. Out: the runs, and the file of each,
which the caller writes.

    imported = import_transcript(data, "chats.json", ImportOptions("support"), secrets.token_bytes)
    imported.files          # {"chats-0001-1f0c3a5b.jsonl": b"…"}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runback_gate.capture.runs import read_run, write_run
from runback_gate.capture.transcript import read_transcripts
from runback_gate.errors import InputError, IntegrityError, Location
from runback_gate.step import Run, Tool

MAX_NAME = 256


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a transcript does not say itself."""

    agent: str
    tools: tuple[Tool, ...] | None = None
    """Tools of the agent; None for those that the transcript names."""
    model: str | None = None
    """Model to note in place of what the transcript says."""


@dataclass(frozen=True, slots=True)
class ImportedRuns:
    """What came of a transcript."""

    runs: tuple[Run, ...]
    files: Mapping[str, bytes]
    """By file name, one for each run that is not there yet."""

    @property
    def steps(self) -> int:
        """Steps of all runs."""
        return sum(len(run.steps) for run in self.runs)


def import_transcript(
    data: bytes,
    path: str,
    options: ImportOptions,
    random: Callable[[int], bytes],
    there: Callable[[str], bytes | None] = lambda _name: None,
) -> ImportedRuns:
    """Make a run of each conversation of a transcript.

    Args:
        data: the transcript, JSON or JSONL.
        path: names it in errors and run ids; its ending says which of the two it is.
        options: what the transcript does not say itself.
        random: gives so many bytes of chance, which salt the digests of a run.
        there: the bytes of the file of an earlier import, by its name; None where there is none. A file that holds the
            same run is left as it is: its bytes are evidence, and those of a new one would be others.

    Raises:
        InputError: a name that cannot be one, a conversation that cannot be read, or another run of the same name.
    """
    for field, value in (("agent", options.agent), ("model", options.model)):
        if value is not None and not is_name(value):
            raise InputError(f"the {field} is not a printable name of at most {MAX_NAME} characters")
    runs = tuple(read_transcripts(data, path=path, agent=options.agent, tools=options.tools, model=options.model))
    files = {name: run for run in runs if not _is_there(run, there(name := f"{run.id}.jsonl"), name)}
    return ImportedRuns(runs, {name: write_run(run, random) for name, run in files.items()})


def _is_there(run: Run, data: bytes | None, name: str) -> bool:
    """Whether an earlier import wrote the same run.

    Raises:
        InputError: what is there is another run, or none.
    """
    if data is None:
        return False
    hint = "remove it, or name another folder: a run that is there is not written over"
    try:
        kept = read_run(data, name)
    except IntegrityError as error:
        raise InputError("is there already, and is no run", hint=hint, location=Location(name)) from error
    if _whole(kept) != _whole(run):
        raise InputError("is there already, as another run", hint=hint, location=Location(name))
    return True


def _whole(run: Run) -> Run:
    """The run with its steps read: a sequence that is read on demand equals no other."""
    return dataclasses.replace(run, steps=tuple(run.steps))


def is_name(text: str) -> bool:
    """Whether an agent or a model can be named so."""
    return bool(text.strip()) and text.isprintable() and len(text) <= MAX_NAME
