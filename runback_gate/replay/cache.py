"""The response cache: earlier answers on disk, named by request digest and trial.

In: a folder. Out: the answer to an identical request, or None. An entry that was cut or changed is an error, never an
answer.

    cache = ResponseCache(Path(".runback/responses"))
    cache.get("sha256:…", trial=0)
"""

from __future__ import annotations

from pathlib import Path

from runback_gate.canonical import JsonValue, canonical_bytes, digest, digest_bytes, parse_canonical
from runback_gate.documents import safe_read, write_atomic
from runback_gate.errors import IntegrityError, Location, RunbackError
from runback_gate.step import Response, from_json, to_json

FORMAT = "runback.response/v1"
MAX_ANSWER_BYTES = 8 << 20


class NoAnswers:
    """The store of somebody who trusts no cache: it has no answer."""

    def get(self, request: str, trial: int) -> None:
        """None."""


class ResponseCache:
    """Answers by content address: `<aa>/<request digest>.<trial>.json`. Safe to keep between CI jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, request: str, trial: int) -> tuple[Response, str] | None:
        """The answer and the digest of its file, or None when there is none.

        Raises:
            IntegrityError: the entry was cut, changed, or belongs to another request.
        """
        name = answer_name(request, trial)
        if not (self.folder / name).exists():
            return None
        data = safe_read(self.folder, name, MAX_ANSWER_BYTES)
        try:
            entry = parse_canonical(data)
            body = {key: value for key, value in entry.items() if key != "digest"}  # type: ignore[union-attr]
            if entry["digest"] != digest(body) or _key(body) != (FORMAT, request, trial):  # type: ignore[index,call-overload]
                raise IntegrityError("its digest does not match")
            return from_json(Response, body["response"], name), digest_bytes(data)
        except (RunbackError, KeyError, TypeError, AttributeError) as error:
            hint = "delete the file; the answer then counts as missing"
            place = Location((self.folder / name).as_posix())
            raise IntegrityError("the cached answer was cut or changed", hint=hint, location=place) from error

    def put(self, request: str, trial: int, response: Response) -> Path:
        """Store an answer, whole or not at all."""
        path = self.folder / answer_name(request, trial)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, answer_entry(request, trial, response))
        return path


def answer_name(request: str, trial: int) -> str:
    """Where an answer lies in the cache folder."""
    name = request.removeprefix("sha256:")
    return f"{name[:2]}/{name}.{trial}.json"


def answer_entry(request: str, trial: int, response: Response) -> bytes:
    """The bytes of a cache entry; its digest tells a cut or edited file."""
    body: dict[str, JsonValue] = {"format": FORMAT, "request": request, "trial": trial, "response": to_json(response)}
    return canonical_bytes({**body, "digest": digest(body)})


def _key(body: dict[str, JsonValue]) -> tuple[JsonValue, ...]:
    return body["format"], body["request"], body["trial"]
