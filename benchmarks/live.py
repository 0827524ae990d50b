"""The promises about asking models, against a server in another process, with the peers that are installed.

In: a folder to work in. Out: `Figure`s; see `benchmarks.promises`.

    direct(Path("/some/empty/folder"))
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import measure
from benchmarks.pace import at_reference
from benchmarks.promises import ROOT, ROUNDS, WAITING, Figure, Peer, UnmeasuredError, run_module

CASES = 1000
IN_FLIGHT = 32
DELAY = 0.2
IDEAL = CASES / IN_FLIGHT * DELAY
"""Seconds when nothing but the model takes time."""
_QUESTION = "What is the state of order {{number}}?"


def direct(folder: Path) -> list[Figure]:
    """The direct path, beside the same over nothing but aiohttp, and beside other tools where they are installed."""
    with served(DELAY) as url:
        found, floor = _ask(url, "direct", "aiohttp")
        peers = [Peer("aiohttp alone", floor["wall"] / IDEAL), *_tools(folder)]
    name, beside = f"{CASES:,} live cases, {IN_FLIGHT} in flight, direct", Peer("aiohttp alone", floor["cpu"])
    wall = f"{name}: wall of ideal"
    return [
        Figure(wall, WAITING, found["wall"] / IDEAL, 1.15, tuple(peers), found["pace"]).unless_loaded(found["share"]),
        Figure(f"{name}: CPU a case", "CPU ms", found["cpu"], 0.5, (beside,), found["pace"]),
    ]


def through_litellm(_folder: Path) -> list[Figure]:
    """litellm behind our protocol, beside litellm alone."""
    if importlib.util.find_spec("litellm") is None:
        raise UnmeasuredError("no litellm (`make .venv/.providers`)")
    with served(0.0) as url:
        found, alone = _ask(url, "litellm", "bare-litellm")
    return [Figure("the same through litellm: CPU beside litellm alone", "x", found["cpu"] / alone["cpu"], 1.1)]


def _ask(url: str, *ways: str) -> list[dict[str, float]]:
    """Medians of several rounds of each way, in turn, at the pace of the reference."""
    rounds = [[_asked(url, way) for way in ways] for _ in range(ROUNDS)]
    return [
        {name: statistics.median(item[name] for item in found) for name in found[0]}
        for found in zip(*rounds, strict=True)
    ]


def _asked(url: str, way: str) -> dict[str, float]:
    cost = run_module("benchmarks.ask", url, way, "--count", str(CASES), "--in-flight", str(IN_FLIGHT))
    found = json.loads(cost.output)
    wall = at_reference(found["wall"], cost.pace, IDEAL)
    return {"wall": wall, "cpu": found["cpu"] * cost.pace, "pace": cost.pace, "share": cost.share}


@contextlib.contextmanager
def served(delay: float) -> Iterator[str]:
    """The server of `runback_gate.testing.server` as a process; its URL."""
    command = [sys.executable, "-m", "runback_gate.testing.server", "--delay", str(delay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        if process.stdout is None:
            raise RuntimeError("the server has no output")
        yield process.stdout.readline().decode().strip()
        process.communicate()


def _tools(folder: Path) -> Iterator[Peer]:
    """Other tools on the same work: as many questions, as many at a time, one assertion each."""
    for name, program, make in (("promptfoo", "promptfoo", _promptfoo), ("inspect-ai", "inspect", _inspect)):
        if (found := shutil.which(program)) is None:
            continue
        with served(DELAY) as url:
            command = make(found, url, folder)
            # One round: these take long. Not what their exit codes say counts here, but whether they did the work.
            cost = measure(command, folder, runs=0, exit_codes=range(256))
            seconds = at_reference(cost.wall, cost.pace, IDEAL)
            with urllib.request.urlopen(url.removesuffix("v1") + "asked") as reply:  # noqa: S310  our own server
                asked = int(reply.read())
        if asked < CASES:
            print(f"  {name} asked {asked} of {CASES:,} questions: not shown", file=sys.stderr)
        else:
            yield Peer(name, seconds / IDEAL)


def _promptfoo(program: str, url: str, folder: Path) -> list[str]:
    config = {
        "prompts": [_QUESTION],
        "providers": [{"id": "openai:chat:gpt-4o", "config": {"apiBaseUrl": url, "apiKey": "none"}}],
        "defaultTest": {"assert": [{"type": "contains", "value": "Hello"}]},
        "tests": [{"vars": {"number": str(number)}} for number in range(CASES)],
    }
    (folder / "promptfoo.json").write_text(json.dumps(config))
    options = ["-j", str(IN_FLIGHT), "--no-cache", "--no-table", "--no-progress-bar", "--no-write"]
    return [program, "eval", "-c", "promptfoo.json", *options]


def _inspect(program: str, url: str, folder: Path) -> list[str]:
    (folder / "task.py").write_text(
        "from inspect_ai import Task, task\n"
        "from inspect_ai.dataset import Sample\n"
        "from inspect_ai.scorer import includes\n"
        "@task\n"
        "def orders():\n"
        f"    questions = ({_QUESTION!r}.replace('{{{{number}}}}', str(number)) for number in range({CASES}))\n"
        "    return Task(dataset=[Sample(input=item, target='Hello') for item in questions], scorer=includes())\n"
    )
    options = ["--model", "openai/gpt-4o", "--model-base-url", url, "--max-connections", str(IN_FLIGHT)]
    command = [program, "eval", "task.py", *options, "--max-samples", str(IN_FLIGHT), "--display", "none"]
    return ["env", "OPENAI_API_KEY=none", *command]
