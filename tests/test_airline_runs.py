"""The airline's rules over runs against the same rules written once more in plain Python, over 100 real runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from runback_gate.analysis.backtest import backtest
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.cel.py_engine import PyEngine
from runback_gate.policy.evaluate import BoundStep, StepUnderTest, compile_policy, results
from tests.airline import AIRLINE, OVER_RUNS, airline_backtest, airline_policies, airline_runs, needs_runs

ENGINE = CppEngine()
Call = dict[str, Any]
ACTS = (
    "update_reservation_flights",
    "update_reservation_baggages",
    "update_reservation_passengers",
    "cancel_reservation",
)
CHANGES = ("book_reservation", *ACTS[:3])
READ, TRANSFER = "get_reservation_details", "transfer_to_human_agents"


def _messages() -> Iterator[list[dict[str, Any]]]:
    for line in (AIRLINE / "runs.jsonl").read_text().splitlines():
        yield json.loads(line)["messages"]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _calls(messages: list[dict[str, Any]]) -> list[Call]:
    """The calls of a run; a turn never holds two, and its result is the next message."""
    found: list[Call] = []
    for place, message in enumerate(messages):
        for call in message.get("tool_calls") or ():
            result = _parsed(messages[place + 1]["content"]) if place + 1 < len(messages) else None
            arguments = json.loads(call["function"]["arguments"])
            found.append({"name": call["function"]["name"], "arguments": arguments, "result": result})
    return found


def _of(call: Call) -> bool:
    """Whether the result is the reservation that the call is about."""
    return (
        isinstance(call["result"], dict) and call["result"].get("reservation_id") == call["arguments"]["reservation_id"]
    )


def _read_before_acting(calls: list[Call], _: Any) -> bool:
    read: set[str] = set()
    for call in calls:
        if call["name"] in ACTS and call["arguments"]["reservation_id"] not in read:
            return False
        if call["name"] == READ and _of(call):
            read.add(call["arguments"]["reservation_id"])
    return True


def _profile_before_booking(calls: list[Call], _: Any) -> bool:
    known = False
    for call in calls:
        if call["name"] == "book_reservation" and not known:
            return False
        known = known or (isinstance(call["result"], dict) and isinstance(call["result"].get("payment_methods"), dict))
    return True


def _cancelled_for_good(calls: list[Call], _: Any) -> bool:
    gone: set[str] = set()
    for call in calls:
        if call["name"] in ACTS and call["arguments"]["reservation_id"] in gone:
            return False
        if call["name"] == "cancel_reservation" and _of(call):
            gone.add(call["arguments"]["reservation_id"])
    return True


def _transfer_ends_run(calls: list[Call], _: Any) -> bool:
    return TRANSFER not in [call["name"] for call in calls[:-1]]


def _certificate_total(calls: list[Call], _: Any) -> bool | None:
    amounts = [call["arguments"]["amount"] for call in calls if call["name"] == "send_certificate"]
    read = [call["result"] for call in calls if call["name"] == READ and _of(call)]
    return sum(amounts) <= 100 * max((len(one["passengers"]) for one in read), default=0) if amounts else None


def _one_customer(calls: list[Call], _: Any) -> bool:
    named = ("get_user_details", "book_reservation", "send_certificate")
    return len({call["arguments"]["user_id"] for call in calls if call["name"] in named}) < 2


def _yes_for_each_change(calls: list[Call], messages: list[dict[str, Any]]) -> bool | None:
    changes = sum(call["name"] in CHANGES for call in calls)
    last = max(place for place, message in enumerate(messages) if message["role"] == "assistant")
    said = [message["content"] for message in messages[:last] if message["role"] == "user"]
    return changes <= sum(bool(re.search(r"\byes\b", text, re.IGNORECASE)) for text in said) if changes else None


@cache
def _validators() -> dict[str, Any]:
    tools = [tool["function"] for tool in json.loads((AIRLINE / "tools.json").read_text())]
    return {tool["name"]: Draft202012Validator(tool["parameters"]) for tool in tools}


def _arguments_keep_schema(calls: list[Call], _: Any) -> bool:
    return all(
        call["name"] in _validators() and _validators()[call["name"]].is_valid(call["arguments"]) for call in calls
    )


RULES: dict[str, Callable[[list[Call], list[dict[str, Any]]], bool | None]] = {
    "airline.read_before_acting": _read_before_acting,
    "airline.profile_before_booking": _profile_before_booking,
    "airline.cancelled_for_good": _cancelled_for_good,
    "airline.transfer_ends_run": _transfer_ends_run,
    "airline.certificate_total": _certificate_total,
    "airline.one_customer": _one_customer,
    "airline.yes_for_each_change": _yes_for_each_change,
    "airline.arguments_keep_schema": _arguments_keep_schema,
}
"""Whether a run complies; None where the rule does not concern it."""


@pytest.mark.slow
@needs_runs
@pytest.mark.parametrize("rule", OVER_RUNS)
def test_policy_and_second_reading_agree(rule: str) -> None:
    """The policy refuses the same runs as the rule written in Python, and concerns as many."""
    said = [RULES[rule](_calls(messages), messages) for messages in _messages()]
    found = airline_backtest()
    refused = {int(item.run.split("-")[1]) - 1 for item in found.failures if item.rule == rule}
    assert refused == {run for run, complies in enumerate(said) if complies is False}
    counts = {word: said.count(word_of) for word, word_of in (("pass", True), ("fail", False), ("skip", None))}
    assert found.counts[rule] == {**counts, "error": 0}


@pytest.mark.slow
@needs_runs
@pytest.mark.parametrize("order", ["reversed", "twice", "next"])
def test_both_refuse_what_is_out_of_order(order: str) -> None:
    """Real runs keep most of these rules: with their calls turned round, doubled, or followed by those of the next run,
    hundreds break, and both readings refuse the same ones."""
    names = [name for name in OVER_RUNS if name not in ("airline.yes_for_each_change", "airline.arguments_keep_schema")]
    over_runs = [compile_policy(policy, ENGINE) for policy in airline_policies()[0] if policy.scope == "run"]
    runs = [_calls(messages) for messages in _messages()]
    broken = dict.fromkeys(names, 0)
    for number, calls in enumerate(runs):
        mixed = {"reversed": calls[::-1], "twice": calls * 2, "next": calls + runs[(number + 1) % len(runs)]}[order]
        data: Any = {"run": {"calls": mixed, "steps": [{"request": {"messages": [], "tools": []}}]}}
        said = results(over_runs, StepUnderTest("airline", (), partial(BoundStep, ENGINE, data), scope="run"))
        for name in names:
            expected = {True: "pass", False: "fail", None: "skip"}[RULES[name](mixed, [])]
            assert said[name].outcome == expected, (name, number)
            broken[name] += expected == "fail"
    assert sum(broken.values()) > 20


@pytest.mark.slow
@needs_runs
def test_the_second_engine_agrees() -> None:
    """celpy says the same of every run."""
    over_runs = [policy for policy in airline_policies()[0] if policy.scope == "run"]
    found, known = backtest(over_runs, PyEngine(), airline_runs()), airline_backtest()
    assert found.counts == {rule: known.counts[rule] for rule in found.counts}
    assert set(found.failures) == {item for item in known.failures if item.rule in found.counts}
