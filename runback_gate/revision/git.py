"""Runs git so that nothing that a repository configures is run.

In: a folder and the words of a command. Out: what git answers.

    run(folder, "rev-parse", "--verify", "HEAD").out

The working tree, the index and the refs stay as they are. No hook, filter, text conversion, pager, file monitor or
fetch is run, and no object is replaced.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple, Self, cast

from runback_gate.errors import InputError
from runback_gate.revision.tree import MAX_FILES

MAX_SECONDS = 120
"""How long one call of git may take."""
MAX_LISTING = 256 * MAX_FILES
"""Bytes of an answer."""
_CHUNK: Final = 1 << 16
_OPTIONS: Final = (
    "--no-pager",
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.quotePath=false"),
    # A change can commit what looks like a bare repository: it is never taken for the one that is asked.
    *("-c", "safe.bareRepository=explicit"),
)
# A hook runs with these, and each would show another repository or another state of this one.
_FOREIGN: Final = frozenset(
    "GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR GIT_DIR GIT_GRAFT_FILE GIT_INDEX_FILE GIT_NAMESPACE "
    "GIT_OBJECT_DIRECTORY GIT_PREFIX GIT_REPLACE_REF_BASE GIT_SHALLOW_FILE GIT_WORK_TREE".split()
)
_ENVIRONMENT: Final = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    # An object that is not here would be fetched by a command that the configuration of the repository names.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    # Else `refs/replace` could put another tree behind the commit that is named.
    "GIT_NO_REPLACE_OBJECTS": "1",
}


class Process:
    """One process of git: `out` is its output; after the `with` it has ended, with `code` and `error`."""

    def __init__(self, root: Path, arguments: Sequence[str], given: IO[bytes] | None = None) -> None:
        program = shutil.which("git")
        if program is None:
            raise InputError("git is not installed", hint="install it, or give a folder: ./NAME")
        environment = {key: value for key, value in os.environ.items() if key not in _FOREIGN} | _ENVIRONMENT
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        process = subprocess.Popen(  # noqa: S603  no shell; what was given stands behind --end-of-options
            [program, *_OPTIONS, "-C", os.path.abspath(root), *arguments],  # noqa: PTH100  links are git's to follow
            stdin=subprocess.DEVNULL if given is None else given,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
        )
        self._process = process
        self._timer = threading.Timer(MAX_SECONDS, process.kill)
        self._timer.start()
        self.out = cast("IO[bytes]", process.stdout)
        self.code = -1
        self.error = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._process.kill()
        self.out.close()
        self.code = self._process.wait()
        self._timer.cancel()
        self._errors.seek(0)
        text = self._errors.read(2000).decode("utf-8", "replace")
        self._errors.close()
        late = self.code == -signal.SIGKILL
        self.error = f"it took too long ({MAX_SECONDS} s)" if late else " ".join(text.split())[:300]


class Answer(NamedTuple):
    """What a call ended with."""

    code: int
    out: bytes
    error: str


def run(root: Path, *arguments: str) -> Answer:
    """What one call of git answers."""
    out = bytearray()
    with Process(root, arguments) as git:
        while part := git.out.read(_CHUNK):
            out += part
            if len(out) > MAX_LISTING:
                hint = "name the folder of the gate alone with --root"
                raise InputError(f"the commit has more than {MAX_FILES:,} files there", hint=hint)
    return Answer(git.code, bytes(out), git.error)
