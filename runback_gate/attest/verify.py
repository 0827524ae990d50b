"""Whether to believe a signed result: who signed, what it covers, which commit, and whether the gate passed.

In: a verified signature (`Proof`), what its payload says, what the reader expects. Out: `Verification`, whose exit code
keeps four answers apart. Pure: files, keys and trust come from the caller.

    verification = judge(proof, statement, Expectations(identity=…, issuer=…, report=data))
    verification.exit_code      # 0 signed and passed, 1 invalid, 2 could not be verified, 3 signed but not passed

Names are compared whole, never by pattern. What the reader does not expect is not checked, and `Verification.compared`
says what was.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from runback_gate.attest.history import History
from runback_gate.attest.proof import Identity, Proof
from runback_gate.attest.statement import REPORT_NAME, Origin, Statement, gate_statement
from runback_gate.canonical import digest_bytes
from runback_gate.frozen import dataclass
from runback_gate.report.model import read_report

Status = Literal["passed", "not passed", "invalid", "unverified"]
Line = Literal["signed", "covers", "commit", "history"]

EXIT_CODES: Final[dict[Status, int]] = {"passed": 0, "invalid": 1, "unverified": 2, "not passed": 3}
NOT_COVERED: Final = (
    "the answers of the model provider before they were recorded",
    "runs that were never recorded",
)
"""What no signature can say."""

_WORKFLOW: Final = re.compile(r"(https://[^/@]+/[^/@]+/[^/@]+)/([^@]+)@(.+)")
_PULL: Final = "refs/pull/"
_RUN_ATTEMPT: Final = re.compile(r"/attempts/([0-9]{1,9})$")


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the reader expects. None and empty: it is not compared."""

    identity: str | None = None
    """The name in the certificate, whole."""
    issuer: str | None = None
    repository: str | None = None
    """`https://github.com/O/R`, the repository that was judged."""
    ref: str | None = None
    commit: str | None = None
    trigger: str | None = None
    pull_requests: bool = False
    """Whether a workflow of a pull request may sign. Whoever opens one can change what it runs."""
    report: bytes | None = None
    files: tuple[tuple[str, bytes], ...] = ()
    """Agent files, each with its name for the output."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A reason not to believe the result, and the line of the output that it belongs to."""

    line: Line
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What came out."""

    proof: Proof | None
    """None when the signature does not verify."""
    statement: Statement | None
    faults: tuple[Fault, ...] = ()
    history: History | None = None
    """None when no earlier results were given."""
    compared: tuple[str, ...] = ()
    """Files whose bytes were held against the statement."""

    @property
    def status(self) -> Status:
        """What it comes to; the worst of what was found."""
        if self.faults or self.proof is None or self.statement is None:
            return "invalid"
        if self.history is not None and not self.history.whole:
            return "unverified"
        return "not passed" if self.statement.result == "FAILED" else "passed"

    @property
    def exit_code(self) -> int:
        """0 signed and passed, 1 invalid, 2 could not be verified, 3 signed but not passed."""
        return EXIT_CODES[self.status]


def invalid(message: str) -> Verification:
    """What comes out where the signature itself does not verify."""
    return Verification(None, None, (Fault("signed", message),))


def judge(proof: Proof, statement: Statement, expected: Expectations, history: History | None = None) -> Verification:
    """Hold a signed result against what the reader expects.

    Raises:
        InputError: the report that was given is the one that was signed, and cannot be read by this version.
    """
    faults = [*signer_faults(proof, expected), *_commit_faults(proof, statement, expected)]
    compared, more = _compare_files(statement, expected)
    faults += more
    if history is not None:
        faults += [Fault("history", message) for message in history.faults]
    return Verification(proof, statement, tuple(faults), history, compared)


def signer_faults(proof: Proof, expected: Expectations) -> list[Fault]:
    """What speaks against whoever signed; nothing for a key, since the reader chose it."""
    found, messages = proof.identity, []
    if found is None:
        return []
    if found.issuer != expected.issuer:
        messages.append(f"vouched for by another issuer: {found.issuer}, not {expected.issuer}")
    if found.name != expected.identity:
        messages += _differences(found.name, expected.identity or "")
    messages += _trigger_faults(found, expected)
    messages += _source_faults(found, expected)
    return [Fault("signed", message) for message in messages]


def workflow(name: str) -> tuple[str, str, str] | None:
    """Repository, file and ref of a workflow's name; None for a name of another kind."""
    match = _WORKFLOW.fullmatch(name)
    return (match[1], match[2], match[3]) if match else None


def _differences(found: str, expected: str) -> list[str]:
    """In what two names differ."""
    these, those = workflow(found), workflow(expected)
    if these is None or those is None:
        return [f"signed by another identity: {found}, not {expected}"]
    parts = zip(("repository", "workflow", "ref"), these, those, strict=True)
    return [f"signed by another {kind}: {this}, not {that}" for kind, this, that in parts if this != that]


def _trigger_faults(found: Identity, expected: Expectations) -> list[str]:
    if expected.trigger is not None and found.trigger != expected.trigger:
        return [f"started by another trigger: {found.trigger or 'none is named'}, not {expected.trigger}"]
    pulled = (found.trigger or "").startswith("pull_request") or any(
        _PULL in text for text in (found.name, found.ref or "")
    )
    if pulled and not expected.pull_requests:
        return ["signed by a workflow of a pull request, which its author can change"]
    return []


def _source_faults(found: Identity, expected: Expectations) -> list[str]:
    """A workflow that others may call signs for each of them: then the reader must say for whom."""
    signer = workflow(found.name)
    messages = []
    for kind, this, that, own in (
        ("repository", found.repository, expected.repository, signer and signer[0]),
        ("ref", found.ref, expected.ref, signer and signer[2]),
    ):
        if that is not None and this != that:
            messages.append(f"ran for another {kind}: {this or 'none is named'}, not {that}")
        elif that is None and own and this != own:
            messages.append(f"ran for the {kind} {this or 'that it does not name'}: say --{kind} if that is right")
    return messages


def _commit_faults(proof: Proof, statement: Statement, expected: Expectations) -> list[Fault]:
    """What the statement claims about its origin, held against the certificate and against what is demanded."""
    facts, found = statement.facts, proof.identity or Identity("", "")
    messages = []
    for kind, claimed, certified, demanded in (
        ("commit", facts.commit, found.commit, expected.commit),
        ("repository", facts.repository, found.repository, expected.repository),
        ("ref", facts.ref, found.ref, expected.ref),
    ):
        if certified is not None and claimed != certified:
            messages.append(f"the statement says {kind} {claimed or 'none'}, the certificate {certified}")
        if demanded is not None and claimed != demanded:
            messages.append(f"the result of another {kind}: {claimed or 'none is named'}, not {demanded}")
    match = _RUN_ATTEMPT.search(found.run or "")
    if match and facts.attempt < int(match[1]):
        messages.append(f"the statement says attempt {facts.attempt}, the certificate attempt {match[1]}")
    return [Fault("commit", message) for message in messages]


def _compare_files(statement: Statement, expected: Expectations) -> tuple[tuple[str, ...], list[Fault]]:
    compared, messages = [], []
    if expected.report is not None:
        digest, signed = digest_bytes(expected.report), statement.subject(REPORT_NAME)
        if digest != signed:
            messages.append(f"another {REPORT_NAME}: {digest}, not {signed}")
        elif not _agrees(statement, expected.report, digest):
            messages.append(f"the statement says something else than its {REPORT_NAME}")
        else:
            compared.append(REPORT_NAME)
    names = {f"sha256:{item.digest.get('sha256')}": item.name for item in statement.subjects}
    for name, data in expected.files:
        digest = digest_bytes(data)
        if digest in names:
            compared.append(names[digest])
        else:
            messages.append(f"{name} is none of the files that were judged: {digest}")
    return tuple(compared), [Fault("covers", message) for message in messages]


def _agrees(statement: Statement, report: bytes, digest: str) -> bool:
    """Whether the report gives the statement: what is signed is then no more and no less than what is in it."""
    facts = statement.facts
    place = (facts.number, facts.attempt, facts.previous)
    origin = Origin(facts.repository, facts.ref, facts.commit, statement.url, *place)
    return gate_statement(read_report(report), digest, origin) == statement
