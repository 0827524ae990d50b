"""Sign what a report says: the report of this run, of these files, of this commit.

In: the bytes of a report, who signs, and where the result was made. Out: the statement and its bundles.

    signed = sign(data, Key(private), Origin(commit=sha))
    signed.statement.result, signed.bundle

What is signed is what was just made: a report that names another commit, or files that are not those that lie here, is
refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runback_gate.attest.bundle import bundle_bytes, read_bundle
from runback_gate.attest.history import statement_digest
from runback_gate.attest.keys import PrivateKey, sign_payload
from runback_gate.attest.statement import Origin, Statement, gate_statement, read_statement, statement_bytes, svr_bytes
from runback_gate.canonical import digest_bytes
from runback_gate.documents import safe_read
from runback_gate.documents.named_files import read_file
from runback_gate.dsse import IN_TOTO, Json, envelope_of
from runback_gate.errors import InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.gate.names import GATE_FILE
from runback_gate.report.model import Report, read_report
from runback_gate.report.text import line

if TYPE_CHECKING:
    from runback_gate.attest.sigstore import Trust

MAX_INPUT_BYTES = 64 << 20
_AGAIN = "judge again with `runback-gate run`, then sign"


@dataclass(frozen=True, slots=True)
class Key:
    """Signs without a network."""

    key: PrivateKey


@dataclass(frozen=True, slots=True)
class Keyless:
    """Signs with the identity of a job or a person, through Sigstore."""

    token: str
    trust: Trust
    public_log: bool
    """Whether a log that everybody reads may name the repository."""
    pause: Callable[[float], None]
    """Waits some seconds before everything is tried again."""


@dataclass(frozen=True, slots=True)
class File:
    """Bytes, and the name that they have in errors."""

    name: str
    data: bytes


def read_named(path: Path, limit: int, hint: str | None = None) -> File:
    """A file that a person named.

    Raises:
        InputError: it cannot be read.
    """
    return File(path.as_posix(), read_file(path, limit, hint=hint))


@dataclass(frozen=True, slots=True)
class SignOptions:
    """What is signed beside the report, and what the report is held against."""

    previous: File | None = None
    """Bundle of the result before this one on the branch."""
    svr_time: str | None = None
    """RFC 3339 time: sign a Simple Verification Result too."""
    commits: tuple[str, ...] = ()
    """Commits that the job is about: what the report judged is one of them, or that of the origin."""
    root: Path | None = None
    """Folder of the gate: its files are those that the report judged. None: they do not lie here."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A result, signed."""

    statement: Statement
    bundle: bytes
    svr: bytes | None


def sign(report: File, signer: Key | Keyless, origin: Origin, options: SignOptions | None = None) -> Signed:
    """Sign what a report says, whether it passed or not. An origin without a commit gets that of the report.

    Raises:
        InputError: no report, the report of another commit or of other files, or the signer may not sign.
        SigningError: a service that signing needs did not answer as it must.
    """
    options = options or SignOptions()
    parsed = read_report(report.data, report.name)
    judged = (parsed.head.commit if parsed.head else "") or None
    origin = dataclasses.replace(origin, commit=origin.commit or judged)
    check_commit(judged, {commit for commit in (origin.commit, *options.commits) if commit}, report.name)
    if options.root is not None:
        check_files(parsed, options.root, report.name)
    if options.previous is not None:
        origin = follow(options.previous, parsed.gate, origin)
    statement = gate_statement(parsed, digest_bytes(report.data), origin)
    payloads = [statement_bytes(statement)]
    if options.svr_time is not None:
        payloads.append(svr_bytes(statement, options.svr_time))
    bundles = [bundle_bytes(bundle) for bundle in _bundles(payloads, signer)]
    return Signed(statement, bundles[0], bundles[1] if len(bundles) > 1 else None)


def gate_of(report: Path) -> Path | None:
    """The folder of the gate whose report lies in its usual place."""
    root = report.parent.parent
    return root if report.parent.name == ".runback" and (root / GATE_FILE).is_file() else None


def load_trust(path: Path | None, *, offline: bool = False) -> Trust:
    """The trust of a file, or the public one.

    Raises:
        InputError: the file is missing or no trust configuration.
        SigningError: the public one could not be fetched.
    """
    from runback_gate.attest.sigstore import MAX_TRUST_BYTES, public_trust, read_trust  # noqa: PLC0415  half a second

    if path is None:
        return public_trust(offline=offline)
    return read_trust(read_file(path, MAX_TRUST_BYTES), path.as_posix())


def signed_json(statement: Statement, paths: Sequence[Path]) -> dict[str, Any]:
    """What was signed, and where the bundles are."""
    facts = statement.facts
    place = {"number": facts.number, "attempt": facts.attempt, "statement": statement_digest(statement)}
    return {"result": statement.result, "reason": facts.reason, **place, "bundles": [path.as_posix() for path in paths]}


def signed_lines(statement: Statement, paths: Sequence[Path]) -> Iterator[str]:
    """The same, line by line."""
    facts = statement.facts
    reason = f": {facts.reason}" if facts.reason else ""
    yield f"signed     {statement.result}{line(reason)}   number {facts.number}, attempt {facts.attempt}"
    yield f"statement  {statement_digest(statement)}"
    if facts.commit is not None and facts.head is None:
        yield f"note       the report names no commit: that it is of {facts.commit} is the signer's word"
    for path in paths:
        yield f"bundle     {line(path.as_posix())}"


def check_commit(judged: str | None, commits: set[str], name: str) -> None:
    """Refuse a report of another commit than the one that the result is signed for."""
    if judged is not None and judged not in commits:
        message = f"the report is of commit {judged}, not of {' or '.join(sorted(commits))}"
        raise InputError(message, hint=_AGAIN, location=Location(name))


def check_files(report: Report, root: Path, name: str) -> None:
    """Refuse a report of other files than those of a gate in a folder: an earlier run left it, or a commit brought it.

    Answers of models lie in the cache, not in the folder, and the files of the base lie nowhere.
    """
    for item in report.inputs:
        if item.side == "head" and item.kind != "answer":
            try:
                same = digest_bytes(safe_read(root, item.path, MAX_INPUT_BYTES)) == item.digest
            except InputError:
                same = False
            if not same:
                message = f"the report is of another run: {item.path} is not the file that it judged"
                raise InputError(message, hint=_AGAIN, location=Location(name))


def follow(previous: File, gate: str, origin: Origin) -> Origin:
    """The origin as that of the result after another, whose bundle is read and not verified: `verify --history` does.

    Raises:
        InputError: no bundle of a gate, or of another branch.
    """
    bundle = read_bundle(previous.data, previous.name)
    before = read_statement(envelope_of(bundle, previous.name).payload, previous.name)
    facts = before.facts
    if (facts.gate, facts.repository, facts.ref) != (gate, origin.repository, origin.ref):
        hint = "the chain is that of one gate, repository and ref"
        raise InputError(f"{previous.name}: the result of another branch", hint=hint)
    again = facts.commit == origin.commit and facts.commit is not None
    return dataclasses.replace(
        origin,
        number=facts.number + 1,
        attempt=max(origin.attempt, facts.attempt + 1 if again else 1),
        previous=statement_digest(before),
    )


def _bundles(payloads: Sequence[bytes], signer: Key | Keyless) -> Sequence[Json]:
    if isinstance(signer, Key):
        return [sign_payload(signer.key, IN_TOTO, payload) for payload in payloads]
    from runback_gate.attest.sigstore import sign_keyless  # noqa: PLC0415  half a second

    if signer.trust.public and not signer.public_log:
        hint = "--public-log publishes it, --trust-config names your own Sigstore, --key needs neither"
        message = "the public log would name repository, workflow and commit for ever, and it is not known to be public"
        raise InputError(message, hint=hint)
    return sign_keyless(payloads, signer.token, signer.trust, pause=signer.pause)
