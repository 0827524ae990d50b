"""Waivers: exact names, a last day, and no more than what they name."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.canonical import digest_bytes
from runback_gate.documents import parse_document
from runback_gate.errors import InputError, Location
from runback_gate.gate.waivers import Waiver, apply_waivers, load_waivers
from runback_gate.policy.finding import Finding
from runback_gate.testing import write_document

SPEC: dict[str, Any] = {
    "policies": ["refunds.limit"],
    "cases": ["legacy"],
    "reason": "TICKET-12",
    "owner": "payments",
    "expires": "2026-12-31",
}
PLACE = Location("p.yaml", 1, 1)


def waiver(name: str = "w", **fields: Any) -> Waiver:
    """A waiver of `refunds.limit` for `legacy` until the end of 2026."""
    given: dict[str, Any] = {
        "rules": ("refunds.limit",),
        "cases": ("legacy",),
        "reason": "TICKET-12",
        "owner": "payments",
        "expires": "2026-12-31",
    }
    file = parse_document("{}", "w.yaml")
    return Waiver(name=name, path="w.yaml", digest="", location=PLACE, document=file, **{**given, **fields})


def finding(
    rule: str = "refunds.limit", policy: str = "refunds", outcome: Any = "fail", action: Any = "Deny"
) -> Finding:
    """A finding."""
    return Finding(rule, policy, outcome, action, "m", (), PLACE)


def load(root: Path, **waivers: dict[str, Any]) -> tuple[Waiver, ...]:
    """The waivers of a folder, by file name."""
    for name, spec in waivers.items():
        write_document(root, f"{name}.yaml", "Waiver", spec.pop("name", name), {**SPEC, **spec})
    return load_waivers(root, ["*.yaml"])


def test_a_waiver(tmp_path: Path) -> None:
    """All that the file says, its digest, and where its last day stands."""
    (found,) = load(tmp_path, legacy={})
    assert (found.name, found.path) == ("legacy", "legacy.yaml")
    assert found.digest == digest_bytes((tmp_path / "legacy.yaml").read_bytes())
    assert (found.rules, found.cases) == (("refunds.limit",), ("legacy",))
    assert (found.owner, found.reason, found.expires) == ("payments", "TICKET-12", "2026-12-31")
    assert found.location == Location("legacy.yaml", 16, 14)
    assert str(found) == "refunds.limit until 2026-12-31 (payments, TICKET-12)"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"policies": []}, "spec.policies must not be empty"),
        ({"cases": []}, "spec.cases must not be empty"),
        ({"policies": ["refunds.*"]}, "spec.policies[0] does not have the form"),
        ({"cases": ["*"]}, "spec.cases[0] does not have the form"),
        ({"reason": ""}, "spec.reason must not be empty"),
        ({"owner": ""}, "spec.owner must not be empty"),
        ({"expires": "2026-02-30"}, "w.yaml:16:14: spec.expires: "),
        ({"expires": "20261231"}, "spec.expires: '20261231' is not a day (YYYY-MM-DD)"),
        ({"expires": "2026-W53-4"}, "spec.expires: '2026-W53-4' is not a day (YYYY-MM-DD)"),
        ({"expires": "2026-12-31T00:00:00"}, "spec.expires: '2026-12-31T00:00:00' is not a day (YYYY-MM-DD)"),
        ({"expires": "never"}, "spec.expires: 'never' is not a day (YYYY-MM-DD)"),
        ({"expires": ""}, "spec.expires: '' is not a day (YYYY-MM-DD)"),
        ({"expires": None}, "spec.expires: expected text, found nothing"),
        ({"until": "2027-01-01"}, "unknown field 'until'"),
    ],
    ids=str,
)
def test_bad_waivers(tmp_path: Path, spec: dict[str, Any], message: str) -> None:
    """Patterns, everything, for ever, for no reason and by nobody are not accepted."""
    with pytest.raises(InputError) as error:
        load(tmp_path, w=spec)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("field", sorted(SPEC))
def test_nothing_may_be_left_out(tmp_path: Path, field: str) -> None:
    """What, where, why, who and until when."""
    write_document(tmp_path, "w.yaml", "Waiver", "w", {key: item for key, item in SPEC.items() if key != field})
    with pytest.raises(InputError, match=f"spec.{field} is missing"):
        load_waivers(tmp_path, ["*.yaml"])


def test_twins_are_refused(tmp_path: Path) -> None:
    """Reports name waivers by their names."""
    with pytest.raises(InputError, match=r"^b\.yaml:5:11: two waivers are named 'same' \(the other: a\.yaml\)$"):
        load(tmp_path, a={"name": "same"}, b={"name": "same"})


def test_no_waivers(tmp_path: Path) -> None:
    """A pattern that matches nothing waives nothing."""
    assert load_waivers(tmp_path, ["waivers/*.yaml"]) == ()


DAYS = st.dates(datetime.date(2000, 1, 1), datetime.date(2100, 1, 1))


@given(DAYS, DAYS)
def test_the_last_day_still_counts(last: datetime.date, day: datetime.date) -> None:
    """A waiver holds up to and on its last day, and not on the day after."""
    assert waiver(expires=last.isoformat()).expired(day.isoformat()) is (day > last)


@pytest.mark.parametrize(
    ("found", "case", "day", "waived"),
    [
        (finding(), "legacy", "2026-12-31", True),
        (finding(), "legacy", "2027-01-01", False),
        (finding(), "other", "2026-01-01", False),
        (finding("refunds.once"), "legacy", "2026-01-01", False),
        (finding("refunds.limits"), "legacy", "2026-01-01", False),
        (finding(action="Warn"), "legacy", "2026-01-01", True),
        (finding(outcome="error"), "legacy", "2026-01-01", False),
        (finding(policy=""), "legacy", "2026-01-01", False),
    ],
)
def test_what_is_waived(found: Finding, case: str, day: str, waived: bool) -> None:
    """A breach of the named rule in the named case in time; never an error, and never a check of the case itself."""
    (marked,) = apply_waivers([found], [waiver()], case, day)
    assert (marked.waiver == "w") is waived
    assert marked.message == found.message


def test_the_first_waiver_in_force_is_named() -> None:
    """An expired one before it does not count."""
    waivers = [waiver("old", expires="2026-01-01"), waiver("new"), waiver("newer")]
    (marked,) = apply_waivers([finding()], waivers, "legacy", "2026-06-01")
    assert marked.waiver == "new"


RULES = st.sampled_from(["refunds.limit", "refunds.once", "pii"])
FINDINGS = st.lists(
    st.builds(finding, RULES, st.sampled_from(["refunds", ""]), st.sampled_from(["fail", "error"]), st.just("Deny"))
)


@given(FINDINGS, st.lists(st.builds(lambda rules: waiver(rules=tuple(rules)), st.lists(RULES)), max_size=3))
def test_waiving_hides_nothing(findings: list[Finding], waivers: list[Waiver]) -> None:
    """All findings stay, in order; without waivers they stay as they are."""
    marked = apply_waivers(findings, waivers, "legacy", "2026-06-01")
    assert [item.rule for item in marked] == [item.rule for item in findings]
    assert apply_waivers(findings, (), "legacy", "2026-06-01") == tuple(findings)
    assert apply_waivers(findings, waivers, "other", "2026-06-01") == tuple(findings)
