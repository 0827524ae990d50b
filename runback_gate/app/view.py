"""`view`: a run, a case, a report or an audit record as a page.

In: a run, with policies and perhaps a second run; the folder of a gate and the name of a case; or the bytes of a file.
Out: the text of the page.

    view_run(run, files.policies)
    view_case(Path(), "refunds/disputed")
    view_file(data, "record.jsonl")
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runback_gate.analysis.recorded import recorded
from runback_gate.app.cases import find_case
from runback_gate.app.policies import compile_all, policies_of
from runback_gate.app.rules import judge_whole
from runback_gate.audit.frame import OWN
from runback_gate.capture.runs import MAX_RUN_BYTES
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.documents.named_files import read_file
from runback_gate.gate.config import GATE_FILE
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import RuleSet, judge
from runback_gate.policy.finding import Finding
from runback_gate.report.html import render
from runback_gate.report.model import read_report
from runback_gate.step import Run
from runback_gate.store.folder import RUNS
from runback_gate.view.record_page import record_page
from runback_gate.view.run_page import Around as Around
from runback_gate.view.run_page import run_page


def view_run(run: Run, policies: Sequence[Policy] = (), other: Run | None = None, around: Around | None = None) -> str:
    """The page of a run, judged by the policies, where there are some; another run stands beside it.

    Raises:
        InputError: a policy does not compile.
    """
    engine = CppEngine()
    rule_sets = compile_all(policies, engine) if policies else ()
    found, there = (_findings(item, rule_sets, engine) for item in (run, other))
    return run_page(
        run, found, judged=any(rules.rules for rules in rule_sets), other=other, found_other=there, around=around
    )


def _findings(run: Run | None, rule_sets: Sequence[RuleSet], engine: CppEngine) -> dict[int, Sequence[Finding]]:
    """What the rules find in the steps of a run; what is said of the whole run stands at its end."""
    found: dict[int, Sequence[Finding]] = {}
    if run is None or not rule_sets:
        return found
    for index, step in enumerate(recorded(run)):
        findings = judge(rule_sets, step.under_test(engine)).findings
        if findings:
            found[index] = findings
    whole = judge_whole(rule_sets, engine, run).findings
    if whole and run.steps:
        last = len(run.steps) - 1
        found[last] = [*found.get(last, ()), *whole]
    return found


def view_case(root: Path, name: str) -> str:
    """The page of the step that a case of the gate in `root` keeps, judged by the gate's policies.

    Raises:
        InputError: no case, or more than one, is named like this; a policy does not compile.
    """
    found = find_case(root, name)
    return view_run(Run(found.title, found.dataset.agent, (found.step,)), policies_of(root))


def view_named(name: str) -> str | None:
    """The page of the report, the record or the case of the gate here that somebody named; None for a run.

    Raises:
        InputError: it cannot be read, or no case is named like this.
    """
    path = Path(name)
    if path.is_file():
        return view_file(read_file(path, MAX_RUN_BYTES), path.name)
    is_run = name.endswith(".jsonl") or (RUNS / f"{name}.jsonl").exists() or not Path(GATE_FILE).exists()
    return None if is_run else view_case(Path(), name)


def view_file(data: bytes, name: str) -> str | None:
    """The page of an audit record or a report; None for a file that is none of these, such as a run.

    Raises:
        InputError: a report that cannot be read, or a record that is too large for a page.
    """
    if data.startswith(OWN):
        return record_page(data, name)
    return render(read_report(data, name)) if data.lstrip()[:1] == b"{" and name.endswith(".json") else None
