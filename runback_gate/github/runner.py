"""Where the action meets the runner of GitHub: its inputs, its files, and the rights it was started with.

In: the environment of a job. Out: inputs as text, files that were opened before any data of a change was read, and a
process that can no longer write anywhere else.

    with open_runner(os.environ, workspace, inputs, user=65532) as runner:
        runner.output("verdict", "FAIL")
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from runback_gate.errors import InputError, Location, PathError, WriteError
from runback_gate.frozen import dataclass
from runback_gate.gate.shard import parse_shard
from runback_gate.report import OUTPUTS
from runback_gate.report.text import line

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TRUTH: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the workflow asks for in `with:`."""

    token: str
    name: str
    """Of the check; each gate of a repository has one of its own."""
    root: str
    """Folder of runback.yaml, from the root of the repository; empty for the root itself."""
    agent: str | None
    dataset: str | None
    report: str
    """Folder of the reports, from the root of the repository."""
    cache: str | None
    """Folder of earlier answers below HOME, where no file of the repository can lie."""
    live: bool
    """Whether models are asked, within the budget and by the providers of the base."""
    approve: str | None
    """The head whose weakening of the gate a person approved."""
    prove: bool
    """Whether changed rules are proved to weaken nothing."""
    archive: str | None
    """URI of an archive of runs on which changed policies are judged as well."""
    archive_seconds: int
    """How long that may take."""
    shard: tuple[int, int]
    """The part of the cases that is judged: i of n."""
    merge: str | None
    """Folder, from the root of the repository, of the reports of all parts; nothing is judged then."""
    sign: str | None
    """A report of an earlier job, from the root of the repository, to be signed; nothing is judged then."""
    key: str | None
    """`env:NAME`, the variable that holds the private key; None signs with the identity of the job."""
    public_log: bool
    """Whether the public log may name a repository that is private."""
    store: bool
    """Whether GitHub's attestation store is sent what was signed."""
    check: bool
    comment: bool


def read_inputs(environ: Mapping[str, str]) -> Inputs:
    """Read the inputs as the runner passes them: INPUT_NAME, in capitals, dashes kept.

    Raises:
        InputError: a value that the input does not take.
    """
    root = _inside(environ, "root") or "."
    return Inputs(
        token=_text(environ, "token"),
        name=_text(environ, "name") or "Runback gate",
        root="" if PurePosixPath(root) == PurePosixPath() else PurePosixPath(root).as_posix(),
        agent=_text(environ, "agent") or None,
        dataset=_text(environ, "dataset") or None,
        report=_inside(environ, "report") or ".runback",
        cache=_inside(environ, "cache") or None,
        live=_truth(environ, "live", default="false"),
        approve=_text(environ, "approve") or None,
        prove=_truth(environ, "prove", default="false"),
        archive=_archive(environ),
        archive_seconds=_seconds(environ, "archive-seconds"),
        shard=_shard(environ),
        merge=_inside(environ, "merge") or None,
        sign=_inside(environ, "sign") or None,
        key=_text(environ, "key") or None,
        public_log=_truth(environ, "public-log", default="false"),
        store=_truth(environ, "store", default="false"),
        check=_truth(environ, "check"),
        comment=_truth(environ, "comment"),
    )


def _text(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(f"INPUT_{name.upper()}", "").strip()
    if not value.isprintable() or len(value) > 1000:
        raise InputError(f"input {name}: not a line of text")
    return value


def _inside(environ: Mapping[str, str], name: str) -> str:
    value = _text(environ, name)
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"input {name}: {value!r} leads out of its folder", hint="a relative path without `..`")
    return value


def _archive(environ: Mapping[str, str]) -> str | None:
    """A folder may lie in the checkout, where the change would choose what it is judged on."""
    value = _text(environ, "archive")
    scheme, found, rest = value.partition("://")
    if value and not (found and rest and scheme.lower() not in ("file", "local", "mock")):
        raise InputError("input archive: no object store", hint="a URI such as s3://BUCKET/FOLDER?region=REGION")
    return value or None


def _seconds(environ: Mapping[str, str], name: str) -> int:
    value = _text(environ, name) or "120"
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:6]) <= 3600):
        raise InputError(f"input {name}: {value!r} is no number of seconds from 1 to 3600")
    return int(value)


def _shard(environ: Mapping[str, str]) -> tuple[int, int]:
    try:
        return parse_shard(_text(environ, "shard") or "1/1")
    except ValueError as error:
        raise InputError(f"input shard: {error}") from error


def _truth(environ: Mapping[str, str], name: str, default: str = "true") -> bool:
    value = _text(environ, name) or default
    if value not in _TRUTH:
        raise InputError(f"input {name}: {value!r} is neither true nor false")
    return _TRUTH[value]


@dataclass(frozen=True, slots=True)
class Runner:
    """The files that the runner reads when the step is over, opened."""

    outputs: BinaryIO | None
    summary: BinaryIO | None
    folder: Path
    """Where reports are written."""

    def output(self, name: str, value: str) -> None:
        """Set an output of the step, one line."""
        _append(self.outputs, f"{name}={line(value)}\n".encode())

    def summarize(self, text: str) -> None:
        """Add Markdown to the summary of the step; the caller keeps to `github.surfaces.MAX_SUMMARY`."""
        _append(self.summary, text.encode())


@contextlib.contextmanager
def open_runner(environ: Mapping[str, str], workspace: Path, inputs: Inputs, *, user: int | None) -> Iterator[Runner]:
    """Open what must be written, then give up the rights of root for those of `user`.

    The runner starts a container as root and owns its files itself; a parser that a change had taken over could then
    name the files of the next steps. Without `user`, or where the process is not root, the rights stay as they are.
    A job that signs leaves the reports that lie in the folder; a job that asks models may write its cache.

    Raises:
        PathError: the folder of the reports or of the cache is, or lies behind, a symbolic link.
        WriteError: a file of the runner cannot be opened.
    """
    with contextlib.ExitStack() as stack:
        outputs, summary = (
            stack.enter_context(_open(path)) if (path := environ.get(name)) else None
            for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        )
        drop = user if user is not None and os.geteuid() == 0 else None
        own_folder(workspace, inputs.report, drop, "report", stale=() if inputs.sign else OUTPUTS)
        if inputs.live and inputs.cache and not inputs.sign:
            # The home folder is the runner's own: nobody else may make a folder there.
            own_folder(home(environ), inputs.cache, drop, "cache", deep=True)
        if drop is not None:
            os.setgroups([])
            os.setgid(drop)
            os.setuid(drop)
        yield Runner(outputs, summary, workspace / inputs.report)


def home(environ: Mapping[str, str]) -> Path:
    """The home folder of the container, in which nothing of a repository lies."""
    return Path(environ.get("HOME") or "/")


def own_folder(
    root: Path, name: str, user: int | None, purpose: str, *, stale: Sequence[str] = (), deep: bool = False
) -> None:
    """Make the folder `name` below `root`, step by step without following a link, and give it to `user`.

    The group stays that of `root`, so that the runner can remove what is in it.

    Args:
        root: a folder of the runner.
        name: with slashes between its parts.
        user: who is to write there; None leaves the owner.
        purpose: the input that names the folder.
        stale: files of an earlier run, or such as the change brings, to be removed: they say nothing of this one.
        deep: whether the folders in it are given away too. Files are not: one may be a second name of another file.

    Raises:
        PathError: a link or a file stands in the way, or the folder cannot be made.
    """
    try:
        handle = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    except OSError as error:
        message = f"cannot be opened: {error.strerror}"
        raise InputError(message, hint="check that it is mounted", location=Location(root.as_posix())) from error
    try:
        group = os.fstat(handle).st_gid
        for part in PurePosixPath(name).parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=handle)
            inner = os.open(part, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = inner
        for old in stale:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(old, dir_fd=handle)
        if user is not None:
            _give(handle, user, group)
            for entry in os.scandir(handle) if deep else ():
                if entry.is_dir(follow_symlinks=False):
                    below = os.open(entry.name, _FOLDER, dir_fd=handle)
                    _give(below, user, group)
                    os.close(below)
    except OSError as error:
        hint = f"name a folder that the repository does not hold, with the input `{purpose}`"
        message = f"no folder for the {purpose}: {error.strerror}"
        raise PathError(message, hint=hint, location=Location(name)) from error
    finally:
        os.close(handle)


def _give(folder: int, user: int, group: int) -> None:
    os.fchown(folder, user, group)
    os.fchmod(folder, stat.S_IRWXU | stat.S_IRWXG | stat.S_IROTH | stat.S_IXOTH)


def _open(path: str) -> BinaryIO:
    try:
        return Path(path).open("ab")
    except OSError as error:
        raise WriteError(f"cannot be opened: {error.strerror}", location=Location(path)) from error


def _append(file: BinaryIO | None, data: bytes) -> None:
    if file is not None:
        file.write(data)
        file.flush()
