"""The first of several versions under which a model shows a behaviour, such as breaking a rule.

In: a `Step`, the requests that it becomes under each version, the oldest first, and a predicate on what was asked and
answered. Out: by way of the answers that it asks for, a `Bisection`.

    ((_, found),) = live([partial(bisect, step, requests, breaks, 3)])
    found.first                                             # 6: version 5 did not show it, version 6 does

Of n versions at most log2(n + 1), rounded up, are probed, so ten take four. As every bisection it takes for granted
that what once began did not stop again; the version found and the one before it were both asked, where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from runback_gate.frozen import dataclass
from runback_gate.replay.evidence import Answer, Query, ReplayRequest, compare_requests
from runback_gate.step import Request, Response, Step

Breaks = Callable[[Request, Response], bool]
"""Whether an answer to a request shows the behaviour."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A version that was asked."""

    version: int
    shown: int
    """Answers that showed the behaviour."""
    trials: int
    answer: Response | None
    """The last answer."""

    @property
    def shows(self) -> bool:
        """Whether most of its answers did."""
        return 2 * self.shown > self.trials


@dataclass(frozen=True, slots=True)
class Bisection:
    """What came of it."""

    first: int | None
    """The first version that shows the behaviour, from 0; None where none does, or where that could not be told."""
    probes: tuple[Probe, ...]
    """In the order in which they were asked."""
    why: str = ""
    """Why it could not be told; empty where it could."""


def most_probes(versions: int) -> int:
    """The most versions that are asked."""
    return versions.bit_length()


def bisect(
    step: Step, requests: Sequence[Request], breaks: Breaks, trials: int = 1
) -> Generator[Query, Answer, Bisection]:
    """Find the first version that shows the behaviour.

    Args:
        step: what was recorded.
        requests: what it asks under each version, the oldest first.
        breaks: whether an answer shows the behaviour.
        trials: of each version: it shows what most of them do, and is asked no more once that is clear.
    """
    low, high = 0, len(requests)
    probes: list[Probe] = []
    while low < high:
        version = (low + high) // 2
        probe = yield from _probed(step, requests[version], version, breaks, trials, most_probes(high - low))
        if isinstance(probe, str):
            return Bisection(None, tuple(probes), probe)
        probes.append(probe)
        low, high = (low, version) if probe.shows else (version + 1, high)
    return Bisection(low if low < len(requests) else None, tuple(probes))


def why_missing(question: ReplayRequest, answer: Answer) -> str:
    """Why there is no answer, without how the question differs from the recorded one: that is what was wanted."""
    return answer.note.removeprefix(f"{question.note}; ") or "the provider gave an error"


def _probed(
    step: Step, request: Request, version: int, breaks: Breaks, trials: int, probes: int
) -> Generator[Query, Answer, Probe | str]:
    """What most trials of a version do; text where a model gave no answer."""
    question, shown, response = compare_requests(step, request), 0, None
    enough = trials // 2 + 1
    for trial in range(trials):
        left = (probes - 1) * trials + trials - trial
        answer = yield Query(step, question, trial, fresh=True, least=max(1, probes * enough - trial), most=left)
        response = answer.response
        if response is None or response.error is not None:
            return why_missing(question, answer)
        shown += breaks(request, response)
        if shown >= enough or trial + 1 - shown >= trials - trials // 2:
            return Probe(version, shown, trial + 1, response)
    return Probe(version, shown, trials, response)
