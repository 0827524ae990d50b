"""Verifying: valid, unverified or invalid, and what may change after signing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.attest.keys import new_key
from runback_gate.audit.frame import STATEMENT_LINE, Counts
from runback_gate.audit.scope import covers, open_points
from runback_gate.audit.verify import verify_record
from runback_gate.canonical import sha256
from runback_gate.chain import tombstone, withheld
from runback_gate.errors import InputError, RunbackError
from tests.audit.conftest import NOW, checker, record, run_lines, run_part, verified
from tests.audit.faults import SAMPLE, changed, fault, place


def test_a_signed_record_is_valid_under_its_key() -> None:
    """And tells what it carries."""
    found = verified(SAMPLE)
    assert (found.status, found.reason, found.fault, found.signed) == ("valid", "", None, True)
    assert found.counts == Counts(runs=1, reports=1, events=5, held=2)
    assert found.lines == len(SAMPLE)
    assert found.statement is not None
    assert found.statement.created == NOW


def test_without_a_key_or_a_signature_it_is_never_valid() -> None:
    """Both are `unverified`, each with its reason."""
    assert verify_record(SAMPLE).status == "unverified"
    assert verify_record(SAMPLE).reason == "no key was given, so the signature was not checked"
    for check in (None, checker()):
        found = verify_record(record(signed=False), check=check)
        assert (found.status, found.reason, found.signed) == ("unverified", "it is not signed", False)


def test_another_key_is_refused() -> None:
    """The signature is that of somebody else."""
    found = fault(verified(record(signer=new_key("p256"))))
    assert (found.kind, found.line, found.message) == ("signature", len(SAMPLE), "the bundle names another key")


def test_a_signature_that_is_gone_is_missed() -> None:
    """The first line says that the record was signed."""
    found = fault(verified(SAMPLE[:-1]))
    assert (found.kind, found.message) == ("signature", "the signature is gone")
    found = fault(verified([*record(signed=False), SAMPLE[-1]]))
    assert found.kind in ("signature", "changed")


def test_a_value_may_be_erased_after_signing() -> None:
    """The record stays valid; the tombstone is counted, and said not to be under the signature."""
    at = place(SAMPLE, b"message 1")
    name = SAMPLE[at][7:78].decode()
    found = verified([*SAMPLE[:at], tombstone(name, at=NOW, reason="asked for"), *SAMPLE[at + 1 :]])
    assert (found.status, found.counts.erased, found.counts.held, found.signed_erasures) == ("valid", 1, 1, 0)
    assert open_points(found) == ("time and reason of 1 erasure: made after signing",)


def test_a_value_may_be_withheld_after_signing() -> None:
    """Whoever passes a record on may leave values out, not change them."""
    at = place(SAMPLE, b"message 1")
    name = SAMPLE[at][7:78].decode()
    found = verified([*SAMPLE[:at], withheld(name), *SAMPLE[at + 1 :]])
    assert (found.status, found.counts.withheld) == ("valid", 1)


def test_a_tombstone_from_before_is_under_the_signature() -> None:
    """Neither its reason can be changed nor the value come back."""
    lines = record(run_part("sample", 5, erased=(0,)))
    at = place(lines, b"tombstone")
    assert verified(lines).signed_erasures == 1
    assert open_points(verified(lines)) == ()
    assert "time and reason of 1 erasure" in covers(verified(lines))
    found = fault(verified(changed(lines, at, b"customer", b"operator")))
    assert (found.line, found.message) == (at + 1, "the tombstone was changed after signing")
    value = next(line for line in run_lines("sample", 5) if line.startswith(b'{"id"'))
    assert fault(verified([*lines[:at], value, *lines[at + 1 :]])).line == at + 1


def test_erasures_from_before_and_after_are_told_apart() -> None:
    """In one block, and beside a change that is found all the same."""
    lines = record(run_part("sample", 9, erased=(0,)))
    at = place(lines, b"message 3")
    later = [*lines[:at], tombstone(lines[at][7:78].decode(), at=NOW, reason="later"), *lines[at + 1 :]]
    found = verified(later)
    assert (found.status, found.signed_erasures, found.counts.erased) == ("valid", 1, 2)
    assert (
        fault(verified(changed(later, place(later, b'"n":5'), b'"n":5', b'"n":6'))).line == place(later, b'"n":5') + 1
    )


def test_an_earlier_checkpoint_shows_what_a_signature_cannot() -> None:
    """A record that was cut or rewritten, and signed again, is not the one that somebody kept the checkpoint of."""
    first, longer = record(run_part("a")), record(run_part("a"), run_part("b"))
    rewritten = record(run_part("c"), run_part("b"))
    old, new = verified(first).statement, verified(longer).statement
    assert old is not None
    assert new is not None
    assert verified(longer, earlier=old.checkpoint).status == "valid"
    assert verified(first, earlier=old.checkpoint).status == "valid"
    assert fault(verified(rewritten, earlier=old.checkpoint)).kind == "head replaced"
    assert fault(verified(first, earlier=new.checkpoint)).kind == "truncated"
    with pytest.raises(InputError, match=r"the checkpoint is of acme.example/support, the record of other"):
        verified(record(origin="other"), earlier=old.checkpoint)


@pytest.mark.parametrize("lines", [[], [b"\n"], [b"{}\n"], run_lines("a", 5), [b"PK\x03\x04"], [b"x" * 100] * 400])
def test_another_file_is_not_a_record(lines: list[bytes]) -> None:
    """It is refused, not called changed."""
    with pytest.raises(InputError, match="not an audit record"):
        verify_record(lines)


def test_a_key_that_does_not_fit_the_signature_is_an_error() -> None:
    """A check may say that it cannot judge; that is neither valid nor invalid."""

    def refusing(_kind: str, _bundle: object) -> bytes:
        raise InputError("a certificate, not a key")

    with pytest.raises(InputError, match="a certificate"):
        verify_record(SAMPLE, check=refusing)


@given(st.lists(st.sampled_from([*SAMPLE, b"{}\n", b'{"audit":"x"}\n', STATEMENT_LINE + b"{}}\n"]), max_size=12))
def test_any_lines_give_an_answer(lines: list[bytes]) -> None:
    """Whatever the lines are, the answer is a verification or an error of ours."""
    try:
        assert verified(lines).status == "invalid"
    except RunbackError as error:
        assert "not an audit record" in str(error)


def test_lines_come_one_by_one() -> None:
    """A line is taken when it is needed: a record need not be in memory."""
    lines = record(run_part("sample", 400))
    held = 0

    def given_out() -> Iterator[bytes]:
        nonlocal held
        for line in lines:
            held += 1
            yield line
            held -= 1

    assert verify_record(given_out(), check=checker()).status == "valid"
    assert held == 0
    assert sha256(b"".join(lines)).digest()
