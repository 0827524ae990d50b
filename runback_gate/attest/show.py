"""A verification as people and programs read it.

In: `Verification`. Out: text, each statement on its own line; or a JSON object.

    lines(verification, commands)
    as_json(verification, commands)["status"]

What a certificate or a statement says is hostile text like any other.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from runback_gate.attest.history import History
from runback_gate.attest.proof import Identity, Proof
from runback_gate.attest.statement import Statement
from runback_gate.attest.verify import NOT_COVERED, Line, Status, Verification, workflow
from runback_gate.dsse import Json
from runback_gate.plural import many
from runback_gate.report.text import safe_terminal
from runback_gate.report.wording import input_counts

SCHEMA: Final = "runback.verification/v1"
WIDTH: Final = 13
"""Columns of the first word of a line."""
MOST: Final = 5
"""Names in a list before the rest is counted."""

RESULTS: Final[dict[Status, str]] = {
    "passed": "SIGNED, PASSED",
    "not passed": "SIGNED, NOT PASSED",
    "invalid": "INVALID",
    "unverified": "NOT VERIFIED",
}


def lines(verification: Verification, commands: Sequence[str]) -> str:
    """The text for a terminal or a log, with a line end."""
    proof, statement = verification.proof, verification.statement
    faults = {line: [item.message for item in verification.faults if item.line == line] for line in _LINES}
    if proof is None or statement is None:
        found = [("signed", "no", "; ".join(faults["signed"]))]
    else:
        found = [("signed", "no" if faults["signed"] else "yes", _signed(proof)), *_against("signed", faults)]
        found += [("covers", "", item) for item in _covers(verification, statement)] + _against("covers", faults)
        found += [("commit", "", _commit(proof, statement)), *_against("commit", faults)]
        # Whom nobody believes, nobody asks.
        said = "?" if verification.faults else "no" if statement.result == "FAILED" else "yes"
        found += [("passed", said, item) for item in _passed(statement)]
        found += [("history", "", item) for item in _history(statement, verification.history)]
        found += _against("history", faults)
    found += [("not covered", "", item) for item in NOT_COVERED]
    found += [("result", "", f"{RESULTS[verification.status]} · exit {verification.exit_code}")]
    text, last = [], ""
    for word, said, line in found:
        first = word != last
        column = f"{said if first else '':<6}" if word in ("signed", "passed") else ""
        text.append(f"{word if first else '':<{WIDTH}}{column}{safe_terminal(line)}".rstrip() + "\n")
        last = word
    # A command that holds what cannot be shown as it is would be another command.
    shown = [f"  {command}\n" for command in commands if safe_terminal(command) == command]
    if shown and proof is not None:
        aside = "" if verification.history is None else ", history aside"
        text += [f"the same with other tools{aside}:\n", *shown]
    return "".join(text)


def as_json(verification: Verification, commands: Sequence[str]) -> Json:
    """The same for a program: schema `runback.verification/v1`."""
    proof, statement = verification.proof, verification.statement
    history = verification.history
    value: Json = {
        "schema": SCHEMA,
        "status": verification.status,
        "exit_code": verification.exit_code,
        "faults": [{"line": item.line, "message": item.message} for item in verification.faults],
        "signed": None,
        "statement": None,
        "history": None if history is None else {**dataclasses.asdict(history), "whole": history.whole},
        "compared": list(verification.compared),
        "not_covered": list(NOT_COVERED),
        "commands": list(commands),
    }
    if proof is not None:
        value["signed"] = {
            "key": proof.key,
            "time": proof.time,
            "identity": None if proof.identity is None else dataclasses.asdict(proof.identity),
            "log": None if proof.log is None else dataclasses.asdict(proof.log),
        }
    if statement is not None:
        value["statement"] = dataclasses.asdict(statement)
    return value


_LINES: Final[tuple[Line, ...]] = ("signed", "covers", "commit", "history")


def _against(line: Line, faults: Mapping[Line, Sequence[str]]) -> list[tuple[str, str, str]]:
    return [(line, "", f"✗ {fault}") for fault in faults[line]]


def _signed(proof: Proof) -> str:
    if proof.identity is None:
        return f"key {proof.key} · when is not proven, nor that it is in a log"
    parts = [*_holder(proof.identity)]
    if proof.log is not None:
        parts.append(f"log index {proof.log.index} of {proof.log.log}")
    times = [item for item in (proof.time, proof.log and proof.log.integrated) if item]
    return " · ".join([*parts, *dict.fromkeys(times)])


def _holder(identity: Identity) -> Iterator[str]:
    parts = workflow(identity.name)
    if parts is None:
        yield f"{identity.name} by {identity.issuer}"
    else:
        yield _short(parts[0])
        yield f"{parts[1]}@{parts[2]}"
        if identity.repository not in (None, parts[0]):
            yield f"for {_short(identity.repository or '')}"
    for text in (identity.trigger, identity.commit, identity.runner):
        if text is not None:
            yield text


def _covers(verification: Verification, statement: Statement) -> Iterator[str]:
    for item in statement.subjects[: MOST + 1]:
        seen = "the same" if item.name in verification.compared else "not compared"
        yield f"{item.name} sha256:{item.digest.get('sha256')} · {seen}"
    if len(statement.subjects) > MOST + 1:
        yield f"{len(statement.subjects) - MOST - 1:,} more files"
    kinds: Counter[str] = Counter()
    for source in statement.configuration:
        if kind := source.annotations.get("kind"):
            files = source.annotations.get("files", "1")
            kinds[kind] += int(files) if re.fullmatch("[0-9]{1,9}", files) else 1
    if kinds:
        yield ", ".join(input_counts(kinds))


def _commit(proof: Proof, statement: Statement) -> str:
    facts = statement.facts
    where = " of ".join(text for text in (facts.ref, _short(facts.repository or "")) if text)
    said = f"{facts.commit or 'not named'}{f' on {where}' if where else ''}"
    if facts.head not in (None, facts.commit):
        said += f", head {facts.head}"
    if facts.base is not None:
        said += f", against base {facts.base}"
    if proof.identity is None:
        return f"{said}, as the holder of the key says"
    if proof.identity.commit is None:
        return f"{said}, as the signer says: the certificate names none"
    return f"{said}, as the certificate says" if proof.identity.commit == facts.commit else said


def _passed(statement: Statement) -> Iterator[str]:
    passed, warned, failed = len(statement.passed), len(statement.warned), len(statement.failed)
    total = many(passed + warned + failed, "case")
    if statement.result == "PASSED":
        yield total
    elif statement.result == "WARNED":
        yield f"{passed:,} of {total}; with warnings or waivers: {_some(statement.warned)}"
    else:
        yield f"{failed:,} of {total} did not pass"
    if statement.facts.reason is not None:
        yield statement.facts.reason
    for item in statement.facts.failures[:MOST]:
        undecided = " could not be judged" if item.verdict == "UNDECIDED" else ""
        yield f"{item.test}{undecided}{f' ({_some(item.rules)})' if item.rules else ''}"
    if len(statement.facts.failures) > MOST:
        yield f"and {len(statement.facts.failures) - MOST:,} more"


def _history(statement: Statement, history: History | None) -> Iterator[str]:
    facts = statement.facts
    place = f"number {facts.number}, attempt {facts.attempt} at this commit"
    if history is None:
        yield f"{place}; earlier results were not given"
        return
    yield "; ".join([place, *(f"attempt {item.attempt} {item.result}" for item in history.attempts)])
    counts = f"{many(history.results, 'result')}: {history.passed:,} passed, {history.failed:,} did not"
    later = f"; {history.later:,} later than this one" if history.later else ""
    others = f"; {history.others:,} of other branches left out" if history.others else ""
    yield f"{counts}{later}{others}{'; nothing is missing' if history.whole else ''}"
    yield from (f"? {item}" for item in (*history.gaps, *history.forks))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST:,} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more


def _short(repository: str) -> str:
    return repository.removeprefix("https://github.com/")
