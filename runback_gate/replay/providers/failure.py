"""Kinds of failure: classifies the status and the text that a provider sent instead of an answer.

In: an HTTP status, a body, headers; or a body of status 200 that is no answer. Out: a `ProviderError`.

    failure("openai", 429, b'{"error": {"code": "insufficient_quota"}}', headers)   # kind "refused"
    retry_after({"retry-after": "7"})                                               # 7.0
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from runback_gate.canonical import parse_json, plain_bytes
from runback_gate.errors import ErrorKind, ProviderError, RunbackError
from runback_gate.replay.providers.key_guard import KeyGuard
from runback_gate.wire.faults import CutError, ErrorAnswerError, NotUnderstoodError

_KINDS: dict[int, ErrorKind] = {
    401: "authentication",
    403: "authentication",
    408: "time-out",
    413: "context too long",
    429: "rate limit",
}
_TOO_LONG = (
    "context_length_exceeded",
    "maximum context length",
    "context length",
    "context window",
    "prompt is too long",
    "exceed_context_size",
    "too many tokens",
)
_NO_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "credit balance is too low")
_MAX_SAID = 300
_NO_KEYS = KeyGuard()


def failure(
    provider: str, status: int, data: bytes, headers: Mapping[str, str], *, guard: KeyGuard = _NO_KEYS
) -> ProviderError:
    """What a status other than 200 means; the words of the provider are kept, the key in them is not."""
    # Before it is cut: half a key is one, too.
    said = guard.hide(_said(data))
    kind = kind_of(status, said.lower())
    said = said[:_MAX_SAID]
    # Providers quote the key that they do not know, or most of it.
    quote = "" if kind == "authentication" or not said else f": {said}"
    return ProviderError(
        kind,
        f"{provider}: HTTP {status}{quote}",
        retry_after=retry_after(headers) if kind in ("rate limit", "server") else None,
        hint="check the key that apiKeyEnv names in runback.yaml" if kind == "authentication" else None,
    )


def no_answer(provider: str, error: RunbackError, *, guard: KeyGuard) -> ProviderError:
    """What it means that status 200 came with something that is no answer, as `wire` says."""
    if isinstance(error, ErrorAnswerError):
        # Gateways send errors so; the code is the status that was meant.
        code = error.error.get("code") if isinstance(error.error, dict) else None
        status = int(code) if isinstance(code, (int, str)) and str(code).isdecimal() else 500
        data = plain_bytes({"error": error.error})
        return failure(provider, status if 400 <= status < 600 else 500, data, {}, guard=guard)
    if isinstance(error, CutError):
        return ProviderError("connection", f"{provider}: {error.message}")
    said = guard.hide(f"{provider}: {error.message}")
    if isinstance(error, NotUnderstoodError):
        return ProviderError("not understood", said, place=guard.hide(error.place))
    return ProviderError("garbage", said)


def kind_of(status: int, said: str) -> ErrorKind:
    """Why there is no answer, by the HTTP status and the lower-case words that came with it."""
    if status in (400, 413, 422, 500) and any(sign in said for sign in _TOO_LONG):
        return "context too long"
    if status == 429 and any(sign in said for sign in _NO_MONEY):
        return "refused"
    return _KINDS.get(status, "server" if status >= 500 else "refused")


def _said(data: bytes) -> str:
    """The words of an error body: its code and message where it is JSON, else how it begins."""
    text = data[: 64 << 10].decode("utf-8", "replace")
    try:
        error: Any = parse_json(data, path="error")
    except RunbackError:
        return " ".join(text.split())
    error = error.get("error", error) if isinstance(error, dict) else error
    if isinstance(error, dict):
        parts = [str(error[name]) for name in ("code", "type", "message") if isinstance(error.get(name), (str, int))]
        text = ": ".join(dict.fromkeys(parts)) or text
    return " ".join(text.split())


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, by Retry-After (RFC 9110, 10.2.3) in seconds or as a date, or by OpenAI's retry-after-ms.

    A date is held against the Date that the same server sent, so that no clock of ours must agree with it.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        until = parsedate_to_datetime(headers["retry-after"])
        return max(0.0, (until - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None
