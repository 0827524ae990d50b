"""The cause of a behaviour: planted ones are found, and nothing is claimed where there is none."""

from __future__ import annotations

import random  # noqa: TID251  seeded
from collections.abc import Callable
from functools import partial

import pytest

from runback_gate.errors import ErrorKind, ProviderError
from runback_gate.replay.cause import Cause, Rate, differs, expected_calls, find_cause, most_calls
from runback_gate.replay.known import Settings
from runback_gate.replay.parts import parts_of
from runback_gate.replay.spend import Limits
from runback_gate.step import Message, Request, Response, Step, ToolCall
from runback_gate.testing import sample_step
from runback_gate.testing.models import ScriptedModels


def context(paragraphs: int = 14, turns: int = 11, results: int = 2) -> Step:
    """A step whose every part holds a word of its own: `w0`, `w1` … in the order of the parts."""
    words = iter(range(10_000))
    system = "\n\n".join(f"w{next(words)}." for _ in range(paragraphs))
    messages: list[Message] = []
    for turn in range(turns):
        messages.append(Message("user", f"w{next(words)}."))
        calls = tuple(ToolCall(f"{turn}.{number}", "look", "{}") for number in range(results))
        messages.append(Message("assistant", f"w{next(words)}.", calls))
        messages += [Message("tool", f"w{next(words)}.", tool_call_id=call.id) for call in calls]
    return sample_step(text="bad", system=system, messages=(*messages, Message("user", f"w{next(words)}.")))


def words(request: Request) -> set[int]:
    """The parts that a request has."""
    texts = [request.system or "", *(message.content for message in request.messages)]
    return {int(word[1:]) for text in texts for word in text.replace(".", " ").split() if word[1:].isdigit()}


def planted(cause: frozenset[int], present: float = 1.0, absent: float = 0.0, seed: int = 0) -> ScriptedModels:
    """A model that goes wrong so often with all of these parts, and so often without."""
    chance = random.Random(seed)

    def says(request: Request) -> Response:
        return Response("bad" if chance.random() < (present if cause <= words(request) else absent) else "good")

    return ScriptedModels(says)


def bad(_request: Request, response: Response) -> bool:
    return response.text == "bad"


def find(step: Step, models: ScriptedModels, calls: int | None = None) -> Cause:
    live = models.live(settings=Settings(Limits(calls=calls)))
    ((_, found),) = live([partial(find_cause, step, bad)])
    assert found.asked >= len(models.asked)
    return found


STEP = context()
PARTS = len(parts_of(STEP.request))


@pytest.mark.parametrize("seed", range(10))
def test_a_planted_cause_is_found_exactly(seed: int) -> None:
    """Parts of whatever kind, one to three: alone they do it in every trial, without them it never happens."""
    chance = random.Random(seed)
    cause = frozenset(chance.sample(range(PARTS), 1 + seed % 3))
    models = planted(cause)
    found = find(STEP, models)
    assert (found.verdict, frozenset(found.cause), found.why) == ("cause", cause, "")
    assert (found.alone, found.without) == (Rate(10, 10), Rate(0, 10))
    assert found.smallest is not None
    assert words(found.smallest) == cause
    assert found.answer == Response("bad")
    assert len(models.asked) <= most_calls(PARTS)


@pytest.mark.parametrize("models", [10, pytest.param(40, marks=pytest.mark.slow)])
def test_nine_of_ten_are_exact_where_answers_vary(models: int) -> None:
    """A model that goes wrong in nine of ten trials with the cause, and in one of fifty without it."""
    exact = 0
    for seed in range(models):
        cause = frozenset(random.Random(seed).sample(range(PARTS), 2))
        found = find(STEP, planted(cause, 0.9, 0.02, seed))
        exact += found.verdict == "cause" and frozenset(found.cause) == cause
    assert exact >= 0.9 * models


@pytest.mark.parametrize("models", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_nothing_is_claimed_where_nothing_is_planted(models: int) -> None:
    """Models whose answers do not depend on the context, from never to always wrong."""
    step = context(4, 2, 1)
    for seed in range(models):
        rate = seed / (models - 1)
        found = find(step, planted(frozenset(), rate, rate, seed))
        assert found.verdict in ("no claim", "could not tell"), (seed, found)
        assert found.why


def test_one_of_two_causes_is_enough() -> None:
    """Each does it alone: one of them is named, and that the rest does it too."""
    models = ScriptedModels(lambda request: Response("bad" if words(request) & {3, 20} else "good"))
    found = find(STEP, models)
    assert found.verdict == "enough"
    assert found.cause in ((3,), (20,))
    assert (found.alone, found.without, found.bare) == (Rate(10, 10), Rate(10, 10), Rate(0, 10))


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (lambda _: Response("good"), "the model did not do it"),
        (lambda _: Response("bad"), "without any of the context"),
    ],
)
def test_a_behaviour_without_cause_is_told_soon(says: Callable[[Request], Response], why: str) -> None:
    """One that does not show, and one that shows always, take a few answers."""
    models = ScriptedModels(says)
    found = find(STEP, models)
    assert found.verdict == "no claim"
    assert why in found.why
    assert len(models.asked) < 10


@pytest.mark.parametrize("kind", ["refused", "context too long", "server"])
def test_what_cannot_be_asked_shows_nothing_and_an_outage_ends_it(kind: ErrorKind) -> None:
    """A provider may refuse a context without its fifth part; a provider that fails says nothing at all."""

    def says(request: Request) -> Response:
        if 5 not in words(request):
            raise ProviderError(kind, "no")
        return Response("bad" if 20 in words(request) else "good")

    found = find(STEP, ScriptedModels(says))
    if kind == "server":
        assert (found.verdict, found.why) == (
            "could not tell",
            "server: no",
        )
    else:
        assert frozenset(found.cause) == {5, 20}


def test_a_spent_budget_is_told() -> None:
    """No claim is made of half a search."""
    found = find(STEP, planted(frozenset({7})), calls=12)
    assert found.verdict == "could not tell"
    assert "over budget" in found.why


def test_the_estimate_comes_first() -> None:
    """What is likely and what is possible are told before the first question."""
    seen: list[tuple[int, int]] = []
    settings = Settings(planned=lambda estimate: seen.append((estimate.calls_least, estimate.calls_most)))
    models = planted(frozenset({7, 20}))
    list(models.live(settings=settings)([partial(find_cause, STEP, bad)]))
    assert seen == [(expected_calls(PARTS), most_calls(PARTS))]
    assert len(models.asked) <= 1.2 * expected_calls(PARTS)


@pytest.mark.parametrize(
    ("more", "less", "claimed"),
    [
        (Rate(10, 10), Rate(0, 10), True),
        (Rate(9, 10), Rate(0, 10), True),
        (Rate(9, 10), Rate(1, 10), False),
        (Rate(17, 20), Rate(3, 20), True),
        (Rate(10, 10), Rate(4, 10), False),
        (Rate(0, 10), Rate(10, 10), False),
        (Rate(0, 10), Rate(0, 10), False),
        (Rate(5, 5), Rate(0, 5), False),
    ],
)
def test_a_difference_that_chance_explains_is_none(more: Rate, less: Rate, claimed: bool) -> None:
    """Fisher's exact test, one-sided, at one of two thousand for each of two looks."""
    assert differs(more, less) is claimed
