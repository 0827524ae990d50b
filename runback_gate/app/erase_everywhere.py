"""`audit erase FOLDER`: erases the values of a pseudonym from runs, recordings of datasets and cached answers.

In: the folder of a gate, pseudonyms, why and when. Out: what was erased, or would be; the files are replaced.

    erase_everywhere(Path(), ("<email:3f9a1c07be21>",), at=now, reason="asked for", dry_run=True)

Everything is looked through before anything is written. A run loses whole values, as `app.erase` says. A recording
loses each text that holds the pseudonym: it gets another digest, which its case then names, and is `view-only`. Cached
answers of whoever was named, and the questions to them, are removed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from runback_gate.app.erase import Erasure, Selection, erase_values
from runback_gate.app.paths import below
from runback_gate.chain import MAX_REASON
from runback_gate.dataset.document import Case, Dataset, load_dataset
from runback_gate.dataset.edit import rename_recordings
from runback_gate.dataset.erase import erased_step
from runback_gate.dataset.recordings import load_recording, recording, recording_path
from runback_gate.documents import expand
from runback_gate.documents.named_files import read_file, remove_file, write_file
from runback_gate.errors import InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.gate.config import GATE_FILE, load_gate
from runback_gate.plural import many
from runback_gate.redact.pseudonym import PSEUDONYM
from runback_gate.replay.cache import ResponseCache, Stored
from runback_gate.report.columns import row_lines
from runback_gate.store.folder import RUNS, run_files

CACHE: Final = Path(".runback/responses")
MAX_FILE: Final = 256 << 20
_TOMBSTONE: Final = re.compile(rb'^\{"id":"sha256:[0-9a-f]{64}","tombstone":[^\n]*', re.MULTILINE)
_ERASED: Final = re.compile(r"\[erased [0-9T:.Z-]+: [^\n]{0,500}\]")


@dataclass(frozen=True, slots=True)
class ErasedCase:
    """A case whose recording lost something."""

    title: str
    """`DATASET/CASE`."""
    before: str
    """Digest of its recording."""
    after: str


@dataclass(frozen=True, slots=True)
class ProjectErasure:
    """What was erased from a project, or would be."""

    runs: Mapping[str, Sequence[Erasure]]
    """By file; one for each pseudonym that it held."""
    cases: tuple[ErasedCase, ...]
    answers: tuple[str, ...]
    """Cached answers that are gone, and the questions to them."""
    at: str
    reason: str
    dry_run: bool

    @property
    def values(self) -> int:
        """Values of runs."""
        return sum(len(erasure.held) for found in self.runs.values() for erasure in found)


def erase_everywhere(
    root: Path, pseudonyms: Sequence[str], pattern: str | None = None, *, at: str, reason: str, dry_run: bool
) -> ProjectErasure:
    """Erase what stands under pseudonyms; with `dry_run` every file stays as it is.

    Args:
        root: the folder of the gate; runs lie in its `runs/`, cached answers in `.runback/responses`.
        pseudonyms: `<rule:twelve digits>`.
        pattern: None; a pattern could mean more than somebody looked at.
        at: RFC 3339 time, which stands in the tombstones.
        reason: one line, which stands there too, with the pseudonym.
        dry_run: whether nothing is written.

    Raises:
        InputError: what is named is no pseudonym, none is found, or a dataset holds one outside of its recordings.
            Nothing was changed.
        IntegrityError: a run or a recording does not verify. Nothing was changed.
    """
    for text in (*pseudonyms, *([] if pattern is None else [f"--match {pattern}"])):
        if not PSEUDONYM.fullmatch(text):
            hint = "in a folder, name pseudonyms such as '<email:3f9a1c07be21>'"
            raise InputError(f"not a pseudonym: {text[:80]!r}", hint=hint)
    reasons = {text: f"{reason[: MAX_REASON - len(text) - 3]} ({text})" for text in pseudonyms}
    folder = root / RUNS
    runs = {path: _in_run(path, reasons, at) for path in (run_files(folder) if folder.is_dir() else ())}
    cases, files, old = _in_datasets(root, reasons, at)
    store = ResponseCache(root / CACHE)
    answers = _in_cache(store, [text.encode() for text in pseudonyms])
    found = ProjectErasure(
        {path.as_posix(): erasures for path, erasures in runs.items() if erasures},
        cases,
        tuple(item.path.as_posix() for item in answers),
        at,
        reason,
        dry_run,
    )
    if not (found.runs or cases or answers):
        raise InputError("no run, recording or cached answer holds it", hint="nothing was erased")
    if not dry_run:
        for name, data in files.items():
            write_file(below(root, name), data)
        for name in old:
            remove_file(below(root, name))
        store.remove(answers)
        for path, erasures in runs.items():
            for text in reasons if erasures else ():
                _erase_run(path, text, at, reasons[text], dry_run=False)
    return found


def _in_run(path: Path, reasons: Mapping[str, str], at: str) -> list[Erasure]:
    """What of a run would go.

    Raises:
        InputError: it holds a pseudonym outside of the values that can go.
    """
    data = read_file(path, MAX_FILE)
    held = [text for text in reasons if text.encode() in _TOMBSTONE.sub(b"", data)]
    found = [erasure for text in held if (erasure := _erase_run(path, text, at, reasons[text], dry_run=True))]
    if len(found) < len(held):
        raise InputError("holds the pseudonym outside of its values", location=Location(path.as_posix()))
    return found


def _erase_run(path: Path, text: str, at: str, reason: str, *, dry_run: bool) -> Erasure | None:
    if text.encode() not in _TOMBSTONE.sub(b"", read_file(path, MAX_FILE)):
        return None
    return erase_values(path, Selection((), re.escape(text)), at=at, reason=reason, dry_run=dry_run)


def _in_datasets(
    root: Path, reasons: Mapping[str, str], at: str
) -> tuple[tuple[ErasedCase, ...], dict[str, bytes], set[str]]:
    """The cases that change, the files to write, and the recordings that nothing names any more."""
    if not (root / GATE_FILE).exists():
        return (), {}, set()
    datasets = [load_dataset(root, name) for name in expand(root, load_gate(root).datasets)]
    cases: list[ErasedCase] = []
    files: dict[str, bytes] = {}
    old: set[str] = set()
    for dataset in datasets:
        renamed = _recordings(root, dataset, reasons, at)
        names = {before: after for before, (after, _, _) in renamed.items()}
        files |= {path: data for _, path, data in renamed.values()}
        old |= {recording_path(dataset.path, before) for before in names}
        cases += [
            ErasedCase(f"{dataset.name}/{case.id}", case.step, names[case.step])
            for case in dataset.cases
            if case.step in names
        ]
        text = rename_recordings(dataset.document, names) if names else dataset.document.data.decode()
        _refuse_left(dataset, text, reasons)
        if names:
            files[dataset.path] = text.encode()
    return tuple(cases), files, old


def _recordings(root: Path, dataset: Dataset, reasons: Mapping[str, str], at: str) -> dict[str, tuple[str, str, bytes]]:
    """By digest what a recording becomes: its new digest, path and bytes."""
    erase = partial(_without, {text: f"[erased {at}: {reason}]" for text, reason in reasons.items()})
    found = {}
    for case in dataset.cases:
        if case.run is not None:
            _refuse_run(root, dataset, case, reasons)
    for name in dict.fromkeys(case.step for case in dataset.cases if case.step):
        step = load_recording(root, dataset.path, name)
        before_too = _ERASED if step.source.grade == "view-only" else None
        after = erased_step(step, partial(erase, before_too))
        if dataclasses.replace(after, source=step.source) != step:
            found[name] = recording(after, dataset.path)
    return found


def _refuse_run(root: Path, dataset: Dataset, case: Case, reasons: Mapping[str, str]) -> None:
    """A whole run that a case names is named by its bytes: it is erased as a run, and named anew, by hand."""
    path = below(root, recording_path(dataset.path, case.run or "", "jsonl"))
    data = _TOMBSTONE.sub(b"", read_file(path, MAX_FILE))
    if any(text.encode() in data for text in reasons):
        hint = f"remove case {case.id!r}, erase the value in the run, and add the case again; nothing was erased"
        raise InputError("the run of a case holds the pseudonym", hint=hint, location=Location(path.as_posix()))


def _without(tombstones: Mapping[str, str], kept: re.Pattern[str] | None, text: str) -> str:
    """A tombstone in place of a text that holds a pseudonym; what is `kept` is one from before, and stays."""
    if kept is not None and kept.fullmatch(text):
        return text
    return next((tombstone for word, tombstone in tombstones.items() if word in text), text)


def _refuse_left(dataset: Dataset, text: str, reasons: Mapping[str, str]) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        if any(word in line for word in reasons):
            hint = "remove it from the case by hand; nothing was erased"
            raise InputError("holds the pseudonym itself", hint=hint, location=Location(dataset.path, number))


def _in_cache(store: ResponseCache, words: Sequence[bytes]) -> list[Stored]:
    """Every answer to a question that holds a word, or that holds one itself, with its question."""
    files = list(store.stored()) if store.folder.is_dir() else []
    named = {item.request for item in files if any(word in store.read(item) for word in words)}
    return [item for item in files if item.request in named]


def project_erasure_json(found: ProjectErasure) -> dict[str, Any]:
    """What was erased, for programs."""
    runs = [{"path": path, "values": sum(len(item.held) for item in items)} for path, items in found.runs.items()]
    cases = [{"case": case.title, "before": case.before, "after": case.after} for case in found.cases]
    given = {"at": found.at, "reason": found.reason, "dryRun": found.dry_run}
    return {"erased": found.values, **given, "runs": runs, "cases": cases, "answers": list(found.answers)}


def project_erasure_lines(found: ProjectErasure) -> Iterator[str]:
    """Each file and case that loses something, then how many there are."""
    yield from row_lines(
        (path, many(sum(len(item.held) for item in items), "value")) for path, items in found.runs.items()
    )
    yield from row_lines((case.title, f"{case.before[:19]} → {case.after[:19]}") for case in found.cases)
    what = [many(found.values, "value"), many(len(found.cases), "case"), f"{many(len(found.answers), 'cached file')}"]
    yield f"{', '.join(what)} {'would be' if found.dry_run else ''} erased".replace("  ", " ")
    if found.cases:
        yield "these cases can be read and no longer be judged: record them anew, or take them out"
