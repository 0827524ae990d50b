"""Checkpoints: one text for one state, and nothing else is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.audit.checkpoint import Checkpoint, is_origin, parse_checkpoint
from runback_gate.errors import DocumentError

ORIGINS = st.from_regex(r"\A[!-~]([ -~]{0,198}[!-~])?\Z")
ROOT = bytes(range(32))
TEXT = "acme.example/support\n41\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"


@given(ORIGINS, st.integers(0, 2**53 - 1), st.binary(min_size=32, max_size=32))
def test_what_is_written_is_read(origin: str, size: int, root: bytes) -> None:
    """Reading gives the checkpoint back."""
    found = Checkpoint(origin, size, root)
    assert is_origin(origin)
    assert parse_checkpoint(found.text) == found


def test_the_text_is_that_of_the_format() -> None:
    """Origin, size in decimal digits, root in base64, each on a line of its own."""
    assert Checkpoint("acme.example/support", 41, ROOT).text == TEXT


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        TEXT + "\n",
        TEXT + "more\n",
        TEXT.replace("41", "041"),
        TEXT.replace("41", "-1"),
        TEXT.replace("41", "9007199254740992"),
        TEXT.replace("8=\n", "9=\n"),
        TEXT.replace("AAEC", "AA-C"),
        TEXT.replace("AAECAwQF", ""),
        TEXT.replace("acme.example/support", ""),
        TEXT.replace("acme.example/support", " acme"),
        TEXT.replace("acme", "acmé"),
        TEXT.replace("\n", "\r\n"),
    ],
)
def test_another_text_is_refused(text: str) -> None:
    """Each state has one text; the error names the file."""
    with pytest.raises(DocumentError, match=r"^kept\.txt: not a checkpoint"):
        parse_checkpoint(text, "kept.txt")
