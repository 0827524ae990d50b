"""Asking again: when it may help, as long as there is time, all together when the provider throttles."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable
from typing import Any

import pytest

from runback_gate.errors import ErrorKind, ProviderError
from runback_gate.replay.providers import Runtime
from runback_gate.replay.providers.retry import Patience, Retry, Throttle
from runback_gate.step import Request, Response

REQUEST = Request("p/m")
OK = Response("ok")


class World:
    """A world whose time passes when everybody sleeps."""

    def __init__(self, chance: float = 0.0) -> None:
        self.now = 100.0
        self.chance = chance
        self.slept: list[float] = []
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self.now + seconds, len(self.slept), future))
        await future

    async def live(self, task: asyncio.Future[Any]) -> None:
        """Let time pass until the task is done."""
        while not task.done():
            for _ in range(50):
                await asyncio.sleep(0)
            if self._waiting and not task.done():
                self.now, _, future = heapq.heappop(self._waiting)
                future.set_result(None)

    @property
    def outside(self) -> Runtime:
        return Runtime(clock=lambda: self.now, sleep=self.sleep, chance=lambda: self.chance)


class Scripted:
    """A model that fails as its script says of each call, by number and time."""

    notes = ("a note",)

    def __init__(self, world: World, script: Callable[[int, float], ProviderError | None]) -> None:
        self.world = world
        self.script = script
        self.asked: list[float] = []
        self.closed = False

    async def answer(self, request: Request) -> Response:
        assert request == REQUEST
        self.asked.append(self.world.now)
        number = len(self.asked) - 1
        # Others are asked before this one is answered.
        await asyncio.sleep(0)
        if error := self.script(number, self.world.now):
            raise error
        return OK

    async def close(self) -> None:
        self.closed = True


def fault(kind: ErrorKind, retry_after: float | None = None) -> ProviderError:
    return ProviderError(kind, f"p: {kind}", retry_after=retry_after)


def times(*errors: ProviderError) -> Callable[[int, float], ProviderError | None]:
    """Fail with these first."""
    return lambda number, _now: errors[number] if number < len(errors) else None


def run(
    world: World, model: Scripted, count: int = 1, *, deadline: float = math.inf, **patience: float
) -> list[object]:
    """Ask so many times at once; the answers or errors."""

    async def everything() -> list[object]:
        retry = Retry(
            model,
            world.outside,
            Throttle("p"),
            deadline=deadline,
            patience=Patience(**patience),  # type: ignore[arg-type]
        )
        tasks = [asyncio.ensure_future(retry.answer(REQUEST)) for _ in range(count)]
        everybody = asyncio.gather(*tasks, return_exceptions=True)
        await world.live(everybody)
        return list(await everybody)

    return asyncio.run(everything())


@pytest.mark.parametrize("kind", ["server", "connection", "time-out"])
def test_what_may_pass_is_asked_again(kind: ErrorKind) -> None:
    """With waits that double, each between a half and the whole."""
    world = World(chance=1.0)
    model = Scripted(world, times(fault(kind), fault(kind), fault(kind)))
    assert run(world, model) == [OK]
    assert world.slept == [0.5, 1.0, 2.0]
    world = World(chance=0.0)
    assert run(world, Scripted(world, times(fault(kind)))) == [OK]
    assert world.slept == [0.25]


def test_not_for_ever() -> None:
    """After the last attempt the last error stands."""
    world = World()
    model = Scripted(world, lambda number, _now: ProviderError("server", f"p: {number}"))
    (error,) = run(world, model)
    assert isinstance(error, ProviderError)
    assert (error.kind, error.message, len(model.asked)) == ("server", "p: 3", 4)


@pytest.mark.parametrize("kind", ["authentication", "refused", "garbage", "context too long"])
def test_what_stays_is_not_asked_again(kind: ErrorKind) -> None:
    """The answer would be the same."""
    world = World()
    model = Scripted(world, times(fault(kind)))
    (error,) = run(world, model)
    assert isinstance(error, ProviderError)
    assert (error.kind, len(model.asked), world.slept) == (kind, 1, [])


def test_retry_after_is_kept() -> None:
    """No call comes before the time that the provider gave, whoever it was that was told."""
    world = World()
    model = Scripted(world, lambda number, now: fault("rate limit", 7.0) if number == 0 or now < 107 else None)
    assert run(world, model, 8) == [OK] * 8
    assert {now for now in model.asked if now > 100} == {107.0}


def test_a_busy_server_that_names_a_time() -> None:
    """503 with Retry-After waits as long as it says."""
    world = World()
    model = Scripted(world, times(fault("server", 9.0)))
    assert run(world, model) == [OK]
    assert model.asked == [100.0, 109.0]


def test_all_wait_together() -> None:
    """One 429 pauses everybody; a crowd of them lengthens the pause once, not once each."""
    world = World()
    model = Scripted(world, lambda number, _now: fault("rate limit") if number < 32 else None)
    assert run(world, model, 32) == [OK] * 32
    assert world.now == 100.5
    assert len(model.asked) == 64


@pytest.mark.parametrize("told", [None, 2.0])
def test_a_storm_then_recovery(told: float | None) -> None:
    """Thirty seconds of 429: everybody is answered in the end, and the provider is not stormed itself."""
    world = World(chance=0.5)
    model = Scripted(world, lambda _number, now: fault("rate limit", told) if now < 130 else None)
    assert run(world, model, 32) == [OK] * 32
    assert world.now < 175
    assert len(model.asked) <= 32 * 17


def test_a_storm_for_ever_ends_with_the_deadline() -> None:
    """Nobody waits for a call that would begin too late; the class is that of the last answer."""
    world = World()
    model = Scripted(world, lambda _number, _now: fault("rate limit"))
    found = run(world, model, 8, deadline=160.0)
    assert [error.kind for error in found if isinstance(error, ProviderError)] == ["rate limit"] * 8
    assert world.now < 160


def test_a_wait_beyond_patience_is_not_begun() -> None:
    """An hour of Retry-After is an answer too; those that never asked say why."""
    world = World()
    model = Scripted(world, lambda _number, _now: fault("rate limit", 3600))
    retry = Retry(model, world.outside, Throttle("p"), deadline=math.inf)
    for asked, message in ((1, "p: rate limit"), (1, "p throttles")):
        with pytest.raises(ProviderError) as error:
            asyncio.run(retry.answer(REQUEST))
        assert (error.value.kind, error.value.message, len(model.asked)) == ("rate limit", message, asked)
    assert world.slept == []


def test_success_forgets() -> None:
    """After an answer the next pause is short again."""
    world = World()
    throttle = Throttle("p")
    script = times(*[fault("rate limit")] * 3)
    model = Scripted(world, script)

    async def everything() -> None:
        task = asyncio.ensure_future(Retry(model, world.outside, throttle, deadline=math.inf).answer(REQUEST))
        await world.live(task)

    asyncio.run(everything())
    assert world.slept == [0.5, 1.0, 2.0]
    assert throttle.strikes == 0


def test_notices_notes_and_close() -> None:
    """Each wait is told; the rest is passed through."""
    world = World()
    model = Scripted(world, times(fault("server")))
    told: list[tuple[str, float]] = []
    retry = Retry(
        model,
        world.outside,
        Throttle("p"),
        deadline=math.inf,
        notice=lambda error, seconds: told.append((error.kind, seconds)),
    )

    async def everything() -> None:
        task = asyncio.ensure_future(retry.answer(REQUEST))
        await world.live(task)
        await retry.close()

    asyncio.run(everything())
    assert told == [("server", 0.25)]
    assert retry.notes == ("a note",)
    assert model.closed
