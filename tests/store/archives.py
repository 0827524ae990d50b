"""Runs for archives, and what an archive holds of them."""

from __future__ import annotations

from runback_gate.capture.runs import write_run
from runback_gate.step import Message, Request, Response, Run, Source, Step, ToolCall
from runback_gate.store.archive.arrow import Storage
from runback_gate.store.archive.contents import part_rows, read_contents
from runback_gate.store.archive.pack import Packed, pack
from runback_gate.store.archive.rows import Row, run_row

AT = "2026-07-28T12:00:00Z"


def row(name: str, *, agent: str = "support", day: str = "2026-07-28", tool: str = "refund", text: str = "") -> Row:
    """A run of one step that calls a tool."""
    asked = Request("m", "Be kind.", (Message("user", text or f"Refund for {name}?"),))
    step = Step(agent, asked, Response("", (ToolCall("c", tool, "{}"),)), Source(name, 0, "exact"))
    run = Run(name, agent, (step,), status="ok", at=f"{day}T08:00:00Z")
    return run_row(write_run(run, lambda size: name.encode().ljust(size, b"s")[:size]), name)


def put(storage: Storage, *rows: Row, by: tuple[str, ...] = ()) -> Packed:
    return pack(storage, rows, by=by, at=AT)


def held(storage: Storage) -> dict[str, bytes]:
    """The bytes of each run."""
    parts = read_contents(storage).parts.values()
    return {row.run: row.data for part in parts for row in part_rows(storage, part)}
