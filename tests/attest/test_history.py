"""The results of a branch: what is missing, what stands twice, what was run until it was green."""

from __future__ import annotations

from typing import Any

from runback_gate.attest.history import Attempt, build_history, statement_digest
from runback_gate.attest.statement import Statement, statement_bytes
from runback_gate.canonical import digest_bytes
from runback_gate.report.model import Report
from tests.attest.samples import green, red, statement


def commit(letter: str) -> str:
    """A commit."""
    return letter * 40


def after(before: Statement | None, report: Report, **origin: Any) -> Statement:
    """The result that follows another."""
    if before is None:
        return statement(report, **origin)
    again = origin.get("commit") == before.facts.commit
    place = {
        "number": before.facts.number + 1,
        "attempt": before.facts.attempt + 1 if again else 1,
        "previous": statement_digest(before),
    }
    return statement(report, **{**place, **origin})


FIRST = after(None, green(), commit=commit("a"))
RED = after(FIRST, red(), commit=commit("b"))
AGAIN = after(RED, red(), commit=commit("b"))
GREEN = after(AGAIN, green(), commit=commit("b"))
NEXT = after(GREEN, green(), commit=commit("c"))
ALL = (FIRST, RED, AGAIN, GREEN, NEXT)


def test_a_result_is_named_by_what_is_signed() -> None:
    """The name is the digest of the signed bytes: a second signature over them is the same result."""
    assert statement_digest(FIRST) == digest_bytes(statement_bytes(FIRST))


def test_a_whole_history() -> None:
    """Nothing is missing; counts are those of the branch, and attempts are those of the commit."""
    history = build_history(GREEN, ALL)
    assert (history.whole, history.gaps, history.forks, history.faults) == (True, (), (), ())
    assert (history.results, history.passed, history.failed, history.later) == (5, 3, 2, 1)
    assert history.attempts == (Attempt(1, "FAILED"), Attempt(2, "FAILED"))


def test_the_first_result_alone() -> None:
    """It is a whole history."""
    history = build_history(FIRST, [])
    assert (history.results, history.whole, history.attempts) == (1, True, ())


def test_the_same_result_twice_counts_once() -> None:
    """Files may be given twice."""
    assert build_history(NEXT, [*ALL, *ALL]).results == 5


def test_a_deleted_result_leaves_a_gap() -> None:
    """Whatever result is taken away, the one after it names it."""
    for place, gone in enumerate(ALL[:-1]):
        history = build_history(NEXT, [item for item in ALL if item is not gone])
        assert not history.whole
        assert history.gaps == (f"number {place + 1} is missing: number {place + 2} names {statement_digest(gone)}",)


def test_a_later_beginning_is_a_gap() -> None:
    """A result that names none before it, and is not the first, leaves out what came before."""
    history = build_history(statement(number=4), [])
    assert history.gaps == ("what came before number 4 is missing: it names nothing",)


def test_a_fork() -> None:
    """Two results after one: whoever saw the one did not see the other."""
    hidden = after(FIRST, green(), commit=commit("b"))
    history = build_history(NEXT, [*ALL, hidden])
    assert not history.whole
    assert history.forks == ("number 2 stands 2 times: FAILED, PASSED",)
    two = build_history(FIRST, [after(None, red(), commit=commit("a"))])
    assert two.forks == ("number 1 stands 2 times: PASSED, FAILED",)


def test_wrong_numbers() -> None:
    """A number that does not follow, or an attempt that does not grow, contradicts what it names."""
    skipped = after(FIRST, green(), commit=commit("b"), number=4)
    assert build_history(skipped, [FIRST]).faults == ("number 4 says that it follows number 1",)
    hushed = after(RED, green(), commit=commit("b"), attempt=1)
    assert build_history(hushed, [FIRST, RED]).faults == ("number 3 says attempt 1 after attempt 1",)


def test_a_commit_may_come_back() -> None:
    """Judged again after another commit, its attempts are counted anew."""
    back = after(RED, green(), commit=commit("a"))
    assert build_history(back, [FIRST, RED]).faults == ()


def test_other_branches_do_not_count() -> None:
    """Results of another ref, repository or gate are left out, and counted as such."""
    others = [statement(ref="refs/heads/x"), statement(repository="https://github.com/acme/other")]
    history = build_history(FIRST, others)
    assert (history.results, history.others, history.whole) == (1, 2, True)


def test_faults_of_the_reader_come_first() -> None:
    """What the reader found wrong with a file stands among the faults."""
    assert build_history(FIRST, [], ["x.json: the signature does not match"]).faults == (
        "x.json: the signature does not match",
    )
