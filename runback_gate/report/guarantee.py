"""The error that the sequential trials of a run guarantee: as a value, and in words that all surfaces share.

In: the tests of the plan and the rows. Out: `Guarantee`, and its sentence.

    guarantee_text(report)      # "sequential: an agent of which each case passes 95 % or more is red in at most 1 % …"
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from decimal import Decimal

from runback_gate.gate.sequential import SequentialTest
from runback_gate.gate.verdict import Row
from runback_gate.plural import many
from runback_gate.replay.evidence import Evidence
from runback_gate.report.model import Guarantee, Report


def guarantee(tests: Sequence[SequentialTest], rows: Iterable[Row]) -> Guarantee | None:
    """What holds for every test: healthy by all of them, broken by all of them, the weakest of each claim.

    Args:
        tests: those of the whole plan.
        rows: those that were judged, for the answers that they took.
    """
    if not tests:
        return None
    return Guarantee(
        holds=_most(test.holds for test in tests),
        regress=_least(test.regress for test in tests),
        alpha=_most(test.alpha for test in tests),
        share=_most(test.share for test in tests),
        power=_least(test.power for test in tests),
        max_trials=max(test.max_trials for test in tests),
        cases=tests[0].tests,
        calls=_answers(rows),
        missed=_most(test.missed for test in tests),
    )


def counted_anew(found: Guarantee | None, rows: Iterable[Row]) -> Guarantee | None:
    """The same for other rows: of the parts of a run each counts its own answers."""
    return None if found is None else dataclasses.replace(found, calls=_answers(rows))


def guarantee_text(report: Report) -> str:
    """The error that the trials keep to, and what it took; empty for plain k of n."""
    found = report.guarantee
    if found is None:
        return ""
    return (
        f"sequential: an agent of which each case passes {_percent(found.holds)} or more is red in at most "
        f"{_percent(found.alpha)} of runs; a case that passes {_percent(found.regress)} or less is red in "
        f"{_percent(found.power)} or more{_green(found)} ({many(found.calls, 'answer')}, at most {found.max_trials} a "
        f"case; {many(found.cases, 'test')} share the error)"
    )


def _green(found: Guarantee) -> str:
    return f" and green in at most {_percent(found.missed)}" if found.missed else ""


def _answers(rows: Iterable[Row]) -> int:
    asked = (trial.evidence for row in rows if row.sequential is not None for trial in row.trials)
    return sum(evidence in (Evidence.LIVE, Evidence.CACHED) for evidence in asked)


def _most(values: Iterable[str]) -> str:
    return max(values, key=Decimal)


def _least(values: Iterable[str]) -> str:
    return min(values, key=Decimal)


def _percent(rate: str) -> str:
    """`92.4098 %`; what is no decimal, in a report from elsewhere, as it stands."""
    try:
        value = Decimal(rate) * 100
    except ArithmeticError:
        return rate
    text = f"{value:f}" if value.is_finite() and abs(value) < 1000 else rate
    return (text.rstrip("0").rstrip(".") if "." in text else text) + " %"
