"""Messages of an API whose wire format is known, read as the wire reads them.

In: a message as it is in a request body. Out: the `Entry` of it.

    read_native("anthropic.messages", "messages", Located("$.messages[0]", None, {"role": "user", "content": "Hi"}))

A part that decides nothing, such as `cache_control`, is counted and left out.
"""

from __future__ import annotations

from typing import Any

from runback_gate.capture.formats.model import Entry, Located, answer_of
from runback_gate.capture.formats.reader import Reader
from runback_gate.step import Api
from runback_gate.wire import format_of
from runback_gate.wire.faults import NotUnderstoodError

_NOTHING = frozenset("cache_control cachePoint cache_point".split())


def read_native(
    api: Api, field: str, where: Located, reader: Reader, *, known: tuple[str, ...] = (), **answered: Any
) -> Entry:
    """The entry of a message.

    Args:
        api: the API.
        field: the field of its body in which messages stand.
        where: the message.
        reader: the accounts of the file.
        known: types of parts of an answer that are kept whole.
        answered: what is known of an answer beside its words.

    Raises:
        NotUnderstoodError: it holds something that is not known.
    """
    wire = _without_nothing(where.value, reader)
    try:
        messages = format_of(api).read_request({field: [wire]}).messages
        if not messages:  # the only one is of the system, which is no message to the wire
            raise NotUnderstoodError(f"$.{field}[0].role", "instructions inside of the conversation")
    except NotUnderstoodError as error:
        place = error.place.replace(f"$.{field}[0]", where.place, 1)
        raise NotUnderstoodError(place, error.message.removeprefix(f"{error.place}: ")) from None
    if messages[0].role != "assistant":
        return Entry(messages)
    for message in messages:
        odd = next(
            (part for part in message.parts if part.kind == "other" and part.extra.get("type") not in known), None
        )
        if odd is not None:
            kind = odd.extra.get("type") or next(iter(odd.extra), "")
            raise NotUnderstoodError(f"{where.place}", f"an answer was not understood: {str(kind)[:80]!r}")
    return Entry(messages, answer_of(messages, **answered))


def _without_nothing(value: Any, reader: Reader) -> Any:
    """The message without what decides nothing in its parts, which is counted."""
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list) or not any(isinstance(part, dict) and part.keys() & _NOTHING for part in content):
        return value
    kept = []
    for part in content:
        odd = part.keys() & _NOTHING if isinstance(part, dict) else ()
        reader.ignored.update(odd)
        rest = {name: item for name, item in part.items() if name not in odd} if odd else part
        kept += [rest] if rest else []
    return {**value, "content": kept}
