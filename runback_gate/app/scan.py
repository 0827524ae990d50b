"""`scan`: whether files hold secrets or personal data.

In: names of files with what reads them, and a redactor. Out: what was found, and what could not be read.

    scanned = scan_paths([Path("runs")], Redactor.under("standard", None, os.urandom))
    scanned.exit_code       # 0 clean, 1 found, 2 could not read
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from runback_gate import __version__
from runback_gate.canonical import JsonValue, parse_json
from runback_gate.documents.folders import files_in
from runback_gate.documents.named_files import read_file
from runback_gate.errors import RunbackError
from runback_gate.frozen import dataclass
from runback_gate.plural import many
from runback_gate.redact import Found, Level, ProjectRules, Redactor, Rule, parse_rules, scan_bytes
from runback_gate.report.text import line

SCHEMA_URI: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MAX_FILE: Final = 256 << 20
"""Bytes of the largest file that is looked through."""
MAX_RULES: Final = 1 << 20
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


def read_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of a file, a JSON list.

    Raises:
        InputError: the file cannot be read.
        DocumentError: it holds no rules.
    """
    name = path.as_posix()
    return parse_rules(parse_json(read_file(path, MAX_RULES), path=name), path=name)


def scanner(level: Level | None, key: str | None, random: Callable[[int], bytes], project: ProjectRules) -> Redactor:
    """What finds at a level; without one at the project's, but never at none.

    Raises:
        InputError: the key is too short.
    """
    if level is None:
        level = "strict" if project.level == "strict" else "standard"
    return Redactor.under(level, key, random, project)


def scan_paths(paths: Iterable[Path], redactor: Redactor) -> Scanned:
    """Look through files, and through the files of folders; hidden ones of a folder are left out.

    Raises:
        InputError: a folder cannot be listed.
    """
    files = (file for path in paths for file in (files_in(path) if path.is_dir() else (path,)))
    return scan_files(((file.as_posix(), partial(read_file, file, MAX_FILE)) for file in files), redactor)


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


def scan_lines(scanned: Scanned) -> Iterator[str]:
    """A line for each thing that was found, then how many there are."""
    for item in scanned.found:
        yield line(f"{item.location}: {message(item)}")
    yield f"{many(len(scanned.found), 'finding')} in {many(scanned.files, 'file')}, level {scanned.level}"


def message(item: Found) -> str:
    """What was found where, without the value."""
    at = f" at {item.pointer}" if item.pointer else ""
    return f"{item.rule}{at}: {item.pseudonym}"


def _location(item: Found) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": item.path}, "region": {"startLine": item.line}}
    return {"physicalLocation": place}
