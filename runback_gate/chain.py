"""Hash-chained event lines: append, verify, and say where a chain was changed.

In: events, or the lines of a run file as they lie. Out: lines and the new head, the head that verifies, or what broke.

    line, head = append(None, {"type": "run.start"})
    line, head = append(head, {"type": "run.end"})
    verify(file).head == head

An event line is canonical JSON and holds as `prev` the SHA-256 of the bytes of the event line before it, line end
included (64 zeros in the first): `sed -n 3p run.jsonl | sha256sum` gives what the event after line 3 names. The head,
the digest of the last one, stands for all of them. It is not in the file: whoever keeps it elsewhere (a checkpoint, a
signature) can also tell that the end was cut or changed.

A value line `{"id": …, "salt": …, "value": …}` holds what events name by its id, the SHA-256 of the salt's bytes and
the canonical value. It is not chained: a tombstone can take its line, and the chain holds.
"""

from __future__ import annotations

import re
from binascii import hexlify, unhexlify
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from runback_gate.canonical import DIGEST, JsonValue, canonical_bytes, digest_bytes, parse_canonical
from runback_gate.errors import DocumentError, IntegrityError, Location

START = "sha256:" + "0" * 64
"""`prev` of the first event line."""
SALT_BYTES = 16
"""Length of a salt: enough that a short value cannot be guessed from its id."""

_VALUE_PREFIX = b'{"id":"sha256:'
# A value line by its offsets: all but the value has a fixed length.
_ID, _SALT, _VALUE = slice(7, 78), slice(88, 120), slice(130, -2)
_TOMBSTONE = re.compile(rb'\{"id":"(sha256:[0-9a-f]{64})","tombstone":true\}\n')
_PREV = b'"prev":"'
_FEW = 8

How = Literal["changed", "missing", "inserted", "reordered", "truncated"]


@dataclass(frozen=True, slots=True)
class Verified:
    """What was verified."""

    head: str
    """Digest of the last event line."""
    events: int
    """Number of event lines."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The first line at which a chain breaks."""

    line: int
    """1-based number of the line, values counted."""
    how: How
    """`changed`: the line is not what was written. `missing`: lines before it are gone. `inserted`: it does not belong
    here. `reordered`: it stands before the line that it follows. `truncated`: it is the last one, and torn."""
    message: str
    """The same in a sentence."""


def append(prev: str | None, event: dict[str, JsonValue]) -> tuple[bytes, str]:
    """Give the line of an event, with its line end, and the new head. `prev` is the head so far, None at the start.

    Raises:
        DocumentError: the event has no canonical form, holds `prev`, or would read as a value line.
    """
    if "prev" in event:
        raise DocumentError("an event does not state `prev` itself", hint="the chain adds it")
    line = canonical_bytes({**event, "prev": prev or START}) + b"\n"
    if line.startswith(_VALUE_PREFIX):
        raise DocumentError("the event would read as a value line", hint="name its field `id` in another way")
    return line, digest_bytes(line)


def value_line(salt: bytes, value: JsonValue) -> tuple[bytes, str]:
    """Give the line that holds a value, with its line end, and the id by which events name the value.

    Raises:
        DocumentError: the value has no canonical form, or the salt has not 16 bytes.
    """
    if len(salt) != SALT_BYTES:
        raise DocumentError(f"a salt of {len(salt)} bytes", hint=f"it has {SALT_BYTES}")
    data = canonical_bytes(value)
    name = digest_bytes(salt + data)
    return b'{"id":"%b","salt":"%b","value":%b}\n' % (name.encode(), salt.hex().encode(), data), name


def tombstone(name: str) -> bytes:
    """Give the line that takes the place of an erased value, whose id is `name`."""
    return canonical_bytes({"id": name, "tombstone": True}) + b"\n"


def check_value_line(line: bytes) -> tuple[str, JsonValue]:
    """Give the id and the value that a value line holds.

    Raises:
        IntegrityError: the id is not that of the salt and the value, the line is none, or the value was erased.
    """
    if erased := _TOMBSTONE.fullmatch(line):
        raise IntegrityError(f"the value {erased[1].decode()} was erased", hint="it can be named, not read")
    if not _holds(line):
        raise IntegrityError("the value does not match its id", hint="the line was changed after it was written")
    try:
        return line[_ID].decode(), parse_canonical(line[_VALUE])
    except DocumentError as error:
        raise IntegrityError(f"the value is {error.message}", hint="another program wrote the line") from error


def verify(lines: Iterable[bytes], *, head: str | None = None, path: str = "run") -> Verified:
    """Verify the lines of a run file, each with its line end, as they come; one line is held at a time.

    It proves that the bytes are those that were chained, and that each value is the one of its id. Give the `head` that
    was kept elsewhere to also prove that the end is right. `path` names the file in the error.

    Raises:
        IntegrityError: at the line that `locate` gives.
    """
    result = _walk(lines, head)
    if isinstance(result, Finding):
        hint = "a torn last line can be cut off" if result.how == "truncated" else "restore the file"
        raise IntegrityError(result.message, hint=hint, location=Location(path, result.line))
    return result


def locate(lines: Iterable[bytes], *, head: str | None = None) -> Finding | None:
    """Give the first line at which a run file breaks, and how; None when it verifies. Arguments as of `verify`."""
    result = _walk(lines, head)
    return result if isinstance(result, Finding) else None


def _walk(lines: Iterable[bytes], head: str | None) -> Verified | Finding:
    source, number, events = iter(lines), 0, 0
    before, last, digest = 0, b"", START
    for line in source:
        number += 1
        if line.startswith(_VALUE_PREFIX):
            if not _holds(line):
                return _broken_value(number, line)
            continue
        # Where `"prev":"` occurs once it is the field itself: a quote inside a text is escaped. Else JSON is read.
        parts = line.split(_PREV)
        plain = len(parts) == 2 and line[:1] == b"{" and line[-2:] == b"}\n"
        if not (parts[1].startswith(digest.encode()) if plain else _prev(line) == digest):
            return _diagnosed(source, _Break(before, last, digest, number, line), head)
        before, last, digest = number, line, digest_bytes(line)
        events += 1
    if not events:
        return Finding(1, "missing", "no event line")
    if _prev(last) is None:
        return Finding(before, "changed", f"line {before} is not canonical JSON")
    if head not in (None, digest):
        return Finding(
            before, "changed", f"line {before} is not the head: it was changed, or the lines after it are gone"
        )
    return Verified(digest, events)


@dataclass(frozen=True, slots=True)
class _Break:
    """Two event lines of which the second does not follow from the first."""

    before: int
    """Number of the first, 0 when there is none."""
    last: bytes
    digest: str
    """Of the first, or START."""
    number: int
    line: bytes


def _diagnosed(rest: Iterator[bytes], broken: _Break, head: str | None) -> Finding:
    """Tell from the lines that follow which of the two is wrong."""
    number, prev, digest = broken.number, _prev(broken.line), digest_bytes(broken.line)
    if broken.before and _prev(broken.last) is None:
        return Finding(broken.before, "changed", f"line {broken.before} is not canonical JSON")
    events = (line for line in rest if not line.startswith(_VALUE_PREFIX))
    follower = next(events, None)
    if prev is None:
        if follower is None and not broken.line.endswith(b"\n"):
            return Finding(number, "truncated", f"line {number} is torn: the file ends inside it")
        return Finding(number, "changed", f"line {number} is not an event in canonical JSON")
    named = head if follower is None else _prev(follower)
    if follower is not None and prev in (digest_bytes(follower), *map(digest_bytes, events)):
        return Finding(number, "reordered", f"line {number} stands before the line that it follows")
    if named == broken.digest:
        return Finding(
            number, "inserted", f"line {number} does not belong here: the line after it follows the one before it"
        )
    if prev == START:
        return Finding(number, "inserted", f"line {number} begins another chain")
    # What follows, or the head, vouches for the second line. Without either: two hashes are never alike, an edit is.
    alike = named is None and sum(a != b for a, b in zip(prev, broken.digest, strict=False)) <= _FEW
    if alike or named not in (None, digest):
        return Finding(number, "changed", f"line {number} was changed")
    if not broken.before:
        return Finding(number, "missing", f"the lines before line {number} are gone")
    message = f"line {broken.before} was changed, or lines between it and line {number} are gone"
    return Finding(broken.before, "changed", message)


def _broken_value(number: int, line: bytes) -> Finding:
    if not line.endswith(b"\n"):
        return Finding(number, "truncated", f"line {number} is torn: the file ends inside it")
    return Finding(number, "changed", f"line {number} holds a value that does not match its id")


def _holds(line: bytes) -> bool:
    """Say whether a value line holds the value of its id. The value is not read: its bytes are hashed as they lie."""
    # By offsets: this runs for every value of every run, and a pattern takes twice the time.
    whole = line.startswith(_VALUE_PREFIX) and line.endswith(b"}\n")
    if not (whole and line.startswith(b'","salt":"', 78) and line.startswith(b'","value":', 120)):
        return _TOMBSTONE.fullmatch(line) is not None
    digits = line[_SALT]
    try:
        salt = unhexlify(digits)
    except ValueError:
        return False
    return digest_bytes(salt + line[_VALUE]).encode() == line[_ID] and hexlify(salt) == digits


def _prev(line: bytes) -> str | None:
    """Give what an event line names as the one before it; None when it is no whole event in canonical JSON."""
    if not line.endswith(b"\n"):
        return None
    try:
        event = parse_canonical(line[:-1])
    except DocumentError:
        return None
    prev = event.get("prev") if isinstance(event, dict) else None
    return prev if isinstance(prev, str) and DIGEST.fullmatch(prev) else None
