"""A `runback.yaml` that says how a project redacts and nothing else: written before there is a gate.

In: its folder. Out: whether it is one, and its lines as they stand in the gate that `init` writes.

    complete(b"…spec:\\n  agents: […]\\n", Path())       # the same with `redact:` of the file that is there
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runback_gate.documents import parse_document
from runback_gate.documents.named_files import read_if_there
from runback_gate.errors import DocumentError, InputError, Location
from runback_gate.gate.config import GATE_FILE

_MAX = 1 << 20
_INDENT = "  "


def has_gate(root: Path = Path()) -> bool:
    """Whether a folder has a gate: a `runback.yaml` that says more than what is redacted, or that cannot be read."""
    return (root / GATE_FILE).exists() and _redact(root) is None


def complete(gate: bytes, root: Path) -> bytes | None:
    """A new gate with the `redact` of the file that is there; None where no such file is there.

    Raises:
        InputError: its lines cannot be taken over as they are written.
    """
    found = _redact(root)
    if found is None:
        return None
    text, value = found
    new = gate.decode() + "".join(f"{line}\n" for line in _block(text))
    try:
        kept = parse_document(new, GATE_FILE).value["spec"]["redact"]  # type: ignore[index,call-overload]
    except (DocumentError, LookupError, TypeError):
        kept = None
    if kept != value:
        message, hint = (
            "what it says of redaction cannot be kept as it is",
            "write `redact:` below `spec:`, a field a line",
        )
        raise InputError(message, hint=hint, location=Location(GATE_FILE))
    return new.encode()


def _redact(root: Path) -> tuple[str, Any] | None:
    """The text of the file, and its `redact`; None where it says anything else, too."""
    data = read_if_there(root / GATE_FILE, _MAX)
    if data is None:
        return None
    try:
        value: Any = parse_document(data, GATE_FILE).value
    except DocumentError:
        return None
    spec = value.get("spec") if isinstance(value, dict) else None
    return (data.decode(), spec["redact"]) if isinstance(spec, dict) and spec.keys() == {"redact"} else None


def _block(text: str) -> list[str]:
    """The lines of `redact`, with the comments before them, as far in as the fields of a gate stand."""
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if line.lstrip().startswith("redact:")), len(lines))
    indent = len(lines[start]) - len(lines[start].lstrip()) if start < len(lines) else 0
    end = next((at for at in range(start + 1, len(lines)) if _ends(lines[at], indent)), len(lines))
    notes = [line.strip() for line in lines[:start] if line.lstrip().startswith("#") and "$schema=" not in line]
    return [*(_INDENT + note for note in notes), *((_INDENT + line[indent:]).rstrip() for line in lines[start:end])]


def _ends(line: str, indent: int) -> bool:
    return bool(line.strip()) and len(line) - len(line.lstrip()) <= indent
