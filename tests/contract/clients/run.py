"""Records real client packages and holds what was recorded against what the server saw.

In: environments under `.clients/`, one a client (`make clients` makes them). Out: the matrix, on standard output and in
docs/reference/clients.md with `--write`; exit code 1 when a cell is not exact.

    python tests/contract/clients/run.py openai anthropic
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent.parent
sys.path.insert(0, str(ROOT))

from runback_gate.canonical import canonical_bytes  # noqa: E402
from runback_gate.capture.call import CLOSED, RUN_ENDED  # noqa: E402
from runback_gate.capture.runs import read_run  # noqa: E402
from runback_gate.step import Step  # noqa: E402
from tests.contract.clients.server import Server  # noqa: E402

CLIENTS = {
    "openai": ("openai", ("openai",)),
    "openai-responses": ("openai", ("openai",)),
    "anthropic": ("anthropic", ("anthropic",)),
    "google-genai": ("google-genai", ("google-genai",)),
    "litellm": ("litellm", ("litellm",)),
    "mistral": ("mistral", ("mistralai",)),
    "groq": ("groq", ("groq",)),
    "boto3": ("boto3", ("boto3",)),
    "langgraph": ("langgraph", ("langgraph", "langchain-openai")),
    "pydantic-ai": ("pydantic-ai", ("pydantic-ai-slim[openai]",)),
    "openai-agents": ("openai-agents", ("openai-agents",)),
    "google-adk": ("google-adk", ("google-adk",)),
    "crewai": ("crewai", ("crewai",)),
    "dspy": ("dspy", ("dspy",)),
    "llama-index": ("llama-index", ("llama-index-core", "llama-index-llms-openai")),
    "strands": ("strands", ("strands-agents[openai]",)),
    "smolagents": ("smolagents", ("smolagents[openai]",)),
}
"""Each client: its environment, and the packages of it."""
SDKS = ("openai", "openai-responses", "anthropic", "google-genai", "litellm", "mistral", "groq", "boto3")
"""Those that ask a model by themselves; the others are frameworks."""
ENVIRONMENTS = Path(os.environ.get("RUNBACK_CLIENTS", ROOT / ".clients"))
READS_ALL = ("crewai", "dspy")
"""Those that offer no way to leave a stream, or may hang by themselves when it is left, as `dspy.streamify` does."""
SCENARIOS = ("plain", "stream", "tool", "error", "close")
LONGEST = 300
"""Seconds that one agent may take."""
PAGE = ROOT / "docs" / "reference" / "clients.md"
HEAD = """# Clients

Made by `make clients`: each client in an environment of its own, newest version, run by `runback-gate record` against a
server that knows the wire formats. `exact` says that every recorded request is the body that the server saw, and that
the answer is the one that it sent; in the columns *error* and *early close*, that the step says why there is none. A
dash stands where a client offers no sound way to leave a stream.

"""


def cell(client: str, scenario: str, server: Server) -> str:
    """`exact`, or what is wrong; a dash where a client cannot do it."""
    if scenario == "close" and client in READS_ALL:
        return "—"
    server.asked.clear()
    python = ENVIRONMENTS / CLIENTS[client][0] / "bin" / "python"
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "runback_gate", "record", "--redact", "off", "--out", f"{folder}/runs", "--"]
        agents = Path(__file__).with_name("sdks.py" if client in SDKS else "frameworks.py")
        words += [str(python), str(agents), client, scenario, f"{server.url}/{scenario}"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        try:
            done = subprocess.run(
                words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=LONGEST
            )
        except subprocess.TimeoutExpired:
            return f"failed: no end after {LONGEST} s"
        paths = list(Path(folder, "runs").glob("*.jsonl"))
        data = b"".join(path.read_bytes() for path in paths)
        steps = [step for path in paths for step in read_run(path.read_bytes(), path.name).steps]
    if done.returncode != (scenario == "error"):
        return f"failed: {done.stderr.strip().splitlines()[-1:]}"
    if b"secret-key" in data:
        return "a key was stored"
    return compared(steps, server.asked, scenario)


def compared(steps: list[Step], asked: list[dict[str, Any]], scenario: str) -> str:
    """What the recorded steps have against what was asked."""
    if len(steps) != len(asked) or not asked:
        return f"{len(steps)} of {len(asked)} recorded"
    for step, body in zip(steps, asked, strict=True):
        if step.source.api is None:
            return "view-only"
        wire = importlib.import_module(f"runback_gate.wire.{step.source.api.replace('.', '_')}")
        if step.source.grade != "exact" or canonical_bytes(
            wire.write_request(step.request, step.request.model)
        ) != canonical_bytes(body):
            return f"{step.source.grade}: {' '.join(step.source.lost[:3])}"
    # A framework that leaves its stream open has it ended with its run.
    wanted = {"error": ("HTTP 400",), "close": (CLOSED, RUN_ENDED)}.get(scenario)
    last = steps[-1].response
    if (
        (last.text, last.error) != ("Good morning", None)
        if wanted is None
        else not (last.error or "").startswith(wanted)
    ):
        return f"answer: {last.error or last.text[:30]}"
    if scenario == "tool" and [call.name for call in steps[0].response.tool_calls] != ["lookup"]:
        return "the call is missing"
    return "exact"


def version(client: str) -> str:
    """Its packages, each with its version."""
    environment, packages = CLIENTS[client]
    names = [name.partition("[")[0] for name in packages]
    code = f"import importlib.metadata as m; print(', '.join(f'{{n}} {{m.version(n)}}' for n in {names!r}))"
    python = ENVIRONMENTS / environment / "bin" / "python"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def set_up(environment: str, packages: tuple[str, ...]) -> None:
    """Make an environment with the newest versions, where there is none."""
    folder = ENVIRONMENTS / environment
    if not folder.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", "--disable-pip-version-check", *packages], check=True)


def main() -> int:
    """Run the matrix."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clients", nargs="*", default=list(CLIENTS))
    parser.add_argument("--write", action="store_true", help="write the docs page")
    parser.add_argument("--setup", action="store_true", help="make environments that are missing")
    options = parser.parse_args()
    if options.setup:
        for client in options.clients:
            set_up(*CLIENTS[client])
    rows, right = [], True
    with Server() as server:
        for client in options.clients:
            cells = [cell(client, scenario, server) for scenario in SCENARIOS]
            right = right and set(cells) <= {"exact", "—"}
            rows.append(f"| {client} | {version(client)} | {' | '.join(cells)} |")
            print(rows[-1], flush=True)
    head = "| client | version | plain | stream | tool loop | error | early close |\n|---|---|---|---|---|---|---|\n"
    if options.write:
        PAGE.write_text(HEAD + head + "\n".join(rows) + "\n", encoding="utf-8")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
