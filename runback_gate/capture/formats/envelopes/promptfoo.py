"""Results of promptfoo, as `promptfoo eval --output` writes them in JSON and JSONL.

In: `{"results": {"results": [{"prompt": {"raw": …}, "provider": …, "response": {"output": …}}]}}`, or one result a
line. Out: one conversation a result.

https://www.promptfoo.dev/docs/configuration/outputs. `prompt.raw` is the prompt as it was sent: a text, or messages as
JSON. An `error` beside a response says that an assertion failed, which is no error of the model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from runback_gate.capture.formats.answers import api_of_answer
from runback_gate.capture.formats.exchange import parsed, read_answer, read_request
from runback_gate.capture.formats.model import Conversation, Entry, Located, finish_reason, token_usage
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.records import Records
from runback_gate.step import Response
from runback_gate.wire.faults import NotUnderstoodError
from runback_gate.wire.fields import mapping

NAME: Final = "promptfoo"
KEYS: Final = "results.results[].prompt.raw, provider.id, response.output"
BESIDE: Final = frozenset("testCase gradingResult metadata vars namedScores guardrails".split())
"""What was tested, and how it was scored."""

_RESULT = frozenset(
    "cost description error evalId failureReason gradingResult id latencyMs metadata namedScores prompt promptId "
    "promptIdx provider response score success testCase testIdx text tokenUsage vars".split()
)
_RESPONSE = frozenset(
    "output error raw tokenUsage cached cost finishReason isRefusal latencyMs metadata logProbs guardrails".split()
)
_MODEL = re.compile(r"([a-z][a-z0-9-]*):(?:(?:chat|messages|responses|completion):)?([^:/\s][^\s]*)")
_YAML = re.compile(r"\s*-\s+role:")


def matches(values: Sequence[Any]) -> bool:
    """Whether these are results."""
    found = [result for value in values[:20] for _, result in _results(value)]
    return bool(found) and all(_is_result(result) for result in found[:20])


def _results(value: Any) -> list[tuple[str, Any]]:
    """The results of a file, or of a line, with their paths."""
    for path in (("results", "results"), ("results",), ()):
        inner = value
        for name in path:
            inner = inner.get(name) if isinstance(inner, dict) else None
        if isinstance(inner, list) and inner:
            return [(f".{'.'.join(path)}[{index}]" if path else f"[{index}]", item) for index, item in enumerate(inner)]
    return [("", value)]


def _is_result(value: Any) -> bool:
    prompt = value.get("prompt") if isinstance(value, dict) else None
    return isinstance(prompt, dict) and "raw" in prompt and bool(value.keys() & {"response", "gradingResult"})


def split(records: Records) -> Iterator[Located]:
    """Each result on its own."""
    for item in records.values:
        yield from (item.child(path, value) for path, value in _results(item.value))


def read(where: Located, reader: Reader) -> Iterable[Conversation]:
    """The conversation of a result."""
    result = mapping(where.value, where.place)
    reader.leave(result, _RESULT)
    response = mapping(result.get("response") or {}, f"{where.place}.response")
    reader.leave(response, _RESPONSE)
    reader.passed += [response.get("raw"), result.get("error"), result.get("text")]
    raw = result["prompt"]["raw"]
    if isinstance(raw, str) and _YAML.match(raw):
        raise NotUnderstoodError(f"{where.place}.prompt.raw", "messages in YAML; promptfoo takes them as JSON as well")
    asked = read_request(parsed(where.child(".prompt.raw", raw)), reader)
    provider = result.get("provider")
    name = provider.get("id") if isinstance(provider, dict) else provider
    answer = _answer(where, response, result, reader)
    test = result.get("testCase") if isinstance(result.get("testCase"), dict) else {}
    labels = {key: result[key] for key in ("success", "score", "testIdx", "promptIdx") if result.get(key) is not None}
    if isinstance(about := result.get("description") or (test or {}).get("description"), str) and about:
        labels["description"] = about
    said, model = [result["prompt"], response, result.get("vars")], asked.model or _model(name)
    entries = (*asked.entries, answer)
    return (replace(asked, where=where, said=said, format=NAME, entries=entries, model=model, labels=labels),)


def _model(name: Any) -> str | None:
    """The model of a provider's id: `openai:chat:gpt-4o` is `openai/gpt-4o`; None for a script or an address."""
    found = _MODEL.fullmatch(name) if isinstance(name, str) else None
    return f"{found[1]}/{found[2]}" if found and found[1] not in ("file", "exec", "python", "http", "https") else None


def _answer(where: Located, response: dict[str, Any], result: dict[str, Any], reader: Reader) -> Entry:
    place = where.child(".response", response)
    if error := response.get("error") or (None if response.get("output") is not None else result.get("error")):
        return Entry((), Response(error=str(error)))
    if response.get("output") is None:
        return Entry((), Response(error="the result holds no answer"))
    sent = parsed(place.child(".raw", response.get("raw")))
    if isinstance(sent.value, dict) and api_of_answer(sent.value) is not None:
        reader.passed.append(response["output"])
        return read_answer(sent, reader)
    output = _output(response["output"])
    if isinstance(response["output"], str) and output is not response["output"]:
        reader.passed.append(response["output"])  # in which blocks lie, that were read
    entry = read_answer(place.child(".output", output), reader)
    if entry.response is None:
        return entry
    usage, reason = token_usage(response.get("tokenUsage")), finish_reason(response.get("finishReason"))
    known = replace(entry.response, usage=usage, finish_reason=reason or entry.response.finish_reason)
    return replace(entry, response=known)


def _output(output: Any) -> Any:
    """The answer in the form of a message: promptfoo gives calls as they are, and JSON that a model wrote as values."""
    if isinstance(output, str):
        return _with_blocks(output)
    calls = output if isinstance(output, list) else [output]
    if calls and all(_is_call(call) for call in calls):
        return {"role": "assistant", "content": None, "tool_calls": calls}
    if isinstance(output, dict) and ("tool_calls" in output or "role" in output):
        return {"role": "assistant", **output}
    return json.dumps(output, ensure_ascii=False)


def _is_call(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return isinstance(value.get("function"), dict) or value.keys() == {"name", "arguments"}


def _with_blocks(text: str) -> Any:
    """What an Anthropic model said: its blocks, calls as JSON, stand below one another with a line between."""
    pieces = text.split("\n\n")
    words = [piece for piece in pieces if not _block(piece)]
    calls = [block for block in map(_block, pieces) if block]
    if not calls:
        return text
    wire = [{"id": call.get("id"), "name": call["name"], "arguments": call["input"]} for call in calls]
    return {"role": "assistant", "content": "\n\n".join(words) or None, "tool_calls": wire}


def _block(piece: str) -> dict[str, Any] | None:
    if not piece.startswith('{"type":"tool_use"'):
        return None
    try:
        value = json.loads(piece)
    except ValueError:
        return None
    return value if isinstance(value, dict) and {"name", "input"} <= value.keys() else None
