"""The files of a gate, to be committed."""

from __future__ import annotations

GATE = "spec: {agents: ['agents/*.yaml'], datasets: ['datasets/*.yaml'], policies: ['policies/*.yaml']}\n"
FILES = {
    "runback.yaml": GATE,
    "agents/a.yaml": "agent: ä\n",
    "agents/p.md": "a prompt\nof two lines\n",
    "datasets/d.yaml": "dataset: $Id$\n",
    "policies/p.yaml": "policy: calls(response)\n",
}
