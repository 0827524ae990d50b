"""What recording costs a call of a model, beside the bare client.

In: an environment with openai and httpx2, such as `.clients/openai` (`make clients`). Out: JSON, microseconds a call.

    .clients/openai/bin/python -m benchmarks.capture    # {"recorded": {"bare": 1710.0, "caller": 41.0, "ratio": 1.08}}

A peer that is installed there as well is measured beside it: langfuse; openinference-instrumentation-openai with
opentelemetry-sdk; opentelemetry-instrumentation-openai, which is traceloop's OpenLLMetry. `make bench` looks into the
folders `langfuse`, `openinference` and `traceloop` beside that environment.

The transport answers at once, so only work counts. `caller` is what recording adds on the thread that calls, `ratio`
the CPU time of the whole process, the writer's included, beside that of the bare client.
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

CALLS, CHUNKS = 25, 24
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


@contextlib.contextmanager
def recorded() -> Iterator[None]:
    """Ours, at the level that is the default; the disk takes what it is given."""
    with tempfile.TemporaryDirectory() as folder, runback_gate.record("bench", out=folder):
        yield


def instrumented(module: str) -> Callable[[], contextlib.AbstractContextManager[None]]:
    """A package that makes spans of the calls of OpenAI's client; they go nowhere."""

    @contextlib.contextmanager
    def spans() -> Iterator[None]:
        trace: Any = importlib.import_module("opentelemetry.sdk.trace")
        export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
        provider = trace.TracerProvider()
        provider.add_span_processor(export.BatchSpanProcessor(_memory()))
        owner: Any = importlib.import_module("openai.resources.chat.completions").Completions
        plain = owner.create
        instrumentor = importlib.import_module(module).OpenAIInstrumentor()
        instrumentor.instrument(tracer_provider=provider)
        try:
            yield
            provider.force_flush()
        finally:
            instrumentor.uninstrument()
            owner.create = plain  # traceloop's leaves its wrapper
            provider.shutdown()

    return spans


def _memory() -> Any:
    return importlib.import_module("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()


@contextlib.contextmanager
def langfuse() -> Iterator[None]:
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
        yield
        sink.flush()
    finally:
        owner.create = plain


_LANGFUSE: list[Any] = []
"""Its client and the method, which importing it puts in place once."""

PEERS: dict[str, tuple[str, Callable[[], contextlib.AbstractContextManager[None]]]] = {
    "langfuse": ("langfuse", langfuse),
    "openinference": ("openinference.instrumentation.openai", instrumented("openinference.instrumentation.openai")),
    "traceloop": ("opentelemetry.instrumentation.openai", instrumented("opentelemetry.instrumentation.openai")),
}
"""By name: the module that shows that it is installed, and what records by it."""


def chunk(ask: Callable[[int], None]) -> tuple[float, float]:
    """CPU microseconds a call: of this thread, of the process, what the writer has still to do included."""
    from runback_gate.capture.sink import sink  # noqa: PLC0415

    own, whole = time.thread_time(), time.process_time()
    for number in range(CALLS):
        ask(number)
    own = time.thread_time() - own
    sink().flush(60)
    return own / CALLS * 1e6, (time.process_time() - whole) / CALLS * 1e6


def measured(ask: Callable[[int], None], recorder: Callable[[], Any]) -> dict[str, float]:
    """Chunks with and without a recorder in turn, so that both meet the same machine; medians of the pairs."""
    pairs = []
    for _ in range(CHUNKS):
        with recorder():
            ask(0)
            with_it = chunk(ask)
        pairs.append((chunk(ask), with_it))
    return {
        "bare": statistics.median(bare[1] for bare, _ in pairs),
        "caller": statistics.median(after[0] - bare[0] for bare, after in pairs),
        "ratio": statistics.median(after[1] / bare[1] for bare, after in pairs),
    }


def main() -> None:
    """Measure, beside the peers that are installed."""
    ask = client()
    ask(0)
    found = {"recorded": measured(ask, recorded)}
    for name, (module, recorder) in PEERS.items():
        if _is_installed(module):
            found[name] = measured(ask, recorder)
    sys.stdout.write(json.dumps(found) + "\n")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # what it lies in is not there
        return False


if __name__ == "__main__":
    main()
