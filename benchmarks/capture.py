"""What recording costs a call of a model, beside the bare client.

In: an environment with openai and httpx2, such as `.clients/openai` (`make clients`). Out: JSON, CPU microseconds.

    .clients/openai/bin/python -m benchmarks.capture    # {"recorded": {"bare": 9400.0, "caller": 140.0, …}}

A peer that is installed there as well is measured beside it: langfuse; openinference-instrumentation-openai with
opentelemetry-sdk; opentelemetry-instrumentation-openai, which is traceloop's OpenLLMetry. `make bench` looks into the
folders `langfuse`, `openinference` and `traceloop` beside that environment.

The transport answers at once, so only work counts. Every recorder wraps one method of the client. `caller` is what the
thread that calls spends inside the wrapper and outside of the method, a call. `ratio` is that and what all other
threads spend, to the end of their work, beside the bare client. Neither holds the client itself, which varies by more
than what is looked for: the difference of recorded and bare calls, `caller_difference` and `ratio_difference`, stands
beside them. `run` is what to begin and end a recording takes, which is paid once a run.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import runback_gate

CALLS, CHUNKS = 25, 8
SAID = "The order was paid by card and sent on Monday; the customer says that the cup in it was broken. "


def client() -> Callable[[int], None]:
    """A client of a model that answers at once; asks with 7 KB of a conversation that grows."""
    # Not in the environment that checks this file.
    httpx2: Any = importlib.import_module("httpx2")
    openai: Any = importlib.import_module("openai")
    message = {"role": "assistant", "content": "The order is on its way."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1700, "completion_tokens": 7, "total_tokens": 1707}
    answer = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    transport = httpx2.MockTransport(lambda _request: httpx2.Response(200, json=answer))
    asked = openai.OpenAI(api_key="k", base_url="http://x/v1", http_client=httpx2.Client(transport=transport))
    said: list[Any] = [{"role": "user", "content": f"{number} {SAID * 4}"} for number in range(17)]

    def ask(number: int) -> None:
        asked.chat.completions.create(model="m", messages=[*said, {"role": "user", "content": str(number)}])

    return ask


Flush = Callable[[], object]
"""Waits until what was recorded is written."""
Recorder = Callable[[], contextlib.AbstractContextManager[Flush]]


@contextlib.contextmanager
def recorded() -> Iterator[Flush]:
    """Ours, at the level that is the default; the disk takes what it is given."""
    from runback_gate.capture.sink import sink  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder, runback_gate.record("bench", out=folder):
        yield lambda: sink().flush(60)


def instrumented(module: str) -> Recorder:
    """A package that makes spans of the calls of OpenAI's client; they go nowhere."""

    @contextlib.contextmanager
    def spans() -> Iterator[Flush]:
        trace: Any = importlib.import_module("opentelemetry.sdk.trace")
        export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
        provider = trace.TracerProvider()
        provider.add_span_processor(export.BatchSpanProcessor(_memory()))
        owner: Any = importlib.import_module("openai.resources.chat.completions").Completions
        plain = owner.create
        instrumentor = importlib.import_module(module).OpenAIInstrumentor()
        instrumentor.instrument(tracer_provider=provider)
        try:
            yield provider.force_flush
        finally:
            instrumentor.uninstrument()
            owner.create = plain  # traceloop's leaves its wrapper
            provider.shutdown()

    return spans


def _memory() -> Any:
    return importlib.import_module("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()


@contextlib.contextmanager
def langfuse() -> Iterator[Flush]:
    """Langfuse's drop-in client, which replaces one method of OpenAI's; its spans go nowhere."""
    owner: Any = importlib.import_module("openai.resources.chat.completions").Completions
    plain = owner.create
    if not _LANGFUSE:
        name: Any = importlib.import_module("langfuse")
        sink = name.Langfuse(public_key="pk", secret_key="sk", base_url="http://127.0.0.1:9", span_exporter=_memory())  # noqa: S106
        importlib.import_module("langfuse.openai")
        _LANGFUSE.extend((sink, owner.create))
    sink, owner.create = _LANGFUSE
    try:
        yield sink.flush
    finally:
        owner.create = plain


_LANGFUSE: list[Any] = []
"""Its client and the method, which importing it puts in place once."""

_CREATE = ("openai.resources.chat.completions", "Completions", "create")
_OPENINFERENCE, _TRACELOOP = "openinference.instrumentation.openai", "opentelemetry.instrumentation.openai"
RECORDERS: dict[str, tuple[str, Recorder, tuple[str, str, str]]] = {
    "recorded": ("runback_gate", recorded, ("httpx2", "Client", "send")),
    "langfuse": ("langfuse", langfuse, _CREATE),
    "openinference": (_OPENINFERENCE, instrumented(_OPENINFERENCE), ("openai", "OpenAI", "request")),
    "traceloop": (_TRACELOOP, instrumented(_TRACELOOP), _CREATE),
}
"""By name: the module that shows that it is installed, what records by it, and the method that it wraps."""


class Watched:
    """The method that a recorder wraps, with a clock below the wrapper and one above it."""

    def __init__(self, module: str, owner: str, name: str) -> None:
        self._owner: Any = getattr(importlib.import_module(module), owner)
        self._name, self._plain = name, getattr(self._owner, name)
        self._above = self._below = 0.0

    @contextlib.contextmanager
    def wrapped_by(self, recorder: Recorder) -> Iterator[Flush]:
        """While a recorder wraps the method."""
        setattr(self._owner, self._name, self._timed(self._plain, "_below"))
        try:
            with recorder() as flush:
                wrapper = getattr(self._owner, self._name)
                setattr(self._owner, self._name, self._timed(wrapper, "_above"))
                try:
                    yield flush
                finally:
                    setattr(self._owner, self._name, wrapper)
        finally:
            setattr(self._owner, self._name, self._plain)

    def spent(self) -> float:
        """Seconds of this thread in the wrapper since it was asked the last time."""
        found, self._above, self._below = self._above - self._below, 0.0, 0.0
        return found

    def _timed(self, method: Any, clock: str) -> Any:
        def timed(*args: Any, **named: Any) -> Any:
            start = time.thread_time()
            try:
                return method(*args, **named)
            finally:
                setattr(self, clock, getattr(self, clock) + time.thread_time() - start)

        return timed


def chunk(ask: Callable[[int], None], flush: Flush) -> tuple[float, float]:
    """CPU microseconds a call: of this thread; of all others, and of what is done until everything is written."""
    own, whole = time.thread_time(), time.process_time()
    for number in range(CALLS):
        ask(number)
    own = time.thread_time() - own
    flush()
    return own / CALLS * 1e6, (time.process_time() - whole - own) / CALLS * 1e6


def measured(ask: Callable[[int], None], method: Watched, recorder: Recorder) -> dict[str, float]:
    """Chunks with and without a recorder in turn, so that both meet the same machine; medians."""
    pairs, inside, runs = [], [], []
    for _ in range(CHUNKS):
        with method.wrapped_by(recorder) as flush:
            ask(0)
            flush()
            method.spent()
            with_it = chunk(ask, flush)
            inside.append(method.spent() / CALLS * 1e6)
        pairs.append((chunk(ask, lambda: None), with_it))
        start = time.process_time()
        with recorder():
            pass
        runs.append(time.process_time() - start)
    bare = statistics.median(alone[0] for alone, _ in pairs)
    caller, others = statistics.median(inside), statistics.median(after[1] for _, after in pairs)
    return {
        "bare": bare,
        "caller": caller,
        "others": others,
        "ratio": (bare + caller + others) / bare,
        "caller_difference": statistics.median(after[0] - alone[0] for alone, after in pairs),
        "ratio_difference": statistics.median(sum(after) / sum(alone) for alone, after in pairs),
        "run": statistics.median(runs) * 1e6,
    }


def main() -> None:
    """Measure, beside the peers that are installed."""
    ask = client()
    ask(0)
    there = {name: found for name, found in RECORDERS.items() if _is_installed(found[0])}
    found = {name: measured(ask, Watched(*method), recorder) for name, (_, recorder, method) in there.items()}
    sys.stdout.write(json.dumps(found) + "\n")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # what it lies in is not there
        return False


if __name__ == "__main__":
    main()
