"""A local server in this process, and a client that says exactly what it is told to."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runback_gate.capture.runs import read_run
from runback_gate.step import Run
from runback_gate.web.server import ServeOptions, serve
from tests.web.demo import write_demo


@dataclass
class Local:
    """A server that listens."""

    port: int
    folder: Path

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def post(self, path: str, value: Any, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """JSON."""
        more = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.ask("POST", path, json.dumps(value).encode(), {"Content-Type": "application/json", **more})

    def runs(self) -> list[Run]:
        """What was recorded, by the order of the first request; the server must have ended."""
        found = [read_run(path.read_bytes(), path.name) for path in self.folder.glob("*.jsonl")]
        return sorted(found, key=lambda run: (run.at or "", run.id))


Serve = Callable[..., Any]


@contextmanager
def local(folder: Path, **options: Any) -> Iterator[Local]:
    """A server for the time of the block; at its end everything is written."""
    loop = asyncio.new_event_loop()
    end, ready = asyncio.Event(), threading.Event()
    found: list[Any] = []

    async def run() -> None:
        def at(address: str) -> None:
            found.append(int(address.rpartition(":")[2]))
            ready.set()

        found.append(await serve(ServeOptions(folder, port=0, **{"redact": "off", **options}), at, end.wait))

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield Local(found[0], folder)
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(40)
        loop.close()
    assert found[1] is True


@pytest.fixture
def served(tmp_path: Path) -> Serve:
    """Starts a server over a folder of the test's own."""
    return lambda **options: local(tmp_path / "runs", **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The demo."""
    write_demo(tmp_path)
    return tmp_path
