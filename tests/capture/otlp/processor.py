"""A span as its processor gets it when it has ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def ended(attributes: dict[str, Any], failed: bool = False) -> Any:
    status = SimpleNamespace(status_code=SimpleNamespace(name="ERROR" if failed else "OK"), description="boom")
    context = SimpleNamespace(trace_id=1, span_id=2)
    scope = SimpleNamespace(name="s")
    fields = {"context": context, "status": status, "instrumentation_scope": scope, "name": "x"}
    return SimpleNamespace(attributes=attributes, start_time=1_000_000, end_time=5_000_000, **fields)
