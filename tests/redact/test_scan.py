"""Files: where something stands, in text and in what a reader of JSON makes of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.errors import DocumentError
from runback_gate.redact import Redactor, scan_bytes

STANDARD = Redactor("standard", key=b"k" * 32)


def places(data: bytes) -> list[tuple[int, str, str]]:
    return [(item.line, item.rule, item.pointer) for item in scan_bytes(data, "f", STANDARD)]


def test_a_text_gives_lines() -> None:
    """Each place stands on its line."""
    assert places(b"a\nmail jane@example.org\n\npassword: hunter2!\n") == [(2, "email", ""), (4, "secret", "")]


def test_json_is_read_first() -> None:
    """What is escaped is found, and so is what only the name of its field tells of, with its path."""
    data = b'{"n": 1,\n "mail": "\\u006aane@example.org",\n "db": {"password": "open"}, "a@example.org": []}'
    found = places(data)
    assert [(rule, pointer) for _, rule, pointer in found] == [
        ("email", "mail"),
        ("secret", "db.password"),
        ("email", "<key>"),
    ]
    assert found[1][0] == 3


def test_lines_of_json_have_their_own_numbers() -> None:
    """Of a run file each line is a value."""
    assert places(b'{"a": 1}\n{"b": ["x", {"token": "q7Zx8Qv2Lr7Tn4Kp1W"}]}\n') == [(2, "secret", "b[1].token")]


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a\0b"])
def test_what_is_no_text_is_an_error(data: bytes) -> None:
    """A file that cannot be read is never clean."""
    with pytest.raises(DocumentError, match="not text"):
        scan_bytes(data, "f", STANDARD)


@given(st.recursive(st.text(max_size=20), lambda inner: st.dictionaries(st.text(max_size=5), inner), max_leaves=5))
def test_a_redacted_file_is_clean(value: object) -> None:
    """What was redacted gives no finding, in any form of JSON."""
    redacted, _ = STANDARD.redact({"m": "jane@example.org", "v": value})  # type: ignore[dict-item]
    assert places(json.dumps(redacted, indent=1).encode()) == []
