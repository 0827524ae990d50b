"""The first version that goes wrong: found for every history, in as few probes as bisection takes."""

from __future__ import annotations

import random  # noqa: TID251  seeded
from dataclasses import replace
from functools import partial

import pytest

from runback_gate.errors import ProviderError
from runback_gate.replay.bisect import Bisection, bisect, most_probes
from runback_gate.replay.known import Settings
from runback_gate.replay.spend import Limits
from runback_gate.step import Request, Response
from runback_gate.testing import sample_step
from runback_gate.testing.models import ScriptedModels

STEP = sample_step(text="good")


def history(versions: int, models: ScriptedModels, trials: int = 1, calls: int | None = None) -> Bisection:
    requests = [replace(STEP.request, system=f"{number}") for number in range(versions)]
    live = models.live(settings=Settings(Limits(calls=calls)))
    ((_, found),) = live([partial(bisect, STEP, requests, lambda _, response: response.text == "bad", trials)])
    return found


def turned(first: int) -> ScriptedModels:
    """A model that goes wrong from a version on."""
    return ScriptedModels(lambda request: Response("bad" if int(request.system or "0") >= first else "good"))


def wavering(chance: random.Random) -> ScriptedModels:
    """A model that goes wrong from version 6 on, and does the other thing in one of ten answers."""

    def says(request: Request) -> Response:
        usual = chance.random() < 0.9
        return Response("bad" if (int(request.system or "0") >= 6) == usual else "good")

    return ScriptedModels(says)


@pytest.mark.parametrize("versions", [1, 2, 3, 7, 8, 10, 33])
def test_every_history_is_found(versions: int) -> None:
    """Whichever version was first, or none: by log2(n + 1) probes, and both sides of the turn were asked."""
    for first in range(versions + 1):
        models = turned(first)
        found = history(versions, models)
        assert found.first == (first if first < versions else None)
        assert len(models.asked) == len(found.probes) <= most_probes(versions)
        asked = {probe.version: probe.shows for probe in found.probes}
        assert first == versions or asked[first]
        assert first == 0 or asked[first - 1] is False


def test_ten_versions_take_four_probes() -> None:
    """At the most, for each trial."""
    assert most_probes(10) == 4
    assert max(len(history(10, turned(first)).probes) for first in range(11)) == 4


@pytest.mark.parametrize("trials", [3, 9])
def test_answers_that_vary_are_repeated(trials: int) -> None:
    """Most answers of a version decide; one that is clear is asked no more."""
    steady = turned(6)
    history(10, steady, trials)
    assert len(steady.asked) <= 4 * (trials // 2 + 1)
    right = 0
    for seed in range(40):
        models = wavering(random.Random(seed))
        found = history(10, models, trials)
        assert len(models.asked) <= 4 * trials
        right += found.first == 6
    assert right >= (34 if trials == 3 else 39)


def test_no_answer_is_no_verdict() -> None:
    """A model that fails, or a budget that is spent, is told, and no version is named."""

    def says(_request: Request) -> Response:
        raise ProviderError("server", "local: broken")

    found = history(10, ScriptedModels(says))
    assert (found.first, found.why) == (None, "server: local: broken")
    found = history(10, turned(6), calls=2)
    assert found.first is None
    assert "over budget" in found.why
