"""Judge every recorded step of many runs, and each run as a whole: what would these policies have said?

In: policies, an engine, recorded runs. Out: their `Tally`: counts for each rule, and failures by run and step.

    backtest(policies, CppEngine(), runs).counts["airline.one_action"]["fail"]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runback_gate import __version__
from runback_gate.analysis.recorded import RecordedRun, recorded
from runback_gate.analysis.tally import Counter, Tally
from runback_gate.canonical import digest_bytes, exact_bytes
from runback_gate.cel.engine import Engine
from runback_gate.cel.inline import inline
from runback_gate.cel.projection import needs
from runback_gate.policy.batch import Batches
from runback_gate.policy.context import Layout
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
    layout = Layout(needs(frozenset[str]().union(*(rules.paths for rules in over_steps))))
    batches = Batches(engine, over_steps)
    counter = Counter(
        (rule.id for rules in rule_sets for rule in rules.rules),
        over_runs=(rule.id for rules in over_runs for rule in rules.rules),
    )
    seen = steps = 0
    for run in runs:
        seen += 1
        for index, step in enumerate(recorded(run)):
            steps += 1
            said = results(over_steps, step.projected(engine, layout, batches)) if over_steps else {}
            for rule, result in said.items():
                counter.add(rule, run.id, index, result)
        for rule, result in results(over_runs, RecordedRun(run).under_test(engine, reads)).items() if over_runs else ():
            counter.add(rule, run.id, None, result)
    return counter.tally(seen, steps)


def rule_names(policies: Sequence[Policy], rule_sets: Sequence[RuleSet], engine: Engine) -> dict[str, str]:
    """By the id of each rule a name for all that decides what it says of a recorded step, its message included.

    Two rules of one name say the same of every step, whatever their ids. It names the engine and this package as well:
    either may judge otherwise in another version.
    """
    found: dict[str, str] = {}
    for policy, rules in zip(policies, rule_sets, strict=True):
        variables = {item.name: item.source for item in policy.variables}
        for written, rule in zip(policy.rules, rules.rules, strict=True):
            expression = written.message_expression
            said = "" if expression is None else inline(expression.source, policy.params, variables).text
            content = {
                "rule": rules.fingerprint(rule),
                "match": [list(rules.agents), list(rules.tags)],
                "message": [rule.message, said],
                "judge": [engine.name, engine.version, __version__],
            }
            found[rule.id] = digest_bytes(exact_bytes(content))
    return found
