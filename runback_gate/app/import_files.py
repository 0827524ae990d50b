"""`import` of what a person named: files, folders and patterns become files of runs in one folder.

In: paths as they were typed. Out: what came of each file; its runs are written. Then the table that says so.

    chosen = choose(("logs/*.json", "chats/"))
    imported = import_paths(chosen.files, Path("runs"), options, secrets.token_bytes)
    "\\n".join(import_lines(imported))
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from runback_gate.app.import_runs import (
    UNNAMED,
    Counts,
    ImportedFile,
    ImportOptions,
    counts,
    import_exports,
    import_file,
    is_export,
)
from runback_gate.app.paths import slug
from runback_gate.canonical import parse_json
from runback_gate.capture.formats import MAX_TRANSCRIPT_BYTES
from runback_gate.capture.formats.batches import JoinedFile, batch_part, join_batches
from runback_gate.capture.formats.envelopes import batch
from runback_gate.capture.runs import MAX_RUN_BYTES
from runback_gate.capture.runs.turns import turns_of
from runback_gate.documents.folders import begins_as_json, named_files
from runback_gate.documents.named_files import STDIN, read_file, read_if_there, write_file
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.plural import many
from runback_gate.report.columns import table_lines
from runback_gate.report.text import line
from runback_gate.step import Run, Tool, tools_from_json

MAX_TOOLS_BYTES = 8 << 20
SHOWN = 8
"""Ignored fields that the table names; the others are counted."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The files that paths name."""

    files: tuple[Path, ...]
    skipped: tuple[Path, ...]
    """Files of a folder that hold neither JSON nor an archive."""


def choose(paths: Sequence[str]) -> Selection:
    """The files of files, folders and patterns, each once, in order; `-` is standard input.

    Raises:
        InputError: a path names nothing.
    """
    named = named_files(paths)
    skipped = tuple(path for path, in_folder in named.items() if in_folder and not begins_as_json(path))
    return Selection(tuple(path for path in named if path not in set(skipped)), skipped)


def read_tools(path: Path) -> tuple[Tool, ...]:
    """The tools of a file: JSON in OpenAI function format.

    Raises:
        InputError: the file cannot be read.
        DocumentError: it holds no list of tools.
    """
    name = path.as_posix()
    return tools_from_json(parse_json(read_file(path, MAX_TOOLS_BYTES), path=name), name)


def import_paths(
    files: Sequence[Path], out: Path, options: ImportOptions, random: Callable[[int], bytes], *, whole: bool = False
) -> list[ImportedFile]:
    """Read each file whole, then write the runs of it that are not there yet; with `whole`, all of them or none.

    Traces and logs of OpenTelemetry, and requests and results of batches, are read together, once the other files are
    written.

    Raises:
        WriteError: a run cannot be written.
    """

    def earlier(name: str) -> bytes | None:
        return read_if_there(out / name, MAX_RUN_BYTES)

    def written(imported: ImportedFile) -> ImportedFile:
        if not (whole and imported.faults):
            for name, content in imported.files.items():
                write_file(out / name, content)
        return imported

    found: dict[Path, ImportedFile] = {}
    exports: dict[Path, tuple[str, bytes]] = {}
    halves: dict[Path, tuple[str, bytes]] = {}
    for file in files:
        name = "stdin" if file == STDIN else file.as_posix()
        try:
            data = read_file(file, MAX_TRANSCRIPT_BYTES)
        except InputError as error:
            found[file] = ImportedFile(file.as_posix(), "", faults=(error,))
            continue
        if is_export(data, options):
            exports[file] = (name, data)
        elif options.format in (None, batch.NAME) and batch_part(data) is not None:
            halves[file] = (name, data)
        else:
            found[file] = written(import_file(data, name, options, random, earlier))
    batches = join_batches(dict(halves.values()))
    for file, (name, data) in halves.items():
        half = batches.get(name, JoinedFile(data))
        if half.data is None:
            found[file] = ImportedFile(name, batch.NAME, ignored=half.counted)
        else:
            found[file] = written(import_file(half.data, name, options, random, earlier))
    joined = import_exports(list(exports.values()), options, random, earlier)
    found |= dict(zip(exports, map(written, joined), strict=True))
    return [found[file] for file in files]


def import_lines(imported: Sequence[ImportedFile], skipped: Sequence[Path] = ()) -> Iterator[str]:
    """What was read, by format; then what was refused, ignored, redacted and skipped."""
    yield from table_lines(list(_format_rows(imported)))
    for error in (error for file in imported for error in file.faults):
        yield f"refused   {line(str(error))}"
    ignored = sum((Counter(file.ignored) for file in imported), Counter[str]())
    if ignored:
        shown = [f"{line(name)} ×{number:,}" for name, number in ignored.most_common(SHOWN)]
        more = f" · {len(ignored) - SHOWN:,} more" if len(ignored) > SHOWN else ""
        yield f"ignored   {' · '.join(shown)}{more}"
    runs = _runs(imported)
    redacted: Counter[str] = Counter()
    for run in runs:
        redacted.update(run.redaction.get("counts", {}))
    if redacted:
        level = next(run.redaction["level"] for run in runs if "counts" in run.redaction)
        yield f"redacted  {' · '.join(f'{number:,} {rule}' for rule, number in redacted.most_common())}   ({level})"
    if skipped:
        yield f"skipped   {many(len(skipped), 'file')} of a folder, no JSON"


def _format_rows(imported: Sequence[ImportedFile]) -> Iterator[tuple[str, ...]]:
    by_format: dict[str, list[ImportedFile]] = {}
    for file in imported:
        if file.runs:
            by_format.setdefault(file.format, []).append(file)
    for name, files in sorted(by_format.items(), key=lambda pair: -len(pair[1])):
        total = sum(map(counts, files), Counts())
        nouns = ("run", "step", "call", "result", "error")
        yield line(name), many(len(files), "file"), *(many(getattr(total, noun + "s"), noun) for noun in nouns)


def kept_lines(imported: Sequence[ImportedFile], out: Path, *, what: str = "") -> Iterator[str]:
    """How many runs lie in the folder now; `what` stands before its name."""
    runs = _runs(imported)
    kept = len(runs) - sum(len(file.files) for file in imported)
    more = f" ({kept:,} there already, left as it was)" if kept else ""
    yield line(f"{many(len(runs), 'run')}{what} in {out.as_posix()}/{more}")


def next_lines(imported: Sequence[ImportedFile], out: Path, agent: str | None, *, gate: bool) -> Iterator[str]:
    """What to do now: save a step as a case where there is a gate, else start one from the run."""
    runs = _runs(imported)
    if agent is None and any(run.agent == UNNAMED for run in runs):
        yield "note: no file names its agent, so it is called `agent`; --agent NAME names it"
    if bare := _without_provider(runs):
        yield line(f"note: the provider of {bare} is not known; --provider NAME writes it, as in provider/model")
    if runs:
        place = shlex.quote((out / f"{runs[0].id}.jsonl").as_posix())
        # A word that begins the file name, so that no agent name needs quotes here.
        add = f"dataset add {place} 0 --dataset datasets/{slug(runs[0].agent)}.yaml"
        yield f"next: runback-gate {add if gate else f'init --from {place}'}"


def _without_provider(runs: Sequence[Run]) -> str:
    """The first few models that are named without their provider."""
    names = (turn.step.request.model for run in runs for turn in turns_of(run.steps))
    bare = dict.fromkeys(name for name in names if name and "/" not in name)
    return ", ".join(list(bare)[:SHOWN])


def _runs(imported: Sequence[ImportedFile]) -> list[Run]:
    return [run for file in imported for run in file.runs]
