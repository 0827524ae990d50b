"""What the file of a gate is called, for those who look for it and do not read it."""

from __future__ import annotations

GATE_FILE = "runback.yaml"
