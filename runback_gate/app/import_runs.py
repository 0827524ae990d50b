"""`import`: transcripts of any known format become runs.

In: the bytes of a file, what it does not say itself, and a source of chance. Out: what was read, and the file of each
run, which the caller writes.

    imported = import_file(data, "chats.json", ImportOptions("support"), secrets.token_bytes)
    imported.files          # {"chats-0001-1f0c3a5b.jsonl": b"…"}
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from runback_gate.canonical import canonical_bytes
from runback_gate.capture.formats import Defaults, Transcripts, formats, read_transcripts
from runback_gate.capture.formats.build import PSEUDONYM
from runback_gate.capture.log import Redaction
from runback_gate.capture.otlp import Export, looks_like_otlp, read_exports
from runback_gate.capture.provider import with_providers
from runback_gate.capture.runs import read_run, write_run
from runback_gate.capture.runs.turns import turns_of
from runback_gate.capture.runs.writer import stock
from runback_gate.errors import InputError, IntegrityError, Location, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.redact import NO_PROJECT, Level, ProjectRules, Redactor
from runback_gate.step import MAX_NAME, Run, Tool, is_name, to_json

OTLP = "otlp"
"""Name of the format of OpenTelemetry's exports."""
UNNAMED = "agent"
"""The agent of a file that names none."""


def parse_format(text: str) -> str:
    """The name of a format; raises ValueError for what is none."""
    if text not in (names := (*formats(), OTLP)):
        raise ValueError(f"none of {', '.join(names)}")
    return text


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a transcript does not say itself."""

    agent: str | None = None
    """Name of the agent; None for the one that the file names, else `agent`."""
    tools: tuple[Tool, ...] | None = None
    """Tools of the agent; None for those that the transcript names."""
    model: str | None = None
    """Model to note in place of what the transcript says."""
    format: str | None = None
    """Name of the format; None to find it."""
    redaction: Redaction | None = None
    """What is applied to each value of a file before anything else; None for nothing."""
    provider: str | None = None
    """Provider of each model that is named without one; None to infer it."""


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What came of one file."""

    path: str
    format: str
    """Empty when none was found."""
    runs: tuple[Run, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    """By file name, one for each run that is not there yet."""
    ignored: Mapping[str, int] = field(default_factory=dict)
    """How often each field was there that decides nothing."""
    faults: tuple[RunbackError, ...] = ()
    """What could not be read, each with its place; the rest was."""

    @property
    def steps(self) -> int:
        """Steps of all runs."""
        return sum(len(run.steps) for run in self.runs)

    @property
    def refused(self) -> str | None:
        """What could not be read, in one text."""
        return "; ".join(map(str, self.faults)) or None


def import_file(
    data: bytes,
    path: str,
    options: ImportOptions,
    random: Callable[[int], bytes],
    there: Callable[[str], bytes | None] = lambda _name: None,
) -> ImportedFile:
    """Make a run of each conversation of a file.

    Args:
        data: the file.
        path: names it in errors and run ids.
        options: what the file does not say itself.
        random: gives so many bytes of chance, which salt the digests of a run.
        there: the bytes of the file of an earlier import, by its name; None where there is none. A file that holds the
            same run is left as it is: its bytes are evidence, and those of a new one would be others.

    Raises:
        InputError: a name that cannot be one. What is wrong with the file is no exception: it is in the result.
    """
    for name in ("agent", "model", "provider"):
        value = getattr(options, name)
        if value is not None and not is_name(value):
            raise InputError(f"the {name} is not a printable name of at most {MAX_NAME} characters")
    if is_export(data, options):
        return import_exports([(path, data)], options, random, there)[0]
    with _no_collection():
        return _imported(data, path, options, random, there)


def _imported(
    data: bytes, path: str, options: ImportOptions, random: Callable[[int], bytes], there: Callable[[str], bytes | None]
) -> ImportedFile:
    defaults = Defaults(options.agent, options.tools, options.model, options.redaction, options.provider)
    try:
        found = read_transcripts(data, path, defaults, options.format)
    except RunbackError as error:
        return ImportedFile(path, "", faults=(error,))
    return _written(found, path, random, there)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """No search for what holds itself: an import makes many values and none of that kind, and it cost a tenth."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def is_export(data: bytes, options: ImportOptions) -> bool:
    """Whether a file is an export of OpenTelemetry, which is read together with others of the same command."""
    return options.format == OTLP or (options.format is None and looks_like_otlp(data))


def import_exports(
    files: Sequence[tuple[str, bytes]],
    options: ImportOptions,
    random: Callable[[int], bytes],
    there: Callable[[str], bytes | None] = lambda _name: None,
) -> list[ImportedFile]:
    """As `import_file`, for exports of OpenTelemetry: the logs of a process go into the runs of its traces."""
    exports = read_exports(files, agent=options.agent, redaction=options.redaction)
    provider = options.provider
    return [_of_export(export, path, provider, random, there) for (path, _), export in zip(files, exports, strict=True)]


def _of_export(
    export: Export,
    path: str,
    provider: str | None,
    random: Callable[[int], bytes],
    there: Callable[[str], bytes | None],
) -> ImportedFile:
    """What came of an export; a call without content is a fault that says how to get it."""
    if export.fault is not None:
        return ImportedFile(path, "", faults=(export.fault,))
    hint = "or import it together with the logs of the same process, if they hold it"
    faults: list[RunbackError] = [InputError(notice, hint=hint, location=Location(path)) for notice in export.notices]
    ignored = Counter({"spans of nothing that is judged": export.other_spans} if export.other_spans else {})
    if not export.runs and not faults and not export.joined:
        faults.append(InputError("no call of a model", location=Location(path)))
    runs = [with_providers(run, provider) for run in export.runs]
    return _written(Transcripts(OTLP, runs, ignored, faults), path, random, there)


def _written(
    found: Transcripts, path: str, random: Callable[[int], bytes], there: Callable[[str], bytes | None]
) -> ImportedFile:
    runs, files, faults = [], {}, list(found.faults)
    salt = stock(random)
    for run in found.runs:
        name = f"{run.id}.jsonl"
        try:
            if not _is_there(run, there(name), name):
                files[name] = write_run(run, salt)
        except RunbackError as error:
            faults.append(error)
            continue
        runs.append(run)
    return ImportedFile(path, found.format, tuple(runs), files, dict(found.ignored), tuple(faults))


def _is_there(run: Run, data: bytes | None, name: str) -> bool:
    """Whether an earlier import wrote the same run.

    Raises:
        InputError: what is there is another run, or none.
    """
    if data is None:
        return False
    hint = "remove it, or name another folder: an existing run is not overwritten"
    try:
        kept = read_run(data, name)
    except IntegrityError as error:
        raise InputError("is there already, and is no run", hint=hint, location=Location(name)) from error
    kept, run = _whole(kept), _whole(run)
    if kept != run and _without_key(kept) != _without_key(run):
        raise InputError("is there already, as another run", hint=hint, location=Location(name))
    return True


def _whole(run: Run) -> Run:
    """The run with its steps read: a sequence that is read on demand equals no other."""
    return dataclasses.replace(run, steps=tuple(run.steps))


def _without_key(run: Run) -> bytes:
    """The run with each pseudonym as any other of its rule: without a key of the project they differ each time."""
    return PSEUDONYM.sub(rb"<\1>", canonical_bytes(to_json(run)))


def redaction(
    level: Level | None, key: str | None, random: Callable[[int], bytes], project: ProjectRules = NO_PROJECT
) -> Redaction | None:
    """What redacts at a level, also by the project's rules; without its key the pseudonyms hold for this import.

    Without a level it is the project's, else `standard`.

    Raises:
        InputError: the key is too short.
    """
    level = level or project.level or "standard"
    if level == "off":
        return None
    redactor = Redactor.under(level, key, random, project)
    return Redaction(redactor.level, redactor.redact, redactor.ruleset, redactor.key_id)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much was read."""

    runs: int = 0
    steps: int = 0
    calls: int = 0
    results: int = 0
    errors: int = 0
    """Answers and tool runs that failed."""

    def __add__(self, other: Counts) -> Counts:
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Counts(*(one + two for one, two in pairs))


def counts(imported: ImportedFile) -> Counts:
    """What a file held."""
    return sum(map(_counts, imported.runs), Counts())


def _counts(run: Run) -> Counts:
    """What a run holds, from what each step adds to the one before: its whole conversations would take the square."""
    calls = results = errors = 0
    open_calls: Counter[str] = Counter()
    turns = turns_of(run.steps)
    for turn in turns:
        for message in turn.step.request.messages:
            identity = message.tool_call_id or ""
            if message.role == "tool" and open_calls[identity] > 0:
                open_calls[identity] -= 1
                results += 1
                errors += message.error is not None
        response = turn.step.response
        calls += len(response.tool_calls)
        errors += response.error is not None
        open_calls.update(call.id for call in response.tool_calls)
    for tool in run.tool_runs:
        if tool.step < 0:
            calls += 1
        elif open_calls[tool.id] <= 0:
            continue
        open_calls[tool.id] -= 1
        results += tool.result is not None
        errors += tool.error is not None
    return Counts(1, len(turns), calls, results, errors)


def file_json(imported: ImportedFile) -> dict[str, Any]:
    """A file, as `import --json` prints it."""
    return {
        "path": imported.path,
        "format": imported.format,
        **dataclasses.asdict(counts(imported)),
        "ignored": dict(sorted(imported.ignored.items())),
        "refused": imported.refused,
    }
