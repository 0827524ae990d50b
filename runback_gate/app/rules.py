"""One rule of many policies, found by its id; and what the rules over runs say of one run.

In: policies and the id that someone named, or a run. Out: the policy that has the rule, compiled; or a `Judgement`.

    owner, rules = compile_rule(files.policies, "refunds.limit", CppEngine())
    judge_whole(rule_sets, CppEngine(), run).findings
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from runback_gate.analysis.recorded import RecordedRun
from runback_gate.app.policies import compile_all
from runback_gate.cel.engine import Engine
from runback_gate.documents import suggestion
from runback_gate.errors import InputError
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import Judgement, RuleSet, judge
from runback_gate.policy.left_out import REASON, judged_ids
from runback_gate.step import Run


def compile_rule(policies: Sequence[Policy], rule: str, engine: Engine) -> tuple[Policy, RuleSet]:
    """The policy that has the rule of this id, as it stands and compiled.

    Raises:
        InputError: no rule has this id, a judge model decides it, or its policy does not compile.
    """
    owner = next((item for item in policies if any(entry.id == rule for entry in item.rules)), None)
    if rule in judged_ids(policies):
        hint = "a report has its grade: report.html, or show CASE"
        raise InputError(f"rule {rule!r} has no expression: {REASON}", hint=hint)
    if owner is None:
        ids = [entry.id for item in policies for entry in item.rules]
        raise InputError(f"no rule is named {rule!r}", hint=suggestion(rule, ids))
    return owner, compile_all((owner,), engine)[0]


def judge_whole(rule_sets: Sequence[RuleSet], engine: Engine, run: Run) -> Judgement:
    """What the rules over runs say of a run; their messages say so, since they stand beside those of its steps."""
    reads = frozenset[str]().union(*(rules.reads for rules in rule_sets if rules.scope == "run"))
    said = judge(rule_sets, RecordedRun(run).under_test(engine, reads))
    findings = tuple(replace(item, message=f"the whole run: {item.message}") for item in said.findings)
    return replace(said, findings=findings)
