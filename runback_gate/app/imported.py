"""`import`: what someone named becomes runs, judged by policies where some are given, and what is said of it.

In: paths as they were typed, what the files do not say, policies. Out: an `Imported`; its JSON, its lines, exit code.

    found = import_named(("chats/",), Path("runs"), options, policies, secrets.token_bytes)
    "\n".join(imported_lines(found, None, gate=True)), found.exit_code
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runback_gate.app.import_files import choose, import_lines, import_paths, kept_lines, next_lines
from runback_gate.app.import_runs import ImportedFile, ImportOptions, file_json
from runback_gate.frozen import dataclass
from runback_gate.plural import many
from runback_gate.report.text import line

if TYPE_CHECKING:
    from runback_gate.analysis.tally import Tally
    from runback_gate.policy.document import Policy

FAILURES = 3
"""Failures of each rule that are listed."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import."""

    out: Path
    """Folder of the runs."""
    files: Sequence[ImportedFile]
    skipped: Sequence[Path]
    """Files of a folder that hold no JSON."""
    judged: Tally | None = None
    """What policies say of the runs; None where none were given."""
    check_code: int = 0
    """The exit code that this means."""

    @property
    def exit_code(self) -> int:
        """That of the check, else 2 where something could not be read."""
        return self.check_code or (2 if any(file.faults for file in self.files) else 0)


def import_named(
    paths: Sequence[str],
    out: Path,
    options: ImportOptions,
    policies: Sequence[Policy],
    random: Callable[[int], bytes],
) -> Imported:
    """Make runs of files, folders and patterns, and judge them by the policies.

    Raises:
        InputError: nothing is there, or a policy does not compile. What is wrong with a file is in the result.
        WriteError: a run cannot be written.
    """
    chosen = choose(paths)
    files = import_paths(chosen.files, out, options, random)
    if not policies:
        return Imported(out, files, chosen.skipped)
    from runback_gate.app.backtest import check_runs  # noqa: PLC0415  loads the engine

    return Imported(out, files, chosen.skipped, *check_runs(policies, (run for file in files for run in file.runs)))


def import_transcript(
    file: Path, out: Path, options: ImportOptions, random: Callable[[int], bytes], *, warn: Callable[[str], None]
) -> ImportedFile:
    """Make runs of one file, read whole or not at all, as `import transcript` of version 1 does.

    Raises:
        RunbackError: the first fault of the file; `warn` is told the others.
    """
    (imported,) = import_paths([file], out, options, random, whole=True)
    for error in imported.faults[1:]:
        warn(f"error: {line(str(error))}")
    if imported.faults:
        raise imported.faults[0]
    return imported


def imported_json(found: Imported) -> dict[str, Any]:
    """Each file, the runs that lie in the folder now, what was skipped, and what policies say."""
    runs = [(found.out / f"{run.id}.jsonl").as_posix() for file in found.files for run in file.runs]
    files, skipped = [file_json(file) for file in found.files], [path.as_posix() for path in found.skipped]
    checked = {"check": found.judged.to_json()} if found.judged else {}
    return {"files": files, "runs": runs, "skipped": skipped, **checked}


def imported_lines(found: Imported, agent: str | None, *, gate: bool) -> Iterator[str]:
    """What was read; then what policies say, or what to do next for the `agent` that was named."""
    yield from import_lines(found.files, found.skipped)
    if found.judged:
        from runback_gate.report.backtest import backtest_lines  # noqa: PLC0415  loads the engine

        yield ""
        yield from backtest_lines(found.judged, FAILURES, "--json")
        return
    if len(found.files) > 1 or agent is None:
        yield from kept_lines(found.files, found.out)
    yield from next_lines(found.files, found.out, agent, gate=gate)


def transcript_json(imported: ImportedFile) -> dict[str, Any]:
    """What version 1 said of a file, whose runs were all read."""
    rows = [{"run": run.id, "steps": len(run.steps), "labels": run.labels} for run in imported.runs]
    return {"runs": rows, "steps": imported.steps}


def transcript_lines(imported: ImportedFile, out: Path, *, gate: bool) -> Iterator[str]:
    """The same, line by line."""
    agent = imported.runs[0].agent
    yield from kept_lines([imported], out, what=f", {many(imported.steps, 'step')} of {agent}")
    yield from next_lines([imported], out, agent, gate=gate)
