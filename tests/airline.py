"""The airline's rules written once more in plain Python, its policies, and the 100 real runs both are held against."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from runback_gate.analysis.backtest import backtest
from runback_gate.analysis.tally import Tally
from runback_gate.capture.formats import Defaults, read_transcripts
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.dataset.recordings import load_recording
from runback_gate.policy.document import Policy, load_policies
from runback_gate.policy.policy_test_document import PolicyTest
from runback_gate.step import Run, tools_from_json
from tests.conftest import SHARED_DATA
from tests.extras import needs_data

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "airline"
AIRLINE = SHARED_DATA / "airline"

Call = dict[str, Any]
Facts = dict[str, Any]

FREE_BAGS = {"regular": (0, 1, 2), "silver": (1, 2, 3), "gold": (2, 3, 3)}
CABINS = ("basic_economy", "economy", "business")
DAY_AGO, TODAY = "2024-05-14T15:00:00", "2024-05-15"


@dataclass(frozen=True, slots=True)
class Turn:
    """One assistant turn with what came before it."""

    messages: tuple[Facts, ...]
    history: tuple[Call, ...]
    text: str
    calls: tuple[Call, ...]

    def call(self, *names: str) -> Facts | None:
        """The arguments of this turn's call of one of these tools; the runs never hold two calls in a turn."""
        return next((call["arguments"] for call in self.calls if call["name"] in names), None)

    def reservations(self, **facts: Any) -> list[Facts]:
        """Reservations that get_reservation_details returned before, oldest first."""
        return self.returned("get_reservation_details", **facts)

    def profiles(self, user: str | None = None) -> list[Facts]:
        """Profiles that get_user_details returned before, oldest first."""
        asked = [h for h in self.history if h["name"] == "get_user_details" and isinstance(h["result"], dict)]
        return [h["result"] for h in asked if user in (None, h["arguments"]["user_id"])]

    def returned(self, name: str, **facts: Any) -> list[Facts]:
        """Results of a tool that are objects with these fields, oldest first."""
        results = [h["result"] for h in self.history if h["name"] == name and isinstance(h["result"], dict)]
        return [result for result in results if all(result.get(key) == value for key, value in facts.items())]

    def said(self, *roles: str) -> list[str]:
        """What these roles said before, oldest first."""
        return [message["content"] or "" for message in self.messages if message["role"] in roles]

    def legs(self) -> Iterator[tuple[str, str | None, str, str]]:
        """Number, date, origin and destination of every flight that a search or reservation showed."""
        for entry in self.history:
            date, result = entry["arguments"].get("date"), entry["result"]
            if entry["name"] == "search_direct_flight":
                yield from ((leg["flight_number"], date, leg["origin"], leg["destination"]) for leg in result)
            elif entry["name"] == "search_onestop_flight":
                yield from (_leg(leg) for pair in result for leg in pair)
        for reservation in self.reservations():
            yield from map(_leg, reservation["flights"])


def _leg(leg: Facts) -> tuple[str, str | None, str, str]:
    return leg["flight_number"], leg["date"], leg["origin"], leg["destination"]


def _spoken(texts: list[str], *phrases: str) -> bool:
    """Whether one of the texts holds one of the phrases as whole words, whatever the case."""
    return any(
        re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text, re.IGNORECASE) for text in texts for phrase in phrases
    )


def _flights(flights: list[Facts]) -> list[tuple[str, str]]:
    return [(flight["flight_number"], flight["date"]) for flight in flights]


def _shown(turn: Turn, call: Facts) -> list[Facts]:
    """What get_reservation_details returned before for the reservation of a call, oldest first."""
    return turn.reservations(reservation_id=call["reservation_id"])


def paid_with(kind: str, call: Facts) -> int:
    return sum(payment["payment_id"].startswith(f"{kind}_") for payment in call["payment_methods"])


def _to_pay(total: int, membership: str, cabin: str, passengers: int) -> int:
    return max(0, total - FREE_BAGS[membership][CABINS.index(cabin)] * passengers)


def _payment_in_profile(turn: Turn, call: Facts) -> bool:
    known = {name for profile in turn.profiles(call["user_id"]) for name in profile["payment_methods"]}
    return {payment["payment_id"] for payment in call["payment_methods"]} <= known


def _bags_charged(turn: Turn, call: Facts) -> bool:
    members = [profile["membership"] for profile in turn.profiles(call["user_id"])]
    expected = [_to_pay(call["total_baggages"], member, call["cabin"], len(call["passengers"])) for member in members]
    return call["nonfree_baggages"] in expected


def _passengers_collected(turn: Turn, call: Facts) -> bool:
    people = [{**profile["name"], "dob": profile["dob"]} for profile in turn.profiles()]
    people += [person for profile in turn.profiles() for person in profile["saved_passengers"]]
    told = turn.said("user")
    return all(
        person in people or (_spoken(told, person["first_name"]) and _spoken(told, person["last_name"]))
        for person in call["passengers"]
    )


def _basic_economy_flights(_turn: Turn, call: Facts, shown: Facts) -> bool:
    return shown["cabin"] != "basic_economy" or _flights(call["flights"]) == _flights(shown["flights"])


def _trip_origin(turn: Turn, call: Facts, shown: Facts) -> bool:
    return {leg[2] for leg in turn.legs() if leg[0] == call["flights"][0]["flight_number"]} == {shown["origin"]}


def _trip_destination(turn: Turn, call: Facts, shown: Facts) -> bool:
    return any(leg[:2] in _flights(call["flights"]) and leg[3] == shown["destination"] for leg in turn.legs())


def _trip_type(turn: Turn, call: Facts, shown: Facts) -> bool:
    ends = {leg[3] for leg in turn.legs() if leg[0] == call["flights"][-1]["flight_number"]}
    home = {end == shown["origin"] for end in ends}
    return shown["origin"] == shown["destination"] or home == {shown["flight_type"] == "round_trip"}


def _flights_listed(turn: Turn, call: Facts, shown: Facts) -> bool:
    new = set(_flights(call["flights"])) - set(_flights(shown["flights"]))
    return all(_spoken(turn.said("assistant"), number) for number, _ in new)


def _added_bags_charged(turn: Turn, call: Facts) -> bool | None:
    if not _shown(turn, call) or not turn.profiles():
        return None
    shown, member = _shown(turn, call)[-1], turn.profiles()[-1]["membership"]
    expected = _to_pay(call["total_baggages"], member, shown["cabin"], len(shown["passengers"]))
    return bool(call["nonfree_baggages"] == expected)


def _cancel_allowed(turn: Turn, call: Facts, shown: Facts) -> bool:
    cabin = shown["cabin"]
    for entry in turn.history:
        if entry["arguments"].get("reservation_id") == call["reservation_id"] and isinstance(entry["result"], dict):
            cabin = entry["arguments"].get("cabin", entry["result"]["cabin"])
    return any((cabin == "business", shown["insurance"] == "yes", shown["created_at"] >= DAY_AGO))


def _insurance_condition(turn: Turn, call: Facts) -> bool:
    insured = turn.reservations(reservation_id=call["reservation_id"], insurance="yes")
    needed = any(entry["cabin"] != "business" and entry["created_at"] < DAY_AGO for entry in insured)
    health = "sick ill illness unwell health medical doctor hospital surgery injury injured".split()
    return not needed or _spoken(turn.said("user"), *health, "weather", "storm", "snow", "hurricane")


def _owned(turn: Turn, call: Facts) -> list[Facts]:
    return turn.reservations(user_id=call["user_id"])


def _certificate_amount(turn: Turn, call: Facts) -> bool:
    return call["amount"] in [rate * len(one["passengers"]) for one in _owned(turn, call) for rate in (50, 100)]


def _certificate_eligible(turn: Turn, call: Facts) -> bool:
    tier = any(profile["membership"] in ("silver", "gold") for profile in turn.profiles(call["user_id"]))
    return tier or any(one["insurance"] == "yes" or one["cabin"] == "business" for one in _owned(turn, call))


def _delay_certificate_last(turn: Turn, call: Facts) -> bool:
    settled = [turn.returned(name, user_id=call["user_id"]) for name in (FLIGHTS, CANCEL)]
    return any(settled) or call["amount"] in [100 * len(one["passengers"]) for one in _owned(turn, call)]


def _latest(judge: Callable[[Turn, Facts, Facts], bool]) -> Callable[[Turn, Facts], bool | None]:
    """A rule about the reservation as it was shown last; it does not concern a reservation that was never shown."""
    return lambda turn, call: judge(turn, call, _shown(turn, call)[-1]) if _shown(turn, call) else None


BOOK, FLIGHTS, CANCEL, GIFT = "book_reservation", "update_reservation_flights", "cancel_reservation", "send_certificate"
BAGS, PASSENGERS, TRANSFER = "update_reservation_baggages", "update_reservation_passengers", "transfer_to_human_agents"
CHANGES, ACTS = (BOOK, FLIGHTS, BAGS, PASSENGERS), (FLIGHTS, BAGS, PASSENGERS, CANCEL)
TRIP_TYPES = ("trip type", "one way", "one-way", "round trip", "round-trip")
REASONS = ("reason", "reasons", "change of plan", "change of plans")
ASKED = "compensation compensate compensated reimburse reimbursed reimbursement refund voucher vouchers".split()
VERBS = ("add", "adding", "remove", "removing")
IN_VAIN = ("number of passengers", "passenger removal", *(f"{verb} a passenger" for verb in VERBS))

# The tools that a rule is about, and whether a turn with such a call complies; None when the rule does not concern it.
RULES: dict[str, tuple[tuple[str, ...], Callable[[Turn, Facts], bool | None]]] = {
    "confirmed": (CHANGES, lambda turn, _: _spoken(turn.said("user")[-1:], "yes")),
    "reservation_read": (ACTS, lambda turn, call: bool(_shown(turn, call))),
    "user_id_given": (
        ACTS,
        lambda turn, call: _spoken(turn.said("user"), *(one["user_id"] for one in _shown(turn, call))),
    ),
    "profile_read": (ACTS, lambda turn, _: bool(turn.profiles())),
    "booking_user_id_given": ((BOOK,), lambda turn, call: _spoken(turn.said("user"), call["user_id"])),
    "passengers_max": ((BOOK,), lambda _, call: len(call["passengers"]) <= 5),
    "certificates_max": ((BOOK,), lambda _, call: paid_with("certificate", call) <= 1),
    "credit_cards_max": ((BOOK,), lambda _, call: paid_with("credit_card", call) <= 1),
    "gift_cards_max": ((BOOK,), lambda _, call: paid_with("gift_card", call) <= 3),
    "payment_in_profile": ((BOOK,), _payment_in_profile),
    "bags_charged": ((BOOK,), _bags_charged),
    "trip_type_asked": ((BOOK,), lambda turn, _: _spoken(turn.said("assistant"), *TRIP_TYPES)),
    "insurance_asked": ((BOOK,), lambda turn, _: _spoken(turn.said("assistant"), "insurance")),
    "passengers_collected": ((BOOK,), _passengers_collected),
    "basic_economy_update": (
        (FLIGHTS,),
        lambda turn, call: all(one["cabin"] != CABINS[0] for one in _shown(turn, call)),
    ),
    "basic_economy_flights": ((FLIGHTS,), _latest(_basic_economy_flights)),
    "trip_origin": ((FLIGHTS,), _latest(_trip_origin)),
    "trip_destination": ((FLIGHTS,), _latest(_trip_destination)),
    "trip_type": ((FLIGHTS,), _latest(_trip_type)),
    "flights_listed": ((FLIGHTS,), _latest(_flights_listed)),
    "change_payment_kind": ((FLIGHTS,), lambda _, call: bool(re.match("(gift|credit)_card_", call["payment_id"]))),
    "change_payment_in_profile": (
        (FLIGHTS, BAGS),
        lambda turn, call: any(call["payment_id"] in profile["payment_methods"] for profile in turn.profiles()),
    ),
    "bags_only_added": (
        (BAGS,),
        lambda turn, call: all(call["total_baggages"] >= one["total_baggages"] for one in _shown(turn, call)),
    ),
    "added_bags_charged": ((BAGS,), _added_bags_charged),
    "passenger_count": (
        (PASSENGERS,),
        lambda turn, call: all(len(call["passengers"]) == len(one["passengers"]) for one in _shown(turn, call)),
    ),
    "cancel_allowed": ((CANCEL,), _latest(_cancel_allowed)),
    "cancel_not_flown": (
        (CANCEL,),
        _latest(lambda _, __, shown: all(leg["date"] >= TODAY for leg in shown["flights"])),
    ),
    "cancel_confirmed": ((CANCEL,), lambda turn, _: _spoken(turn.said("user")[-1:], "yes")),
    "cancel_reason": ((CANCEL,), lambda turn, _: _spoken(turn.said("user", "assistant"), *REASONS)),
    "insurance_condition": ((CANCEL,), _insurance_condition),
    "certificate_eligible": ((GIFT,), _certificate_eligible),
    "certificate_amount": ((GIFT,), _certificate_amount),
    "delay_certificate_last": ((GIFT,), _delay_certificate_last),
    "certificate_asked_for": ((GIFT,), lambda turn, _: _spoken(turn.said("user"), *ASKED)),
    "transfer_in_vain": ((TRANSFER,), lambda _, call: not _spoken([call["summary"]], *IN_VAIN)),
}


def _judge(turn: Turn) -> Iterator[tuple[str, bool]]:
    yield "one_action", not (turn.calls and turn.text.strip())
    yield "one_call", len(turn.calls) <= 1
    for name, (tools, complies) in RULES.items():
        call = turn.call(*tools)
        verdict = None if call is None else complies(turn, call)
        if verdict is not None:
            yield name, verdict


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def turns(messages: list[Facts]) -> Iterator[Turn]:
    history: list[Call] = []
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            history[-1] = {**history[-1], "result": _parsed(message["content"])}
        if message["role"] == "assistant":
            wanted = [call["function"] for call in message.get("tool_calls") or []]
            calls = tuple({"name": call["name"], "arguments": json.loads(call["arguments"])} for call in wanted)
            yield Turn(tuple(messages[:index]), tuple(history), message["content"] or "", calls)
            history += calls


Verdicts = dict[str, dict[tuple[int, int], str]]


@cache
def reference() -> Verdicts:
    """Per validation: pass or fail of each turn that it concerns, by run and turn from 0."""
    verdicts: Verdicts = defaultdict(dict)
    for run, line in enumerate((AIRLINE / "runs.jsonl").read_text().splitlines()):
        for number, turn in enumerate(turns(json.loads(line)["messages"])):
            for name, complies in _judge(turn):
                verdicts[f"airline.{name}"][run, number] = "pass" if complies else "fail"
    return verdicts


@cache
def airline_policies() -> tuple[tuple[Policy, ...], tuple[PolicyTest, ...]]:
    return load_policies(EXAMPLE, ["policies/*.yaml"], recordings=partial(load_recording, EXAMPLE))


@cache
def airline_runs() -> tuple[Run, ...]:
    tools = tools_from_json(json.loads((AIRLINE / "tools.json").read_text()), "tools.json")
    data = (AIRLINE / "runs.jsonl").read_bytes()
    return tuple(read_transcripts(data, "runs.jsonl", Defaults("airline", tools)).runs)


@cache
def airline_backtest() -> Tally:
    return backtest(airline_policies()[0], CppEngine(), airline_runs())


OVER_RUNS = [
    f"airline.{name}"
    for name in (
        "read_before_acting",
        "profile_before_booking",
        "cancelled_for_good",
        "transfer_ends_run",
        "certificate_total",
        "one_customer",
        "yes_for_each_change",
        "arguments_keep_schema",
    )
]
"""Rules over runs, which `test_airline_runs.py` holds against a second reading."""
VALIDATIONS = sorted(f"airline.{name}" for name in ("one_action", "one_call", *RULES))
needs_runs = needs_data(AIRLINE)
