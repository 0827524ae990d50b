"""Laws of the comparison of two gates: what is taken away is found, what is added is not, parts go with parts."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.change.gates import find_weakenings
from runback_gate.documents import parse_document
from runback_gate.errors import InputError
from runback_gate.gate.plan import Plan, load_plan
from runback_gate.testing import sample_case, sample_step, write_document, write_gate
from tests.examples import examples

ROOT = Path(__file__).parents[2]
DAY = "2026-06-01"
FILES = ("policies/refunds.yaml", "policies/messages.yaml", "datasets/refunds.yaml", "datasets/messages.yaml")
DEMO: dict[str, Any] = {name: parse_document((ROOT / name).read_bytes(), name).value for name in FILES}
"""The rules, cases and checks of this repository's own gate."""
Thing = tuple[str, ...]
"""A file and the ids that lead to a rule, a case or a check in it."""
THINGS: tuple[Thing, ...] = (
    *((name, rule["id"]) for name in FILES[:2] for rule in DEMO[name]["spec"]["validations"]),
    *((name, case["id"]) for name in FILES[2:] for case in DEMO[name]["spec"]["cases"]),
    *(
        (name, case["id"], str(number))
        for name in FILES[2:]
        for case in DEMO[name]["spec"]["cases"]
        for number in range(len(case["checks"]))
    ),
)


def plan_without(folder: Path, gone: Iterable[Thing]) -> Plan | None:
    """The demo's gate without some rules, cases and checks; None when a kind of them is gone altogether."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "agents", folder / "agents")
    shutil.copy(ROOT / "runback.yaml", folder)
    left = Counter[str]()
    for name, value in DEMO.items():
        field = "validations" if name.startswith("policies") else "cases"
        items = [dict(item) for item in value["spec"][field] if (name, item["id"]) not in gone]
        for item in items if field == "cases" else ():
            item["checks"] = [
                check for number, check in enumerate(item["checks"]) if (name, item["id"], str(number)) not in gone
            ]
        if items:
            left[field] += 1
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps({**value, "spec": {**value["spec"], field: items}}), encoding="utf-8")
    return load_plan(folder, day=DAY) if len(left) == 2 else None


def expected(gone: frozenset[Thing]) -> Counter[tuple[str, str]]:
    """What must be found when these things are gone: the whole file, else the rule or the case, else the check."""
    found: Counter[tuple[str, str]] = Counter()
    for name, value in DEMO.items():
        dataset = name.startswith("datasets")
        items = value["spec"]["cases" if dataset else "validations"]
        kept = [item for item in items if (name, item["id"]) not in gone]
        title = value["metadata"]["name"]
        if not kept:
            found["dataset-removed" if dataset else "policy-removed", title] += 1
            continue
        for item in items:
            subject = f"{title}/{item['id']}" if dataset else item["id"]
            if item not in kept:
                found["case-removed" if dataset else "validation-removed", subject] += 1
            elif dataset:
                checks = sum((name, item["id"], str(number)) in gone for number in range(len(item["checks"])))
                found += Counter({("check-removed", subject): checks})
    return found


@settings(max_examples=examples(60))
@given(gone=st.frozensets(st.sampled_from(THINGS), min_size=1, max_size=12))
def test_whatever_is_taken_away_is_found_and_whatever_is_added_is_not(
    tmp_path_factory: pytest.TempPathFactory, gone: frozenset[Thing]
) -> None:
    """Every rule, case and check that goes is found, each once; put back it is an addition, which loosens nothing."""
    folder = tmp_path_factory.getbasetemp()
    whole, part = plan_without(folder / "whole", ()), plan_without(folder / "part", gone)
    assert whole is not None
    if part is not None:
        found = find_weakenings(whole, part)
        assert Counter((item.kind, item.subject) for item in found) == expected(gone)
        assert find_weakenings(part, whole) == ()
        assert find_weakenings(part, part) == find_weakenings(whole, whole) == ()


@pytest.mark.parametrize("thing", THINGS, ids="/".join)
def test_each_thing_alone_is_found(tmp_path: Path, thing: Thing) -> None:
    """No rule, case or check of the demo can go unseen."""
    whole, part = plan_without(tmp_path / "whole", ()), plan_without(tmp_path / "part", [thing])
    assert whole is not None
    assert part is not None
    (found,) = find_weakenings(whole, part)
    assert (found.kind, found.subject) in expected(frozenset([thing]))
    assert found.side == "base"


def test_parts_of_gates_are_compared_with_the_same_parts(tmp_path: Path) -> None:
    """A filter on one side only would hide what goes, or show it as gone."""
    for name in ("base", "head"):
        write_gate(tmp_path / name, [sample_case("c", sample_step(text="Hi"))])
        write_document(tmp_path / name, "agents/other.yaml", "Agent", "other", {})
    whole = load_plan(tmp_path / "base", day=DAY)
    part, same = (load_plan(tmp_path / name, day=DAY, agent="support") for name in ("base", "head"))
    assert find_weakenings(part, same) == ()
    for sides in ((whole, part), (part, whole)):
        with pytest.raises(
            InputError, match=r"parts of two gates cannot be compared: .*agent=support.* \(select the same"
        ):
            find_weakenings(*sides)
