"""An audit record as one HTML file that checks itself, offline, in the browser of whoever opens it.

In: the bytes of a record, as they lie. Out: the page.

    path.write_text(record_page(data, "record.jsonl"), encoding="utf-8")

The page holds the bytes, checks them as `audit verify` does, with a public key that its reader pastes, and marks the
line that was changed. Nothing is checked here.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from runback_gate.errors import InputError, Location
from runback_gate.view.page import page

MAX_RECORD: Final = 32 << 20
"""Bytes of a record that a page holds."""


def record_page(data: bytes, name: str) -> str:
    """The page of a record; `name` is what it is called on it.

    Raises:
        InputError: larger than a page can hold.
    """
    if len(data) > MAX_RECORD:
        hint = "`runback-gate audit verify` reads records of any size"
        raise InputError(f"larger than {MAX_RECORD:,} bytes", hint=hint, location=Location(name))
    value = {"name": name, "record": b64encode(data).decode("ascii")}
    scripts = ("record_check.js", "record.js")
    return page("record.html", style="record.css", scripts=scripts, title=f"{name} · Runback gate", data=value)
