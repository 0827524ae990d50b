"""How a verification is shown: every answer on its own line, hostile text inert, the same with other tools."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from runback_gate.attest.commands import VerifyOptions, commands
from runback_gate.attest.history import build_history, statement_digest
from runback_gate.attest.proof import Proof
from runback_gate.attest.show import as_json, lines
from runback_gate.attest.statement import Failure, Statement, Subject, statement_bytes
from runback_gate.attest.verify import Expectations, Verification, invalid, judge
from runback_gate.gate.verdict import Verdict
from runback_gate.report.model import Revision, write_report
from tests.attest.samples import IDENTITY_OF_MAIN, green, proof, red, statement
from tests.report.reports import PAYLOADS, make_report, make_row
from tests.sigstack.stack import IDENTITY, ISSUER

GOLDEN = Path(__file__).parents[1] / "golden" / "verification"
WANTED = Expectations(identity=IDENTITY, issuer=ISSUER)
GIVEN = VerifyOptions("bundle.json", identity=IDENTITY, issuer=ISSUER)
KEY = "sha256:" + "0123456789abcdef" * 4


def second() -> Verification:
    """The second attempt of a commit, as red as the first."""
    first = statement(red())
    again = statement(red(), number=2, attempt=2, previous=statement_digest(first))
    expected = dataclasses.replace(WANTED, report=write_report(red()))
    return judge(proof(again), again, expected, build_history(again, [first]))


def by_key() -> Verification:
    """A green result with warnings, signed by a key, of which nothing else is known."""
    item = statement(
        make_report([make_row("tone", Verdict.WARN), make_row("refund", Verdict.PASS)]),
        commit=None,
        ref=None,
        repository=None,
    )
    return judge(Proof(statement_bytes(item), key=KEY), item, Expectations())


def refused() -> Verification:
    """A result of a pull request in another repository, with a history that has a gap and a fork."""
    item = statement(number=3)
    later = statement(red(), number=4, previous=statement_digest(item))
    fork = statement(green(), number=4, previous=statement_digest(item))
    other = statement(ref="refs/heads/other")
    expected = dataclasses.replace(WANTED, report=b"{}", commit="b" * 40)
    history = build_history(item, [later, fork, other], ["old.json: the signature does not match"])
    name = IDENTITY.replace("acme", "evil")
    return judge(proof(item, name=name, trigger="pull_request"), item, expected, history)


VERIFICATIONS = {
    "green": judge(proof(statement()), statement(), WANTED),
    "red": second(),
    "key": by_key(),
    "refused": refused(),
    "broken": invalid("bundle.json: the signature does not match"),
}


@pytest.mark.parametrize("name", VERIFICATIONS)
def test_text(name: str) -> None:
    """The text of each is that of its golden file."""
    found = VERIFICATIONS[name]
    given = dataclasses.replace(GIVEN, identity=None, key="gate.pub") if name == "key" else GIVEN
    text = lines(found, commands(given, found))
    if found.statement is not None:
        # Of what a report has more one day, this is no matter.
        text = text.replace(statement_digest(found.statement).removeprefix("sha256:"), "fedcba9876543210" * 4)
        text = text.replace(found.statement.subjects[0].digest["sha256"], "0123456789abcdef" * 4)
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("RUNBACK_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", VERIFICATIONS)
def test_json(name: str) -> None:
    """A program finds the same: status and exit code, who, what, and every fault with its line."""
    found = VERIFICATIONS[name]
    value = json.loads(json.dumps(as_json(found, ["x"])))
    assert value["schema"] == "runback.verification/v1"
    assert (value["status"], value["exit_code"]) == (found.status, found.exit_code)
    assert [item["message"] for item in value["faults"]] == [item.message for item in found.faults]
    assert (value["signed"] is None) == (found.proof is None)
    if found.statement is not None:
        assert value["statement"]["result"] == found.statement.result
        assert value["statement"]["facts"]["number"] == found.statement.facts.number
    assert (value["history"] is None) == (found.history is None)
    assert value["commands"] == ["x"]


def test_a_long_result_is_cut() -> None:
    """Of many failures, rules, warnings and agent files some are named, and the rest is counted."""
    failures = tuple(Failure(f"case {number}", "UNDECIDED", tuple("abcdefg")) for number in range(9))
    base = statement(red())
    many = dataclasses.replace(
        base,
        failed=tuple(item.test for item in failures),
        facts=dataclasses.replace(base.facts, failures=failures, reason="the gate could not be judged"),
        subjects=(*base.subjects, *(Subject(f"agents/{number}.yaml", {"sha256": "0" * 64}) for number in range(9))),
    )
    text = lines(judge(proof(many), many, WANTED), ())
    assert "case 4 could not be judged (a, b, c, d, e and 2 more)" in text
    assert "case 5" not in text
    assert "and 4 more" in text
    assert "5 more files" in text
    assert "the gate could not be judged\n" in text


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_hostile_text_is_inert(payload: str) -> None:
    """What a certificate or a statement says cannot make a line, a colour or a command of its own."""
    plain, base = VERIFICATIONS["red"], statement(red())
    rules = (payload,)
    hostile = dataclasses.replace(
        base,
        failed=(payload,),
        subjects=tuple(dataclasses.replace(item, name=payload) for item in base.subjects),
        facts=dataclasses.replace(base.facts, ref=payload, failures=(Failure(payload, "FAIL", rules),)),
    )
    found = Verification(proof(hostile, name=payload, trigger=payload, ref=payload), hostile)
    text = lines(found, commands(VerifyOptions(payload, identity=payload, issuer=payload), found))
    assert not any(ord(char) < 32 for char in text.replace("\n", ""))
    assert "##[" not in text
    words = {line[:13].strip() for line in text.splitlines() if not line.startswith("  ")}
    assert words <= {line[:13].strip() for line in lines(plain, ["x"]).splitlines()}


def test_commands_that_cannot_be_shown_are_left_out() -> None:
    """A name that would not survive the terminal gives no command, for it would be another one."""
    found = VERIFICATIONS["green"]
    text = lines(found, commands(dataclasses.replace(GIVEN, bundle="a  b\x1b.json"), found))
    assert "the same with other tools" not in text


def test_the_head_of_a_pull_request() -> None:
    """The workflow runs for the merge, what was judged is the head: both are shown where they differ."""
    item = statement(make_report([make_row("tone", Verdict.PASS)], head=Revision("topic", "d" * 40)))
    assert f", head {'d' * 40}, as the certificate says" in lines(judge(proof(item), item, WANTED), ())


def described(item: Statement, **identity: str | None) -> str:
    """The first line about a signer."""
    return lines(Verification(proof(item, **identity), item), ()).splitlines()[0]


def test_signers() -> None:
    """A person, a shared workflow, and a certificate that names no commit are shown as what they are."""
    nothing = dict.fromkeys(("repository", "ref", "commit", "trigger", "runner", "run"))
    assert "ada@example.com by https://token.actions" in described(statement(), name="ada@example.com", **nothing)
    text = lines(Verification(proof(statement(), **nothing), statement()), ())
    assert "as the signer says: the certificate names none" in text
    shared = IDENTITY_OF_MAIN.name.replace("acme/agent", "acme/workflows")
    assert " · for acme/agent · push" in described(statement(), name=shared)
    unlogged = dataclasses.replace(proof(statement()), log=None)
    assert "log index" not in lines(Verification(unlogged, statement()), ())


def test_odd_descriptors_are_counted_as_one() -> None:
    """A count that is no number counts as one; without inputs no line is made."""
    base = statement()
    odd = dataclasses.replace(
        base,
        configuration=tuple(
            dataclasses.replace(item, annotations={"kind": "thing", "files": "y"}) for item in base.configuration[:2]
        ),
    )
    assert "2 things" in lines(Verification(proof(odd), odd), ())
    bare = dataclasses.replace(base, configuration=())
    assert "1 gate" not in lines(Verification(proof(bare), bare), ())
