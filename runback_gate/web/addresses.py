"""Addresses as a person writes them, where to listen and where one more provider is; and as they are shown.

parse_listen("127.0.0.1:4318")                      # ("127.0.0.1", 4318)
parse_provider("local=http://127.0.0.1:8000/v1")    # ("local", "http://127.0.0.1:8000/v1")
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from runback_gate.report.text import line

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def parse_listen(text: str) -> tuple[str, int]:
    """The host and the port of `HOST:PORT`.

    Raises:
        ValueError: it is something else.
    """
    parts = _split(f"//{text}")
    if parts is None or not parts.hostname or parts.port is None or parts.path or parts.username is not None:
        raise ValueError("HOST:PORT was expected, such as 127.0.0.1:4318")
    return parts.hostname, parts.port


def parse_provider(text: str) -> tuple[str, str]:
    """The name and the base URL of `NAME=URL`.

    Raises:
        ValueError: it is something else, or the name has another meaning in the path of the proxy.
    """
    name, _, url = text.partition("=")
    parts = _split(url)
    whole = parts is not None and parts.hostname and parts.scheme in ("http", "https") and parts.username is None
    if not whole or "?" in url or not _NAME.fullmatch(name) or name in ("agent", "run"):
        raise ValueError("NAME=URL was expected, such as local=http://127.0.0.1:8000/v1")
    return name, url


def address_lines(address: str, token: str, folder: Path, replay: str | None) -> Iterator[str]:
    """Where agents, exporters and browsers go, and what is served: a run, or what is recorded in a folder."""
    yield f"proxy  {address}/v1/proxy/PROVIDER"
    if replay is None:
        yield f"otlp   {address}/v1/traces, /v1/logs"
    yield f"pages  {address}/?token={token}"
    yield line(f"{f'answers from {replay}' if replay else f'runs in {folder.as_posix()}/'}; ctrl-c ends")


def _split(url: str) -> SplitResult | None:
    """The parts of a URL whose port is one."""
    try:
        parts = urlsplit(url)
        return parts if parts.port is None or parts.port >= 0 else None
    except ValueError:
        return None
