"""Pages that the local server shows beside the proxy and the receiver.

In: nothing. Out: a list of routes, which a module that has pages adds to.

    PAGES.append(("GET", "/", index))

A page gets the folder of the runs as `request.app[FOLDER]`. No action goes by GET: a link must not do anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiohttp import web

from runback_gate.web.guard import Handler

FOLDER: Final = web.AppKey("folder", Path)
"""The folder of the runs."""
PAGES: Final[list[tuple[str, str, Handler]]] = []
"""Method, path and handler."""
