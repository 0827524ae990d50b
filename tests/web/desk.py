"""A server with pages over the folder that `demo` writes, and a client that has its token."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from runback_gate.app.live import World
from runback_gate.app.workspace import Workspace
from runback_gate.replay.providers import Runtime
from runback_gate.web.desk import Desk
from tests.web.conftest import Local, local
from tests.web.demo import STEP

TOKEN = "0123456789abcdef0123"
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Browser:
    """Requests as a browser makes them that opened the printed address."""

    at: Local
    cookie: str = ""
    token: str = TOKEN

    def __post_init__(self) -> None:
        _, headers, _ = self.at.ask("GET", f"/?token={self.token}")
        self.cookie = headers["set-cookie"].split(";")[0]

    def get(self, path: str, **headers: str) -> Answer:
        """A page."""
        return self.at.ask("GET", path, None, {"Cookie": self.cookie, **headers})

    def text(self, path: str) -> str:
        """A page that is there."""
        status, _, data = self.get(path)
        assert status == 200, data
        return data.decode()

    def word(self) -> str:
        """What the forms of this start hold."""
        found = re.search(r'name="word" value="([^"]+)"', self.text(STEP))
        assert found is not None
        return found[1]

    def post(self, path: str, fields: dict[str, str], word: str | None = None, **headers: str) -> Answer:
        """A form."""
        body = urlencode({"word": self.word() if word is None else word, **fields}).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.at.ask("POST", path, body, {"Cookie": self.cookie, **kind, **headers})


@contextmanager
def pages(folder: Path, *, cache: str | None = "answers") -> Iterator[Browser]:
    """A server for the time of the block."""
    world = World({}, Runtime(lambda: 0.0, asyncio.sleep, lambda: 0.5))
    known = None if cache is None else folder / cache
    desk = Desk(Workspace(folder, folder / "runs"), TOKEN, world, known)
    with local(folder / "runs", desk=desk) as server:
        yield Browser(server)
