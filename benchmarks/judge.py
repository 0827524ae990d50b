"""The time of one answer under many policies, on both CEL engines.

In: an empty folder and how many policies. Out: one JSON object, milliseconds per answer by the name of the engine, and
under `data` what it costs to make what expressions see from a recorded step, whatever the number of policies.

    python -m benchmarks.judge FOLDER --policies 20

What is timed: from the data of a step to its judgement, the binding of the data included. Compiling happens once in a
run and is not in it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from functools import partial
from pathlib import Path

from benchmarks.workload import AGENT, policy, step
from runback_gate.canonical import JsonValue
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.engine import Engine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.policy.context import agent_facts, bindings, case_facts
from runback_gate.policy.document import Policy, load_policies
from runback_gate.policy.evaluate import BoundStep, StepUnderTest, compile_policy, judge

ROUNDS = 9


def milliseconds(engine: Engine, policies: tuple[Policy, ...], answers: int) -> float:
    """Median CPU milliseconds of one answer, over rounds of `answers` answers, none of which comes twice."""
    rules = [compile_policy(item, engine) for item in policies]
    rounds = []
    for number in range(ROUNDS + 1):
        data = [seen(number * answers + index) for index in range(answers)]
        start = time.process_time()
        for item in data:
            judgement = judge(rules, StepUnderTest(AGENT, ("refund",), partial(BoundStep, engine, item)))
            if len(judgement.passed) != len(policies):
                raise RuntimeError(
                    f"{engine.name}: {len(judgement.passed)} of {len(policies)} policies hold: {judgement.findings}"
                )
        rounds.append((time.process_time() - start) * 1000 / answers)
    return statistics.median(rounds[1:])


def seen(index: int) -> dict[str, JsonValue]:
    """What expressions see of a recorded step."""
    item = step(index)
    case, agent = case_facts("benchmark", "case", ("refund",)), agent_facts(AGENT)
    return bindings(item.request, item.response, baseline=item.response, case=case, agent=agent)


def data_milliseconds(answers: int) -> float:
    """Median CPU milliseconds to make the data of one step."""
    case, agent = case_facts("benchmark", "case", ("refund",)), agent_facts(AGENT)
    rounds = []
    for number in range(ROUNDS):
        steps = [step(number * answers + index) for index in range(answers)]
        start = time.process_time()
        for item in steps:
            bindings(item.request, item.response, baseline=item.response, case=case, agent=agent)
        rounds.append((time.process_time() - start) * 1000 / answers)
    return statistics.median(rounds)


def main(root: Path, count: int) -> None:
    """Print the figures."""
    for index in range(count):
        (root / f"{index:03}.yaml").write_text(policy(index))
    policies, _ = load_policies(root, ["*.yaml"])
    engines: list[tuple[Engine, int]] = [(CppEngine(), 500), (PyEngine(), 10)]
    figures = {engine.name: milliseconds(engine, policies, answers) for engine, answers in engines}
    print(json.dumps({**figures, "data": data_milliseconds(500)}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time one answer under many policies.")
    parser.add_argument("root", type=Path)
    parser.add_argument("--policies", type=int, default=20)
    arguments = parser.parse_args()
    main(arguments.root, arguments.policies)
