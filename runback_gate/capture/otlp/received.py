"""Runs of the spans that exporters send, while they come.

In: exports, decoded. Out: run files, one a run, once nothing more comes for it.

    runs = OtlpReceived(Path("runs"), redaction_at("standard"), idle=60)
    sink().call(lambda: runs.take(value, size))
    sink().call(runs.tick)

Only the writer thread calls it. Spans come late, in parts, and their content in logs beside them, so a run is written
when its traces have been quiet. What waits is bounded: beyond, everything is written as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from runback_gate.capture.log import Redaction
from runback_gate.capture.otlp.document import Batch
from runback_gate.capture.otlp.reader import runs_of
from runback_gate.capture.outside import RunFile, complain, monotonic, random_bytes
from runback_gate.capture.runs import write_run
from runback_gate.step import Run

MAX_WAITING: Final = 64 << 20
"""Bytes of exports whose runs are not written yet."""


class OtlpReceived:
    """Spans that wait for the rest of their runs."""

    def __init__(
        self,
        folder: Path,
        redaction: Redaction,
        *,
        idle: float,
        agent: str | None = None,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._folder, self._redaction = folder, redaction
        self._idle, self._agent, self._seconds = idle, agent, seconds
        self._batch = Batch()
        self._last: dict[str, float] = {}
        self._size = 0
        self._told: set[str] = set()

    def take(self, value: dict[str, Any], size: int) -> None:
        """Keep an export of about so many bytes."""
        if self._size + size > MAX_WAITING:
            self.close()
        self._size += size
        now = self._seconds()
        self._last |= dict.fromkeys(self._batch.add_value(value, "export"), now)

    def tick(self) -> None:
        """Write the runs whose traces have been quiet for as long as `idle` says, in seconds."""
        now = self._seconds()
        quiet = {trace for trace, last in self._last.items() if now - last >= self._idle}
        if quiet:
            self._write(quiet)

    def close(self) -> None:
        """Write all runs."""
        self._write(set(self._last))

    def _write(self, quiet: set[str]) -> None:
        try:
            found = runs_of(self._batch.spans(), agent=self._agent, redaction=self._redaction)
        except Exception as error:  # noqa: BLE001  nothing is stored that was not redacted
            complain(f"spans of {len(quiet):,} traces are not recorded: {type(error).__name__}")
            self._forget(quiet)
            return
        waiting: set[str] = set()
        for run, traces in zip(found.runs, found.traces, strict=True):
            if traces <= quiet:
                self._store(run)
            else:
                waiting |= traces
        for notice in found.notices:
            self._tell(notice)
        self._forget(quiet - waiting)

    def _forget(self, traces: set[str]) -> None:
        self._batch.forget(traces)
        self._last = {trace: last for trace, last in self._last.items() if trace not in traces}
        if not self._last:
            self._size = 0

    def _tell(self, notice: str) -> None:
        """Say what to set, once: an exporter sends every few seconds."""
        setting = notice.partition(": ")[2]
        if setting not in self._told:
            self._told.add(setting)
            complain(notice)

    def _store(self, run: Run) -> None:
        file = RunFile(self._folder / f"{run.id}.jsonl")
        try:
            file.append(write_run(run, random_bytes))
            file.close()
        except FileExistsError:
            complain(f"run {run.id} is there already; spans that came again are left out")
        except OSError as error:
            complain(f"run {run.id} is not written: {error.strerror}")
