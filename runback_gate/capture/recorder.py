"""Records an agent in its own process: `runback_gate.record`.

In: an agent that asks models through a client library. Out: `runs/<run id>.jsonl`.

    with runback_gate.record("support-agent") as run:
        agent.answer(task)

    @runback_gate.record("support-agent")       # each call is a run
    async def answer(task): ...

Nothing here raises into the agent, and nothing waits for the disk but the end of a run. A run begun inside another
names it as its parent.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import inspect
import json
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar, cast, overload

from runback_gate.canonical import JsonValue
from runback_gate.capture import hooks
from runback_gate.capture.call import end_open, forget_open
from runback_gate.capture.exchange import Redact, Seen, load
from runback_gate.capture.log import Event, Prompt, RunLog
from runback_gate.capture.outside import (
    aside,
    before_leaving,
    chosen,
    complain,
    new_id,
    now,
)
from runback_gate.capture.redaction import redaction_at
from runback_gate.capture.sink import after_fork, sink
from runback_gate.capture.tool_runs import json_text, plain_json, recorded_tool
from runback_gate.redact import Level
from runback_gate.step import Note, Run, ToolRun

F = TypeVar("F", bound=Callable[..., Any])

END_WAIT = 2.0
"""Seconds that the end of a run waits for the writer."""

_current: ContextVar[Recording | None] = ContextVar("runback_gate_run", default=None)
_active: list[Recording] = []
"""Runs that go on in this process, the last begun last; a thread that was started without a context belongs to it."""


class Recording:
    """A run that is recorded. Use it with `with`, `async with`, or as a decorator.

    Args:
        agent: name of the agent.
        out: folder of the runs.
        labels: what to say about the run: task, trial and the like, as JSON.
        redact: level of redaction, `off`, `standard` or `strict`; or a function that gives a value without what must
            not be stored, and how many it replaced by rule. None is what `spec.redact` of the project's `runback.yaml`
            says, else `standard`. The run says which.
        sample: share of the runs that is recorded, 0 to 1.
        rotate: bytes after which a run that goes on continues in another file, as a run whose parent is the one before.
    """

    def __init__(
        self,
        agent: str = "agent",
        *,
        out: str | Path = "runs",
        labels: Mapping[str, JsonValue] | None = None,
        redact: Level | Redact | None = None,
        sample: float = 1.0,
        rotate: int | None = None,
    ) -> None:
        self.agent = agent
        self._options: dict[str, Any] = {"out": out, "labels": labels, "redact": redact, "sample": sample}
        self._options["rotate"] = rotate
        self.id = ""
        """Id of the run, once it began; empty when it was not chosen to be recorded."""
        self._log: RunLog | None = None
        self._token: Token[Recording | None] | None = None
        self._end: dict[str, Any] = {}

    def __enter__(self) -> Recording:
        """Begin the run."""
        try:
            self._begin()
        except Exception as error:  # noqa: BLE001  an agent runs whether or not it is recorded
            complain(f"the agent is not recorded: {error}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it; an exception is its error."""
        if self._ended(error):
            self._wait()

    async def __aenter__(self) -> Recording:
        """Begin the run."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it; whoever else the event loop has goes on while the disk is waited for."""
        if self._ended(error):
            await aside(self._wait)

    def __call__(self, function: F) -> F:
        """Record each call of a function as a run."""
        again = functools.partial(Recording, self.agent, **self._options)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def asynchronous(*args: Any, **kwargs: Any) -> Any:
                async with again():
                    return await function(*args, **kwargs)

            return cast("F", asynchronous)

        @functools.wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:
            with again():
                return function(*args, **kwargs)

        return cast("F", plain)

    def note(self, text: str = "", **values: JsonValue) -> None:
        """Note something that happened."""
        self._put(lambda: Note("note", 0, {**({"text": text} if text else {}), **plain_json(values)}))

    def prompt(self, template: str, **variables: JsonValue) -> str:
        """Render a template as `str.format` does, and record both.

        A step whose system prompt it is keeps the variables.

        Raises:
            KeyError: a variable is missing.
        """
        rendered = template.format(**variables)
        self._put(lambda: Prompt(template, plain_json(variables), rendered))
        return rendered

    @overload
    def tool(self, function: F) -> F: ...
    @overload
    def tool(self, *, name: str | None = None) -> Callable[[F], F]: ...
    def tool(self, function: F | None = None, *, name: str | None = None) -> F | Callable[[F], F]:
        """Record each call of a function as a run of the tool of its name."""
        wrap = functools.partial(recorded_tool, name=name, put=self._put)
        return wrap if function is None else wrap(function)

    def finish(self, output: JsonValue = None, status: Literal["ok", "error"] = "ok") -> None:
        """Say how the run ends, before it does."""
        self._end = {"output": output, "status": status}

    def _see(self, seen: Seen) -> None:
        self._put(lambda: seen, len(seen.body) + sum(map(len, seen.chunks)))

    def _begin(self) -> None:
        options, before = self._options, current()
        self._token = _current.set(self)
        if not chosen(options["sample"]):
            return
        self.id = new_id(self.agent)
        parent = before.id if before is not None else options.get("parent")
        run = Run(self.id, self.agent, (), plain_json(options["labels"] or {}), parent=parent, at=now())
        folder, lazy = Path(options["out"]).absolute(), "parent" in options
        redaction = redaction_at(options["redact"], options.get("project"))
        self._log = RunLog(run, folder, redaction, lazy=lazy, rotate=options["rotate"])
        _active.append(self)
        _once()
        hooks.install(taker)

    def _ended(self, error: BaseException | None, status: str | None = "ok") -> bool:
        """Hand the end of the run to the writer; says whether there is anything to wait for."""
        try:
            return self._finish(error, status)
        except Exception as fault:  # noqa: BLE001  an agent ends whether or not its run does
            complain(f"the end of run {self.id} is not recorded: {fault}")
            return False

    def _wait(self) -> None:
        if not sink().flush(END_WAIT):
            complain(f"run {self.id} is not written yet; the disk is slow")

    def _finish(self, error: BaseException | None, status: str | None) -> bool:
        token, self._token = self._token, None
        if token is not None:
            with contextlib.suppress(ValueError):  # ended in another task than it began in
                _current.reset(token)
        if self._log is not None:
            end_open(self._see)
        log, self._log = self._log, None
        if self in _active:
            _active.remove(self)
        if log is None:
            return False
        if not _active:
            hooks.uninstall()
        end = {"status": status, **self._end}
        if error is not None and not _harmless(error):
            end = {**end, "status": "error", "error": _where(error)}
        run = Run(log.run.id, self.agent, (), **_end(end))
        sink().call(lambda: log.end(run))
        return True

    def _put(self, make: Callable[[], Event], size: int = 1000) -> None:
        log = self._log
        if log is None:
            return
        _worker_end()
        try:
            sink().put(log, make(), size)
        except Exception as error:  # noqa: BLE001  as above
            reason = f"{type(error).__name__} in the recorder"
            sink().call(lambda: log.drop(1, reason))

    def _forked(self) -> None:
        """In a forked child: what it does is a run of its own, whose parent is this one."""
        log = self._log
        if log is not None:
            run = Run(new_id(self.agent), self.agent, (), log.run.labels, parent=log.run.id, at=now())
            self.id = run.id
            self._log = RunLog(run, log.folder, log.redaction, lazy=True, rotate=log.rotate)


def taker() -> Callable[[Seen], None] | None:
    """What takes a call of a model API that begins now; None when nothing is recorded."""
    recording = current()
    return None if recording is None else recording._see


def record(agent: str = "agent", **options: Any) -> Recording:
    """Record an agent; see `Recording`."""
    return Recording(agent, **options)


def record_process(
    agent: str,
    *,
    out: str,
    redact: str | None,
    parent: str | None,
    labels: dict[str, JsonValue] | None = None,
    project: dict[str, Any] | None = None,
    rotate: int | None = None,
) -> Recording:
    """Record this process from now to its end.

    `parent` is the run of the process that started it, if there is one; `project` is what the project says of
    redaction, as `project_json` writes it, None for what is found here.
    """
    recording = Recording(agent, out=out, redact=cast("Any", redact), labels=labels, rotate=rotate)
    recording._options |= {"parent": parent, "project": project}
    recording.__enter__()
    before = sys.excepthook

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        recording._end = {"status": "error", "error": _where(error)}
        before(kind, error, trace)

    sys.excepthook = uncaught
    return recording


def current() -> Recording | None:
    """The run that this code is part of."""
    found = _current.get()
    if found is not None and found._log is not None:
        return found
    return _active[-1] if _active else None


@overload
def tool(function: F) -> F: ...
@overload
def tool(*, name: str | None = None) -> Callable[[F], F]: ...
def tool(function: F | None = None, *, name: str | None = None) -> F | Callable[[F], F]:
    """Record each call of a function as a tool run of whatever run goes on then."""
    wrap = functools.partial(recorded_tool, name=name, put=put_tool_run)
    return wrap if function is None else wrap(function)


def put_tool_run(make: Callable[[], ToolRun]) -> None:
    """Record a run of a tool in whatever run goes on; `make` is not called where none does."""
    recording = current()
    if recording is not None:
        recording._put(make)


def _end(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "output": json.loads(json_text(values.get("output")))}


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


def _harmless(error: BaseException) -> bool:
    return isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and error.code in (None, 0))


def _children() -> None:
    _ends.clear()
    forget_open()
    for recording in _active:
        recording._forked()


def _worker_end() -> None:
    """A worker of multiprocessing runs its own list of what to do at its end, and nothing of atexit."""
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is None or process is None or process.parent_process() is None or _ends:
        return
    _ends.append(util.Finalize(None, _close_all, exitpriority=0))


_ends: list[object] = []


def _close_all() -> None:
    """At the end of the process: runs that are still open end here, and nobody knows how."""
    for recording in reversed(_active):
        if recording._ended(None, None):
            recording._wait()


def _terminated(number: int, _frame: object) -> None:
    """SIGTERM, where the program has no handler: what was seen is written, then the process ends as it would have."""
    sink().flush(END_WAIT)
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


@functools.cache
def _once() -> None:
    load()
    before_leaving(lambda: sink().flush(END_WAIT))
    after_fork(_children)
    atexit.register(_close_all)
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminated)
