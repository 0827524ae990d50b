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
the canonical value. It is not chained: a tombstone (the value was erased, when and why) or a line that says that the
value is withheld from this reader can take its line, and the chain holds.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Literal

from runback_gate.canonical import DIGEST, JsonValue, canonical_bytes, digest_bytes, parse_canonical, sha256
from runback_gate.errors import DocumentError, IntegrityError, Location
from runback_gate.frozen import dataclass

START = "sha256:" + "0" * 64
"""`prev` of the first event line."""
SALT_BYTES = 16
"""Length of a salt: enough that a short value cannot be guessed from its id."""

VALUE_PREFIX = b'{"id":"sha256:'
"""How a value line begins, and no event line."""
VALUE_END = b"}\n"
MAX_REASON = 500
"""Longest reason of an erasure, in characters."""

# A value line by its offsets: all but the value has a fixed length.
_ID, _DIGITS, _SALT, _VALUE = slice(7, 78), slice(14, 78), slice(88, 120), slice(130, -2)
_PLACE = re.compile(rb'\{"id":"(sha256:[0-9a-f]{64})",("tombstone"|"withheld"):')
_WITHHELD = b'"withheld":true}\n'
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_SHARED = (1 << 11, 1 << 18)
"""Bytes of a value, from and to, that is remembered."""
_PREV = b'"prev":"'
_FEW = 8

How = Literal["changed", "missing", "inserted", "reordered", "truncated"]
State = Literal["held", "erased", "withheld"]


@dataclass(frozen=True, slots=True)
class Verified:
    """What was verified."""

    head: str
    """Digest of the last event line."""
    events: int
    """Number of event lines."""


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """The first line at which a chain breaks."""

    line: int
    """1-based number of the line, values counted."""
    how: How
    """`changed`: the line is not what was written. `missing`: lines before it are gone. `inserted`: it does not belong
    here. `reordered`: it stands before the line that it follows. `truncated`: it is the last one, and torn."""
    message: str
    """The same in a sentence."""


def append(
    prev: str | None, event: dict[str, JsonValue], write: Callable[[JsonValue], bytes] = canonical_bytes
) -> tuple[bytes, str]:
    """Give the line of an event, with its line end, and the new head. `prev` is the head so far, None at the start.

    `write` gives the canonical bytes; `made_bytes` where the event holds nothing that somebody else wrote.

    Raises:
        DocumentError: the event has no canonical form, holds `prev`, or would read as a value line.
    """
    if "prev" in event:
        raise DocumentError("an event does not state `prev` itself", hint="the chain adds that field")
    line = write({**event, "prev": prev or START}) + b"\n"
    if line.startswith(VALUE_PREFIX):
        raise DocumentError("the event would read as a value line", hint="rename its field `id`")
    return line, f"sha256:{sha256(line).hexdigest()}"


def value_line(salt: bytes, value: JsonValue) -> tuple[bytes, str]:
    """Give the line that holds a value, with its line end, and the id by which events name the value.

    Raises:
        DocumentError: the value has no canonical form, or the salt has not 16 bytes.
    """
    return canonical_value_line(salt, canonical_bytes(value))


def canonical_value_line(salt: bytes, data: bytes) -> tuple[bytes, str]:
    """The same of a value whose canonical bytes are known. Raises DocumentError: the salt has not 16 bytes."""
    head, name = value_head(salt, data)
    return b"".join((head, data, VALUE_END)), name


def value_head(salt: bytes, data: bytes) -> tuple[bytes, str]:
    """The same, of the line only what stands before the value; `VALUE_END` stands behind it."""
    if len(salt) != SALT_BYTES:
        raise DocumentError(f"a salt of {len(salt)} bytes", hint=f"it has {SALT_BYTES}")
    name = "sha256:" + sha256(salt + data).hexdigest()
    return _before_value(name, salt), name


def _before_value(name: str, salt: bytes) -> bytes:
    return f'{{"id":"{name}","salt":"{salt.hex()}","value":'.encode()


def tombstone(name: str, *, at: str | None = None, reason: str | None = None) -> bytes:
    """Give the line that takes the place of an erased value, whose id is `name`.

    `at` is the time in UTC (`2026-01-31T12:00:00Z`) and `reason` one line of at most 500 characters; both or none.

    Raises:
        DocumentError: the time or the reason has another form.
    """
    told = at is not None or reason is not None
    line = canonical_bytes({"id": name, "tombstone": {"at": at, "reason": reason} if told else True}) + b"\n"
    if value_state(line) != "erased":
        hint = f"a time in UTC, and a reason of one line with 1 to {MAX_REASON} characters"
        raise DocumentError("an erasure needs a time and a reason", hint=hint)
    return line


def withheld(name: str) -> bytes:
    """Give the line that takes the place of a value that a reader does not get, whose id is `name`."""
    return canonical_bytes({"id": name, "withheld": True}) + b"\n"


def is_value_line(line: bytes) -> bool:
    """Whether a line is a value line by how it begins, as no event line does."""
    return line.startswith(VALUE_PREFIX)


@dataclass(frozen=True, slots=True)
class ValueLine:
    """A value line by its layout. Nothing is checked here: `state` says whether the line holds what it says."""

    line: bytes
    """With its line end."""

    @property
    def id(self) -> str:
        """`sha256:` and 64 digits, as events name the value."""
        return self.line[_ID].decode("latin-1")

    @property
    def digits(self) -> str:
        """The same without `sha256:`."""
        return self.line[_DIGITS].decode("latin-1")

    @property
    def state(self) -> State | None:
        """As `value_state`."""
        return value_state(self.line)

    @property
    def value(self) -> JsonValue:
        """The value of a line that holds one.

        Raises:
            DocumentError: another program wrote it.
        """
        return _value(self.line[_VALUE])


def _value(data: bytes) -> JsonValue:
    return _shared(data) if _SHARED[0] <= len(data) <= _SHARED[1] else parse_canonical(data)


# Runs of one agent hold the same instructions and tools: they are read once. Nobody changes a value that was read.
@lru_cache(maxsize=64)
def _shared(data: bytes) -> JsonValue:
    return parse_canonical(data)


def value_state(line: bytes) -> State | None:
    """Say whether a value line holds the value of its id, a tombstone or that it is withheld; None when none of these.

    The value is not read: its bytes are hashed as they lie.
    """
    if _held(line):
        return "held"
    place = _PLACE.match(line)
    if place is None:
        return None
    if place[2] == b'"withheld"':
        return "withheld" if line[place.start(2) :] == _WITHHELD else None
    return None if _erasure(line) is None else "erased"


def _held(line: bytes) -> str:
    """The id of a value line that is what was written of its salt and value; empty when it is not."""
    # By offsets: this runs for every value of every run, and a pattern takes twice the time.
    try:
        salt = unhexlify(line[_SALT])
    except ValueError:
        return ""
    name = "sha256:" + sha256(salt + line[_VALUE]).hexdigest()
    return name if line[:130] == _before_value(name, salt) and line.endswith(VALUE_END) else ""


def erasure(line: bytes) -> tuple[str | None, str | None]:
    """Give when and why a value was erased, of its tombstone; None and None where it does not say."""
    return _erasure(line) or (None, None)


def _erasure(line: bytes) -> tuple[str | None, str | None] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        value = parse_canonical(line[:-1])
    except DocumentError:
        return None
    told = value.get("tombstone") if isinstance(value, dict) and len(value) == 2 else None
    if told is True:
        return None, None
    if not isinstance(told, dict) or set(told) != {"at", "reason"}:
        return None
    at, reason = told["at"], told["reason"]
    if not isinstance(at, str) or not isinstance(reason, str) or not _TIME.fullmatch(at):
        return None
    return (at, reason) if 0 < len(reason) <= MAX_REASON and reason.isprintable() else None


def check_value_line(line: bytes) -> tuple[str, JsonValue]:
    """Give the id and the value that a value line holds.

    Raises:
        IntegrityError: the id is not that of the salt and the value, the line is none, or the value was erased.
    """
    name = _held(line)
    if not name:
        state = value_state(line)
        if state is None:
            raise IntegrityError("the value does not match its id", hint="the line was changed after it was written")
        said = "was erased" if state == "erased" else "is withheld"
        raise IntegrityError(
            f"the value {line[_ID].decode()} {said}", hint="its id can be named, but its text cannot be read"
        )
    try:
        return name, _value(line[_VALUE])
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
    if isinstance(result, ChainBreak):
        hint = "a torn last line can be cut off" if result.how == "truncated" else "restore the file"
        raise IntegrityError(result.message, hint=hint, location=Location(path, result.line))
    return result


def locate(lines: Iterable[bytes], *, head: str | None = None) -> ChainBreak | None:
    """Give the first line at which a run file breaks, and how; None when it verifies. Arguments as of `verify`."""
    result = _walk(lines, head)
    return result if isinstance(result, ChainBreak) else None


def _walk(lines: Iterable[bytes], head: str | None) -> Verified | ChainBreak:
    # Written for speed: hashing the bytes is to be the larger part of the work.
    source, number, events = iter(lines), 0, 0
    before, last, prev = 0, b"", START.encode()
    for line in source:
        number += 1
        if line.startswith(VALUE_PREFIX):
            if not _held(line) and value_state(line) is None:
                return _broken_value(number, line)
            continue
        # As `follows`, for what is plain.
        at = line.rfind(_PREV)
        plain = at > 0 and line.rfind(b"{", 0, at) == 0 and line[-2:] == b"}\n"
        if not (line[at + 8 : at + 79] == prev if plain else follows(line, prev)):
            return _diagnosed(source, _Break(before, last, prev.decode(), number, line), head)
        before, last, prev = number, line, b"sha256:" + sha256(line).hexdigest().encode()
        events += 1
    digest = prev.decode()
    if not events:
        return ChainBreak(1, "missing", "no event line")
    if _prev(last) is None:
        return ChainBreak(before, "changed", f"line {before} is not canonical JSON")
    if head not in (None, digest):
        return ChainBreak(
            before, "changed", f"line {before} is not the head: it was changed, or the lines after it are gone"
        )
    return Verified(digest, events)


def follows(line: bytes, prev: bytes) -> bool:
    """Say whether an event line, with its line end, names `prev` (`sha256:<hex>`) as the one before it."""
    # The last `"prev":"` of a line is the field itself where no object was opened before it, but for the event: a quote
    # inside a text is escaped. Else JSON is read.
    at = line.rfind(_PREV)
    plain = at > 0 and line.rfind(b"{", 0, at) == 0 and line[-2:] == b"}\n"
    return line[at + 8 : at + 79] == prev if plain else _prev(line) == prev.decode()


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


def _diagnosed(rest: Iterator[bytes], broken: _Break, head: str | None) -> ChainBreak:
    """Tell from the lines that follow which of the two is wrong."""
    number, prev, digest = broken.number, _prev(broken.line), digest_bytes(broken.line)
    if broken.before and _prev(broken.last) is None:
        return ChainBreak(broken.before, "changed", f"line {broken.before} is not canonical JSON")
    events = (line for line in rest if not line.startswith(VALUE_PREFIX))
    follower = next(events, None)
    if prev is None:
        if follower is None and not broken.line.endswith(b"\n"):
            return ChainBreak(number, "truncated", f"line {number} is torn: the file ends inside it")
        return ChainBreak(number, "changed", f"line {number} is not an event in canonical JSON")
    named = head if follower is None else _prev(follower)
    if follower is not None and prev in (digest_bytes(follower), *map(digest_bytes, events)):
        return ChainBreak(number, "reordered", f"line {number} stands before the line that it follows")
    if named == broken.digest:
        return ChainBreak(
            number, "inserted", f"line {number} does not belong here: the line after it follows the one before it"
        )
    if prev == START:
        return ChainBreak(number, "inserted", f"line {number} begins another chain")
    # What follows, or the head, vouches for the second line. Without either: two hashes are never alike, an edit is.
    alike = named is None and sum(a != b for a, b in zip(prev, broken.digest, strict=False)) <= _FEW
    if alike or named not in (None, digest):
        return ChainBreak(number, "changed", f"line {number} was changed")
    if not broken.before:
        return ChainBreak(number, "missing", f"the lines before line {number} are gone")
    message = f"line {broken.before} was changed, or lines between it and line {number} are gone"
    return ChainBreak(broken.before, "changed", message)


def _broken_value(number: int, line: bytes) -> ChainBreak:
    if not line.endswith(b"\n"):
        return ChainBreak(number, "truncated", f"line {number} is torn: the file ends inside it")
    return ChainBreak(number, "changed", f"line {number} holds a value that does not match its id")


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
