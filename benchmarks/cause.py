"""Calls that the search for a cause takes, beside plain probabilistic delta debugging.

In: planted causes of one to four of 61 parts. Out: figures; `prob_dd` is the peer.

    python -m benchmarks cause

Wang, Shen, Chen, Xiong, Zhang: "Probabilistic Delta Debugging", ESEC/FSE 2021: each part is needed with probability 0.1
at first, and the next test leaves out the parts that maximize what it is expected to remove. No test is made twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.promises import Figure, Peer
from runback_gate.replay.cause import TRIALS, find_cause
from runback_gate.step import Message, Request, Response
from runback_gate.testing import sample_step
from runback_gate.testing.models import ScriptedModels

PARTS = 61
_FIRST = 0.1


def prob_dd(parts: int, shows: Callable[[frozenset[int]], bool]) -> tuple[frozenset[int], int]:
    """The smallest set of parts that shows a behaviour without noise, and the number of tests that it took."""
    needed = dict.fromkeys(range(parts), _FIRST)
    seen: dict[frozenset[int], bool] = {}
    while unsure := sorted((part for part in needed if needed[part] < 1), key=lambda part: (needed[part], part)):
        gains = [size * math.prod(1 - needed[part] for part in unsure[:size]) for size in range(1, len(unsure) + 1)]
        out = unsure[: 1 + gains.index(max(gains))]
        keep = frozenset(needed).difference(out)
        if keep not in seen:
            seen[keep] = shows(keep)
        if seen[keep]:
            for part in out:
                del needed[part]
            continue
        clean = math.prod(1 - needed[part] for part in out)
        for part in out:
            chance = 1.0 if len(out) == 1 else needed[part] / (1 - clean)
            needed[part] = 1.0 if chance > 1 - 1e-9 else chance
    return frozenset(needed), len(seen)


def cause(_folder: Path) -> list[Figure]:
    """Calls of the search as a multiple of those of ProbDD, and causes that were not found exactly."""
    step = sample_step(text="bad", system=None, messages=tuple(Message("user", f"w{part}") for part in range(PARTS)))
    ours = plain = wrong = 0
    for seed in range(60):
        planted = frozenset(Random(seed).sample(range(PARTS), 1 + seed % 4))  # noqa: S311

        def says(request: Request, planted: frozenset[int] = planted) -> Response:
            there = {int(message.content[1:]) for message in request.messages if message.content[0] == "w"}
            return Response("bad" if planted <= there else "good")

        models = ScriptedModels(says)
        ((_, found),) = models.live()([partial(find_cause, step, lambda _, answer: answer.text == "bad")])
        wrong += found.verdict != "cause" or frozenset(found.cause) != planted
        ours += found.asked - 2 * TRIALS
        plain += prob_dd(PARTS, planted.issubset)[1]
    peer = Peer("plain ProbDD", plain / 60)
    return [
        Figure("cause, calls of a search in 61 parts", "calls", ours / 60, 1.5 * plain / 60, (peer,)),
        Figure("cause, planted causes not found exactly", "of 60", float(wrong), 6.0),
    ]
