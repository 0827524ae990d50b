"""Transcripts of any known format to runs.

In: the bytes of a file. Out: a run for each conversation in it, what was not used, and what could not be read.

    found = read_transcripts(data, "logs/chats.json", Defaults("support"))
    found.format, found.runs, found.ignored, found.faults

Two layers: an *envelope* (`envelopes/`) says where conversations lie in a file, a *dialect* (`dialects/`) how a message
is written. Both are found by keys, never by the name of the file. A conversation that cannot be read is named, and does
not hide the others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from pathlib import PurePosixPath
from typing import Any

from runback_gate.canonical import canonical_bytes, digest_bytes
from runback_gate.capture.formats.build import PSEUDONYM, build_run
from runback_gate.capture.formats.build import Defaults as Defaults
from runback_gate.capture.formats.dialects import dialects
from runback_gate.capture.formats.envelopes import Envelope, envelopes
from runback_gate.capture.formats.model import Conversation, Located
from runback_gate.capture.formats.reader import Reader
from runback_gate.capture.formats.reconcile import first_loss
from runback_gate.capture.formats.records import MAX_TRANSCRIPT_BYTES as MAX_TRANSCRIPT_BYTES
from runback_gate.capture.formats.records import Records, read_records
from runback_gate.errors import DocumentError, InputError, Location, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.step import Run
from runback_gate.wire.faults import NotUnderstoodError

_SHOWN = 12


@dataclass(slots=True)
class Transcripts:
    """What a file holds."""

    format: str = ""
    """Name of its format; of bare messages, that of their dialect."""
    runs: list[Run] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    """How often each field was there that decides nothing."""
    faults: list[RunbackError] = field(default_factory=list)
    """What could not be read, each with its place."""


def formats() -> tuple[str, ...]:
    """The names that `--format` takes."""
    return tuple(dict.fromkeys((*(form.NAME for form in envelopes()), *(form.NAME for form in dialects()))))


def read_transcripts(data: bytes, path: str, defaults: Defaults, form: str | None = None) -> Transcripts:
    """Read every conversation of a file.

    Args:
        data: its bytes.
        path: how it is named in errors; its stem begins every run id.
        defaults: what it does not say itself.
        form: name of its format; None to find it.

    Raises:
        InputError: no known format, or two.
        DocumentError: not JSON.
    """
    records = read_records(data, path)
    found = Transcripts(faults=list(records.faults), ignored=Counter(records.repaired))
    if not records.values and not records.faults:
        raise InputError(f"{path}: no run", hint="an empty transcript judges nothing")
    if not records.values:
        return found
    redaction = defaults.redaction
    if redaction is not None:
        records.values = [replace(item, value=redaction.apply(item.value)[0]) for item in records.values]
    envelope = _envelope([item.value for item in records.values], path, form)
    found.format = envelope.NAME
    reader = Reader(found.ignored, dialect=form)
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePosixPath(path).stem).strip("-.") or "run"
    for number, conversation in _conversations(envelope, records, reader, path, found.faults):
        try:
            name = f"{stem}-{number:04d}-{_digest(conversation.said)}"
            found.runs.append(build_run(conversation, name, defaults))
        except RunbackError as error:
            found.faults.append(_placed(error, conversation.where, path))
            continue
        found.format = conversation.format
    return found


def _digest(said: Any) -> str:
    """What tells two conversations apart in the ids of runs; a pseudonym counts as any other of its rule."""
    data = canonical_bytes(said)
    return digest_bytes(PSEUDONYM.sub(rb"<\1>", data) if b"<" in data else data)[7:15]


def _envelope(values: Sequence[Any], path: str, form: str | None) -> Envelope:
    known = envelopes()
    named = [envelope for envelope in known if form == envelope.NAME]
    if named:
        return named[0]
    if form is not None:  # a dialect, whose messages lie bare
        return known[-1]
    found = [envelope for envelope in known[:-1] if envelope.matches(values)]
    if len(found) == 1:
        return found[0]
    if not found and known[-1].matches(values):
        return known[-1]
    if found:
        names = " or ".join(envelope.NAME for envelope in found)
        raise InputError(f"two formats: {names}", hint="say which with --format", location=Location(path))
    seen = _keys(values)
    near = sorted(known, key=lambda item: -len(_words(item.KEYS) & _words(" ".join(seen))))[:2]
    hint = "nearest: " + ", ".join(f"{item.NAME}, which has {item.KEYS}" for item in near)
    shown = ", ".join(name[:40] for name in seen[:_SHOWN]) or type(values[0]).__name__
    raise InputError(f"no `messages` here: not a known format (top level: {shown})", hint=hint, location=Location(path))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _keys(values: Sequence[Any]) -> list[str]:
    """What stands at the top of a file, with one level below."""
    top = values[0][0] if isinstance(values[0], list) and values[0] else values[0]
    if not isinstance(top, dict):
        return []
    found = []
    for name, value in top.items():
        inner = value[0] if isinstance(value, list) and value else value
        many = "[]" if isinstance(value, list) else ""
        if isinstance(inner, dict):
            found += [f"{name}{many}.{key}" for key in list(inner)[:4]]
        else:
            found.append(f"{name}{many}")
    return found


def _conversations(
    envelope: Envelope, records: Records, reader: Reader, path: str, faults: list[RunbackError]
) -> Iterator[tuple[int, Conversation]]:
    """The conversations, numbered in the file from 1; one that cannot be read has a number as well."""
    number = 0
    for part in envelope.split(records):
        where = None
        try:
            read = list(envelope.read(part, reader))
            where = first_loss(part, read, envelope.BESIDE, reader.passed)
            if where is not None:
                raise NotUnderstoodError(where.place, "what may decide something is not understood")
        except RunbackError as error:
            faults.append(_placed(error, where or part, path))
            number += 1
            continue
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            # A value is of another type than every source writes there.
            odd = NotUnderstoodError(part.place, "a conversation in a form that is not known")
            faults.append(_placed(odd, part, path))
            number += 1
            continue
        for conversation in read:
            number += 1
            yield number, conversation


def _placed(error: RunbackError, where: Located, path: str) -> RunbackError:
    """The error with the file, the line and the JSON path of what it is about."""
    location = Location(path, where.line)
    if isinstance(error, NotUnderstoodError):
        place = error.place.removeprefix("$").removeprefix(".")
        what = error.message.removeprefix(f"{error.place}: ")
        return DocumentError(f"{place}: {what}" if place else what, location=location)
    place = where.place.removeprefix("$").removeprefix(".")
    message = f"{place}: {error.message}" if place else error.message
    return type(error)(message, hint=error.hint, location=error.location or location)
