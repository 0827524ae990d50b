"""From what was judged to the report: every input by digest, nothing counted twice, nothing left unsaid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runback_gate.canonical import digest, digest_bytes
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.gate.plan import load_plan
from runback_gate.gate.run import run_gate
from runback_gate.gate.verdict import Verdict
from runback_gate.report.build import build_report
from runback_gate.report.model import GatedAgent, Report, Software, read_report, write_report
from runback_gate.step import Response, to_json
from runback_gate.testing import (
    AGENT,
    REFUNDS,
    Answers,
    in_turn,
    sample_call,
    sample_case,
    sample_step,
    write_document,
    write_gate,
)

ENGINE = CppEngine()
SMALL, LARGE = (sample_step(sample_call("issue_refund", amount=amount)) for amount in (40, 250))
WAIVER = {"policies": ["refunds.limit"], "cases": ["large"], "reason": "T", "owner": "o", "expires": "2026-12-31"}


def report(root: Path, *responses: Response, **options: Any) -> Report:
    """The report of the gate of a folder."""
    plan = load_plan(root, day="2026-06-01", **options)
    return build_report(plan, run_gate(plan, ENGINE, in_turn(Answers(*responses))), ENGINE, version="1.2.3")


def test_a_report(tmp_path: Path) -> None:
    """Who judged what, when, and what came out."""
    cases = [sample_case("small", SMALL), sample_case("large", LARGE), sample_case("red", LARGE)]
    write_gate(tmp_path, cases, waivers={"w": WAIVER})
    found = report(tmp_path)
    assert (found.schema, found.tool, found.gate, found.date) == (
        "runback.report/v2",
        Software("runback-gate", "1.2.3"),
        "sample",
        "2026-06-01",
    )
    assert found.engine == Software(ENGINE.name, ENGINE.version)
    assert (found.verdict, found.exit_code, found.selection) == (Verdict.FAIL, 1, ())
    assert [row.case for row in found.rows] == ["red", "large", "small"]
    totals = found.totals
    assert (totals.rows, totals.cases, totals.failed, totals.waived, totals.passed) == (3, 3, 1, 1, 1)
    assert (totals.datasets, totals.policies, totals.recorded, totals.missing) == (1, 1, 3, 0)
    assert found.notices == ()


def test_the_report_holds_against_itself(tmp_path: Path) -> None:
    """Written and read again it is the same; the same plan and result give the same bytes."""
    write_gate(tmp_path, [sample_case("small", SMALL), sample_case("red", LARGE, {"toolCalled": "x"})])
    found = report(tmp_path)
    assert read_report(write_report(found)) == found
    assert write_report(report(tmp_path)) == write_report(found)


def test_every_input_is_named_by_its_bytes(tmp_path: Path) -> None:
    """Gate, agent with its files, datasets, policies, waivers, recordings, each once; and cached answers."""
    agent = {"system": {"file": "p.md"}, "tools": {"file": "t.json"}}
    cases = [sample_case("small", SMALL), sample_case("again", SMALL), sample_case("large", LARGE)]
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents/p.md").write_text("Be brief.")
    (tmp_path / "agents/t.json").write_text("[]")
    write_gate(tmp_path, cases, agent=agent, waivers={"w": WAIVER})
    answer = Response("Hi")
    found = report(tmp_path, answer)
    files = [item for item in found.inputs if item.kind != "answer"]
    assert [(item.kind, item.path) for item in files[:7]] == [
        ("gate", "runback.yaml"),
        ("agent", "agents/support.yaml"),
        ("prompt", "agents/p.md"),
        ("tools", "agents/t.json"),
        ("dataset", "datasets/cases.yaml"),
        ("policy", "policies/refunds.yaml"),
        ("waiver", "waivers/w.yaml"),
    ]
    assert [item.kind for item in files[7:]] == ["recording"] * 2
    assert [item.digest for item in files] == [digest_bytes((tmp_path / item.path).read_bytes()) for item in files]
    answers = [item for item in found.inputs if item.kind == "answer"]
    # All three cases have the same conversation, so they ask the same request.
    assert [(item.path, item.digest) for item in answers] == [
        (f"{found.rows[0].trials[0].request}.0", digest(to_json(answer)))
    ]


def test_agents(tmp_path: Path) -> None:
    """Name, file, digest of the file, and the model where the config states one."""
    write_gate(tmp_path, [sample_case("c", SMALL)])
    path = "agents/support.yaml"
    assert report(tmp_path).agents == (GatedAgent(AGENT, path, digest_bytes((tmp_path / path).read_bytes()), None),)
    write_document(tmp_path, "new.yaml", "Agent", AGENT, {"model": "openai/gpt-5"})
    (agent,) = report(tmp_path, agent="new.yaml").agents
    assert (agent.path, agent.model) == ("new.yaml", "openai/gpt-5")


def test_rules(tmp_path: Path) -> None:
    """Each validation once, as written, at its place, with the policy's description or its own message."""
    plain = {"validations": [{"id": "plain", "expression": "true", "message": "never"}], "validationActions": ["Warn"]}
    write_gate(tmp_path, [sample_case("c", SMALL)], policies={"plain": plain})
    write_document(tmp_path, "policies/r.yaml", "Policy", "refunds", REFUNDS, annotations={"runbook": "docs/r.md"})
    first, second = report(tmp_path).rules
    assert (first.id, first.policy, first.description, first.action, first.runbook) == (
        "plain",
        "plain",
        "never",
        "Warn",
        "",
    )
    assert (second.id, second.policy, second.description, second.action, second.runbook) == (
        "refunds.limit",
        "refunds",
        "Refunds above the limit need a person",
        "Deny",
        "docs/r.md",
    )
    assert second.expression == 'calls(response, "issue_refund").all(c, c.arguments.amount <= params.limit)'
    assert str(second.location) == "policies/r.yaml:24:20"


def test_what_concerned_nothing_is_a_notice(tmp_path: Path) -> None:
    """A policy that met no answer, at its place, and an agent without cases."""
    write_gate(tmp_path, [sample_case("c", sample_step(text="Hi"), {"contains": "Hi"})])
    write_document(tmp_path, "agents/billing.yaml", "Agent", "billing", {})
    found = report(tmp_path)
    assert found.verdict is Verdict.PASS
    assert [(item.message, str(item.location)) for item in found.notices] == [
        ("no dataset holds cases of agent billing", "None"),
        ("policy refunds concerned no answer", "policies/refunds.yaml:5:11"),
    ]


@pytest.mark.parametrize(
    ("options", "notices"),
    [
        ({}, []),
        ({"agent": AGENT}, []),
        ({"dataset": "cases"}, []),
        ({"agent": "new.yaml"}, ["no dataset holds cases of agent newcomer"]),
    ],
    ids=str,
)
def test_agents_whose_datasets_were_left_out(tmp_path: Path, options: dict[str, str], notices: list[str]) -> None:
    """Of them nothing is said; of an agent that has none it is."""
    write_gate(tmp_path, [sample_case("c", SMALL)])
    write_document(tmp_path, "agents/billing.yaml", "Agent", "billing", {})
    write_document(tmp_path, "new.yaml", "Agent", "newcomer", {})
    one = {"cases": [{"id": "x", "messages": [{"role": "user", "content": "Hi"}]}]}
    write_document(tmp_path, "datasets/bills.yaml", "Dataset", "bills", one, agent="billing")
    found = report(tmp_path, Response("Hi"), **options)
    assert [item.message for item in found.notices if item.message.startswith("no dataset")] == notices
    assert found.selection == tuple(f"{key}={value}" for key, value in options.items())


def test_nothing_judged_is_undecided(tmp_path: Path) -> None:
    """Without a case the report says so and the exit code is 2."""
    write_gate(tmp_path, [sample_case("c", SMALL)])
    write_document(tmp_path, "new.yaml", "Agent", "newcomer", {})
    found = report(tmp_path, agent="new.yaml")
    assert (found.verdict, found.exit_code, found.rows, found.totals.cases) == (Verdict.UNDECIDED, 2, (), 0)
