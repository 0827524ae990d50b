"""What the pages work on: a folder, a token, the outside world, and what was begun.

In: where the folder lies, and the environment. Out: a `Desk`.

    desk = open_desk(Path(), Path("runs"), token, cache=None, environ=os.environ)
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from runback_gate.app.live import World, redact_key
from runback_gate.app.workspace import Workspace
from runback_gate.frozen import dataclass
from runback_gate.redact import NO_PROJECT, ProjectKey, ProjectRules
from runback_gate.replay.providers import real_world
from runback_gate.web.jobs import Jobs


@dataclass(frozen=True, slots=True)
class Desk:
    """What the pages work on."""

    workspace: Workspace
    token: str = field(repr=False)
    """Of this start: a browser shows it once, and has it as a cookie then."""
    world: World
    """Environment, clock and chance of questions to models."""
    cache: Path | None = None
    """Folder of known answers; None for none."""
    redact_key: ProjectKey | None = field(default=None, repr=False)
    word: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    """What the forms of this start hold."""
    jobs: Jobs = field(default_factory=Jobs)
    one: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Reading, judging and writing go one by one: two tabs cannot write over each other."""


def open_desk(
    root: Path,
    folder: Path,
    token: str,
    cache: Path | None,
    environ: Mapping[str, str],
    project: ProjectRules = NO_PROJECT,
) -> Desk:
    """A desk over the gate in `root` and the runs in `folder`; `project` is what is said there of redaction.

    Raises:
        InputError: the key of the pseudonyms is not one.
    """
    world = World(environ, real_world())
    return Desk(Workspace(root, folder), token, world, cache, redact_key(world, lambda: project))
