"""The parts of a run are one run, byte for byte."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.change.gates import compare_gates
from runback_gate.errors import InputError
from runback_gate.gate.contest import Base
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import run_gate
from runback_gate.report.build import Context, build_report
from runback_gate.report.merge import merge
from runback_gate.report.model import Report, Revision, read_report, write_report
from runback_gate.testing import REFUNDS, Answers, in_turn, sample_call, sample_case, sample_step, write_gate
from tests.examples import examples

ENGINE = CppEngine()
DAY = "2026-06-01"
KINDS = {
    "good": sample_step(sample_call("issue_refund", amount=40)),
    "bad": sample_step(sample_call("issue_refund", amount=250)),
    "odd": sample_step(sample_call("issue_refund", amount="much")),
    "silent": sample_step(text="Hi"),
    "view": sample_step(source={"grade": "view-only"}),
}
CALM = {"validations": [{"id": "calm", "expression": "size(response.text) > 1"}], "match": {"tags": ["calm"]}}


def waiver(*cases: str, expires: str = "2026-12-31") -> dict[str, Any]:
    """A waiver of the refund limit."""
    return {
        "policies": ["refunds.limit"],
        "cases": list(cases),
        "reason": "T-1",
        "owner": "payments",
        "expires": expires,
    }


WAIVERS = {"used": waiver("case-0"), "late": waiver("case-1", expires="2026-01-01"), "idle": waiver("case-2", "x")}


def judged(root: Path, shard: tuple[int, int] = (1, 1), *, base: Path | None = None) -> Report:
    """The report of one part, or of the whole."""
    plan = load_plan(root, day=DAY)
    theirs = load_plan(base, day=DAY) if base else None
    change = Base(theirs, compare_gates(theirs, plan)) if theirs else None
    result = run_gate(plan, ENGINE, in_turn(Answers()), base=change, shard=shard)
    context = Context(
        base=Revision("main") if base else None, base_plan=theirs, changes=change.changes if change else (), shard=shard
    )
    return build_report(plan, result, ENGINE, version="1.2.3", context=context)


def parts(root: Path, of: int, **options: Any) -> list[Report]:
    """Every part, each read from its own file."""
    return [read_report(write_report(judged(root, (number, of), **options))) for number in range(1, of + 1)]


def gate(root: Path, kinds: list[str], **options: Any) -> Path:
    """A gate with one case for each kind."""
    cases = [sample_case(f"case-{index}", KINDS[kind]) for index, kind in enumerate(kinds)]
    write_gate(root, cases, policies={"refunds": REFUNDS, "calm": CALM}, **options)
    return root


@settings(max_examples=examples(25))
@given(
    st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=7),
    st.integers(1, 9),
    st.sets(st.sampled_from(sorted(WAIVERS))),
    st.randoms(use_true_random=False),
)
def test_the_parts_are_the_whole(kinds: list[str], of: int, names: set[str], chance: Any) -> None:
    """Whatever is judged, in whatever order the parts come, and also where some parts are empty."""
    with TemporaryDirectory() as folder:
        root = gate(Path(folder), kinds, waivers={name: WAIVERS[name] for name in sorted(names)})
        found = parts(root, of) if of > 1 else []
        chance.shuffle(found)
        if found:
            assert write_report(merge(found)) == write_report(judged(root))


def test_against_a_base(tmp_path: Path) -> None:
    """Weakenings stand once, cases of the base alone too, and a waiver's status is that of the whole."""
    base = gate(
        tmp_path / "base", ["bad", "good", "silent", "bad"], waivers={"used": WAIVERS["used"], "idle": waiver("x")}
    )
    head = gate(tmp_path / "head", ["bad", "good", "odd"], waivers={"used": WAIVERS["used"], "idle": waiver("x")})
    for of in (2, 3, 5):
        assert write_report(merge(parts(head, of, base=base))) == write_report(judged(head, base=base))


def test_a_part_says_that_it_is_one(tmp_path: Path) -> None:
    """It holds its own rows and keeps apart what only all parts together can tell."""
    root = gate(tmp_path, ["good", "bad", "good"], waivers={"idle": waiver("x")})
    part = judged(root, (2, 3))
    assert [row.case for row in part.rows] == ["case-1"]
    assert part.shard is not None
    assert [row.case for row in part.shard.duties] == ["idle"]
    assert [row.kind for row in merge(parts(root, 3)).rows] == ["case", "waiver", "case", "case"]


def _other_day(report: Report) -> Report:
    return dataclasses.replace(report, date="2026-06-02")


def _other_file(report: Report) -> Report:
    changed = dataclasses.replace(report.inputs[0], digest="sha256:" + "0" * 64)
    return dataclasses.replace(report, inputs=(changed, *report.inputs[1:]))


@pytest.mark.parametrize(("change", "field"), [(_other_day, "date"), (_other_file, "inputs")])
def test_parts_of_different_runs(tmp_path: Path, change: Callable[[Report], Report], field: str) -> None:
    """Another day or another file: what they say does not go together."""
    one, two = parts(gate(tmp_path, ["good", "bad"]), 2)
    with pytest.raises(InputError, match=f"parts of different runs: {field} differs"):
        merge([one, change(two)])


def test_not_every_part_once(tmp_path: Path) -> None:
    """A part that is missing or doubled could hide a red row; a whole report is no part."""
    root = gate(tmp_path, ["good", "bad", "good"])
    one, two, three = parts(root, 3)
    for wrong in ([one, two], [one, one, two], [one, two, three, three], [one, *parts(root, 2)]):
        with pytest.raises(InputError, match="not every part once: 1/3"):
            merge(wrong)
    for alone in ([judged(root)], [one, two, three, judged(root)], []):
        with pytest.raises(InputError, match="not a part of a run"):
            merge(alone)


def test_two_parts_with_the_same_case(tmp_path: Path) -> None:
    """A part that was numbered by hand is found by the rows that it repeats."""
    one, _ = parts(gate(tmp_path, ["good", "bad"]), 2)
    assert one.shard is not None
    forged = dataclasses.replace(one, shard=dataclasses.replace(one.shard, number=2))
    with pytest.raises(InputError, match="the same case"):
        merge([one, forged])
