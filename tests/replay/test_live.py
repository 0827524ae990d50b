"""The live drive: what is free first, then models, many rows at once, and nothing ever lost or asked twice."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from runback_gate.canonical import digest
from runback_gate.errors import ErrorKind, ProviderError, UnaskableError, WriteError
from runback_gate.replay.async_driver import TOGETHER
from runback_gate.replay.cache import ResponseCache
from runback_gate.replay.estimate import Estimate
from runback_gate.replay.evidence import Answer, Query, ReplayRequest
from runback_gate.replay.known import Settings, StopSignal
from runback_gate.replay.live import LiveDriver, Source
from runback_gate.replay.prices import Price, cost
from runback_gate.replay.providers import Runtime
from runback_gate.replay.providers.retry import Notice
from runback_gate.replay.spend import Limits, Spend
from runback_gate.step import Message, Request, Response, Step, Usage, to_json
from runback_gate.step import Source as Origin

PRICE = Price("1", "1")


@dataclass
class Fake:
    """Models of which each answers what a function says, after letting others go first."""

    says: Callable[[str], Response] = lambda text: Response(f"to {text}", usage=Usage(10, 10), cost_usd="0.00002")
    price: Price | None = PRICE
    asked: list[str] = field(default_factory=list)
    together: int = 0
    most: int = 0
    closed: int = 0
    notes: tuple[str, ...] = ("local/m does not honour seed",)

    def connect(self, _deadline: float, _notice: Notice) -> Fake:
        return self

    def model_for(self, name: str) -> Fake:
        if name.startswith("foreign/"):
            raise UnaskableError("no provider is named 'foreign'")
        return self

    def price_for(self, _name: str) -> Price | None:
        return self.price

    async def answer(self, request: Request) -> Response:
        text = request.messages[-1].content
        self.asked.append(text)
        self.together += 1
        self.most = max(self.most, self.together)
        try:
            for _ in range(3):
                await asyncio.sleep(0)
            return self.says(text)
        finally:
            self.together -= 1

    async def close(self) -> None:
        self.closed += 1


@dataclass
class Clock:
    """A clock that stands still until it is told otherwise."""

    now: float = 0.0

    @property
    def outside(self) -> Runtime:
        return Runtime(lambda: self.now, asyncio.sleep, lambda: 0.0)


def ask(text: str, trial: int = 0, *, model: str | None = "local/m", recorded: bool = False, **more: Any) -> Query:
    request = Request(model, None, (Message("user", text),), parameters={"max_tokens": 1000})
    step = Step("a", request, Response("then"), Origin("run", 0, "exact"))
    return Query(step, ReplayRequest(request, digest(to_json(request)), recorded, ""), trial, **more)


Row = tuple[Answer, ...]


def row(*asks: Query) -> Callable[[], Generator[Query, Answer, Row]]:
    """A row that wants these answers, one after the other."""

    def start() -> Generator[Query, Answer, Row]:
        found = []
        for item in asks:
            found.append((yield item))
        return tuple(found)

    return start


def texts(found: Row) -> list[str]:
    return [f"{item.evidence}: {item.response.text if item.response else item.note}" for item in found]


def live(
    fake: Fake | None, store: ResponseCache | None = None, clock: Clock | None = None, **settings: Any
) -> LiveDriver:
    source = None if fake is None else Source(fake.connect, (clock or Clock()).outside)
    return LiveDriver(store, source, Settings(**settings))


def drive(made: LiveDriver, works: Sequence[Callable[[], Generator[Query, Answer, Row]]]) -> list[list[str]]:
    """The texts of every row, in the order of the works; each comes exactly once."""
    found = list(made(works))
    assert sorted(index for index, _ in found) == list(range(len(works)))
    return [texts(item) for _, item in sorted(found, key=lambda pair: pair[0])]


def fails(kind: ErrorKind) -> Callable[[str], Response]:
    def says(_text: str) -> Response:
        raise ProviderError(kind, "local: no")

    return says


def test_what_is_recorded_is_free() -> None:
    """Recorded answers and rows that may not ask cost nothing, and no model is opened."""
    fake = Fake()
    made = live(fake)
    works = [row(ask("a", recorded=True)), row(ask("b", live=False))]
    assert drive(made, works) == [["recorded: then"], ["missing: no answer to it is known"]]
    assert (fake.asked, fake.closed, made.spend()) == ([], 0, Spend())


def test_the_rest_is_asked() -> None:
    """Trials of a row come one after the other; rows go at the same time, as many as may."""
    fake = Fake()
    made = live(fake, in_flight=4)
    works = [row(ask(f"q{number}", 0), ask(f"q{number}", 1)) for number in range(20)]
    assert drive(made, works) == [[f"live: to q{number}"] * 2 for number in range(20)]
    assert (fake.most, fake.closed, made.notes) == (4, 1, fake.notes)
    assert made.spend() == Spend(calls=40, usd="0.0008")


def test_rows_are_judged_together() -> None:
    """Rows that have their last answer are judged many at a time, while others are asked, and not more than some."""
    fake, works = Fake(), [row(ask(f"q{number}")) for number in range(200)]
    waiting = [len(fake.asked) - judged for judged, _ in enumerate(live(fake, in_flight=4)(works))]
    assert TOGETHER <= max(waiting) <= TOGETHER + 2 * 4
    assert waiting[0] >= TOGETHER


def test_a_row_is_asked_to_its_end() -> None:
    """A row that asks again comes before those that have not begun: a budget is not spent on halves."""
    fake = Fake()
    works = [row(ask(f"q{number}", 0, most=2), ask(f"q{number}", 1)) for number in range(9)]
    drive(live(fake, limits=Limits(calls=4), in_flight=2), works)
    assert sorted(fake.asked) == ["q0", "q0", "q1", "q1"]


def test_one_question_is_asked_once() -> None:
    """Rows that want the same trial of the same question share its answer, in flight and later, and a failure too."""
    for says, shown in ((Fake().says, "live: to a"), (fails("garbage"), "missing: garbage: local: no")):
        fake = Fake(says)
        works = [row(ask("a"), ask("a", 1)), row(ask("a")), row(ask("a", 1), ask("a"))]
        assert drive(live(fake), works) == [[shown] * 2, [shown], [shown] * 2]
        assert fake.asked == ["a", "a"]


def test_answers_are_stored_before_they_count(tmp_path: Any) -> None:
    """What was answered is in the store, counts as live in this run, and as cached in the next, which asks nothing."""
    store = ResponseCache(tmp_path)
    works = [row(ask("a"), ask("a", 1)), row(ask("a"))]
    first = Fake()
    assert drive(live(first, store), works) == [["live: to a"] * 2, ["live: to a"]]
    second = Fake()
    made = live(second, store)
    assert drive(made, works) == [["cached: to a"] * 2, ["cached: to a"]]
    assert (second.asked, made.spend()) == ([], Spend(cached=2))
    third = Fake(lambda text: Response(f"new {text}"))
    assert drive(live(third, store, refresh=True), works) == [["live: new a"] * 2, ["live: new a"]]
    assert drive(live(None, store), works) == [["cached: new a"] * 2, ["cached: new a"]]


@pytest.mark.parametrize("own_file", [True, False])
def test_what_was_planted_is_asked_about_once(tmp_path: Any, own_file: bool) -> None:
    """An entry without a seal is none, in a file or in a segment; the answer that was asked for takes its place."""
    planted, key = ResponseCache(tmp_path), b"k" * 32
    (planted.write if own_file else planted.put)(*ask("a").key, Response("planted"))
    works = [row(ask("a"))]
    assert drive(live(Fake(), ResponseCache(tmp_path, key)), works) == [["live: to a"]]
    assert drive(live(None, ResponseCache(tmp_path, key)), works) == [["cached: to a"]]


def test_an_answer_that_cannot_be_stored_ends_the_run(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not count, and the next run would ask again: there is no verdict.

    Of other questions that meet the same at once, asyncio prints nothing.
    """
    printed: list[object] = []
    monkeypatch.setattr(logging.getLogger("asyncio"), "error", lambda *said, **_named: printed.append(said))
    (tmp_path / "store").write_text("a file")
    works = [row(ask(f"q{number}")) for number in range(5)] + [row(ask("q0"))]
    fake = Fake()
    with pytest.raises(WriteError):
        drive(live(fake, ResponseCache(tmp_path / "store")), works)
    gc.collect()
    assert (fake.closed, printed) == (1, [])


def test_a_fresh_ask_does_without_the_recording() -> None:
    """The base is asked anew even where it is recorded."""
    assert drive(live(Fake()), [row(ask("a", recorded=True, fresh=True))]) == [["live: to a"]]


@pytest.mark.parametrize("kind", ["rate limit", "time-out", "connection", "server", "refused", "garbage"])
def test_a_failure_is_a_reason(kind: ErrorKind) -> None:
    """No answer is never an exception: the row is told why, with the class of the failure."""
    made = live(Fake(fails(kind)))
    assert drive(made, [row(ask("a"))]) == [[f"missing: {kind}: local: no"]]
    billed = kind in ("time-out", "connection", "garbage")
    assert made.spend() == Spend(calls=1, usd=None if billed else "0", unknown=int(billed))


def test_a_wrong_key_is_tried_once() -> None:
    """After a refusal of the key nothing more is asked of the model."""
    fake = Fake(fails("authentication"))
    works = [row(ask(f"q{number}")) for number in range(30)]
    shown = drive(live(fake, in_flight=2), works)
    assert shown == [["missing: authentication: local: no"]] * 30
    assert len(fake.asked) <= 2


def test_an_outage_is_given_up() -> None:
    """After many failures in a row the rest is told so; failures of the questions themselves do not count."""
    for kind, most in (("connection", 10), ("refused", 40)):
        fake = Fake(fails(kind))  # type: ignore[arg-type]
        shown = drive(live(fake, in_flight=2), [row(ask(f"q{number}")) for number in range(40)])
        assert len(fake.asked) <= most
        assert all(texts[0].startswith(f"missing: {kind}: local: no") for texts in shown)
        assert ("given up after" in shown[-1][0]) is (kind == "connection")


def test_what_may_not_be_asked() -> None:
    """A model that nobody lists, or no model at all, leaves a row without evidence."""
    works = [row(ask("a", model="foreign/m")), row(ask("b", model=None)), row(ask("c"))]
    assert drive(live(Fake()), works) == [
        ["missing: no provider is named 'foreign'"],
        ["missing: no model is known that could be asked"],
        ["live: to c"],
    ]


def test_the_budget_of_calls() -> None:
    """Not one call more than allowed is made; what did not fit says so."""
    fake = Fake()
    made = live(fake, limits=Limits(calls=3), in_flight=8)
    shown = drive(made, [row(ask(f"q{number}", risk=number)) for number in range(10)])
    assert fake.asked == ["q9", "q8", "q7"]
    assert shown[:7] == [["missing: over budget: calls 3"]] * 7
    assert made.spend() == Spend(calls=3, usd="0.00006", limit_calls=3)


def test_the_budget_of_money() -> None:
    """What may be spent in flight counts, comes back when less was spent, and the limit is never passed."""
    for tokens, limit, asked, together in ((1000, "0.0055", 5, 5), (100, "0.0022", 10, 2)):
        fake = Fake(lambda text, tokens=tokens: Response(text, cost_usd=cost(PRICE, Usage(1, tokens))))  # type: ignore[misc]
        made = live(fake, limits=Limits(usd=limit), in_flight=8)
        shown = drive(made, [row(ask(f"q{number}")) for number in range(10)])
        assert (len(fake.asked), fake.most) == (asked, together)
        assert shown.count([f"missing: over budget: usd {limit}"]) == 10 - asked


def test_money_that_nobody_can_count() -> None:
    """With a limit on money a model without a price is not asked; without a limit its cost is unknown, never 0."""
    fake = Fake(lambda text: Response(text), price=None)
    made = live(fake, limits=Limits(usd="1"))
    assert drive(made, [row(ask("a"))]) == [["missing: over budget: its price is not known, so usd 1 cannot be held"]]
    made = live(fake)
    assert drive(made, [row(ask("a")), row(ask("b"))]) == [["live: a"], ["live: b"]]
    assert made.spend() == Spend(calls=2, usd=None, unknown=2)


def test_the_budget_of_seconds() -> None:
    """Once the time is over nothing more is asked."""
    clock = Clock()

    def says(text: str) -> Response:
        clock.now += 10
        return Response(text)

    made = live(Fake(says), clock=clock, limits=Limits(seconds=15), in_flight=1)
    shown = drive(made, [row(ask(f"q{number}")) for number in range(4)])
    assert shown == [["live: q0"], ["live: q1"], *[["missing: over budget: seconds 15"]] * 2]


def test_the_riskiest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are asked in the order of their risk, then as written, also those that the first pass did not keep."""
    monkeypatch.setattr("runback_gate.replay.live.KEPT", 64)
    fake = Fake()
    works = [row(ask(f"q{number}", risk=number % 2)) for number in range(74)]
    drive(live(fake, in_flight=1), works)
    odd = [f"q{number}" for number in range(1, 74, 2)]
    assert fake.asked[: len(odd)] == odd
    assert len(fake.asked) == len(works)


@pytest.mark.parametrize("answers", [0, 1, 7])
def test_a_run_that_is_ended(answers: int, tmp_path: Any) -> None:
    """Whenever it ends every row is there: what was answered counts, the rest says why; the next run goes on."""
    stop_signal = StopSignal()

    def says(text: str) -> Response:
        if len(fake.asked) > answers:
            stop_signal.set("interrupted")
        return Response(text)

    fake = Fake(says)
    store = ResponseCache(tmp_path)
    works = [row(ask(f"q{number}"), ask(f"q{number}", 1)) for number in range(20)]
    made = LiveDriver(store, Source(fake.connect, Clock().outside), Settings(in_flight=3), stop_signal)
    shown = drive(made, works)
    assert fake.closed == 1
    stored = sum(not item.is_request for item in store.stored())
    # What was in flight when the run was ended did not come.
    assert stored == sum(item.startswith("live") for texts in shown for item in texts) >= answers - 2
    assert all(item.endswith("interrupted") for texts in shown for item in texts if not item.startswith("live"))
    again = Fake()
    drive(live(again, store), works)
    assert len(again.asked) == 40 - stored


def test_ended_before_it_began() -> None:
    """A run that is to end at once asks nothing and reads nothing."""
    stop_signal = StopSignal()
    stop_signal.set("interrupted")
    stop_signal.set("terminated")
    fake = Fake()
    made = LiveDriver(None, Source(fake.connect, Clock().outside), None, stop_signal)
    assert drive(made, [row(ask("a", recorded=True))]) == [["missing: interrupted"]]
    assert fake.asked == []


def test_a_plan_asks_nothing() -> None:
    """The estimate is exact in calls, counts a shared question once, and names what cannot be asked."""
    told: list[Estimate] = []
    fake = Fake()
    made = live(fake, plan_only=True, planned=told.append)
    works = [
        row(ask("a", recorded=True)),
        row(ask("b", least=2, most=3)),
        row(ask("b", 1, least=1, most=5)),
        row(ask("c", model="foreign/m")),
    ]
    shown = drive(made, works)
    assert shown[1:] == [["missing: planned, not asked"]] * 3
    assert fake.asked == []
    (estimate,) = told
    assert (estimate.rows, estimate.free, estimate.calls_least, estimate.calls_most) == (4, 1, 3, 7)
    by_name = {line.model: line for line in estimate.lines}
    assert (by_name["local/m"].calls_least, by_name["local/m"].calls_most) == (2, 6)
    assert by_name["local/m"].usd is not None
    assert by_name["foreign/m"].why == "no provider is named 'foreign'"
    assert estimate.usd is None


def test_offline_says_why(tmp_path: Any) -> None:
    """Without models the reason is what was asked for, with the nearest request that the store knows."""
    store = ResponseCache(tmp_path)
    drive(live(Fake(), store), [row(ask("a"))])
    made = live(None, store, reason="offline")
    assert drive(made, [row(ask("b"))]) == [["missing: offline: no cached request has this conversation"]]
    assert (made.estimate is not None and made.estimate.free) == 1


def test_a_tick_while_nothing_happens() -> None:
    """Progress is told about once a second, also when no row is done."""
    ticks: list[int] = []

    async def slow(_request: Request) -> Response:
        while not ticks:
            await asyncio.sleep(0.01)
        return Response("late")

    fake = Fake()
    fake.answer = slow  # type: ignore[method-assign, assignment]
    assert drive(live(fake, tick=lambda: ticks.append(1)), [row(ask("a"))]) == [["live: late"]]


def test_limits_only_fall() -> None:
    """What is given lowers a limit and never raises one."""
    limits = Limits("2.00", 900.0, None)
    assert limits.tightened("0.50", 1000.0, 10) == Limits("0.50", 900.0, 10)
    assert limits.tightened("2.5", None, None) == limits
    assert Limits().tightened(None, None, None) == Limits()
