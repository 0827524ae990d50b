"""Probabilistic delta debugging where tests are noisy: the smallest set of parts that still shows a behaviour.

In: how many parts there are, and how often the behaviour shows with and without its cause. Out: by way of the tests
that it asks for, the places of the parts that matter.

    search = minimal_set(61, Noise(0.95, 0.02), most=223)
    keep = next(search)                                     # test with these parts alone
    keep = search.send(True)                                # it showed; StopIteration.value is the set, or None

Each part has a probability that it is needed. A test leaves out the parts that are least likely to be, as many as make
its outcome tell most, and Bayes' rule does the rest. With noise 1 and 0 the update is that of ProbDD (Wang et al.,
"Probabilistic Delta Debugging", ESEC/FSE 2021). What was cleared stays left out in every later test, so each test
checks it again: a part that was cleared by chance comes back.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

from runback_gate.frozen import dataclass

EXPECTED = 2.0
"""How many parts are thought to be needed before the first test."""
_SURE = 0.99
"""From here on a part is taken to be needed."""
_SLACK = 0.05
"""Needed parts that may be among all that are cleared, as an expectation."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Probabilities that the behaviour shows."""

    present: float
    """With all of the parts that are needed."""
    absent: float
    """Without one of them."""


def minimal_set(parts: int, noise: Noise, most: int) -> Generator[frozenset[int], bool, frozenset[int] | None]:
    """Ask for tests of the parts to keep until each part is needed or cleared; None where `most` tests did not do."""
    if not parts:
        return frozenset()
    first = min(0.3, EXPECTED / parts)
    needed = [first] * parts
    cleared = min(_SLACK / parts, first / 4)
    for _ in range(most):
        out, clean = _left_out(needed, cleared, noise)
        if not out:
            return frozenset(part for part in range(parts) if needed[part] > cleared)
        showed = yield frozenset(range(parts)).difference(out)
        _update(needed, out, clean, noise if showed else Noise(1 - noise.present, 1 - noise.absent))
    return None


def _left_out(needed: Sequence[float], cleared: float, noise: Noise) -> tuple[list[int], float]:
    """The parts whose absence tells most, and the probability that none of them is needed; none where all is said."""
    out = [part for part, chance in enumerate(needed) if chance <= cleared]
    unsure = sorted((chance, part) for part, chance in enumerate(needed) if cleared < chance < _SURE)
    clean = math.prod(1 - needed[part] for part in out)
    best, told, size = clean, 0.0, 0
    for number, (chance, _) in enumerate(unsure, 1):
        clean *= 1 - chance
        worth = _information(clean, noise)
        if worth > told + 1e-12:
            best, told, size = clean, worth, number
    return (out + [part for _, part in unsure[:size]], best) if size else ([], best)


def _information(clean: float, noise: Noise) -> float:
    """Bits that a test tells about whether a needed part was left out."""
    shows = clean * noise.present + (1 - clean) * noise.absent
    return _entropy(shows) - clean * _entropy(noise.present) - (1 - clean) * _entropy(noise.absent)


def _entropy(chance: float) -> float:
    if not 0 < chance < 1:
        return 0.0
    return -chance * math.log2(chance) - (1 - chance) * math.log2(1 - chance)


def _update(needed: list[float], out: Sequence[int], clean: float, seen: Noise) -> None:
    """Bayes' rule for each part that was left out; `seen` holds the probabilities of what was seen."""
    overall = clean * seen.present + (1 - clean) * seen.absent
    for part in out:
        needed[part] = min(max(needed[part] * seen.absent / overall, 1e-9), 1 - 1e-9)
