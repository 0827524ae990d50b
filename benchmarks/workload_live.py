"""The made-up repository of `workload`, with a model that must be asked.

point_at(folder, "http://127.0.0.1:8000/v1")
"""

from __future__ import annotations

from pathlib import Path

AGENT = "agents/support.yaml"


def point_at(root: Path, url: str) -> None:
    """Give the agent another model than the recordings have, and the gate a provider that serves it."""
    agent = (root / AGENT).read_text().splitlines(keepends=True)
    lines = ["  model: local/m\n" if line.lstrip().startswith("model:") else line for line in agent]
    (root / AGENT).write_text("".join(lines))
    gate = (root / "runback.yaml").read_text()
    provider = f"providers: {{local: {{baseUrl: {url}, models: [m]}}}}"
    (root / "runback.yaml").write_text(gate.replace("spec: {", f"spec: {{{provider}, "))
