"""Checkpoints: the three lines that stand for a whole record (C2SP tlog-checkpoint).

In: the text that someone kept. Out: origin, size and root; and back.

    Checkpoint("acme.example/support", 41, root).text     # "acme.example/support\\n41\\n<base64>\\n"
    parse_checkpoint(text)

They are the body of a note; `attest.note` signs one. A note is read by its body: whoever kept it knows whose it is.

Whoever keeps one outside the record can tell later that the record was cut or rewritten.
"""

from __future__ import annotations

import base64
import re

from runback_gate.errors import DocumentError, Location
from runback_gate.frozen import dataclass

MAX_SIZE = 2**53 - 1
_ORIGIN = re.compile(r"[!-~]([ -~]{0,198}[!-~])?")
_NOTE = re.compile(r"((?:[^\n]+\n){3})\n(?:\u2014 [^ \n]+ [A-Za-z0-9+/]+={0,2}\n)+")
_TEXT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log of lines."""

    origin: str
    """Name of the log: what is compared with another checkpoint has the same."""
    size: int
    """Number of leaves of the tree."""
    root: bytes
    """Its root hash, 32 bytes."""

    @property
    def text(self) -> str:
        """The three lines, each with its line end."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def is_origin(text: str) -> bool:
    """Whether a text may name a log: 1 to 200 printable ASCII characters, no space at either end."""
    return _ORIGIN.fullmatch(text) is not None


def parse_checkpoint(text: str, path: str = "checkpoint") -> Checkpoint:
    """Read a checkpoint, alone or in a signed note; anything but the text that `Checkpoint.text` gives is refused.

    Signatures of a note are not verified.

    Raises:
        DocumentError: other lines, a size with leading zeros, a root that is not 32 bytes in base64.
    """
    if note := _NOTE.fullmatch(text):
        text = note[1]
    match = _TEXT.fullmatch(text)
    # The pattern lets nothing pass that is no base64 of 32 bytes; what is spelt otherwise differs when it is written.
    found = Checkpoint(match[1], int(match[2]), base64.b64decode(match[3])) if match and is_origin(match[1]) else None
    if found is None or found.text != text or found.size > MAX_SIZE:
        hint = "three lines: origin, size, root in base64"
        raise DocumentError("not a checkpoint", hint=hint, location=Location(path))
    return found
