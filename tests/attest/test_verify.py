"""Four answers, kept apart, and a reason for every refusal."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.attest.history import History, build_history
from runback_gate.attest.proof import Proof
from runback_gate.attest.statement import Statement, statement_bytes
from runback_gate.attest.verify import EXIT_CODES, Expectations, Fault, Verification, judge, signer_faults, workflow
from runback_gate.canonical import digest_bytes
from runback_gate.errors import InputError
from runback_gate.report.model import write_report
from tests.attest.samples import REPOSITORY, green, proof, red, statement
from tests.sigstack.stack import COMMIT, IDENTITY, ISSUER, REF, WORKFLOW

WANTED = Expectations(identity=IDENTITY, issuer=ISSUER)
SHARED = "https://github.com/acme/workflows/.github/workflows/gate.yml@refs/tags/v1"


def wanted(**changes: Any) -> Expectations:
    """What the reader expects, with something more."""
    return dataclasses.replace(WANTED, **changes)


def faults(item: Statement, expected: Expectations = WANTED, **identity: Any) -> list[str]:
    """What speaks against a result."""
    return [fault.message for fault in judge(proof(item, **identity), item, expected).faults]


def test_signed_and_passed() -> None:
    """What is expected, and green: exit 0."""
    verification = judge(proof(statement()), statement(), WANTED)
    assert (verification.status, verification.exit_code, verification.faults) == ("passed", 0, ())


def test_signed_and_not_passed() -> None:
    """A valid signature over a red result is exit 3."""
    verification = judge(proof(statement(red())), statement(red()), WANTED)
    assert (verification.status, verification.exit_code) == ("not passed", 3)


def test_invalid_is_worse_than_anything() -> None:
    """A fault is exit 1, whatever the result and the history."""
    gap = build_history(statement(number=2), [])
    for item in (statement(), statement(red())):
        verification = judge(proof(item), item, wanted(identity="x"), gap)
        assert (verification.status, verification.exit_code) == ("invalid", 1)
    assert Verification(None, None).status == "invalid"


def test_a_gap_cannot_be_verified() -> None:
    """A history that is not whole is exit 2, green or red."""
    for report in (green(), red()):
        item = statement(report, number=2)
        assert judge(proof(item), item, WANTED, build_history(item, [])).exit_code == 2
    assert judge(proof(statement()), statement(), WANTED, build_history(statement(), [])).exit_code == 0


def test_exit_codes() -> None:
    """These are promised."""
    assert EXIT_CODES == {"passed": 0, "invalid": 1, "unverified": 2, "not passed": 3}


@given(st.sampled_from(["faults", "gap", "red"]), st.sets(st.sampled_from(["faults", "gap", "red"])))
def test_one_more_flaw_never_helps(more: str, flaws: set[str]) -> None:
    """Whatever else is wrong, a further flaw never turns a refusal into an acceptance."""

    def accepted(found: set[str]) -> bool:
        item = statement(red() if "red" in found else green(), number=2 if "gap" in found else 1)
        history: History | None = build_history(item, []) if "gap" in found else None
        expected = wanted(commit="c" * 40) if "faults" in found else WANTED
        return judge(proof(item), item, expected, history).exit_code == 0

    assert accepted(flaws) or not accepted(flaws | {more})
    assert not accepted(flaws | {more})


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        (IDENTITY.replace("acme", "evil"), ["signed by another repository: https://github.com/evil/agent, not "]),
        (IDENTITY.replace("gate.yml", "other.yml"), ["signed by another workflow: .github/workflows/other.yml, not "]),
        (IDENTITY.replace("main", "topic"), ["signed by another ref: refs/heads/topic, not refs/heads/main"]),
        (IDENTITY + "x", ["signed by another ref: refs/heads/mainx, not refs/heads/main"]),
        ("ada@example.com", [f"signed by another identity: ada@example.com, not {IDENTITY}"]),
    ],
)
def test_another_signer(name: str, reasons: list[str]) -> None:
    """Each part of a workflow's name that differs is a reason of its own."""
    found = [fault.message for fault in signer_faults(proof(statement(), name=name), WANTED)]
    assert [message for message in found if message.startswith("signed by another")] == [
        message for reason in reasons for message in found if message.startswith(reason)
    ]
    assert len(found) >= len(reasons) > 0


def test_names_are_no_patterns() -> None:
    """A name that would match as a pattern does not."""
    assert faults(statement(), wanted(identity=IDENTITY.replace("gate", "g.te")))
    assert faults(statement(), wanted(identity=".*"))


def test_another_issuer() -> None:
    """The same name from another issuer is another signer."""
    assert faults(statement(), issuer="https://evil.example") == [
        f"vouched for by another issuer: https://evil.example, not {ISSUER}"
    ]


PULL = IDENTITY.replace(REF, "refs/pull/7/merge")


@pytest.mark.parametrize(
    "identity",
    [
        {"name": PULL, "ref": "refs/pull/7/merge", "trigger": "pull_request"},
        {"trigger": "pull_request"},
        {"trigger": "pull_request_target"},
        {"ref": "refs/pull/7/merge"},
    ],
)
def test_pull_requests(identity: dict[str, str]) -> None:
    """A workflow of a pull request does not count, unless the reader says so."""
    name = identity.get("name", IDENTITY)
    item = statement(ref=identity.get("ref", REF))
    reason = "signed by a workflow of a pull request, which its author can change"
    expected = wanted(identity=name, ref=identity.get("ref"))
    assert faults(item, expected, **identity) == [reason]
    allowed = dataclasses.replace(expected, pull_requests=True)
    assert faults(item, allowed, **identity) == []


def test_another_trigger() -> None:
    """The event is compared when the reader names one."""
    assert faults(statement(), wanted(trigger="push")) == []
    assert faults(statement(), wanted(trigger="schedule")) == ["started by another trigger: push, not schedule"]
    assert faults(statement(), wanted(trigger="push"), trigger=None) == [
        "started by another trigger: none is named, not push"
    ]


def test_a_shared_workflow() -> None:
    """A workflow that others call signs for all of them, so the reader must say for which repository and ref."""
    item, expected = statement(), wanted(identity=SHARED)
    assert faults(item, expected, name=SHARED) == [
        f"ran for the repository {REPOSITORY}: say --repository if that is right",
        f"ran for the ref {REF}: say --ref if that is right",
    ]
    expected = dataclasses.replace(expected, repository=REPOSITORY, ref=REF)
    assert faults(item, expected, name=SHARED) == []
    other = dataclasses.replace(expected, repository="https://github.com/acme/other")
    assert "ran for another repository: https://github.com/acme/agent, not https://github.com/acme/other" in faults(
        item, other, name=SHARED
    )
    assert "ran for the repository that it does not name: say --repository if that is right" in faults(
        item, WANTED, repository=None
    )


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        ({"commit": "b" * 40}, f"the statement says commit {'b' * 40}, the certificate {COMMIT}"),
        ({"commit": None}, f"the statement says commit none, the certificate {COMMIT}"),
        ({"repository": "https://github.com/acme/b"}, "the statement says repository https://github.com/acme/b, the"),
        ({"ref": "refs/heads/b"}, f"the statement says ref refs/heads/b, the certificate {REF}"),
    ],
)
def test_the_statement_must_say_what_the_certificate_says(origin: dict[str, Any], reason: str) -> None:
    """The statement is the workflow's word, the certificate is not: they must agree."""
    (found,) = faults(statement(**origin))
    assert found.startswith(reason)


def test_attempts_must_agree() -> None:
    """A run that was started again may not call itself the first attempt."""
    run = f"{REPOSITORY}/actions/runs/7/attempts/3"
    assert faults(statement(), run=run) == ["the statement says attempt 1, the certificate attempt 3"]
    assert faults(statement(attempt=3, number=3), run=run) == []
    assert faults(statement(), run=f"{REPOSITORY}/actions/runs/7") == []


def test_a_replayed_result() -> None:
    """A result of another commit, ref or repository than the reader's is refused, with a certificate or a key."""
    expected = Expectations(repository="https://github.com/acme/b", ref="refs/heads/b", commit="b" * 40)
    item = statement()
    by_key = Proof(statement_bytes(item), key="sha256:" + "0" * 64)
    assert [fault.message for fault in judge(by_key, item, expected).faults] == [
        f"the result of another commit: {COMMIT}, not {'b' * 40}",
        "the result of another repository: https://github.com/acme/agent, not https://github.com/acme/b",
        "the result of another ref: refs/heads/main, not refs/heads/b",
    ]
    assert f"the result of another commit: {COMMIT}, not {'b' * 40}" in faults(item, wanted(commit="b" * 40))
    unnamed = statement(commit=None)
    by_key = Proof(statement_bytes(unnamed), key="sha256:" + "0" * 64)
    assert judge(by_key, unnamed, Expectations(commit="b" * 40)).faults == (
        Fault("commit", f"the result of another commit: none is named, not {'b' * 40}"),
    )


def test_files_are_compared() -> None:
    """The report and the agent files must be those that were signed."""
    agent = b"kind: Agent\n"
    report = dataclasses.replace(green(), agents=(dataclasses.replace(green().agents[0], digest=digest_bytes(agent)),))
    item = statement(report)
    found = judge(proof(item), item, wanted(report=write_report(report), files=(("my.yaml", agent),)))
    assert (found.compared, found.faults) == (("report.json", "agents/support.yaml"), ())
    swapped = judge(proof(item), item, wanted(report=write_report(red()), files=(("my.yaml", b"other"),)))
    assert swapped.compared == ()
    assert [fault.message.partition(":")[0] for fault in swapped.faults] == [
        "another report.json",
        "my.yaml is none of the files that were judged",
    ]
    assert {fault.line for fault in swapped.faults} == {"covers"}


def test_a_statement_that_says_more_than_its_report() -> None:
    """A result over a red report that calls itself green is refused as soon as the report is at hand."""
    data = write_report(red())
    lie = dataclasses.replace(statement(red()), result="PASSED")
    assert judge(proof(lie), lie, WANTED).exit_code == 0
    assert faults(lie, wanted(report=data)) == ["the statement says something else than its report.json"]
    less = dataclasses.replace(statement(red()), failed=())
    assert faults(less, wanted(report=data)) == ["the statement says something else than its report.json"]


def test_a_report_that_cannot_be_read() -> None:
    """The signed file may be one that this version cannot read: that is an error, not a verdict."""
    data = b'{"schema":"runback.report/v9"}'
    item = dataclasses.replace(
        statement(),
        subjects=(dataclasses.replace(statement().subjects[0], digest={"sha256": digest_bytes(data)[7:]}),),
    )
    with pytest.raises(InputError, match=r"not a runback\.report/v2 report"):
        judge(proof(item), item, wanted(report=data))


def test_faults_of_the_history() -> None:
    """Results that contradict each other make the whole invalid."""
    item = statement()
    history = build_history(item, [], ["x.json: the signature does not match"])
    assert judge(proof(item), item, WANTED, history).faults == (
        Fault("history", "x.json: the signature does not match"),
    )


@pytest.mark.parametrize("name", ["", "ada@example.com", "https://github.com/acme", "https://github.com/a/b@c"])
def test_other_names_are_no_workflows(name: str) -> None:
    """Only a file of a repository at a ref is a workflow."""
    assert workflow(name) is None
    assert workflow(IDENTITY) == (REPOSITORY, WORKFLOW, REF)
