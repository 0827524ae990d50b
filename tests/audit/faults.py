"""A sample of a record, its lines changed, and the fault that is found."""

from __future__ import annotations

from collections.abc import Iterable

from runback_gate.audit.locate import Fault
from runback_gate.audit.verify import RecordVerification
from tests.audit.conftest import record

SAMPLE = record()


def fault(found: RecordVerification) -> Fault:
    """The fault of an invalid record."""
    assert found.status == "invalid"
    assert found.fault is not None
    assert found.reason == found.fault.message
    return found.fault


def place(lines: Iterable[bytes], text: bytes) -> int:
    """Index of the first line that holds a text."""
    return next(number for number, line in enumerate(lines) if text in line)


def changed(lines: list[bytes], at: int, old: bytes, new: bytes) -> list[bytes]:
    """The lines with one text of one line replaced."""
    assert old in lines[at]
    return [*lines[:at], lines[at].replace(old, new, 1), *lines[at + 1 :]]
