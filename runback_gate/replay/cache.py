"""The response cache: earlier answers on disk, named by request digest and trial.

In: a folder, and perhaps a key. Out: the answer to an identical request, or None. An entry that was cut or changed is
never an answer.

    cache = ResponseCache(Path(".runback/responses"), key=seal_key(os.environ))
    cache.put("sha256:…", 0, response, request)
    cache.get("sha256:…", trial=0)
    cache.why_missed(request)                               # the nearest request is asked with parameters.seed = 7

Entries are written whole or not at all, so several processes may share a folder; of two that answer the same question
the later one stays. With a key every entry is sealed (HMAC-SHA-256), and only entries with that seal count: a digest
shows damage, a seal shows who wrote. Requests are next to the answers, once each, so that a miss can be explained.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from runback_gate.canonical import JsonValue, canonical_bytes, digest, digest_bytes, parse_canonical
from runback_gate.documents import safe_read, write_atomic
from runback_gate.errors import InputError, IntegrityError, Location, PathError, RunbackError
from runback_gate.replay.nearest import Nearest
from runback_gate.sealed import open_entry, seal_entry
from runback_gate.step import Request, Response, from_json, to_json

FORMAT = "runback.response/v1"
MAX_ANSWER_BYTES = 16 << 20
MAX_REQUEST_BYTES = 64 << 20
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
    """One file of a cache."""

    path: Path
    request: str
    """Digest of the request, without `sha256:`; empty for what an interrupted write left."""
    trial: int | None
    """None for a request, and for what an interrupted write left."""
    size: int
    used: float
    """When it was written or last used, in seconds since 1970."""

    @property
    def is_request(self) -> bool:
        """Whether it is a request that lies beside its answers."""
        return self.trial is None and self.request != ""


class ResponseCache:
    """Answers by content address: `<aa>/<request digest>.<trial>.json`. Safe to keep between CI jobs.

    Args:
        folder: where it lies; it may be missing.
        key: of the seals; None trusts whatever the folder holds.
        mark_used: keep the time of the last use of an entry as the time of its file, for `prune`.
    """

    def __init__(self, folder: Path, key: bytes | None = None, *, mark_used: bool = False) -> None:
        self.folder = folder
        self.unsealed: set[str] = set()
        """Names of entries that were met and do not count, since they lack the seal."""
        self._key = key
        self._mark_used = mark_used
        self._nearest: Nearest | None = None
        self._made: set[Path] = set()

    def get(self, request: str, trial: int) -> tuple[Response, str] | None:
        """The answer and the digest of its file, or None when there is none that counts.

        Raises:
            IntegrityError: the entry was cut, changed, or belongs to another request. With a key such an entry is
                none: whoever cannot seal could otherwise stop every run.
        """
        name = answer_name(request, trial)
        if not (self.folder / name).exists():
            return None
        try:
            data = safe_read(self.folder, name, MAX_ANSWER_BYTES)
            body = open_entry(data, self._key)
            if _key(body) != (FORMAT, request, trial):
                raise IntegrityError("it is of another request")
            found = from_json(Response, body["response"], name), digest_bytes(data)
        except (RunbackError, KeyError, TypeError, AttributeError) as error:
            if self._key is not None:
                self.unsealed.add(name)
                return None
            hint = "delete the file; the answer then counts as missing"
            place = Location((self.folder / name).as_posix())
            raise IntegrityError("the cached answer was cut or changed", hint=hint, location=place) from error
        if self._mark_used:
            # A cache on a disk that may only be read still answers.
            with contextlib.suppress(OSError):
                (self.folder / name).touch()
        return found

    def put(self, request: str, trial: int, response: Response, asked: Request | None = None) -> Path:
        """Store an answer, and the request beside it where it is given; each whole or not at all.

        Raises:
            WriteError: the disk is full, or the folder may not be written.
            PathError: a folder of the cache is a link.
        """
        path = self.folder / answer_name(request, trial)
        self._write(path, answer_entry(request, trial, response, self._key))
        if asked is not None:
            beside = self.folder / request_name(request)
            if not beside.exists():
                self._write(beside, canonical_bytes(to_json(asked)))
                if self._nearest is not None:
                    self._nearest.add(request, asked)
        self.unsealed.discard(answer_name(request, trial))
        return path

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
        if (self.folder / request_name(name)).exists():
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
            data = safe_read(self.folder, request_name(name), MAX_REQUEST_BYTES)
            return from_json(Request, parse_canonical(data), name) if digest_bytes(data) == name else None
        except RunbackError:
            return None

    def stored(self) -> Iterator[Stored]:
        """Every file of the cache, sorted by name; what is none of its files is passed over.

        Raises:
            InputError: the folder cannot be listed.
        """
        try:
            folders = sorted(self.folder.glob("[0-9a-f][0-9a-f]")) if self.folder.exists() else []
            for folder in folders:
                for path in sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []:
                    if (found := _stored(path)) is not None:
                        yield found
        except OSError as error:
            place = Location(self.folder.as_posix())
            raise InputError(f"cannot be listed: {error.strerror}", location=place) from error

    def remove(self, item: Stored) -> None:
        """Delete a file; that another process was first is no error."""
        item.path.unlink(missing_ok=True)


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
    body: dict[str, JsonValue] = {"format": FORMAT, "request": request, "trial": trial, "response": to_json(response)}
    return seal_entry(body, key)


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
