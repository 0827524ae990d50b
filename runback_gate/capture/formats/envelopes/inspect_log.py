"""Logs of Inspect (`inspect_ai`), as JSON and as `.eval` archives.

In: `{"eval": …, "samples": [{"messages": […]}]}`. Out: one conversation a sample.

https://inspect.aisi.org.uk/eval-logs.html. The model events repeat the conversation; `messages` is it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from runback_gate.capture.formats.body import read_body
from runback_gate.capture.formats.dialects import dialect
from runback_gate.capture.formats.model import Conversation, Located, without
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records
from runback_gate.capture.formats.tools import read_tools
from runback_gate.wire.faults import NotUnderstoodError

NAME: Final = "inspect"
KEYS: Final = "eval, samples[].messages, version"
BESIDE: Final = frozenset("events transcript results reductions".split())
"""What happened once more, event by event, and how it was scored."""


def matches(values: Sequence[Any]) -> bool:
    """Whether this is a log, or a sample of one."""
    return all(_is_log(value) or _is_sample(value) for value in values)


def _is_log(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("eval"), dict) and ("plan" in value or "samples" in value)


def _is_sample(value: Any) -> bool:
    return isinstance(value, dict) and {"epoch", "messages", "target"} <= value.keys()


def split(records: Records) -> Iterator[Located]:
    """The samples, each with what its log says of all of them; the first with the rest of the log."""
    for item in records.values:
        log = item.value
        if _is_sample(log):
            yield item.child("", (log, {}, None, {}))
            continue
        about = {name: log["eval"].get(name) for name in ("task", "model")}
        rest = without(log, ("samples",))
        for index, sample in enumerate(log.get("samples") or []):
            yield item.child(f".samples[{index}]", (sample, about, log.get("error"), {} if index else rest))


def read(where: Located, reader: Reader) -> Iterable[Conversation]:
    """The conversation of a sample."""
    sample, about, failed, _ = where.value
    messages = _whole(sample.get("messages"), sample.get("attachments") or {})
    if not messages:
        raise NotUnderstoodError(f"{where.place}.messages", "a sample without messages")
    body = where.child("", {"messages": messages})
    found = read_body(body, reader, dialect=dialect("openai-chat"))
    labels = {
        key: sample[key] for key in ("id", "epoch", "target", "scores", "metadata") if sample.get(key) is not None
    }
    if isinstance(about.get("task"), str):
        labels["task"] = about["task"]
    if failed:
        labels["log_error"] = failed
    error = sample.get("error")
    model = about.get("model")
    words = error.get("message") if isinstance(error, dict) else error
    conversation = replace(
        found,
        where=where,
        format=NAME,
        api=None,
        model=model if isinstance(model, str) else found.model,
        labels=labels,
        status="error" if error else None,
        error=words if isinstance(words, str) else str(error) if error else None,
        tools=_tools(sample),
    )
    return (conversation,)


def _tools(sample: dict[str, Any]) -> Any:
    """The tools that the last call of a model was offered."""
    events = [
        event for event in sample.get("events") or [] if isinstance(event, dict) and event.get("event") == "model"
    ]
    return read_tools(events[-1]["tools"], "$.events[].tools") if events and events[-1].get("tools") else None


def _whole(value: Any, attachments: dict[str, Any]) -> Any:
    """Messages with the texts that lie apart."""
    if isinstance(value, str) and value.startswith("attachment://"):
        return attachments.get(value.removeprefix("attachment://"), value)
    if isinstance(value, list):
        return [_whole(item, attachments) for item in value]
    if isinstance(value, dict):
        return {name: _whole(item, attachments) for name, item in value.items()}
    return value
