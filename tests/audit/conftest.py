"""Runs, reports and records for tests: small, the same each time, signed with a key that nobody else has."""

from __future__ import annotations

import hashlib
import re
from functools import cache, partial
from io import BytesIO
from typing import Any

from runback_gate.attest.bundle import bundle_bytes, read_bundle
from runback_gate.attest.keys import PrivateKey, new_key, sign_payload, verify_payload
from runback_gate.audit.record import Part, export
from runback_gate.audit.verify import Check, RecordVerification, verify_record
from runback_gate.chain import append, tombstone, value_line

ORIGIN = "acme.example/support"
NOW = "2026-01-31T12:00:00Z"
REPORT = b'{\n  "rows": [],\n  "verdict": "PASS"\n}\n'


@cache
def key() -> PrivateKey:
    """The key that signs."""
    return new_key("ed25519")


def checker(signer: PrivateKey | None = None) -> Check:
    """Checks signatures of the key."""
    public = (signer or key()).public_key()
    return lambda kind, bundle: verify_payload(public, read_bundle(bundle_bytes(bundle), "signature"), kind)


def run_lines(name: str, events: int, *, erased: tuple[int, ...] = ()) -> list[bytes]:
    """A run of so many events, with a value before every second one; some of the values are erased."""
    lines: list[bytes] = []
    head, names, values = None, list[str](), 0
    for number in range(events):
        kind = {0: "run.start", events - 1: "run.end"}.get(number, "model")
        if number % 2:
            salt = hashlib.sha256(f"{name} {number}".encode()).digest()[:16]
            line, value = value_line(salt, {"role": "user", "content": f"message {number}"})
            if values in erased:
                line = tombstone(value, at=NOW, reason="asked for by the customer")
            lines.append(line)
            names, values = [value], values + 1
        event: dict[str, Any] = {"type": kind, "n": number, "messages": list(names), "source": {"run": name}}
        if number == 0:
            event |= {"format": "runback.run/v1", "run": name, "agent": "support"}
        line, head = append(head, event)
        lines.append(line)
    return lines


def run_part(name: str, events: int = 5, **options: Any) -> Part:
    """A run as a part of a record."""
    disclosed = options.pop("disclosed", None)
    lines = run_lines(name, events, **options)
    return Part("run", name, lambda: lines, disclosed)


def report_part(data: bytes = REPORT, name: str = "report.json") -> Part:
    """A report as a part of a record."""
    return Part("report", name, lambda: BytesIO(data))


def record(*parts: Part, signer: PrivateKey | None = None, signed: bool = True, origin: str = ORIGIN) -> list[bytes]:
    """The lines of a record; a run of five events and a report where no parts are named."""
    sign = partial(sign_payload, signer or key()) if signed else None
    chosen = parts or (run_part("sample"), report_part())
    return list(export(chosen, origin=origin, created=NOW, tool="runback-gate 0", sign=sign))


def split(data: bytes) -> list[bytes]:
    """Lines as a file gives them: ended by LF only."""
    return re.findall(rb"[^\n]*\n|[^\n]+", data)


def verified(lines: list[bytes], **options: Any) -> RecordVerification:
    """The verification with the key."""
    return verify_record(lines, **{"check": checker(), **options})
