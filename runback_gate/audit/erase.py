"""Erase values of a run or a record: a tombstone takes the line of a value, and chain, tree and signature hold.

In: the lines of a run or of a record, and which values are meant. Out: which those are, and the lines without them.

    found = select(lines, [parse_selector("step 3 request.messages[2].content")], pattern=None)
    for line in erased(lines, found, at="2026-01-31T12:00:00Z", reason="asked for by the customer"):
        out.write(line)

A value that several events name is one line, so it is erased for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import field
from typing import Any, Final, cast

from runback_gate.audit.conversation import Conversations
from runback_gate.audit.frame import OWN, REPORT, RUN
from runback_gate.audit.record import texts
from runback_gate.canonical import JsonValue, canonical_bytes, parse_canonical
from runback_gate.chain import VALUE_PREFIX, State, ValueLine, is_value_line, tombstone
from runback_gate.errors import DocumentError, InputError
from runback_gate.frozen import dataclass

Lines = Callable[[], Iterable[bytes]]
_ID: Final = re.compile(r"(?:sha256:)?([0-9a-f]{8,64})")
_PATH: Final = re.compile(r"(?:([^ ]+) )?(step|event) ([0-9]{1,9}) (?:request\.)?([a-z_]+)(?:\[([0-9]{1,9})\])?(\..*)?")


@dataclass(frozen=True, slots=True)
class Selector:
    """Which value is meant: by its id, or by the field of an event that names it."""

    text: str
    """As it was written."""
    digits: str = ""
    """Beginning of the id, at least eight hexadecimal digits; empty for a path."""
    run: str | None = None
    """Id of the run, where it was said."""
    step: bool = False
    """Whether `number` counts the model events only, as steps are counted."""
    number: int = 0
    name: str = ""
    """Field of the event."""
    place: int | None = None
    """Place in the field, where it is a list; None for all of it."""


@dataclass(slots=True)
class Erasable:
    """A value that is to be erased, and who names it."""

    id: str
    state: State
    run: str
    used: list[str] = field(default_factory=list)
    """Events that name it: `event 4 (step 3) messages[2]`."""


def parse_selector(text: str) -> Selector:
    """Read an id (`sha256:…`, or its first eight digits or more) or a path (`step 3 request.messages[2]`).

    What follows a value in a path, as `.content` does, is part of the value: a value is erased as a whole.

    Raises:
        InputError: neither.
    """
    if match := _ID.fullmatch(text):
        return Selector(text, digits=match[1])
    if match := _PATH.fullmatch(text):
        place = None if match[5] is None else int(match[5])
        return Selector(text, "", match[1], match[2] == "step", int(match[3]), match[4], place)
    hint = "give an id, or a path such as 'step 3 request.messages[2]' or 'event 0 labels'"
    raise InputError(f"not a value: {text[:80]!r}", hint=hint)


def select(lines: Lines, selectors: Sequence[Selector], *, pattern: str | None = None) -> tuple[Erasable, ...]:
    """Find the values that are meant, in the order of their lines, with all events that name them.

    `pattern` is a regular expression: it means every value whose text, or whose texts if it is JSON, it finds.

    Raises:
        InputError: a selector means no value or an id more than one, the pattern is no regular expression, or a value
            that is meant cannot be erased because it is withheld.
    """
    named = _named(lines, selectors)
    matcher = _matcher(pattern)
    found: dict[tuple[str, str], Erasable] = {}
    matched: set[tuple[str, str]] = set()
    for run, line in _carried(lines):
        if is_value_line(line):
            name, state = ValueLine(line).id, ValueLine(line).state
            by_id = {item.digits for item in selectors if item.digits and name[7:].startswith(item.digits)}
            matched.update((digits, name) for digits in by_id)
            meant = by_id or (run, name) in named or (state == "held" and matcher(line))
            if meant and state is not None:
                found[run, name] = Erasable(name, state, run)
    _complete(selectors, matched)
    _uses(lines, found)
    if withheld := next((item for item in found.values() if item.state == "withheld"), None):
        raise InputError(f"the value {withheld.id} is withheld here", hint="erase it where it is held")
    return tuple(found.values())


def erased(lines: Lines, found: Collection[Erasable], *, at: str, reason: str) -> Iterator[bytes]:
    """Give the lines with tombstones for these values; one that was erased before keeps its tombstone."""
    ids = {(item.run, item.id) for item in found}
    for run, line in _carried(lines):
        value = ValueLine(line)
        if is_value_line(line) and (run, value.id) in ids and value.state == "held":
            yield tombstone(value.id, at=at, reason=reason)
        else:
            yield line


def _carried(lines: Lines) -> Iterator[tuple[str, bytes]]:
    """Each line with the run that it belongs to; of a run file that is no record, the empty text."""
    run = ""
    for line in lines():
        if line.startswith((RUN, REPORT)):
            value = cast("dict[str, Any]", parse_canonical(line[:-1]))
            run = str(value["name"]) if line.startswith(RUN) else ""
        yield run, line


def _events(lines: Lines) -> Iterator[tuple[str, int, int | None, dict[str, JsonValue]]]:
    """Each event: its run, its number, the number of the step that it is, and its fields."""
    at: str | None = None
    event = step = 0
    for run, line in _carried(lines):
        if line.startswith((VALUE_PREFIX, OWN)) or not line.startswith(b"{"):
            continue
        try:
            value = parse_canonical(line[:-1])
        except DocumentError:
            continue
        if isinstance(value, dict) and "prev" in value:
            if run != at:
                at, event, step = run, 0, 0
            model = value.get("type") == "model"
            yield run, event, step if model else None, value
            event, step = event + 1, step + model


def _named(lines: Lines, selectors: Sequence[Selector]) -> set[tuple[str, str]]:
    """The values that paths mean."""
    paths = [item for item in selectors if not item.digits]
    open_paths = set(paths)
    found: set[tuple[str, str]] = set()
    said: dict[str, Conversations] = {}
    for run, event, step, value in _events(lines) if paths else ():
        if step is not None:
            said.setdefault(run, Conversations()).add(value)
        for path in paths:
            # A run file that is no record has one run, whatever it was called.
            if path.number == (step if path.step else event) and (not run or path.run in (None, run)):
                whole = path.name == "messages" and step is not None
                names = _at(cast("JsonValue", said[run].ids(step or 0)) if whole else value.get(path.name), path)
                found.update((run, name) for name in names)
                if names:
                    open_paths.discard(path)
    if open_paths:
        text = min(item.text for item in open_paths)
        raise InputError(
            f"nothing is named by {text[:80]!r}", hint="steps and events count from 0; see the run's lines"
        )
    return found


def _at(value: JsonValue, path: Selector) -> list[str]:
    if isinstance(value, list) and path.place is not None:
        value = value[path.place] if path.place < len(value) else None
    elif path.place is not None:
        return []
    return [text for text in texts(value) if re.fullmatch("sha256:[0-9a-f]{64}", text)]


def _matcher(pattern: str | None) -> Callable[[bytes], bool]:
    if pattern is None:
        return lambda _line: False
    try:
        expression = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise InputError(f"not a regular expression: {pattern[:80]!r}", hint=str(error)) from error

    def matches(line: bytes) -> bool:
        value = ValueLine(line).value
        whole = value if isinstance(value, str) else canonical_bytes(value).decode()
        return any(expression.search(text) for text in (whole, *texts(value)))

    return matches


def _complete(selectors: Sequence[Selector], matched: set[tuple[str, str]]) -> None:
    for item in selectors:
        names = {name for digits, name in matched if digits == item.digits}
        if item.digits and len(names) != 1:
            said = "no value has" if not names else f"{len(names)} values have"
            raise InputError(f"{said} the id {item.text[:80]}", hint="give more of its digits" if names else None)


def _uses(lines: Lines, found: dict[tuple[str, str], Erasable]) -> None:
    """Note at each value the events that name it, and the steps whose conversation it is part of."""
    said: dict[str, tuple[Conversations, list[dict[int, str]]]] = {}
    for run, event, step, value in _events(lines) if found else ():
        label = f"event {event}" if step is None else f"event {event} (step {step})"
        if step is not None:
            conversations, places = said.setdefault(run, (Conversations(), []))
            before, keep = conversations.add(value)
            kept = {} if before is None else {at: name for at, name in places[before].items() if at < keep}
            more = enumerate(cast("list[str]", value.get("messages") or []), keep)
            places.append({**kept, **{at: name for at, name in more if (run, name) in found}})
            for at, name in places[-1].items():
                found[run, name].used.append(f"{label} messages[{at}]")
        for key, item in value.items():
            if key == "prev" or (key == "messages" and step is not None):
                continue
            many = isinstance(item, list)
            for place, part in enumerate(cast("list[JsonValue]", item) if many else [item]):
                for text in texts(part):
                    if (run, text) in found:
                        found[run, text].used.append(f"{label} {key}[{place}]" if many else f"{label} {key}")
