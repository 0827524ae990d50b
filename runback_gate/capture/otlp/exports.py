"""Several exports read together, so that the logs of a process meet the spans that they belong to.

In: the bytes of files, each with its name. Out: for each file its runs, or why it cannot be read.

    read_exports([("traces.json", traces), ("logs.json", logs)])

Files that tell of the same trace are read as one; a run counts for the file that has its spans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from runback_gate.capture.log import Redaction
from runback_gate.capture.otlp.document import Batch
from runback_gate.capture.otlp.reader import OtlpRuns, runs_of
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.step import Run


@dataclass(slots=True)
class Export:
    """What came of one file."""

    runs: list[Run] = field(default_factory=list)
    notices: tuple[str, ...] = ()
    other_spans: int = 0
    joined: bool = False
    """Whether what it holds went into runs of another file."""
    fault: InputError | None = None


def read_exports(
    files: Sequence[tuple[str, bytes]], *, agent: str | None = None, redaction: Redaction | None = None
) -> list[Export]:
    """The runs of files, each with those of its own spans; a file that is no export has a fault, and hides no other."""
    found = [Export() for _ in files]
    batches: dict[int, Batch] = {}
    for number, (path, data) in enumerate(files):
        batch = Batch(f"{number}-")
        try:
            batch.add(data, path)
        except InputError as error:
            found[number].fault = error
        else:
            batches[number] = batch
    for group in _together(batches):
        whole = Batch()
        for number in group:
            whole.take(batches[number])
        _share(runs_of(whole.spans(), agent=agent, redaction=redaction), group, batches, found)
    return found


def _together(batches: dict[int, Batch]) -> list[list[int]]:
    """The files that tell of the same traces, by their numbers."""
    groups: list[tuple[set[str], list[int]]] = []
    for number, batch in batches.items():
        traces, members, others = set(batch.traces), [number], []
        for known in groups:
            if traces.isdisjoint(known[0]):
                others.append(known)
            else:
                traces, members = traces | known[0], known[1] + members
        groups = [*others, (traces, members)]
    return [sorted(members) for _, members in groups]


def _share(runs: OtlpRuns, group: list[int], batches: dict[int, Batch], found: list[Export]) -> None:
    """Give each file of a group what is its own: those with spans come first."""
    ordered = sorted(group, key=lambda number: (not batches[number].has_spans, number))
    for run, traces in zip(runs.runs, runs.traces, strict=True):
        owner = next((number for number in ordered if batches[number].traces & traces), ordered[0])
        found[owner].runs.append(run)
    first = found[ordered[0]]
    first.notices, first.other_spans = runs.notices, runs.other_spans
    for number in ordered[1:]:
        found[number].joined = not found[number].runs
