"""Canonical JSON bytes and SHA-256 digests: the only hashing of the package, and the only reader of JSON text.

In: JSON values, or bytes that claim to be JSON. Out: the one byte string of a value (RFC 8785), its digest, its value.

    data = canonical_bytes({"b": 1, "a": [True, 0.5]})      # b'{"a":[true,{"$decimal":"0.5"}],"b":1}'
    parse_canonical(data)                                   # {"a": [True, 0.5], "b": 1}
    digest({"b": 1})                                        # "sha256:..."

Implementations differ in how they print floats and read large integers, so neither is ever printed. An integral float
within ±(2^53−1) becomes an integer, any other `{"$decimal": "<shortest text that reads back as the same double>"}`. An
integer beyond ±(2^53−1) becomes `{"$integer": "<its digits>"}`. Both keys are refused in data. Equal values have equal
bytes, also 1 and 1.0; beyond ±(2^53−1) an integer and a float are two values.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from runback_gate import standard_json
from runback_gate.errors import DocumentError, Location
from runback_gate.standard_json import MAX_DEPTH, TOO_DEEP, UNIQUE, Pairs, RefusedError, decoded, first_fault, unique

orjson: Any
try:
    import orjson
except ImportError:  # a recorder runs in the environment of somebody's agent, which may lack it
    orjson = None

_SORTED = 0 if orjson is None else orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

MAX_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly."""
MAX_INTEGER_BITS = 1023
"""Size of the largest integer that is kept at all: larger ones may lie beyond a double; JSON readers refuse them."""
MAX_JSON_BYTES = 64 << 20
"""Largest JSON text that `parse_json` reads when it is not told another limit."""
DECIMAL = "$decimal"
"""The key that marks a float in canonical bytes."""
INTEGER = "$integer"
"""The key that marks an integer beyond ±(2^53−1) in canonical bytes."""
_GIT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
"""The text form of a digest."""

sha256 = hashlib.sha256
"""The hash itself, for what is hashed piece by piece, and where a digest is needed as its 32 bytes."""

_LARGE = 2.0**63
"""Integers that orjson reads as doubles are not below it."""
_MAX_PARTS = 1 << 22
_DOLLAR = ord("$")
_SHORT = 1 << 10
"""Bytes of a text that costs less to be searched than its value."""
_CONTAINERS = frozenset((dict, list, tuple))
_ATOMS = frozenset((str, int, bool, type(None)))
_MARKS = {DECIMAL: float, INTEGER: int}
_EXACT = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_WRITTEN = _CONTAINERS | _ATOMS
_PLAIN = _WRITTEN | {float}


def canonical_bytes(value: JsonValue) -> bytes:
    """Give the RFC 8785 form of a value: UTF-8, no white space, keys in UTF-16 order; tuples count as lists.

    Raises:
        DocumentError: for NaN and infinities, integers of more than 1023 bits, lone surrogates, keys that are not text,
            the keys `$decimal` and `$integer`, nesting deeper than 128, and anything that is not JSON. The message
            names the part.
    """
    try:
        data = _sorted_bytes(value)
        return plain_bytes(_reduced(value)) if data is None else data
    except RefusedError as refused:
        place = "".join(f"[{json.dumps(part)}]" for part in reversed(refused.path))
        at = f", at {place[:200]}" if place else ""
        raise DocumentError(f"{refused} has no canonical form{at}", hint=refused.hint) from refused


def made_bytes(value: JsonValue) -> bytes:
    """The same of a value that this package made and nobody else: texts, booleans and integers under ASCII names.

    Nothing in it is looked at but what its writer in C refuses: a caller that passes on a double, or the JSON of
    somebody else, gets bytes that are not canonical.

    Raises:
        DocumentError: as `canonical_bytes`.
    """
    try:
        data = standard_json.made_bytes(value) if orjson is None else orjson.dumps(value, None, _SORTED)
    except (TypeError, ValueError, RecursionError):
        data = None  # A number out of range, or a text that is none.
    return canonical_bytes(value) if data is None else cast("bytes", data)


def written(data: bytes) -> Any:
    """What `made_bytes` writes as these bytes, which are those of a value."""
    return json.loads(data) if orjson is None else orjson.Fragment(data)


def stays_canonical(values: list[object]) -> bool:
    """Whether values, wherever they stand in what `made_bytes` writes, leave it canonical: no double, no mark, no name
    beyond ASCII, nothing deep."""
    try:
        if all(map(_is_flat, values)):
            return True
        kinds, keys, _ = _survey(values, MAX_DEPTH // 2)
        return kinds <= _WRITTEN and keys.isdisjoint(_MARKS) and all(map(str.isascii, cast("set[str]", keys)))
    except (RefusedError, TypeError):  # too deep or too many, which the writer says better; a name that is no text
        return False


def parse_canonical(data: bytes, *, path: str | None = None) -> JsonValue:
    """Read canonical bytes back; anything but the exact bytes that `canonical_bytes` gives is refused.

    `path` names the file in the error, where there is one.

    Raises:
        DocumentError: when the bytes are no JSON, or not its canonical form.
    """
    try:
        value: JsonValue = standard_json.loads(data) if orjson is None else orjson.loads(data)
        # No mark, and no name beyond ASCII. One byte is found at once, and most texts have none.
        plain = data.isascii() and (_DOLLAR not in data or data.find(b'"$') < 0)
        if not plain and (b'"$decimal"' in data or b'"$integer"' in data):
            # A number at the deepest place that is allowed stands one level deeper when it is marked.
            _survey(value, MAX_DEPTH + 1)
            value = unmarked(value)
        if (made_bytes if plain and standard_json.is_plain(data, value) else canonical_bytes)(value) == data:
            return value
    except json.JSONDecodeError as error:
        raise DocumentError(f"not valid JSON: {error.msg}", location=Location(path) if path else None) from error
    except (RefusedError, DocumentError) as error:
        raise DocumentError(f"not canonical JSON: {error}", location=Location(path) if path else None) from error
    hint = "the bytes were edited or written by another program"
    raise DocumentError("not canonical JSON", hint=hint, location=Location(path) if path else None)


def parse_json(data: bytes | str, *, path: str, max_bytes: int = MAX_JSON_BYTES) -> JsonValue:
    """Read JSON that another program wrote, strictly. `path` names it in errors, `max_bytes` limits its UTF-8 size.

    Integers keep their digits, floats are doubles.

    Raises:
        DocumentError: with line and column, for anything that is not RFC 8259 JSON in UTF-8 (so for NaN, a byte order
            mark or a lone surrogate), for duplicate keys, nesting deeper than 128, and numbers beyond a double.
    """
    if len(data) > max_bytes:
        raise DocumentError(f"larger than {max_bytes:,} bytes", hint="split it", location=Location(path))
    try:
        # The strict reader first: the lenient one below would let NaN, overflow and lone surrogates pass.
        value = _strict_loads(data, unique)
        encoded = data.encode() if isinstance(data, str) else data
        if len(encoded) > max_bytes:
            raise DocumentError(f"larger than {max_bytes:,} bytes", hint="split it", location=Location(path))
        # A text with few brackets is not nested deep, and holds few values where it is short.
        short = len(encoded) < _SHORT and encoded.count(b"[") + encoded.count(b"{") <= MAX_DEPTH
        floats = None if short else _survey(value)[2]
        if orjson is not None and not _is_whole(value, encoded, floats):
            value = UNIQUE.decode(decoded(data, path))
    except json.JSONDecodeError as error:
        decoded(data, path)  # what is not UTF-8 has an error of its own
        place = Location(path, error.lineno, error.colno)
        raise DocumentError(f"not valid JSON: {error.msg}", location=place) from error
    except (RecursionError, RefusedError) as error:
        refused = error if isinstance(error, RefusedError) else RefusedError(TOO_DEEP)
        raise first_fault(decoded(data, path), path, refused) from error
    return cast("JsonValue", value)


def _is_flat(value: object) -> bool:
    """Whether this is a mapping of texts, integers and booleans, as what is passed on mostly is, under plain names."""
    if type(value) is not dict or not _ATOMS.issuperset(map(type, value.values())):
        return False
    return all(map(str.isascii, value)) and _MARKS.keys().isdisjoint(value)


def plain_bytes(value: object, *, sort_keys: bool = False) -> bytes:
    """Write any JSON value as other programs read it: numbers as they are, UTF-8, no white space.

    Raises:
        TypeError: for what is no JSON.
    """
    try:
        if orjson is not None:
            return cast("bytes", orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort_keys else None))
    except TypeError:
        pass  # It refuses integers beyond 64 bits.
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=sort_keys)
    return written.encode()


def compact(data: bytes) -> bytes:
    """A copy to keep: what orjson wrote holds on to the buffer that it was written into, 4 KB at least."""
    return bytes(memoryview(data))


def digest(value: JsonValue) -> str:
    """Name a value by the SHA-256 of its canonical bytes, as `sha256:<64 hex digits>`; errors as `canonical_bytes`."""
    return digest_bytes(canonical_bytes(value))


def digest_bytes(data: bytes) -> str:
    """Name bytes by their SHA-256, as `sha256:<64 hex digits>`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def exact_bytes(value: object) -> bytes:
    """JSON with sorted keys in which 1, 1.0 and true all differ: what rules, params and checks are compared by.

    An engine tells an int from a double, so for a rule they are not the same, as they are in `canonical_bytes`.
    """
    return _EXACT.encode(value).encode("utf-8", "surrogatepass")


def git_blob_id(data: bytes, *, like: str) -> str:
    """Name bytes as git names the content of a file, by SHA-1 or, where the name `like` is that long, by SHA-256."""
    kind = "sha256" if len(like) == 64 else "sha1"
    return hashlib.new(kind, b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def seal(key: bytes, data: bytes) -> str:
    """Show that whoever holds the key wrote the bytes: HMAC-SHA-256 (RFC 2104), as `hmac-sha256:<64 hex digits>`."""
    return "hmac-sha256:" + hmac.new(key, data, hashlib.sha256).hexdigest()


def _is_whole(value: object, data: bytes, floats: Sequence[float] | None) -> bool:
    """Whether no key and no digit of a text was lost in the value that was read of it; False where that is not clear.

    A text with a key twice has two quotes more than what is written of its value, unless a quote stands as `\\u0022`.
    An integer that lost digits is a large double, written with an exponent. Counting is a fraction of a second reading.
    """
    written = orjson.dumps(value)
    if written == data:
        return True
    if data.count(b'"') != written.count(b'"') or b"\\u0022" in data:
        return False
    if floats is None:
        floats = _survey(value)[2] if standard_json.EXPONENT.search(written) else ()
    return all(-_LARGE < item < _LARGE for item in floats)


def _survey(value: object, limit: int = MAX_DEPTH) -> tuple[set[type], set[object], list[float]]:
    """Types, keys and doubles anywhere in a value, or raise when it is too deep. By level, so that C does the loops."""
    kinds: set[type] = {type(value)}
    keys: set[object] = set()
    floats = [value] if isinstance(value, float) else []
    level: list[Any] = [value] if type(value) in _CONTAINERS else []
    depth = 0
    while level:
        depth += 1
        below: list[Any] = []
        if depth > limit:
            raise RefusedError(TOO_DEEP, "flatten it")
        # A value that holds itself many times multiplies with each level.
        if sum(map(len, level)) > _MAX_PARTS:
            raise RefusedError(f"more than {_MAX_PARTS:,} values on one level", "split it")
        for item in level:
            if type(item) is dict:
                keys.update(item)
                below.extend(item.values())
            else:
                below.extend(item)
        found = set(map(type, below))
        kinds |= found
        if float in found:
            floats += [item for item in below if type(item) is float]
        level = [item for item in below if type(item) in _CONTAINERS] if found & _CONTAINERS else []
    return kinds, keys, floats


def _sorted_bytes(value: JsonValue) -> bytes | None:
    """Let a writer in C do it all where its order and its forms are those of RFC 8785, else give None."""
    kinds, keys, _ = _survey(value)
    if not kinds <= _PLAIN or not keys.isdisjoint(_MARKS):
        return None
    if orjson is None:
        return standard_json.sorted_bytes(value, kinds, keys)
    try:
        if all(map(str.isascii, cast("set[str]", keys))):  # orjson sorts by code point, not in UTF-16 order
            return cast("bytes", orjson.dumps(_tagged(value) if float in kinds else value, None, _SORTED))
    except (TypeError, RefusedError):
        # A key that is no text, a number out of range or a text that is none: the caller's walk finds out which.
        return None
    return None


def _strict_loads(data: bytes | str, pairs: Pairs | None = None) -> Any:
    """What orjson reads, also where it is not installed; there `pairs` makes the mappings. Raises JSONDecodeError."""
    return standard_json.loads(data, pairs) if orjson is None else orjson.loads(data)


def _tagged(value: Any) -> Any:
    """Copy a value with its floats replaced; written for speed, the loop stays inside one comprehension per level."""
    if type(value) is float:
        return _reduced_float(value)
    if type(value) is dict:
        return {key: item if type(item) in _ATOMS else _tagged(item) for key, item in value.items()}
    return [item if type(item) in _ATOMS else _tagged(item) for item in value]


def _reduced(value: object) -> object:
    """Rebuild a value with sorted keys and marked numbers, or raise at the first part that has no canonical form."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _reduced_text(value)
    if isinstance(value, int):
        return _reduced_integer(value)
    if isinstance(value, float):
        return _reduced_float(value)
    if type(value) not in _CONTAINERS:
        # Subclasses too: `_survey` has not looked into them, so they could hold themselves.
        raise RefusedError(f"a value of type {type(value).__name__}")
    keys = _ordered(value) if isinstance(value, dict) else range(len(cast("list[object]", value)))
    copy: dict[Any, object] = {}
    key: str | int = 0
    try:
        for key in keys:
            copy[_reduced_text(key) if isinstance(key, str) else key] = _reduced(cast("Any", value)[key])
    except RefusedError as refused:
        refused.path.append(key)
        raise
    return copy if isinstance(value, dict) else list(copy.values())


def _ordered(value: dict[Any, Any]) -> list[str]:
    for key in value:
        if not isinstance(key, str):
            raise RefusedError(f"a key of type {type(key).__name__}")
    for mark in _MARKS:
        if mark in value:
            raise RefusedError(f"the reserved key {mark}")
    if all(map(str.isascii, value)):
        return sorted(value)
    return sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))


def _reduced_text(value: str) -> str:
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError as error:
        raise RefusedError("text with a lone surrogate") from error
    return str.__str__(value)


def _reduced_integer(value: int) -> object:
    if abs(value) <= MAX_INTEGER:
        return int(value)
    if value.bit_length() > MAX_INTEGER_BITS:
        raise RefusedError(f"an integer of more than {MAX_INTEGER_BITS} bits")
    return {INTEGER: int.__repr__(value)}


def _reduced_float(value: float) -> object:
    if not math.isfinite(value):
        raise RefusedError("NaN or an infinity")
    if value.is_integer() and abs(value) <= MAX_INTEGER:
        return int(value)
    return {DECIMAL: float.__repr__(value)}


def unmarked(value: Any) -> Any:
    """Turn marked numbers into numbers. What was marked wrongly has other canonical bytes afterwards.

    Raises:
        DocumentError: a mark holds no number.
    """
    if type(value) is list:
        return [item if type(item) in _ATOMS else unmarked(item) for item in value]
    if type(value) is not dict:
        return value
    mark = next((mark for mark in _MARKS if mark in value), None)
    if mark is None:
        return {key: item if type(item) in _ATOMS else unmarked(item) for key, item in value.items()}
    text = value[mark]
    try:
        return _MARKS[mark](text if isinstance(text, str) else "")
    except ValueError as error:
        raise DocumentError(f"{mark} does not hold a number") from error


def is_git_id(text: str) -> bool:
    """Whether this is the full id of a git object, such as a commit: 40 or 64 lower-case hexadecimal digits."""
    return _GIT_ID.fullmatch(text) is not None
