"""One call of a model API as a hook saw it, and the step that it is.

In: the bytes of a request and of its answer. Out: a `Step`, read by the module of `wire` that knows the API.

    step = read_exchange(Seen(url, body, status=200, answer=data, …), RunPlace("support", "run-1", 0), redact)

Redaction comes first, on JSON: what is read, graded and stored is the redacted body. What no module of `wire` knows is
kept as it is, `view-only`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache
from types import ModuleType
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from runback_gate.canonical import JsonValue, parse_json
from runback_gate.capture.bodies import Bodies
from runback_gate.errors import DocumentError, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.step import Api, Grade, Request, Response, Source, Step
from runback_gate.wire import grade as graded
from runback_gate.wire.faults import CutError, ErrorAnswerError

Redact = Callable[[JsonValue], tuple[JsonValue, dict[str, int]]]
"""Gives a value without secrets and personal data, and how many were replaced, by rule."""

MAX_BODY: Final = 128 << 20
"""Largest body or answer that is kept, in bytes."""
_MAX_ERROR = 2000

_PATHS: Final[tuple[tuple[str, Api | None, tuple[str, ...]], ...]] = (
    ("/chat/completions", "openai.chat", ("messages",)),
    ("/responses", "openai.responses", ("input", "prompt", "conversation", "previous_response_id")),
    ("/messages", "anthropic.messages", ("messages",)),
    (":generateContent", "google.generate", ("contents",)),
    (":streamGenerateContent", "google.generate", ("contents",)),
    ("/converse", "bedrock.converse", ("messages", "system")),
    ("/converse-stream", "bedrock.converse", ("messages", "system")),
    ("/completions", None, ("prompt",)),
    ("/api/chat", None, ("messages",)),
    ("/api/generate", None, ("prompt",)),
    ("/invoke", None, ("messages", "prompt", "inputText")),
    ("/invoke-with-response-stream", None, ("messages", "prompt", "inputText")),
    (":rawPredict", None, ("messages",)),
    (":streamRawPredict", None, ("messages",)),
)
"""How the path of a model API ends, its wire format, and fields of which its body has one."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A call as it was on the wire; of headers only the types are kept, never keys and cookies."""

    url: str
    body: bytes
    at: str
    """RFC 3339 time of the request."""
    status: int | None = None
    """None when no answer came."""
    media_type: str = ""
    chunks: tuple[bytes, ...] = ()
    """The bytes of the answer as they came."""
    whole: bool = True
    """False when more came than is kept."""
    decode: Callable[[bytes], bytes] | None = None
    """Undoes the content encoding of the chunks."""
    latency_ms: int | None = None
    fault: str | None = None
    """Why there is no whole answer: an exception of the client, or an early close."""


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where the step will stand."""

    agent: str
    run: str
    number: int
    level: str | None = None
    """Redaction level, and the digest of its rules."""
    ruleset: str | None = None


@lru_cache(maxsize=256)
def is_model_call(url: str) -> bool:
    """Whether a request goes to a model API, by its path."""
    return urlsplit(url).path.rstrip("/").endswith(_ENDINGS)


_ENDINGS = tuple(ending for ending, _, _ in _PATHS)


def read_exchange(
    seen: Seen, place: RunPlace, redact: Redact, bodies: Bodies | None = None
) -> tuple[Step, dict[str, int]] | None:
    """The step of a call, and what was redacted; None when the body is none of a model API.

    `bodies` are those of the calls before it; `redact` may then be given objects that it was given before.

    Raises:
        DocumentError: the body is not JSON, or has no canonical form.
        Exception: whatever the redactor raises.
    """
    api, fields = _known(seen.url)
    raw = (bodies or Bodies()).read(seen.body, MAX_BODY)
    if not isinstance(raw, dict) or not any(field in raw for field in fields):
        return None
    body, counts = redact(raw)
    request, grade, lost = _request(api, body, seen.url)
    response, more = _response(api if request.api else None, seen, redact)
    for rule, number in more.items():
        counts[rule] = counts.get(rule, 0) + number
    source = Source(
        run=place.run,
        event=place.number,
        grade=grade,
        at=seen.at,
        redaction=place.level,  # type: ignore[arg-type]
        ruleset=place.ruleset,
        redacted=sum(counts.values()) if place.level not in (None, "off") else None,
        api=request.api,
        lost=lost,
    )
    return Step(place.agent, request, replace(response, latency_ms=seen.latency_ms), source), counts


def api_of(url: str) -> Api | None:
    """The API whose calls end so; None for one that `wire` does not know."""
    return _known(url)[0] if is_model_call(url) else None


@lru_cache(maxsize=256)
def _known(url: str) -> tuple[Api | None, tuple[str, ...]]:
    path = urlsplit(url).path.rstrip("/")
    return next((api, fields) for ending, api, fields in _PATHS if path.endswith(ending))


def load() -> None:
    """Load what reads the APIs, so that nothing has to be imported once the process may fork."""
    for _, api, _ in _PATHS:
        if api is not None:
            _wire(api)


@cache
def _wire(api: Api) -> ModuleType | None:
    try:
        return importlib.import_module(f"runback_gate.wire.{api.replace('.', '_')}")
    except ModuleNotFoundError:
        return None


def _request(api: Api | None, body: Any, url: str) -> tuple[Request, Grade, tuple[str, ...]]:
    wire = None if api is None else _wire(api)
    if wire is not None:
        try:
            request: Request = wire.read_request(body)
            grade, lost = graded(body, wire.write_request(request, request.model))
        except RunbackError:
            pass  # kept below, as it is
        else:
            return request if request.model else replace(request, model=_model_in(url)), grade, lost
    model = body.get("model") or body.get("modelId")
    return Request(model=model if isinstance(model, str) else _model_in(url), extra={"body": body}), "view-only", ()


def _model_in(url: str) -> str | None:
    """The model that a path names, as those of Google and Bedrock do."""
    parts = unquote(urlsplit(url).path).split("/")
    at = next((index for index, part in enumerate(parts) if part in ("models", "model")), len(parts))
    if at + 1 >= len(parts):
        return None
    return parts[at + 1].removesuffix(":generateContent").removesuffix(":streamGenerateContent")


def _response(api: Api | None, seen: Seen, redact: Redact) -> tuple[Response, dict[str, int]]:
    """The answer; one that is an error, was cut or is not understood is none, and says why."""
    wire = None if api is None else _wire(api)
    answer = b"".join(seen.chunks)
    if seen.status is None or (seen.fault and not answer):
        return _no_answer(seen.fault or "no answer", redact)
    if not seen.whole:
        return _no_answer(f"an answer of more than {MAX_BODY >> 20} MiB", redact)
    answer = seen.decode(answer) if seen.decode else answer
    if seen.status >= 400:
        return _no_answer(f"HTTP {seen.status}: {answer[:_MAX_ERROR].decode(errors='replace')}", redact)
    try:
        if wire is not None and ("event-stream" in seen.media_type or "eventstream" in seen.media_type):
            stream = wire.read_stream()
            stream.feed(answer)
            value = stream.body()
        elif "event-stream" in seen.media_type:
            value = answer.decode(errors="replace")
        else:
            value = parse_json(answer, path="answer", max_bytes=MAX_BODY)
    except CutError:
        return _no_answer(seen.fault or "the answer ended before its end", redact)
    except ErrorAnswerError as error:
        return _no_answer(f"{error}: {error.error}", redact)
    except RunbackError as error:
        return _no_answer(seen.fault or f"not understood: {error}", redact)
    value, counts = redact(value)
    if wire is None:
        return Response(extra={"body": value}), counts
    try:
        found: Response = wire.read_answer(value)
    except ErrorAnswerError as error:
        return Response(finish_reason="error", error=f"{error}: {error.error}"[:_MAX_ERROR]), counts
    except RunbackError as error:
        return Response(finish_reason="error", error=f"not understood: {error}", extra={"body": value}), counts
    return found, counts


def _no_answer(why: str, redact: Redact) -> tuple[Response, dict[str, int]]:
    text, counts = redact(why[:_MAX_ERROR])
    if not isinstance(text, str):
        raise DocumentError("the redactor made something else of a text")
    return Response(finish_reason="error", error=text), counts
