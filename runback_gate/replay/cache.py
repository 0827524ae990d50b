"""The response cache: earlier answers on disk, named by request digest and trial.

In: a folder, and perhaps a key. Out: the answer to an identical request, or None. An entry that was cut or changed is
never an answer.

    cache = ResponseCache(Path(".runback/responses"), key=seal_key(os.environ))
    cache.put("sha256:…", 0, response, request)
    cache.get("sha256:…", trial=0)
    cache.why_missed(request)                               # the nearest request is asked with parameters.seed = 7

Entries are written whole or not at all, so several processes may share a folder: each appends to a segment of its own
(`segments`). An answer in a file of its own stands before one in a segment: what is asked anew is written so. With a
key every entry is sealed (HMAC-SHA-256), and only entries with that seal count: a digest shows damage, a seal shows
who wrote. Requests are next to the answers, so that a miss can be explained.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from runback_gate.canonical import JsonValue, digest, digest_bytes, made_bytes, parse_canonical
from runback_gate.documents import safe_read, write_atomic
from runback_gate.documents.named_files import read_file
from runback_gate.documents.shared_files import is_there, remove_unless_new, set_time
from runback_gate.errors import InputError, IntegrityError, Location, PathError, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.replay.marks import Marks, mark
from runback_gate.replay.nearest import Nearest
from runback_gate.replay.segments import Line, Segments
from runback_gate.sealed import open_entry, seal_fields
from runback_gate.step import Request, Response, from_json, to_canonical, to_json

FORMAT = "runback.response/v1"
MAX_ANSWER_BYTES = 16 << 20
MAX_REQUEST_BYTES = 64 << 20
MAX_SEGMENT_BYTES = 256 << 20
"""Largest file in which a line that was not written to its end is looked at."""
KEY_VARIABLE = "RUNBACK_CACHE_KEY"
"""Name of the environment variable that holds the key of the seals."""
MIN_KEY_LENGTH = 16

_ANSWER = re.compile(r"[0-9a-f]{64}\.[0-9]{1,9}\.json")
_REQUEST = re.compile(r"[0-9a-f]{64}\.request\.json")
_TEMPORARY = re.compile(r"\.runback-[0-9]+-[0-9]+\.tmp")


class NoAnswers:
    """The store of somebody who trusts no cache: it has no answer."""

    def get(self, request: str, trial: int) -> None:
        """None."""


def seal_key(environ: Mapping[str, str]) -> bytes | None:
    """The key of the seals, from `RUNBACK_CACHE_KEY`; None when it is not set.

    Raises:
        InputError: a key that could be guessed.
    """
    key = environ.get(KEY_VARIABLE, "")
    if 0 < len(key) < MIN_KEY_LENGTH:
        hint = "make one with `openssl rand -hex 32`"
        raise InputError(f"{KEY_VARIABLE} is shorter than {MIN_KEY_LENGTH} characters", hint=hint)
    return key.encode("utf-8", "surrogateescape") or None


@dataclass(frozen=True, slots=True)
class Stored:
    """One file of a cache, or one line of a segment."""

    path: Path
    request: str
    """Digest of the request, without `sha256:`; empty for what an interrupted write left."""
    trial: int | None
    """None for a request, and for what an interrupted write left."""
    size: int
    used: float
    """When it was written or last used, in seconds since 1970; a line was written when its segment was."""
    line: Line | None = None
    """Its place in a segment; None for a file of its own."""
    counts: bool = True
    """Whether it is what the cache gives; False where another stands before it."""

    @property
    def is_request(self) -> bool:
        """Whether it is a request that lies beside its answers."""
        return self.trial is None and self.request != ""


class ResponseCache:
    """Answers by content address, in segments and in files of their own. Safe to keep between CI jobs.

    Args:
        folder: where it lies; it may be missing.
        key: of the seals; None trusts whatever the folder holds.
        mark_used: keep the time of the last use of an entry, for `prune`: as the time of its file, or in a mark.
    """

    def __init__(self, folder: Path, key: bytes | None = None, *, mark_used: bool = False) -> None:
        self.folder = folder
        self.unsealed: set[str] = set()
        """Names of entries that were met and do not count, since they lack the seal."""
        self._key = key
        self._mark_used = mark_used
        self._marks = Marks(folder)
        self._nearest: Nearest | None = None
        self._made: set[Path] = set()
        self._segments = Segments(folder)
        self._described: set[str] = set()
        """Requests that this process wrote."""

    def get(self, request: str, trial: int) -> tuple[Response, str] | None:
        """The answer and the digest of its file, or None when there is none that counts.

        Raises:
            IntegrityError: the entry was cut, changed, or belongs to another request. With a key such an entry is
                none: whoever cannot seal could otherwise stop every run.
        """
        name, path = answer_name(request, trial), None
        try:
            if is_there(self.folder, name):
                data = safe_read(self.folder, name, MAX_ANSWER_BYTES)
            elif (line := self._segments.answer(request, trial)) is not None:
                path, data = line
            else:
                return None
            body = open_entry(data, self._key)
            if _key(body) != (FORMAT, request, trial):
                raise IntegrityError("it is of another request")
            found = from_json(Response, body["response"], name), digest_bytes(data)
        except (RunbackError, KeyError, TypeError, AttributeError) as error:
            if self._key is not None:
                self.unsealed.add(name)
                return None
            what = "file" if path is None else "line"
            hint = f"delete the {what} of {name[3:11]}…, trial {trial}; the answer then counts as missing"
            hint = hint if what == "line" else "delete the file; the answer then counts as missing"
            place = Location((self.folder / name if path is None else path).as_posix())
            raise IntegrityError("the cached answer was cut or changed", hint=hint, location=place) from error
        if self._mark_used:
            if path is not None:
                self._marks.add(request, trial)
            # A cache on a disk that may only be read still answers.
            with contextlib.suppress(OSError):
                if path is None:
                    set_time(self.folder / name)
        return found

    def close(self) -> None:
        """Mark the answers that were used, for `prune`; what is not marked was last used when it was written.

        What is known of the folder is let go: of ten thousand answers it takes some megabytes, and is found again.
        """
        self._marks.write()
        self._segments = Segments(self.folder)
        self._described.clear()

    def put(
        self, request: str, trial: int, response: Response, asked: Request | None = None, written: bytes = b""
    ) -> str:
        """Store an answer, and the request with it where it is given, whole or not at all; the digest of its entry.

        `written` are the canonical bytes of the request, where they are known.

        Raises:
            WriteError: the disk is full, or the folder may not be written.
            PathError: a folder of the cache is a link.
        """
        if is_there(self.folder, answer_name(request, trial)) or self._segments.answer(request, trial):
            return digest_bytes(self.write(request, trial, response, asked).read_bytes())
        data = answer_entry(request, trial, response, self._key)
        new = asked if request not in self._described else None
        self._segments.append([data] if new is None else [written or to_canonical(new), data])
        self._learn(request, trial, new)
        return digest_bytes(data)

    def write(self, request: str, trial: int, response: Response, asked: Request | None = None) -> Path:
        """Store an answer in a file of its own, and give it; otherwise as `put`. It stands before those in segments."""
        path = self.folder / answer_name(request, trial)
        self._write(path, answer_entry(request, trial, response, self._key))
        beside = self.folder / request_name(request)
        new = asked if not beside.exists() else None
        if new is not None:
            self._write(beside, to_canonical(new))
        self._learn(request, trial, new)
        return path

    def _learn(self, request: str, trial: int, asked: Request | None) -> None:
        self.unsealed.discard(answer_name(request, trial))
        if asked is not None:
            self._described.add(request)
            if self._nearest is not None:
                self._nearest.add(request, asked)

    def _write(self, path: Path, data: bytes) -> None:
        if path.parent not in self._made:
            if path.parent.is_symlink():
                hint = "remove the link: files written through it would land elsewhere"
                raise PathError("a link stands in the cache", hint=hint, location=Location(path.parent.as_posix()))
            self._made.add(path.parent)
        # What a power cut leaves half-written is found by its digest; to wait for the disk would cost more than asking.
        write_atomic(path, data, durable=False)

    def why_missed(self, request: Request) -> str:
        """Why the cache has no answer to a request: what it knows that comes nearest, and where that differs first."""
        name = digest(to_json(request))
        if any(name[7:] in item for item in self.unsealed):
            return f"its cached answer lacks the seal of {KEY_VARIABLE}"
        if (self.folder / request_name(name)).exists() or self._segments.has_request(name):
            return "only other trials of it are cached"
        if self._nearest is None:
            self._nearest = Nearest()
            for item in self.stored():
                if item.is_request and (known := self.request(f"sha256:{item.request}")) is not None:
                    self._nearest.add(f"sha256:{item.request}", known)
                if self._nearest.full:
                    break
        return self._nearest.explain(request, self.request)

    def request(self, name: str) -> Request | None:
        """The request of a digest, if it lies beside its answers and still is what its name says."""
        try:
            data = self._segments.request(name) or safe_read(self.folder, request_name(name), MAX_REQUEST_BYTES)
            return from_json(Request, parse_canonical(data), name) if digest_bytes(data) == name else None
        except RunbackError:
            return None

    def stored(self) -> Iterator[Stored]:
        """Every file of the cache, sorted by name, then every line of its segments; what is neither is passed over.

        Raises:
            InputError: the folder cannot be listed.
        """
        seen: set[tuple[str, int | None]] = set()
        try:
            folders = sorted(self.folder.glob("[0-9a-f][0-9a-f]")) if self.folder.exists() else []
            for folder in folders:
                for path in sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []:
                    if (found := _stored(path)) is not None:
                        seen.add((found.request, found.trial))
                        yield found
            marks = self._marks.times()
            for line in self._segments.lines():
                if (found := self._stored_line(line, marks)) is not None:
                    name = found.request, found.trial
                    yield replace(found, counts=False) if name in seen and found.request else found
                    seen.add(name)
        except OSError as error:
            place = Location(self.folder.as_posix())
            raise InputError(f"cannot be listed: {error.strerror}", location=place) from error

    def _stored_line(self, line: Line, marks: Mapping[str, float]) -> Stored | None:
        """A line as it is listed: an answer, a request, or what an interrupted write left."""
        try:
            used = line.path.lstat().st_mtime
        except FileNotFoundError:
            return None
        request, trial = line.key or ("", None)
        if line.key is not None:
            used = max(used, marks.get(mark(*line.key), 0.0))
        elif line.whole:
            request = digest_bytes(self._segments.read(line) or b"")
        return Stored(line.path, request.removeprefix("sha256:"), trial, line.size + line.whole, used, line)

    def read(self, item: Stored) -> bytes:
        """The bytes of what is stored; none where it went away.

        Raises:
            InputError: a file cannot be read, or is too large to be.
        """
        if item.line is not None and item.line.whole:
            return self._segments.read(item.line) or b""
        return read_file(item.path, MAX_SEGMENT_BYTES)[0 if item.line is None else item.line.offset :]

    def remove(self, items: Iterable[Stored], *, as_listed: bool = False) -> None:
        """Delete files, and write segments without the lines; that another process was first is no error.

        A file that was written or used since it was listed stays if only what is `as_listed` goes.
        """
        lines = []
        for item in items:
            if item.line is not None:
                lines.append(item.line)
            elif as_listed:
                remove_unless_new(item.path, item.size, item.used)
            else:
                item.path.unlink(missing_ok=True)
        self._segments.remove(lines)
        self._marks.merge({mark(*line.key) for line in self._segments.lines() if line.key is not None})


def answer_name(request: str, trial: int) -> str:
    """Where an answer lies in the cache folder."""
    name = request.removeprefix("sha256:")
    return f"{name[:2]}/{name}.{trial}.json"


def request_name(request: str) -> str:
    """Where a request lies in the cache folder."""
    name = request.removeprefix("sha256:")
    return f"{name[:2]}/{name}.request.json"


def answer_entry(request: str, trial: int, response: Response, key: bytes | None = None) -> bytes:
    """The bytes of a cache entry; its digest tells a cut or edited file, its seal who wrote it."""
    fields = {"format": made_bytes(FORMAT), "request": made_bytes(request), "trial": b"%d" % trial}
    return seal_fields({**fields, "response": to_canonical(response)}, key)


def _key(body: dict[str, JsonValue]) -> tuple[JsonValue, ...]:
    return body["format"], body["request"], body["trial"]


def _stored(path: Path) -> Stored | None:
    answer, request = _ANSWER.fullmatch(path.name), _REQUEST.fullmatch(path.name)
    if not answer and not request and not _TEMPORARY.fullmatch(path.name):
        return None
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    digits, *rest = path.name.split(".")
    return Stored(
        path, digits if answer or request else "", int(rest[0]) if answer else None, found.st_size, found.st_mtime
    )
