"""The name of the gate file, for code that looks for it without reading it."""

from __future__ import annotations

GATE_FILE = "runback.yaml"
