"""Examples for fine-tuning that are not a plain list of messages.

In: a pair of texts (`prompt`, `completion`), Alpaca (`instruction`, `input`, `output`), a preference
(`preferred_output` or `chosen`, beside what was not chosen). Out: one conversation an example.

https://platform.openai.com/docs/guides/direct-preference-optimization,
https://huggingface.co/docs/trl/dataset_formats,
https://llamafactory.readthedocs.io/en/latest/getting_started/data_preparation.html#alpaca-format. The answer is the
preferred one; the other is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from runback_gate.capture.formats.body import read_body
from runback_gate.capture.formats.model import Conversation, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records
from runback_gate.wire.faults import NotUnderstoodError
from runback_gate.wire.fields import sequence, string

NAME: Final = "fine-tuning"
KEYS: Final = "prompt, completion, instruction, output, preferred_output, chosen, rejected"
BESIDE: Final[frozenset[str]] = frozenset()

_REFUSED = ("non_preferred_output", "rejected")
_CHOSEN = ("preferred_output", "chosen", "completion")


def matches(values: Sequence[Any]) -> bool:
    """Whether each is such an example."""
    many = len(values) == 1 and isinstance(values[0], list)
    found = values[0] if many else values
    return bool(found) and all(_is_example(value) for value in found[:20])


def _is_example(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("instruction"), str) and isinstance(value.get("output"), str):
        return True
    if any(name in value for name in _REFUSED):
        return any(name in value for name in _CHOSEN)
    return isinstance(value.get("prompt"), str) and isinstance(value.get("completion"), str)


def split(records: Records) -> Iterator[Located]:
    """Each example on its own."""
    for item in records.values:
        if isinstance(item.value, list):
            yield from (item.child(f"[{index}]", value) for index, value in enumerate(item.value))
        else:
            yield item


def read(where: Located, reader: Reader) -> Iterable[Conversation]:
    """The conversation of an example."""
    if not _is_example(where.value):
        raise NotUnderstoodError(where.place, "an example for fine-tuning was expected")
    body = dict(where.value)
    for name in _REFUSED:
        if (refused := body.pop(name, None)) is not None:
            reader.pass_over(name, refused)
    found = _alpaca(body, where) if "instruction" in body else _preferred(body, where)
    return (replace(read_body(where.child("", found), reader), where=where, said=where.value, format=NAME),)


def _alpaca(body: dict[str, Any], where: Located) -> dict[str, Any]:
    """Turns before the last are pairs of texts; an input stands below its instruction."""
    messages: list[dict[str, Any]] = []
    for index, turn in enumerate(body.pop("history", None) or []):
        place = f"{where.place}.history[{index}]"
        asked, answered = [string(text, place) for text in sequence(turn, place)[:2]]
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    words = [body.pop("instruction"), body.pop("input", None) or ""]
    messages.append({"role": "user", "content": "\n".join(text for text in words if text)})
    messages.append({"role": "assistant", "content": body.pop("output")})
    return {**body, "messages": messages}


def _preferred(body: dict[str, Any], where: Located) -> dict[str, Any]:
    """A prompt and the answer to it, each a text or messages; some repeat the prompt before the answer."""
    name = next(name for name in _CHOSEN if name in body)
    chosen = body.pop(name)
    given = body.pop("input", None) if name == "preferred_output" else body.pop("prompt", None)
    if isinstance(given, dict):
        body |= {key: value for key, value in given.items() if key != "messages"}
        given = given.get("messages")
    before = [{"role": "user", "content": given}] if isinstance(given, str) else sequence(given or [], where.place)
    if isinstance(chosen, str):
        return {**body, "messages": [*before, {"role": "assistant", "content": chosen}]}
    after = sequence([chosen] if isinstance(chosen, dict) else chosen, f"{where.place}.{name}")
    repeats = bool(after) and isinstance(after[0], dict) and after[0].get("role") in ("user", "system")
    return {**body, "messages": after if repeats else [*before, *after]}
