"""Compares a file with what was read from it, so that nothing that may decide is skipped.

In: the part of a file that a reader has read, and the conversations that it made of it. Out: where the first thing
stands that looks like an answer, a call, a result, an error or instructions and is in none of them.

    first_loss(Located("$", 1, {"messages": [...], "output": "refused"}), conversations).place      # "$.output"

No reader is trusted to look at everything. Whatever its file is, each text under a name that tells what was said or
done has to stand in a conversation; one that stands there already, because a source keeps it twice, loses nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import chain
from typing import Any

from runback_gate.capture.formats.exchange import parsed
from runback_gate.capture.formats.model import Conversation, Located
from runback_gate.capture.formats.reader import plain_name
from runback_gate.step import Message, Part

_DECIDES = frozenset(
    "answer answers candidates choices completion completions content contents conversation conversations error errors "
    "exception functioncall functionresponse functionresult history instructions messages observation observations "
    "output outputs parts reasoningcontent refusal response responses result results systeminstruction "
    "systeminstructions systemmessage systemprompt system text toolcall toolcalls toolresponse toolresponses "
    "toolresult toolresults tooluse arguments args input functionarguments iserror errormessage errortext".split()
)
"""Names of fields that tell what was said or done, without case and separators."""
_FLAGS = frozenset("error iserror refusal".split())
"""Those that tell it by being true."""
_BESIDE = frozenset(("logprobs",))
"""Names of objects that tell how likely each word was."""
_HARMLESS = frozenset(
    "type role id object created createdat model index status finishreason stopreason version timestamp "
    "signature mimetype mediatype url detail encoding format".split()
)
"""Of an object that tells what was said: names of fields that tell how."""
_CALLS = frozenset("functioncall toolcalls tooluse functionresponse toolresult".split())
_ASSISTANTS = frozenset(("assistant", "model", "ai", "gpt", "agent"))
_TYPES = frozenset(
    "tool_use tool_result tool-call tool-result function_call function_call_output toolCall toolResult".split()
)

_MAX_KINDS = 1 << 14
"""Names whose kind is remembered."""
_MAX_SEARCHED = 1 << 28
"""Characters in which texts are looked for that do not stand on their own."""
_NOTHING, _UNREAD, _READ = range(3)
"""What stands below a place: nothing that says anything; texts, none of which was read; texts of which some were."""
_Path = tuple["_Path | None", str | int]
"""A path from its end: the name of a field or the place in a list, after what stands before it."""


class _LostError(Exception):
    """Something that may decide was not read."""

    def __init__(self, path: _Path | None) -> None:
        super().__init__()
        self.path = path


def first_loss(
    part: Located, conversations: Sequence[Conversation], beside: Collection[str] = (), passed: Iterable[Any] = ()
) -> Located | None:
    """The first thing that may decide something and was not read; None where there is none.

    Args:
        part: what was read, as its envelope split it off.
        conversations: what came of it.
        beside: names of fields that its format has beside the conversation: copies, scores, settings.
        passed: values of it that its reader passed over, and why it may.
    """
    said = _Said()
    for conversation in conversations:
        said.take(conversation)
    audit = _Audit(said, frozenset(beside), frozenset(map(id, passed)))
    if _first(audit, part) is None:
        return None
    said.unfold()
    return _first(audit, part)


def _first(audit: _Audit, part: Located) -> Located | None:
    for piece in _pieces(part):
        try:
            audit.visit(piece.value, None)
        except _LostError as lost:
            return piece.child(_text(lost.path), None)
        except RecursionError:  # JSON within texts of JSON
            return piece
    return None


def _pieces(part: Located) -> Iterator[Located]:
    """The values of a part: some envelopes put several into one."""
    waiting: list[Located] = [part]
    while waiting:
        item = waiting.pop()
        if isinstance(item.value, (list, tuple)) and any(isinstance(inner, Located) for inner in item.value):
            waiting += [inner for inner in reversed(item.value) if isinstance(inner, Located)]
        elif isinstance(item.value, tuple):
            waiting += [Located(item.place, item.line, inner) for inner in reversed(item.value)]
        else:
            yield item


def _text(path: _Path | None) -> str:
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(f"[{step}]" if isinstance(step, int) else f".{step}")
    return "".join(reversed(steps))


class _Kinds(dict[str, str]):
    """How a field of a name is taken: `decides`, `flag`, `beside`, `harmless` or `other`."""

    def __missing__(self, name: str) -> str:
        plain = plain_name(name)
        if plain in _DECIDES:
            kind = "flag" if plain in _FLAGS else "decides"
        elif plain in _BESIDE:
            kind = "beside"
        else:
            harmless = plain in _HARMLESS or plain.endswith(("id", "ids", "tokens", "time", "at"))
            kind = "harmless" if harmless else "other"
        if len(self) < _MAX_KINDS:
            self[name] = kind
        return kind


_KINDS = _Kinds()


class _Said:
    """What conversations hold."""

    def __init__(self) -> None:
        self.texts: set[str] = set()
        self.errors: set[str] = set()
        self.labels: set[int] = set()
        """Which objects are values of labels."""
        self._lines = ""
        self._left = _MAX_SEARCHED

    def has(self, text: str) -> bool:
        """Whether a text was said, on its own or as lines of another."""
        if text in self.texts or text.strip() in self.texts:
            return True
        self._left -= len(self._lines)
        return self._left > 0 and f"\n{text}\n" in self._lines

    def take(self, found: Conversation) -> None:
        """Everything that a conversation says."""
        self.labels |= {id(value) for value in found.labels.values()}
        self.texts |= {value for value in found.labels.values() if isinstance(value, str)}
        self._messages(chain.from_iterable([entry.messages for entry in found.entries]))
        for entry in found.entries:
            response = entry.response
            if response is not None and not entry.messages:
                self._keep(response)
            elif response is not None and response.error:
                self._keep(response.error)
                self.errors.add(response.error)
        for name in _names(Conversation):
            value = getattr(found, name)
            if value is not None and name not in ("where", "said", "entries", "labels"):
                self._keep(value)

    def _messages(self, messages: Iterable[Message]) -> None:
        add, errors = self.texts.add, self.errors
        for message in messages:
            add(message.content)
            for call in message.tool_calls:
                self.texts.update((call.name, call.arguments, call.id))
            if message.name is not None:
                add(message.name)
            if message.tool_call_id is not None:
                add(message.tool_call_id)
            if message.error is not None:
                add(message.error)
                if message.error:
                    errors.add(message.error)
            if message.parts:
                self._keep(message.parts)

    def _keep(self, value: Any) -> None:
        waiting = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                self.texts.add(item)
            elif isinstance(item, dict):
                waiting += item.values()
            elif isinstance(item, (list, tuple)):
                waiting += item
            elif isinstance(item, Message):
                self._messages((item,))
            elif is_dataclass(item) and not isinstance(item, type):
                if error := getattr(item, "error", None):
                    self.errors.add(error)
                waiting += [getattr(item, name) for name in _names(type(item))]
                if isinstance(item, Part) and item.kind == "other":
                    waiting.append(item.extra)

    def unfold(self) -> None:
        """Look also into texts that are JSON, and at the lines of texts that several were joined to."""
        self._lines = "\n".join(("", *self.texts, ""))
        for text in list(self.texts):
            inner = parsed(Located("", None, text)).value
            if inner is not text:
                self._keep(inner)


@cache
def _names(kind: type) -> tuple[str, ...]:
    """The fields of a value that are judged; `extra` is sent back, and not judged."""
    return tuple(item.name for item in fields(kind) if item.name != "extra")


class _Audit:
    """One walk over a part."""

    def __init__(self, said: _Said, beside: frozenset[str], passed: frozenset[int]) -> None:
        self._said = said
        self._beside = beside
        self._passed = passed

    def visit(self, value: Any, path: _Path | None, kind: str = "other") -> int:
        """What stands below a place of this kind. Raises _LostError."""
        if self._passed and id(value) in self._passed:
            return _READ
        if isinstance(value, dict):
            return self._label(value, path) if id(value) in self._said.labels else self._object(value, path)
        if isinstance(value, list):
            if id(value) in self._said.labels:
                return self._label(value, path)
            state = _NOTHING
            for index, item in enumerate(value):
                below = self.visit(item, (path, index), kind)
                state = below if below > state else state
            return state
        return self._string(kind, value, path) if isinstance(value, str) and value else _NOTHING

    def _object(self, value: dict[str, Any], path: _Path | None) -> int:
        state, texts, beside, kinds = _NOTHING, self._said.texts, self._beside, _KINDS
        for name, item in value.items():
            if not item or name in beside:
                continue
            kind = kinds[name]
            if kind == "beside":
                continue
            if type(item) is str:
                # Most fields are a text that was read, or the role of a message.
                if item in texts:
                    state = _READ
                    continue
                if kind == "harmless" and not self._passed:
                    continue
            elif item is True:
                if kind == "flag" and not self._failed(value):
                    raise _LostError((path, name))
                continue
            below = self.visit(item, (path, name), kind)
            if below == _UNREAD and kind in ("decides", "flag"):
                raise _LostError((path, name))
            state = below if below > state else state
        if state < _READ and _is_said(value):
            raise _LostError(path)
        return state

    def _label(self, value: Any, path: _Path | None) -> int:
        """A value of a label says what it likes; a conversation within it has to be read."""
        if isinstance(value, list):
            for index, item in enumerate(value):
                self._label(item, (path, index))
        elif isinstance(value, dict):
            if _is_said(value) or any(item and plain_name(name) in _CALLS for name, item in value.items()):
                self._object(value, path)
            else:
                for name, item in value.items():
                    self._label(item, (path, name))
        return _READ

    def _string(self, kind: str, text: str, path: _Path | None) -> int:
        if kind == "harmless":
            return _NOTHING
        if kind == "other":
            return _READ if text in self._said.texts else _UNREAD
        if self._said.has(text):
            return _READ
        inner = parsed(Located("", None, text)).value
        if inner is not text:
            return self.visit(inner, path)
        if kind == "flag" and text.lower() in ("true", "false"):
            return _NOTHING if text.lower() == "false" else _UNREAD
        return _UNREAD if text.strip() else _NOTHING

    def _failed(self, value: dict[str, Any]) -> bool:
        """Whether an object with a flag stands in what was read as an error."""
        waiting: list[Any] = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, str) and item in self._said.errors:
                return True
            waiting += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        return "error" in self._said.errors


def _is_said(value: dict[str, Any]) -> bool:
    """Whether an object is an answer, a call or a result by its shape."""
    role = value.get("role") or value.get("from")
    if isinstance(role, str) and role in _ASSISTANTS and value.keys() & {"content", "parts", "value"}:
        return True
    kind = value.get("type")
    return isinstance(kind, str) and kind in _TYPES and len(value) > 1
