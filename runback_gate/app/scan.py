"""`scan`: whether files hold secrets or personal data.

In: names of files with what reads them, and a redactor. Out: what was found, and what could not be read.

    scanned = scan_files([("a.json", lambda: data)], redactor("standard", key=None, chance=os.urandom))
    scanned.exit_code       # 0 clean, 1 found, 2 could not read
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from runback_gate import __version__
from runback_gate.canonical import JsonValue
from runback_gate.errors import RunbackError
from runback_gate.redact import Found, Level, Redactor, Rule, parse_key, scan_bytes

SCHEMA_URI: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MAX_RESULTS: Final = 5_000
"""Results of one SARIF log: what GitHub keeps of one run."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What came of the files."""

    level: Level
    files: int
    """Files that were read."""
    found: tuple[Found, ...]
    faults: tuple[tuple[str, RunbackError], ...]
    """Files that could not be read, and why."""

    @property
    def exit_code(self) -> int:
        """2 when a file could not be read, else 1 when something was found, else 0."""
        return 2 if self.faults else int(bool(self.found))


def redactor(
    level: Level, *, key: str | None, chance: Callable[[int], bytes], custom: tuple[Rule, ...] = ()
) -> Redactor:
    """A redactor under the project's key, or under one of its own where there is none.

    Raises:
        InputError: the key is too short.
    """
    own = parse_key(key) if key else None
    return Redactor(level, key=own or chance(32), own_key=own is not None, custom=custom)


def scan_files(files: Iterable[tuple[str, Callable[[], bytes]]], redactor: Redactor) -> Scanned:
    """Look through files, each read when its turn comes; one that cannot be read does not hide the others."""
    found: list[Found] = []
    faults: list[tuple[str, RunbackError]] = []
    number = 0
    for path, read in files:
        try:
            found += scan_bytes(read(), path, redactor)
            number += 1
        except RunbackError as error:
            faults.append((path, error))
    return Scanned(redactor.level, number, tuple(found), tuple(faults))


def scan_json(scanned: Scanned) -> JsonValue:
    """What was found, as `--json` prints it; values stand nowhere."""
    found: list[JsonValue] = [
        {
            "path": item.path,
            "line": item.line,
            "pointer": item.pointer or None,
            "rule": item.rule,
            "pseudonym": item.pseudonym,
        }
        for item in scanned.found
    ]
    unread: list[JsonValue] = [{"path": path, "error": str(error)} for path, error in scanned.faults]
    return {"level": scanned.level, "files": scanned.files, "found": found, "unread": unread}


def scan_sarif(scanned: Scanned) -> dict[str, Any]:
    """What was found as a SARIF 2.1.0 log of one run."""
    rules = sorted({item.rule for item in scanned.found})
    results = [
        {
            "ruleId": item.rule,
            "ruleIndex": rules.index(item.rule),
            "level": "error",
            "message": {"text": message(item)},
            "locations": [_location(item)],
            "partialFingerprints": {"value/v1": item.pseudonym},
        }
        for item in scanned.found[:MAX_RESULTS]
    ]
    notes = [{"level": "error", "message": {"text": str(error)}} for _, error in scanned.faults]
    left = len(scanned.found) - len(results)
    if left:
        notes.append({"level": "warning", "message": {"text": f"{left:,} more results are left out"}})
    driver = {"name": "runback-gate scan", "semanticVersion": __version__, "rules": [{"id": rule} for rule in rules]}
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": not scanned.faults, "toolExecutionNotifications": notes}],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return {"$schema": SCHEMA_URI, "version": "2.1.0", "runs": [run]}


def message(item: Found) -> str:
    """What was found where, without the value."""
    at = f" at {item.pointer}" if item.pointer else ""
    return f"{item.rule}{at}: {item.pseudonym}"


def _location(item: Found) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": item.path}, "region": {"startLine": item.line}}
    return {"physicalLocation": place}
