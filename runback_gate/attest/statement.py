"""What is signed about a gate: an in-toto Statement v1 with the predicate test-result v0.1.

In: a report, the digest of its bytes, and where it was made. Out: a `Statement`, and its bytes.

    statement = gate_statement(report, digest_bytes(data), Origin(commit=sha))
    data = statement_bytes(statement)
    read_statement(data, "bundle.json") == statement

Subjects are the report and every gated agent file. PASSED means that every case passed; a pass with warnings or waivers
is WARNED; everything else is FAILED, also what could not be judged, with the reason beside it. No clock is read: the
same report and origin give the same bytes. Sources: in-toto attestation v1, predicates test-result v0.1 and svr v0.2.
"""

from __future__ import annotations

import itertools
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final, Literal, cast

from runback_gate.canonical import canonical_bytes, digest_bytes, parse_canonical
from runback_gate.dsse import STATEMENT_TYPE, Json
from runback_gate.errors import DocumentError, InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.gate.verdict import Row, Verdict
from runback_gate.report.model import Input, Report, Revision
from runback_gate.report.wording import deciding
from runback_gate.step import from_json, to_json

TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
SVR: Final = "https://in-toto.io/attestation/svr/v0.2"
FACTS: Final = "https://runback.dev/attestation/gate/v1"
"""The field of the predicate that holds what test-result has no field for."""
VERIFIER: Final = "https://runback.dev/gate/v1"
"""Who judged, as the SVR names it."""
REPORT_NAME: Final = "report.json"
MAX_SUBJECTS: Final = 1024
"""What sigstore-go, and with it gh and cosign, takes at most."""

Result = Literal["PASSED", "WARNED", "FAILED"]

_STRICT = {"extra": "forbid"}
# Kinds of which a gate may have thousands: one descriptor over a list of them.
_MANY: Final = {"recording": "recordings", "answer": "answers"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a result was made and its place among those of its branch, as the signer says. None is unknown."""

    repository: str | None = None
    """`https://github.com/acme/agent`"""
    ref: str | None = None
    """`refs/heads/main`"""
    commit: str | None = None
    """The commit that the workflow ran for, 40 or 64 hex digits; in a pull request that of the merge."""
    url: str | None = None
    """The run of the workflow, for people."""
    number: int = 1
    """Place of this result among those of the ref, from 1."""
    attempt: int = 1
    """Place among the results of the commit, from 1."""
    previous: str | None = None
    """Digest of the statement before it on the ref; None for the first."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A file that the result is about."""

    __pydantic_config__ = _STRICT

    name: str
    digest: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Something that the result depends on: an in-toto ResourceDescriptor."""

    __pydantic_config__ = _STRICT

    name: str
    uri: str | None = None
    digest: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that did not pass, and the rules that decided it."""

    __pydantic_config__ = _STRICT

    test: str
    verdict: Literal["FAIL", "UNDECIDED"]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What test-result has no field for."""

    __pydantic_config__ = _STRICT

    gate: str
    verdict: Literal["PASS", "FAIL", "UNDECIDED"]
    date: str
    """The day that waivers were held against."""
    number: int
    attempt: int
    reason: str | None = None
    """Why it is FAILED though no test failed."""
    selection: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    repository: str | None = None
    ref: str | None = None
    commit: str | None = None
    head: str | None = None
    """The commit that was judged, as the report names it."""
    base: str | None = None
    """The commit that it was judged against."""
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A gate's result as it is signed."""

    subjects: tuple[Subject, ...]
    result: Result
    configuration: tuple[Descriptor, ...]
    passed: tuple[str, ...]
    warned: tuple[str, ...]
    failed: tuple[str, ...]
    """Tests that failed or could not be judged."""
    facts: Facts
    url: str | None = None

    def subject(self, name: str) -> str | None:
        """The digest of the file of a name, as `sha256:…`; None when the result is not about it."""
        found = (f"sha256:{item.digest.get('sha256')}" for item in self.subjects if item.name == name)
        return next(found, None)


def gate_statement(report: Report, report_digest: str, origin: Origin) -> Statement:
    """What a report comes to. `report_digest` is that of the bytes of the report's file.

    Raises:
        InputError: more agent files than other verifiers take, or two of one name.
    """
    subjects = [Subject(REPORT_NAME, _sha256(report_digest))]
    subjects += [Subject(item.path, _sha256(item.digest)) for item in report.agents]
    names = [item.name for item in subjects]
    if len(set(names)) < len(names):
        raise InputError("two of the files to attest have one name", hint=f"rename the agent file {REPORT_NAME}")
    if len(subjects) > MAX_SUBJECTS:
        raise InputError(f"more than {MAX_SUBJECTS - 1:,} agent files", hint="split the gate")
    result, reason = _result(report)
    return Statement(
        subjects=tuple(subjects),
        result=result,
        configuration=(*_sources(report, origin), *_inputs(report), *_programs(report)),
        passed=_tests(report, Verdict.PASS),
        warned=_tests(report, Verdict.WARN, Verdict.WAIVED),
        failed=_tests(report, Verdict.FAIL, Verdict.UNDECIDED),
        facts=Facts(
            gate=report.gate,
            verdict=cast("Literal['PASS', 'FAIL', 'UNDECIDED']", str(report.verdict)),
            date=report.date,
            number=origin.number,
            attempt=origin.attempt,
            reason=reason,
            selection=report.selection,
            failures=tuple(_failure(row) for row in report.rows if row.verdict in (Verdict.FAIL, Verdict.UNDECIDED)),
            repository=origin.repository,
            ref=origin.ref,
            commit=origin.commit,
            head=_commit(report.head),
            base=_commit(report.base),
            previous=origin.previous,
        ),
        url=origin.url,
    )


def row_name(row: Row) -> str:
    """How a row is called in statements: the same in every report, whatever other rows there are."""
    return f"{row.agent}: {row.dataset}/{row.case}" if row.kind == "case" else f"{row.kind} {row.case}"


def statement_bytes(statement: Statement) -> bytes:
    """What is signed: canonical JSON."""
    predicate: Json = {
        "result": statement.result,
        "configuration": to_json(statement.configuration),
        "passedTests": list(statement.passed),
        "warnedTests": list(statement.warned),
        "failedTests": list(statement.failed),
        FACTS: to_json(statement.facts),
    }
    if statement.url is not None:
        predicate["url"] = statement.url
    return _envelope(statement.subjects, TEST_RESULT, predicate)


def read_statement(data: bytes, path: str) -> Statement:
    """A statement whose signature was verified; `path` names its bundle in errors.

    Raises:
        DocumentError: not canonical JSON, not a statement of a gate, or fields that this version does not know.
    """
    value = parse_canonical(data, path=path)
    hint = "it says something else, or was signed by another version of Runback gate"
    other = DocumentError("the signed statement is not the result of a gate", hint=hint, location=Location(path))
    if not isinstance(value, dict) or value.get("predicateType") != TEST_RESULT:
        raise other
    try:
        predicate = cast("Json", value["predicate"])
        statement = from_json(
            Statement,
            {
                "subjects": value["subject"],
                "result": predicate["result"],
                "configuration": predicate["configuration"],
                "passed": predicate["passedTests"],
                "warned": predicate["warnedTests"],
                "failed": predicate["failedTests"],
                "facts": predicate[FACTS],
                "url": predicate.get("url"),
            },
            path,
        )
    except (KeyError, TypeError, AttributeError, InputError) as error:
        raise other from error
    if statement_bytes(statement) != data:
        raise other
    return statement


def svr_bytes(statement: Statement, created: str) -> bytes:
    """A Simple Verification Result of the same subjects, for readers that know no failure.

    `created` is an RFC 3339 time.

    Raises:
        InputError: the gate did not pass.
    """
    if statement.result == "FAILED":
        raise InputError("no verification result of a gate that did not pass", hint="leave out --svr")
    policies = [item for item in statement.configuration if item.annotations.get("kind") == "policy"]
    properties = ["RUNBACK_GATE_PASSED"] if statement.result == "PASSED" else ["RUNBACK_GATE_PASSED_WITH_WARNINGS"]
    predicate: Json = {
        "verifier": {"id": VERIFIER, "policies": to_json(policies)},
        "timeCreated": created,
        "properties": list(properties),
    }
    return _envelope(statement.subjects, SVR, predicate)


def manifest(files: Iterable[tuple[str, str]]) -> bytes:
    """A list of files, path and digest, as `sha256sum` writes and checks it: sorted by path."""
    return b"".join(f"{digest.removeprefix('sha256:')}  {path}\n".encode() for path, digest in sorted(files))


def _envelope(subjects: tuple[Subject, ...], kind: str, predicate: Json) -> bytes:
    return canonical_bytes(
        {"_type": STATEMENT_TYPE, "subject": to_json(subjects), "predicateType": kind, "predicate": predicate}
    )


def _result(report: Report) -> tuple[Result, str | None]:
    """The result, and the reason where no failed test gives it."""
    part = [*report.selection, *([f"part {report.shard.number} of {report.shard.of}"] if report.shard else [])]
    if part:
        return "FAILED", f"only a part of the gate was judged: {', '.join(part)}"
    if report.verdict is Verdict.FAIL:
        return "FAILED", None
    if report.verdict is not Verdict.PASS:
        return "FAILED", "the gate could not be judged" if report.totals.cases else "no case was judged"
    clean = all(row.verdict is Verdict.PASS for row in report.rows)
    return ("PASSED" if clean else "WARNED"), None


def _tests(report: Report, *verdicts: Verdict) -> tuple[str, ...]:
    return tuple(row_name(row) for row in report.rows if row.verdict in verdicts)


def _failure(row: Row) -> Failure:
    rules = tuple(dict.fromkeys(item.rule for item in deciding(row)))
    return Failure(row_name(row), cast("Literal['FAIL', 'UNDECIDED']", str(row.verdict)), rules)


def _sources(report: Report, origin: Origin) -> Iterable[Descriptor]:
    uri = f"git+{origin.repository}" if origin.repository else None
    for name, commit in (
        ("source", origin.commit),
        ("head", _commit(report.head)),
        ("base", _commit(report.base)),
    ):
        if commit:
            yield Descriptor(name, uri, {"gitCommit": commit})


def _inputs(report: Report) -> Iterable[Descriptor]:
    subjects = {(item.path, item.digest) for item in report.agents}
    for item in report.inputs:
        if item.kind not in _MANY and (item.path, item.digest) not in subjects:
            yield Descriptor(item.path, None, _sha256(item.digest), {"kind": item.kind, **_side(item)})
    for (kind, name), side in itertools.product(_MANY.items(), ("head", "base")):
        files = [item for item in report.inputs if (item.kind, item.side) == (kind, side)]
        if files:
            digest = digest_bytes(manifest((item.path, item.digest) for item in files))
            notes = {"kind": kind, "files": str(len(files)), **_side(files[0])}
            yield Descriptor(name, None, _sha256(digest), notes)


def _side(item: Input) -> dict[str, str]:
    """A note on what was read from the base; what is judged needs none."""
    return {"side": item.side} if item.side == "base" else {}


def _commit(revision: Revision | None) -> str | None:
    return (revision.commit or None) if revision is not None else None


def _programs(report: Report) -> Iterable[Descriptor]:
    for name, program in (("tool", report.tool), ("engine", report.engine)):
        uri = f"pkg:generic/{urllib.parse.quote(program.name, safe='')}@{urllib.parse.quote(program.version, safe='')}"
        yield Descriptor(name, uri)
    for model in sorted({item.model for item in report.agents if item.model is not None}):
        yield Descriptor("model", f"pkg:generic/{urllib.parse.quote(model, safe='')}", {}, {"model": model})


def _sha256(digest: str) -> dict[str, str]:
    return {"sha256": digest.removeprefix("sha256:")}
