"""`record`: the environment in which a Python program is recorded as it is.

In: the command, and how its runs are recorded. Out: variables that `capture.inject` reads at the start of the program.

    environ | recorded_environment(("python", "agent.py"), RecordOptions(folder), environ, os.pathsep)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from runback_gate.capture import inject
from runback_gate.frozen import dataclass
from runback_gate.redact import NO_PROJECT, ProjectRules, project_json
from runback_gate.step import is_name


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """How the runs of a program are recorded."""

    out: Path
    """Folder of the runs, absolute."""
    agent: str | None = None
    """Name of the agent; None for that of the program."""
    redact: str | None = None
    """Level of redaction; None for what the project says."""
    labels: Mapping[str, str] = field(default_factory=dict)
    project: ProjectRules = NO_PROJECT
    rotate: int | None = None
    """Bytes after which a run continues in another file."""


def recorded_environment(
    command: Sequence[str], options: RecordOptions, environ: Mapping[str, str], separator: str
) -> dict[str, str]:
    """What a program needs in its environment to be recorded; `separator` stands between the folders of PYTHONPATH."""
    agent = options.agent or program_name(command)
    given: dict[str, Any] = {"agent": agent, "out": str(options.out), "redact": options.redact, "parent": None}
    path = separator.join((*inject.__path__, *filter(None, (environ.get("PYTHONPATH"),))))
    given |= {"labels": dict(options.labels), "project": project_json(options.project), "rotate": options.rotate}
    return {"PYTHONPATH": path, "RUNBACK_GATE_RECORD": json.dumps(given)}


def parse_label(text: str) -> tuple[str, str]:
    """Name and value of a label, from `NAME=VALUE`.

    Raises:
        ValueError: it is none.
    """
    name, found, value = text.partition("=")
    if not (found and name.strip() and name.isprintable()):
        raise ValueError("NAME=VALUE was expected, such as team=billing")
    return name, value


def program_name(command: Sequence[str]) -> str:
    """The name of the agent that a command starts: that of its script, or else of the program."""
    script = next((word for word in command if word.endswith(".py")), command[0])
    name = Path(script).stem
    return name if is_name(name) else "agent"
