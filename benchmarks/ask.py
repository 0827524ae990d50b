"""The cost of asking a model many times: through our providers, and through what lies below them.

In: the URL of a server, a way to ask, how often, how many at a time. Out: one JSON object: wall seconds, CPU
milliseconds a question, peak MB, all without the imports.

    python -m benchmarks.ask http://127.0.0.1:8000/v1 direct --count 1000 --in-flight 32

`direct` and `litellm` are ours with retries and all; `aiohttp` posts a ready body and parses what comes; `bare-litellm`
calls litellm's own function.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.workload import step

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024

Asker = Callable[[int], Awaitable[Any]]


async def ours(url: str, api: Any, stack: AsyncExitStack) -> Asker:
    """Ask through our providers."""
    from runback_gate.replay.providers import Provider, open_models, real_world  # noqa: PLC0415

    models = open_models({"openai": Provider(url, ("*",), api=api)}, {}, outside=real_world())
    stack.push_async_callback(models.close)
    model = models.model_for("openai/gpt-4o")
    return lambda index: model.answer(step(index).request)


async def bare_aiohttp(url: str, stack: AsyncExitStack) -> Asker:
    """Post and parse, and nothing else."""
    import aiohttp  # noqa: PLC0415  each way imports what it measures

    from runback_gate.wire.openai_chat import write_request  # noqa: PLC0415

    session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))

    async def ask(index: int) -> Any:
        async with session.post(f"{url}/chat/completions", json=write_request(step(index).request, "gpt-4o")) as reply:
            return await reply.json()

    return ask


async def bare_litellm(url: str, stack: AsyncExitStack) -> Asker:
    """litellm's own function, with the settings that ours has."""
    from runback_gate.replay.providers.litellm import SETTINGS  # noqa: PLC0415
    from runback_gate.wire.openai_chat import write_request  # noqa: PLC0415

    os.environ.update(SETTINGS)
    import litellm  # noqa: PLC0415

    stack.push_async_callback(litellm.close_litellm_async_clients)
    fixed: dict[str, Any] = {"custom_llm_provider": "openai", "api_base": url, "api_key": "none", "max_retries": 0}
    return lambda index: litellm.acompletion(**write_request(step(index).request, "gpt-4o"), **fixed)


async def measure(way: str, url: str, count: int, in_flight: int) -> dict[str, float]:
    """Ask so often, so many at a time; the first question is not counted, since it pays for imports."""
    async with AsyncExitStack() as stack:
        if way == "aiohttp":
            ask = await bare_aiohttp(url, stack)
        elif way == "bare-litellm":
            ask = await bare_litellm(url, stack)
        else:
            ask = await ours(url, {"direct": "openai"}.get(way, way), stack)
        await ask(0)
        indexes = iter(range(count))

        async def work() -> None:
            for index in indexes:
                await ask(index)

        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work() for _ in range(in_flight)))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / 1e6
    return {"wall": wall, "cpu": cpu * 1000 / count, "rss": peak}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time many questions to a model.")
    parser.add_argument("url")
    parser.add_argument("way", choices=("direct", "litellm", "aiohttp", "bare-litellm"))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--in-flight", type=int, default=32)
    arguments = parser.parse_args()
    print(json.dumps(asyncio.run(measure(arguments.way, arguments.url, arguments.count, arguments.in_flight))))
