"""Judge every recorded step of many runs, and each run as a whole: what would these policies have said?

In: policies, an engine, recorded runs. Out: their `Tally`: counts for each rule, and failures by run and step.

    backtest(policies, CppEngine(), runs).counts["airline.one_action"]["fail"]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runback_gate.analysis.recorded import RecordedRun, recorded
from runback_gate.analysis.tally import Counter, Tally
from runback_gate.cel.engine import Engine
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import RuleSet, compile_policy, results
from runback_gate.step import Run


def backtest(policies: Sequence[Policy], engine: Engine, runs: Iterable[Run]) -> Tally:
    """Judge every step of every run, and every run; runs are taken one by one and not kept."""
    return backtest_rules([compile_policy(policy, engine) for policy in policies], engine, runs)


def backtest_rules(rule_sets: Sequence[RuleSet], engine: Engine, runs: Iterable[Run]) -> Tally:
    """The same with policies that are compiled: a worker judges many parts by them."""
    over_steps = [rules for rules in rule_sets if rules.scope == "step"]
    over_runs = [rules for rules in rule_sets if rules.scope == "run"]
    reads = frozenset[str]().union(*(rules.reads for rules in over_runs))
    counter = Counter(
        (rule.id for rules in rule_sets for rule in rules.rules),
        over_runs=(rule.id for rules in over_runs for rule in rules.rules),
    )
    seen = steps = 0
    for run in runs:
        seen += 1
        for index, step in enumerate(recorded(run)):
            steps += 1
            for rule, result in results(over_steps, step.under_test(engine)).items() if over_steps else ():
                counter.add(rule, run.id, index, result)
        for rule, result in results(over_runs, RecordedRun(run).under_test(engine, reads)).items() if over_runs else ():
            counter.add(rule, run.id, None, result)
    return counter.tally(seen, steps)
