"""What recording costs a call of a model, beside the bare client.

In: an environment with openai and httpx2, such as `.clients/openai` (`make clients`). Out: JSON, microseconds a call.

    .clients/openai/bin/python -m benchmarks.capture      # {"bare": 1710.0, "caller": 41.0, "total": 1820.0}

The transport answers at once, so only work counts. `caller` is what recording adds on the thread that calls, `total`
the CPU time of the whole process, the writer's included. Each figure is the least of several chunks.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import runback_gate

CALLS, CHUNKS = 40, 15
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


def measured(ask: Callable[[int], None]) -> tuple[float, float]:
    """Least CPU microseconds a call: of this thread, of the process."""
    from runback_gate.capture.sink import sink  # noqa: PLC0415

    thread = process = float("inf")
    for _ in range(CHUNKS):
        own, whole = time.thread_time(), time.process_time()
        for number in range(CALLS):
            ask(number)
        thread = min(thread, time.thread_time() - own)
        sink().flush(60)
        process = min(process, time.process_time() - whole)
    return thread / CALLS * 1e6, process / CALLS * 1e6


def main() -> None:
    """Measure."""
    ask = client()
    ask(0)
    bare, alone = measured(ask)
    with tempfile.TemporaryDirectory() as folder, runback_gate.record("bench", out=folder):
        ask(0)
        caller, total = measured(ask)
    found = {"bare": bare, "caller": caller - bare, "total": total, "ratio": total / alone}
    sys.stdout.write(json.dumps({name: round(value, 3) for name, value in found.items()}) + "\n")


if __name__ == "__main__":
    main()
