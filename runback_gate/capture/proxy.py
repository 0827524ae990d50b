"""Runs of the calls that come through the recording proxy.

In: calls as they were on the wire, each with what the client said of its run. Out: run files, one a run.

    runs = ProxyRuns(Path("runs"), redaction_at("standard"), idle=60)
    sink().offer(lambda: runs.take(seen, Claim("support", "task-7")), size)
    sink().call(runs.tick)                      # ends runs in which nothing happens any more

Only the writer thread calls it. A call that says no run continues the one whose conversation it repeats.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runback_gate.capture.exchange import RunPlace, Seen, is_model_call, read_exchange
from runback_gate.capture.log import Redaction, RunLog, off
from runback_gate.capture.outside import complain, monotonic, new_id, now
from runback_gate.capture.stitching import Stitcher
from runback_gate.errors import RunbackError
from runback_gate.frozen import dataclass
from runback_gate.step import Run, Step

UNNAMED = "agent"
"""The agent of a call that says none."""
MAX_OPEN = 1024
"""Runs that go on at once; the one in which the longest nothing happened ends for another."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a client says of a call."""

    agent: str | None = None
    run: str | None = None
    """Any name of its own for the run."""


@dataclass(slots=True)
class _OpenRun:
    log: RunLog
    claim: tuple[str, str] | None
    last: float


class ProxyRuns:
    """The runs that go on."""

    def __init__(
        self,
        folder: Path,
        redaction: Redaction,
        *,
        idle: float,
        agent: str = UNNAMED,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._folder, self._redaction = folder, redaction
        self._idle, self._agent, self._seconds = idle, agent, seconds
        self._open: dict[str, _OpenRun] = {}
        self._named: dict[tuple[str, str], str] = {}
        self._stitcher = Stitcher()
        self.lost = 0
        """Calls that were not recorded since the last one that was."""

    def take(self, seen: Seen, claim: Claim) -> None:
        """Store a call in its run."""
        agent = claim.agent or self._agent
        step = None if claim.run else _as_sent(seen)
        if claim.run:
            key = self._named.get((agent, claim.run))
        else:
            key = self._stitcher.find(step.request) if step is not None else None
        if key not in self._open:
            key = self._begin(agent, claim.run)
        run = self._open[key]
        run.last = self._seconds()
        if self.lost:
            run.log.drop(self.lost, "the queue was full")
            self.lost = 0
        run.log.take(seen)
        if step is not None:
            self._stitcher.answered(key, step.request, step.response)

    def drop(self) -> None:
        """Note that a call was lost."""
        self.lost += 1

    def tick(self) -> None:
        """End the runs in which nothing happened for as long as `idle` says, in seconds."""
        for key in [key for key, run in self._open.items() if self._seconds() - run.last >= self._idle]:
            self._end(key)

    def close(self) -> None:
        """End all runs."""
        for key in list(self._open):
            self._end(key)

    def _begin(self, agent: str, name: str | None) -> str:
        if len(self._open) >= MAX_OPEN:
            self._end(min(self._open, key=lambda key: self._open[key].last))
        key = new_id(agent)
        run = Run(key, agent, (), {} if name is None else {"run": name}, at=now())
        claim = None if name is None else (agent, name)
        self._open[key] = _OpenRun(RunLog(run, self._folder, self._redaction), claim, 0.0)
        if claim is not None:
            self._named[claim] = key
        return key

    def _end(self, key: str) -> None:
        run = self._open.pop(key)
        if run.claim is not None:
            self._named.pop(run.claim, None)
        self._stitcher.forget(key)
        # A proxy sees calls, and not how their program ended.
        run.log.end(Run(key, run.log.run.agent, ()))


def _as_sent(seen: Seen) -> Step | None:
    """The call before redaction, for its conversation alone."""
    if not is_model_call(seen.url):
        return None
    try:
        found = read_exchange(seen, RunPlace("", "", 0), off)
    except RunbackError:
        return None
    except Exception as error:  # noqa: BLE001  a call whose run cannot be told is one of its own
        complain(f"the run of a call cannot be told: {type(error).__name__}")
        return None
    return found[0] if found else None
