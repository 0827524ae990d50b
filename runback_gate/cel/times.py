"""The times of the second engine: timestamps and durations in whole nanoseconds, as the specification has them.

In: text as `spelling` allows it, or seconds. Out: values that compare, add and print as in cel-cpp; OverflowError and
ValueError beyond the years 1 to 9999 and beyond 315,576,000,000 seconds.

    timestamp("2026-11-27T07:00:00.5Z") - duration("1ns")
    field("Hours", timestamp("2026-11-27T07:00:00Z"), "+01:00")        # 8
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from runback_gate.frozen import dataclass

_SECOND = 10**9
_DAY = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_FIRST, _LAST = -62_135_596_800 * _SECOND, 253_402_300_800 * _SECOND - 1
_LONGEST = 315_576_000_000 * _SECOND
_UNITS = {"h": 3600 * _SECOND, "m": 60 * _SECOND, "s": _SECOND, "ms": 10**6, "us": 10**3, "ns": 1}
_PIECE = re.compile(r"([0-9.]+)([a-z]+)")
_OFFSET = re.compile(r"([+-]?)([0-9]{1,2}):([0-9]{2})")
# The calendar repeats after 400 years.
_CYCLE_DAYS, _CYCLE_YEARS = 146_097, 400


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time."""

    nanoseconds: int

    def __post_init__(self) -> None:
        if abs(self.nanoseconds) > _LONGEST:
            raise OverflowError("the duration is too long")

    def __add__(self, other: object) -> Duration | Timestamp:
        if isinstance(other, Timestamp):
            return other + self
        return _in_64_bits(self.nanoseconds + other.nanoseconds) if isinstance(other, Duration) else NotImplemented

    def __sub__(self, other: object) -> Duration:
        return _in_64_bits(self.nanoseconds - other.nanoseconds) if isinstance(other, Duration) else NotImplemented

    def __str__(self) -> str:
        sign, rest = ("-" if self.nanoseconds < 0 else ""), abs(self.nanoseconds)
        return f"{sign}{rest // _SECOND}{_fraction(rest % _SECOND)}s"

    def plain(self) -> timedelta:
        """The same in microseconds."""
        return timedelta(microseconds=_quotient(self.nanoseconds, 1000))


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """A point in time: nanoseconds since 1970."""

    nanoseconds: int

    def __post_init__(self) -> None:
        if not _FIRST <= self.nanoseconds <= _LAST:
            raise OverflowError("the timestamp is outside the years 1 to 9999")

    def __add__(self, other: object) -> Timestamp:
        return Timestamp(self.nanoseconds + other.nanoseconds) if isinstance(other, Duration) else NotImplemented

    def __sub__(self, other: object) -> Timestamp | Duration:
        if isinstance(other, Timestamp):
            return _in_64_bits(self.nanoseconds - other.nanoseconds)
        return Timestamp(self.nanoseconds - other.nanoseconds) if isinstance(other, Duration) else NotImplemented

    def __str__(self) -> str:
        whole = self.plain().replace(microsecond=0, tzinfo=None).isoformat()
        return f"{whole}{_fraction(self.nanoseconds % _SECOND)}Z"

    @property
    def seconds(self) -> int:
        """Whole seconds since 1970, rounded down."""
        return self.nanoseconds // _SECOND

    def plain(self) -> datetime:
        """The same in microseconds."""
        return _EPOCH + timedelta(microseconds=self.nanoseconds // 1000)


def timestamp(text: str) -> Timestamp:
    """The point in time that RFC 3339 text names. Raises ValueError for a day that does not exist."""
    whole, zone = datetime.fromisoformat(f"{text[:19]}+00:00"), text[19:].lstrip(".0123456789")
    fraction = text[20 : len(text) - len(zone)][:9].ljust(9, "0")
    seconds = (whole - _EPOCH) // timedelta(seconds=1) - (0 if zone == "Z" else _offset(zone))
    return Timestamp(seconds * _SECOND + int(fraction))


def duration(text: str) -> Duration:
    """The length that text such as `-1h30.5s` names."""
    total = sum(Fraction(number.rstrip(".")) * _UNITS[unit] for number, unit in _PIECE.findall(text))
    return Duration(int(-total if text.startswith("-") else total))


def field(name: str, value: Timestamp | Duration, zone: str = "UTC") -> int:
    """What a `get` function gives: of a duration the whole in that unit, of a timestamp a part, counted from 0."""
    if isinstance(value, Duration):
        return _part_of_duration(name, value.nanoseconds)
    local = value.seconds + _zone_offset(value, zone or "UTC")
    if name == "Milliseconds":
        return value.nanoseconds % _SECOND // 10**6
    if name in ("Hours", "Minutes", "Seconds"):
        clock = local % _DAY
        return {"Hours": clock // 3600, "Minutes": clock // 60 % 60, "Seconds": clock % 60}[name]
    # An offset may lead out of the years that Python counts.
    ordinal = local // _DAY + _EPOCH_DAY
    shift = (ordinal < 1) - (ordinal > date.max.toordinal())
    day = date.fromordinal(ordinal + shift * _CYCLE_DAYS)
    return {
        "FullYear": day.year - shift * _CYCLE_YEARS,
        "Month": day.month - 1,
        "Date": day.day,
        "DayOfMonth": day.day - 1,
        "DayOfWeek": day.isoweekday() % 7,
        "DayOfYear": day.timetuple().tm_yday - 1,
    }[name]


def _part_of_duration(name: str, nanoseconds: int) -> int:
    if name == "Milliseconds":
        return _quotient(nanoseconds - _quotient(nanoseconds, _SECOND) * _SECOND, 10**6)
    return _quotient(nanoseconds, _UNITS[{"Hours": "h", "Minutes": "m", "Seconds": "s"}[name]])


def _zone_offset(value: Timestamp, zone: str) -> int:
    if ":" in zone:
        return _offset(zone)
    if zone == "UTC":
        return 0
    # On the first and the last day its own date may be none that Python counts.
    inside = Timestamp(min(max(value.nanoseconds, _FIRST + _DAY * _SECOND), _LAST - _DAY * _SECOND))
    there = inside.plain().astimezone(ZoneInfo(zone)).utcoffset()
    return 0 if there is None else int(there.total_seconds())


def _offset(text: str) -> int:
    """Seconds of `+01:00`. Raises ValueError for other text."""
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise ValueError("no offset of a time zone")
    seconds = int(found[2]) * 3600 + int(found[3]) * 60
    return -seconds if found[1] == "-" else seconds


def _in_64_bits(nanoseconds: int) -> Duration:
    if not -(2**63) <= nanoseconds < 2**63:
        raise OverflowError("the duration does not fit 64 bits")
    return Duration(nanoseconds)


def _quotient(value: int, by: int) -> int:
    """Integer division that rounds towards zero."""
    return value // by if value >= 0 else -(-value // by)


def _fraction(nanoseconds: int) -> str:
    """Digits after the point: none, three, six or nine."""
    digits = f"{nanoseconds:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}" if digits else ""
