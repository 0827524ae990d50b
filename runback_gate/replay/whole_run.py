"""A whole run again under an agent config: its tools answer from the record, as far as the record knows.

In: a `Run`, an `Agent`, the number of a trial. Out: by way of the answers that it asks for, a `RunReplay`.

    for number, found in live([partial(replay_run, run, agent, trial) for trial in range(3)]):
        found.end, found.frontier                           # "frontier", the call that nobody recorded

While the calls stay the same, the run goes on as recorded: with the recorded results and the customer's next words.
Once they differ, each call that the record knows gets its recorded result, once; the first one that it does not know
ends the replay, since nobody can say what the tool would have answered.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict, deque
from collections.abc import Generator, Iterator, Sequence
from typing import Literal

from runback_gate.agent import Agent, ask
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.replay.answer_body import answer_messages
from runback_gate.replay.evidence import Answer, Evidence, Query, compare_requests
from runback_gate.replay.step import Divergence, KnownCall, call_key, diverge
from runback_gate.step import Message, Response, Run, Step, ToolCall, shared_start

End = Literal["as recorded", "answered", "frontier", "no answer"]
"""`as recorded`: the last recorded step was reached. `answered`: the agent asked for no tool where it then asked for
one. `frontier`: it asked for what nobody recorded. `no answer`: a model gave none."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of today."""

    step: int | None
    """The recorded step in whose place it stands; None once the calls have differed."""
    answer: Answer
    divergence: Divergence | None
    """How it differs from that of the step; None where there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class RunReplay:
    """The run then and now."""

    turns: tuple[Turn, ...]
    end: End
    frontier: ToolCall | None = None
    """The first call that nobody recorded a result of."""

    @property
    def differs(self) -> bool:
        """Whether an answer is another one than then."""
        return any(turn.divergence is None or turn.divergence.words != "equivalent" for turn in self.turns)


def steps_of(run: Run, agent: Agent) -> list[tuple[int, Step]]:
    """The steps of the agent with their places in the run.

    Raises:
        InputError: the run has none.
    """
    found = [(index, step) for index, step in enumerate(run.steps) if step.agent == agent.name]
    if not found:
        names = ", ".join(sorted({step.agent for step in run.steps})) or "nobody"
        raise InputError(f"run {run.id} has no step of agent {agent.name!r}", hint=f"it has steps of {names}")
    return found


def replay_run(run: Run, agent: Agent, trial: int = 0) -> Generator[Query, Answer, RunReplay]:
    """Ask for every answer of the run under the agent, one after the other.

    Raises:
        InputError: the run has no step of the agent, or its prompt is a template that does not fit a step.
    """
    steps = steps_of(run, agent)
    record = _Record(run)
    turns: list[Turn] = []
    place, messages = 0, steps[0][1].request.messages
    on_record = True
    while True:
        index, step = steps[place]
        request = dataclasses.replace(ask(agent, step), messages=messages)
        question = compare_requests(step, request)
        answer = yield Query(step, question, trial, most=len(steps) - place)
        now = answer.response
        if now is None or now.error is not None:
            return RunReplay((*turns, Turn(index if on_record else None, answer, None)), "no answer")
        divergence = diverge(step.response, now) if on_record else None
        turns.append(Turn(index if on_record else None, answer, divergence))
        if divergence is not None and divergence.words in ("equivalent", "text changed"):
            record.take(step.response.tool_calls)
            if place + 1 == len(steps):
                return RunReplay(tuple(turns), "as recorded")
            messages = _continued(step, steps[place + 1][1], messages, answer)
            place += 1
            continue
        on_record = False
        if not now.tool_calls:
            return RunReplay(tuple(turns), "answered")
        results, unknown = record.take(now.tool_calls)
        if unknown is not None:
            return RunReplay(tuple(turns), "frontier", unknown)
        messages = (*messages, *answer_messages(step.request.api, now), *results)


def _continued(step: Step, following: Step, messages: tuple[Message, ...], answer: Answer) -> tuple[Message, ...]:
    """The conversation of the next step: what was said now, then what was recorded after the step's answer."""
    before, after, now = step.request.messages, following.request.messages, answer.response
    same = answer.evidence is Evidence.RECORDED and messages == before
    rest = after[len(before) :]
    said = next((at for at, message in enumerate(rest) if message.role != "assistant"), len(rest))
    # Another conversation, or one that was cut in between, goes on as it was recorded.
    if now is None or same or after[: len(before)] != before or not said:
        return after
    ids = _renamed([call for message in rest[:said] for call in message.tool_calls], now)
    results = (
        dataclasses.replace(message, tool_call_id=ids.get(message.tool_call_id or "", message.tool_call_id))
        for message in rest[said:]
    )
    return (*messages, *answer_messages(step.request.api, now), *results)


def _renamed(calls: Sequence[ToolCall], now: Response) -> dict[str, str]:
    """The ids of calls today by those of the same calls then."""
    ids: dict[KnownCall, deque[str]] = defaultdict(deque)
    for call in now.tool_calls:
        ids[call_key(call)].append(call.id)
    return {call.id: ids[call_key(call)].popleft() for call in calls if call.id and ids[call_key(call)]}


class _Record:
    """What tools answered in the run; each result is given once, in the order of the record."""

    def __init__(self, run: Run) -> None:
        self._results: dict[KnownCall, deque[Message]] = defaultdict(deque)
        before: Sequence[Message] = ()
        for step in run.steps:
            messages = step.request.messages
            for call, result in _paired(messages[shared_start(before, messages) :]):
                self._results[call_key(call)].append(result)
            before = messages

    def take(self, calls: Sequence[ToolCall]) -> tuple[list[Message], ToolCall | None]:
        """The results of calls, with their ids; and the first of them that has none."""
        taken: list[Message] = []
        for call in calls:
            known = self._results[call_key(call)]
            if not known:
                return taken, call
            taken.append(dataclasses.replace(known.popleft(), tool_call_id=call.id or None))
        return taken, None


def _paired(messages: Sequence[Message]) -> Iterator[tuple[ToolCall, Message]]:
    """Calls with their results: by id, or in order where there is none."""
    waiting: list[ToolCall] = []
    for message in messages:
        waiting += message.tool_calls
        if message.role == "tool":
            named = (call for call in waiting if call.id and call.id == message.tool_call_id)
            call = next(named, None) or (waiting[0] if waiting and not message.tool_call_id else None)
            if call is not None:
                waiting.remove(call)
                yield call, message
