"""Reports and results for the tests of what is signed."""

from __future__ import annotations

import dataclasses
from typing import Any

from runback_gate.attest.proof import Identity, LogEntry, Proof
from runback_gate.attest.statement import Origin, Statement, gate_statement, statement_bytes
from runback_gate.canonical import digest_bytes
from runback_gate.gate.verdict import Verdict
from runback_gate.report.model import Report, Revision, write_report
from tests.report.reports import make_finding, make_report, make_row
from tests.sigstack.stack import COMMIT, IDENTITY, ISSUER, REF

REPOSITORY = "https://github.com/acme/agent"
BASE = "4be1f02a" * 5
ORIGIN = Origin(REPOSITORY, REF, COMMIT, f"{REPOSITORY}/actions/runs/7/attempts/1")
REVISIONS = {"head": Revision("main", COMMIT), "base": Revision("main", BASE)}
IDENTITY_OF_MAIN = Identity(
    name=IDENTITY,
    issuer=ISSUER,
    repository=REPOSITORY,
    ref=REF,
    commit=COMMIT,
    trigger="push",
    runner="github-hosted",
    run=f"{REPOSITORY}/actions/runs/7/attempts/1",
)


def green() -> Report:
    """Two cases that pass."""
    return make_report([make_row("tone", Verdict.PASS), make_row("refund", Verdict.PASS)], **REVISIONS)


def red() -> Report:
    """One case that fails, and one that passes."""
    failing = make_row("disputed-charge-escalates", Verdict.FAIL, findings=(make_finding(),))
    return make_report([failing, make_row("tone", Verdict.PASS)], **REVISIONS)


def statement(report: Report | None = None, **origin: Any) -> Statement:
    """The statement of a report, green if none is given."""
    chosen = report or green()
    return gate_statement(chosen, digest_bytes(write_report(chosen)), dataclasses.replace(ORIGIN, **origin))


def proof(item: Statement, **identity: Any) -> Proof:
    """A signature over a statement by the workflow of the branch, with some of what its certificate says changed."""
    holder = dataclasses.replace(IDENTITY_OF_MAIN, **identity)
    log = LogEntry(1482, "https://log.example", None)
    return Proof(statement_bytes(item), identity=holder, log=log, time="2026-11-23T07:40:12Z")
