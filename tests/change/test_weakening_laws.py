"""Laws of the comparison of two gates, its parts, and the approval that is bound to a commit."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.change.cases import weaker_datasets
from runback_gate.change.gates import find_weakenings
from runback_gate.change.model import UNSET, Change, brief, changed, differences, listed
from runback_gate.change.policies import changed_policies
from runback_gate.change.settings import weaker_settings
from runback_gate.documents import Document, parse_document
from runback_gate.errors import InputError
from runback_gate.gate.approval import approved, refusal
from runback_gate.gate.config import load_gate
from runback_gate.gate.plan import Plan, load_plan
from runback_gate.name_pattern import covers
from runback_gate.testing import REFUNDS, sample_case, sample_step, write_document, write_gate
from tests.examples import examples

ROOT = Path(__file__).parents[2]
DAY = "2026-06-01"
HEAD = "9ac3e11d" * 5
WAIVER = {
    "policies": ["refunds.limit"],
    "cases": ["c0"],
    "reason": "TICKET-12",
    "owner": "payments",
    "expires": "2026-12-31",
}
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


def test_a_field_that_nobody_compares_is_no_harmless_one(tmp_path: Path) -> None:
    """What a later version adds to the gate config is compared as a whole, so that it cannot be changed unseen."""
    write_gate(tmp_path, [sample_case("c", sample_step(text="Hi"))])
    gate = load_gate(tmp_path)
    values = [{"judge": {"model": model, "samples": 3}} for model in ("a", "b")]
    base, head = (
        dataclasses.replace(
            gate, digest=str(number), document=parse_document(json.dumps({"spec": spec}), "runback.yaml")
        )
        for number, spec in enumerate(values)
    )
    (found,) = weaker_settings(base, head)
    assert (found.kind, found.message) == ("gate-changed", "judge.model changed from a to b")
    assert found.location.line == 1


def policies(root: Path, base: dict[str, Any], head: dict[str, Any]) -> tuple[Plan, Plan]:
    """Two gates that differ in the spec of their one policy."""
    for name, spec in (("base", base), ("head", head)):
        write_gate(root / name, [sample_case("c", sample_step(text="Hi"))], policies={"refunds": {**REFUNDS, **spec}})
    return load_plan(root / "base", day=DAY), load_plan(root / "head", day=DAY)


def loosened_policies(base: Plan, head: Plan) -> list[Change]:
    """What is loosened, or may be, in the policies of a gate."""
    return [item for item in changed_policies(base, head) if item.weakens]


def rule(source: str) -> dict[str, Any]:
    """A `validations` field of one rule."""
    return {"validations": [{"id": "r", "expression": source}]}


@pytest.mark.parametrize(
    ("base", "head", "kinds"),
    [
        (
            rule("has(params.free)"),
            {**rule("has(params.free)"), "params": {"limit": 100, "free": 1}},
            ["params-changed"],
        ),
        (rule('params["limit"] > 1'), {**rule('params["limit"] > 1'), "params": {"limit": 0}}, ["params-changed"]),
        (
            rule("case.id in params"),
            {**rule("case.id in params"), "params": {"limit": 100, "c": 1}},
            ["params-changed"],
        ),
        (rule("params.limit > 1"), {**rule("params.limit > 1"), "params": {"limit": 100.0}}, ["params-changed"]),
        (rule("params.limit > 1"), {**rule("params.limit > 1"), "params": {}}, ["params-changed"]),
        (
            {**rule("params.a.b > 1"), "params": {"a": {"b": 1, "c": 2}}},
            {**rule("params.a.b > 1"), "params": {"a": {"c": 2, "b": 3}}},
            ["params-changed"],
        ),
        (
            {**rule("1 in params.a"), "params": {"a": {"b": 1, "c": 2}}},
            {**rule("1 in params.a"), "params": {"a": {"c": 2, "b": 1}}},
            [],
        ),
        (rule("variables.x"), rule("variables.x"), []),
        (rule("variables.x"), {**rule("variables.x"), "params": {"limit": 7}}, ["params-changed"]),
        (rule("a ` b"), rule("a ` b"), []),
        (rule("a ` b"), rule("a `  b"), ["expression-changed"]),
        (rule("'a' == 'b'"), rule('"a" == "b"'), []),
        (rule("'a  b' == 'b'"), rule("'a b' == 'b'"), ["expression-changed"]),
        (
            {**rule("variables.x"), "variables": [{"name": "x", "expression": "true"}]},
            {**rule("variables.x"), "variables": []},
            ["variable-changed"],
        ),
        (
            {
                **rule("variables.x"),
                "variables": [{"name": "x", "expression": "variables.y"}, {"name": "y", "expression": "true"}],
            },
            {
                **rule("variables.x"),
                "variables": [{"name": "y", "expression": "true"}, {"name": "x", "expression": "variables.y"}],
            },
            ["expression-changed"],
        ),
    ],
    ids=str,
)
def test_what_an_expression_is_made_of(
    tmp_path: Path, base: dict[str, Any], head: dict[str, Any], kinds: list[str]
) -> None:
    """A rule that reads the same says something else once its params or variables do, in whatever way it names them."""
    assert [item.kind for item in loosened_policies(*policies(tmp_path, base, head))] == kinds


def test_conditions_follow_their_params(tmp_path: Path) -> None:
    """A match condition that reads the same lets other answers out when its param changes."""
    condition = {"matchConditions": [{"name": "large", "expression": "size(history) > params.from"}], **rule("true")}
    plans = policies(tmp_path, {**condition, "params": {"from": 1}}, {**condition, "params": {"from": 9}})
    (found,) = loosened_policies(*plans)
    assert (found.kind, found.message) == ("params-changed", "params.from changed from 1 to 9")


def test_very_many_conditions_are_compared_as_written(tmp_path: Path) -> None:
    """To put variables into thousands of conditions takes minutes, so there another name of one is reported too."""
    one = {"variables": [{"name": "n", "expression": "size(history)"}], **rule("true")}
    other = {"variables": [{"name": "m", "expression": "size(history)"}], **rule("true")}
    same = [{"name": f"c{number}", "expression": f"size(history) != {number}"} for number in range(64)]
    before = {"name": "last", "expression": "variables.n < 9"}, {"name": "last", "expression": "variables.m < 9"}
    for conditions, kinds in ((same[1:], []), (same, ["match-condition-changed"])):
        base = {**one, "matchConditions": [*conditions, before[0]]}
        head = {**other, "matchConditions": [*conditions, before[1]]}
        folder = tmp_path / str(len(conditions))
        assert [item.kind for item in loosened_policies(*policies(folder, base, head))] == kinds


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ("*", "anything*", True),
        ("gpt-4o*", "gpt-4o-mini*", True),
        ("gpt-4o*", "gpt-*", False),
        ("gpt-4?", "gpt-4o", True),
        ("gpt-4?", "gpt-4*", False),
        ("gpt-4?", "gpt-4?", True),
        ("a[b]", "a[b]", True),
        ("a[b]", "ab", False),
        ("", "*", False),
    ],
)
def test_a_pattern_that_covers_another(wide: str, narrow: str, covered: bool) -> None:
    """All that the narrow one matches is matched by the wide one; `?` is no text of any length, `[` only itself."""
    assert covers(wide, narrow) is covered


@given(
    old=st.dictionaries(
        st.sampled_from("abc"), st.recursive(st.integers(0, 2), lambda v: st.dictionaries(st.sampled_from("ab"), v))
    )
)
def test_nothing_differs_from_itself(old: dict[str, Any]) -> None:
    """Two mappings without differences are the same mapping."""
    assert list(differences(old, json.loads(json.dumps(old)))) == []
    if old:
        assert list(differences(old, {}))


def test_one_is_not_true() -> None:
    """Values of JSON are told apart by type."""
    assert [path for path, _, _ in differences({"a": 1, "b": 1, "c": 1}, {"a": True, "b": 1.0, "c": 1})] == [
        ("a",),
        ("b",),
    ]


def test_values_are_shown_in_short() -> None:
    """Long values begin shortly before they part, and nothing that a terminal would obey gets through."""
    assert changed("a", 100, UNSET) == "a was removed; it was 100"
    assert changed("a", "a" * 80 + "1", "a" * 80 + "2") == f"a changed from …{'a' * 20}1 to …{'a' * 20}2"
    assert changed("a", "", "x\ny") == "a changed from '' to x y"
    assert changed("a", "a\x1b[31m\u202e", "b", "c") == "a changed from 'a\\x1b[31m\\u202e' to b, so c"
    assert brief("x" * 99) == "x" * 59 + "…"
    assert brief({"b": 1, "a": ["é"]}) == '{"a": ["é"], "b": 1}'
    assert listed([]) == "none"
    assert listed([str(number) for number in range(10)]) == "0, 1, 2, 3, 4, 5, 6, 7, more"


@pytest.mark.parametrize(
    ("patterns", "side"),
    [
        (["policies/**/*.yaml", "policies/other.yaml"], "base"),
        (["./policies/*.yaml", "policies/other.yaml"], "base"),
        (["**/refunds.yaml", "policies/other.yaml"], "base"),
        (["policies/other.yaml"], "head"),
        (["**/other.yaml"], "head"),
        (["policies/refunds.yaml/**/x", "policies/other.yaml"], "head"),
        (["*/*/refunds.yaml", "policies/other.yaml"], "head"),
    ],
    ids=str,
)
def test_why_a_file_is_gone(tmp_path: Path, patterns: list[str], side: str) -> None:
    """The config is pointed at where its patterns leave the file out, the file itself where they do not."""
    base, head = policies(tmp_path, {}, {})
    names = tuple(pattern for pattern in patterns)
    write_document(tmp_path / "head", "runback.yaml", "Gate", "sample", {"policies": list(names)})
    document = parse_document((tmp_path / "head/runback.yaml").read_bytes(), "runback.yaml")
    gate = dataclasses.replace(head.gate, policies=names, document=document)
    (found,) = loosened_policies(base, dataclasses.replace(head, gate=gate, policies=()))
    assert (found.kind, found.side) == ("policy-removed", side)
    assert found.location.path == ("runback.yaml" if side == "head" else "policies/refunds.yaml")


def test_a_waiver_of_very_much_is_compared_at_once(tmp_path: Path) -> None:
    """A file may name more pairs of rules and cases than a machine could hold; some that are new are named."""
    write_gate(tmp_path / "base", [sample_case("c", sample_step(text="Hi"))], waivers={"w": WAIVER})
    much = {
        "policies": ["refunds.limit", *(f"r{number}" for number in range(9_999))],
        "cases": [f"c{number}" for number in range(10_000)],
    }
    write_gate(tmp_path / "head", [sample_case("c", sample_step(text="Hi"))], waivers={"w": {**WAIVER, **much}})
    base, head = (load_plan(tmp_path / name, day=DAY) for name in ("base", "head"))
    (found,) = find_weakenings(base, head)
    assert (found.kind, found.location.path) == ("waiver-broadened", "waivers/w.yaml")
    assert found.message.startswith("more breaches are accepted: refunds.limit in c1, refunds.limit in c2, ")
    assert found.message.endswith(", more")
    assert find_weakenings(head, base) == find_weakenings(head, head) == ()


def test_waivers_count_together(tmp_path: Path) -> None:
    """Two waivers of the base in one of the head are no more than before, up to the earlier of their days."""
    early, late = {**WAIVER, "cases": ["a"]}, {**WAIVER, "cases": ["b"], "expires": "2027-01-31"}
    both = {**WAIVER, "cases": ["a", "b"]}
    cases = [sample_case("c", sample_step(text="Hi"))]
    write_gate(tmp_path / "base", cases, waivers={"early": early, "late": late})
    base = load_plan(tmp_path / "base", day=DAY)
    for day, kinds in (("2026-12-31", []), ("2027-01-31", ["waiver-extended"])):
        write_gate(tmp_path / day, cases, waivers={"early": {**both, "expires": day}})
        assert [item.kind for item in find_weakenings(base, load_plan(tmp_path / day, day=DAY))] == kinds


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


def test_an_expression_that_cannot_be_read_may_read_anything(tmp_path: Path) -> None:
    """Where the base's expression is not CEL, a changed tag is reported: nobody knows that it means nothing."""
    for name, tag in (("base", "a"), ("head", "b")):
        case = sample_case("c", sample_step(text="Hi"), tags=[tag])
        write_gate(
            tmp_path / name, [case], policies={"odd": {"validations": [{"id": "odd", "expression": "case ` x"}]}}
        )
    base, head = (load_plan(tmp_path / name, day=DAY) for name in ("base", "head"))
    assert [item.kind for item in find_weakenings(base, head)] == ["tags-changed"]


def test_checks_are_told_apart_by_what_they_demand(tmp_path: Path) -> None:
    """Arguments in another order demand the same; a bound is kept by any that is as low; one of two is no more."""
    call = {"toolCalled": {"name": "t", "arguments": {"a": 1, "b": 2}}}
    turned = {"toolCalled": {"name": "t", "arguments": {"b": 2, "a": 1}}}
    schema = [{"jsonSchema": {"type": kind}} for kind in ("object", "array")]
    for base, head, kinds in (
        ([call], [turned], []),
        ([call, call], [call], []),
        ([{"maxTokens": 9}, {"maxTokens": 5}], [{"maxTokens": 5}], []),
        ([{"maxCostUsd": "0.10"}], [{"maxCostUsd": "0.1"}], []),
        ([{"maxCostUsd": "0.10"}], [{"maxCostUsd": "0.11"}], ["check-changed"]),
        (schema[:1], schema[:1], []),
        (schema[:1], schema[1:], ["check-changed"]),
        ([{"contains": "1"}], [{"cel": 'response.text.contains("1")'}], ["check-removed"]),
        ([{"contains": "1"}, {"contains": "2"}], [{"contains": "3"}], ["check-changed", "check-removed"]),
        ([{"jsonSchema": {"const": 1}}], [{"jsonSchema": {"const": True}}], ["check-changed"]),
        ([{"jsonSchema": {"const": 1}}], [{"jsonSchema": {"const": 1.0}}], ["check-changed"]),
        ([{"toolCalled": {"name": "t", "arguments": {"a": 1}}}], [{"toolCalled": "t"}], ["check-changed"]),
    ):
        for name, checks in (("base", base), ("head", head)):
            write_gate(tmp_path / name, [sample_case("c", sample_step(text="Hi"), *checks)])
        plans = [load_plan(tmp_path / name, day=DAY) for name in ("base", "head")]
        assert [item.kind for item in find_weakenings(*plans)] == kinds, head


def test_files_whose_cases_ask_the_same_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where layout alone differs, what was read of the cases says it."""
    for name in ("base", "head"):
        write_gate(tmp_path / name, [sample_case("c", sample_step(text="Hi"), {"contains": "Hi"})])
    path = tmp_path / "head/datasets/cases.yaml"
    path.write_text(f"# Another layout.\n{path.read_text()}")
    base, head = (load_plan(tmp_path / name, day=DAY) for name in ("base", "head"))
    monkeypatch.setattr(Document, "value", property(lambda _: pytest.fail("it was read again")))
    assert tuple(weaker_datasets(base, head)) == ()


def test_an_approval_of_this_very_head() -> None:
    """The full id of the commit that is judged, of either length, and nothing is left to say."""
    for head in (HEAD, "0f" * 32):
        assert approved(head, head)
        assert refusal(head, head) is None


@pytest.mark.parametrize(
    ("approval", "head", "why"),
    [
        (None, HEAD, "not approved"),
        ("", HEAD, "not approved"),
        (" ", HEAD, "not approved"),
        ("", "", "not approved"),
        (None, None, "not approved"),
        (HEAD[:12], HEAD, "the approval is no full commit id"),
        (HEAD[:39], HEAD, "the approval is no full commit id"),
        (HEAD + "0", HEAD, "the approval is no full commit id"),
        (HEAD.upper(), HEAD, "the approval is no full commit id"),
        (HEAD.upper(), HEAD.upper(), "the approval is no full commit id"),
        (HEAD + "\n", HEAD, "the approval is no full commit id"),
        (f" {HEAD}", HEAD, "the approval is no full commit id"),
        (f"{HEAD},{'0' * 40}", HEAD, "the approval is no full commit id"),
        ("main", "main", "the approval is no full commit id"),
        ("٠" * 40, "٠" * 40, "the approval is no full commit id"),
        (HEAD, None, "what is judged has no commit id that an approval could name"),
        (HEAD, "", "what is judged has no commit id that an approval could name"),
        (HEAD, HEAD[:12], "what is judged has no commit id that an approval could name"),
        (HEAD, "0" * 40, "the approval names 9ac3e11d9ac3, not 000000000000: a new push needs a new approval"),
        (HEAD, HEAD + "0" * 24, "the approval names 9ac3e11d9ac3, not 9ac3e11d9ac3: a new push needs a new approval"),
    ],
)
def test_an_approval_of_anything_else(approval: str | None, head: str | None, why: str) -> None:
    """A prefix, a branch, another commit, or no commit at all approves nothing, and the reason is said."""
    assert not approved(approval, head)
    assert (refusal(approval, head) or "").startswith(why)


@given(approval=st.text("0123456789abcdef", max_size=64), head=st.text("0123456789abcdef", max_size=64))
def test_only_the_same_full_id_approves(approval: str, head: str) -> None:
    """Whatever two ids are: one approves the other only if they are one, and whole."""
    assert approved(approval, head) is (approval == head and len(head) in (40, 64))
    assert approved(head, head) is (len(head) in (40, 64))
