"""The steps of a run as turns: each holds what it adds to the conversation that it continues.

In: steps with their whole conversations, in order. Out: `Turn`s, and `Turns`, a sequence of steps that is made of them.

    conversations = Conversations()
    turns = Turns(conversations.turn(step) for step in steps)
    turns[7].request.messages        # made when it is asked for

N steps of one conversation repeat O(N²) messages; their turns hold each message once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import is_
from typing import overload

from runback_gate.canonical import sha256
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.step import Message, Request, Step

_RECENT = 8
_REMEMBERED = 4096
"""Messages whose digest is kept."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A step by its difference to an earlier one."""

    step: Step
    """The step, but for its conversation: `request.messages` holds only what it adds."""
    continues: int | None = None
    """The earlier step whose conversation it continues, from 0; None when it begins one."""
    keep: int = 0
    """How many messages of that conversation it keeps, from the first."""


class Turns(Sequence[Step]):
    """Steps, made of turns as they are asked for; going through them in order costs no more than copying them.

    Raises:
        InputError: a turn continues one that does not come before it, or keeps more than was said.
    """

    def __init__(self, turns: Iterable[Turn]) -> None:
        self.turns = tuple(turns)
        self._recent: dict[int, tuple[Message, ...]] = {}
        lengths: list[int] = []
        for number, turn in enumerate(self.turns):
            before = 0 if turn.continues is None else turn.continues
            most = lengths[before] if turn.continues is not None and 0 <= before < number else 0
            if not 0 <= turn.keep <= most or not 0 <= before <= max(number - 1, 0):
                raise InputError(f"step {number} continues what was not said before it")
            lengths.append(turn.keep + len(turn.step.request.messages))

    def __len__(self) -> int:
        return len(self.turns)

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Step, ...]: ...
    def __getitem__(self, index: int | slice) -> Step | tuple[Step, ...]:
        if isinstance(index, slice):
            return tuple(self._step(number) for number in range(len(self.turns))[index])
        return self._step(range(len(self.turns))[index])

    def __iter__(self) -> Iterator[Step]:
        return map(self._step, range(len(self.turns)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (tuple, Turns)):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} steps>"

    def _step(self, number: int) -> Step:
        step = self.turns[number].step
        messages = self._messages(number)
        return _with(step, messages) if messages else step

    def _messages(self, number: int) -> tuple[Message, ...]:
        """The whole conversation of a step; the last ones stay at hand, since the next step continues one of them."""
        path, at = [], number
        while at not in self._recent:
            path.append(at)
            before = self.turns[at].continues
            if before is None:
                break
            at = before
        said = list(self._recent.get(at, ()))
        for item in reversed(path):
            del said[self.turns[item].keep :]
            said.extend(self.turns[item].step.request.messages)
        found = tuple(said)
        self._recent[number] = found
        if len(self._recent) > _RECENT:
            self._recent.pop(next(iter(self._recent)), None)
        return found


class Conversations:
    """Finds the conversation that a step continues: of all before it, one that shares the longest beginning.

    A message that several steps hold as one object is looked at once, while it is among the last. `first` is the number
    of the first step that is given.
    """

    def __init__(self, *, first: int = 0) -> None:
        # A trie: a node stands for a beginning of a conversation, and knows the step that was the first to have it.
        self._nodes: dict[tuple[int, bytes], int] = {}
        self._steps: list[int] = [-1]
        self._known: dict[int, tuple[Message, bytes]] = {}
        self._last: tuple[Message, ...] = ()
        self._path = [0]
        """The nodes on the way to the last conversation, one after each of its messages."""
        self._count = first

    def turn(self, step: Step) -> Turn:
        """The turn of the next step."""
        messages = step.request.messages
        # What both hold as one object needs no look.
        same = list(map(is_, self._last, messages))
        keep = same.index(False) if False in same else len(same)
        path = self._path[: keep + 1]
        keys = [self._key(message) for message in messages[keep:]]
        for key in keys:
            found = self._nodes.get((path[-1], key))
            if found is None:
                break
            path.append(found)
        keep = len(path) - 1
        before = self._steps[path[-1]]
        for key in keys[len(keys) - len(messages) + keep :]:
            self._nodes[path[-1], key] = node = len(self._steps)
            self._steps.append(self._count)
            path.append(node)
        self._last, self._path, self._count = messages, path, self._count + 1
        if not keep:
            return Turn(step)
        return Turn(_with(step, messages[keep:]), before, keep)

    def _key(self, message: Message) -> bytes:
        known = self._known.get(id(message))
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            # The message stays referred to: another object must not get its id.
            known = self._known[id(message)] = message, _digest(message)
        return known[1]


def _with(step: Step, messages: tuple[Message, ...]) -> Step:
    """The step with another conversation."""
    asked = step.request
    # Named one by one, in half the time of `replace`: every step of every run comes through here.
    request = Request(
        asked.model,
        asked.system,
        messages,
        asked.tools,
        asked.parameters,
        asked.system_message,
        asked.extra,
        asked.api,
    )
    return Step(step.agent, request, step.response, step.source, step.variables)


def turns_of(steps: Sequence[Step]) -> tuple[Turn, ...]:
    """The turns of steps in order."""
    if isinstance(steps, Turns):
        return steps.turns
    conversations = Conversations()
    return tuple(conversations.turn(step) for step in steps)


def _digest(message: Message) -> bytes:
    # Of the text that Python gives a value: at a tenth of the cost of canonical JSON, and no two values share it. Where
    # one value has two (1 and 1.0, another order of keys), the message is only stored again.
    return sha256(repr(message).encode("utf-8", "surrogatepass")).digest()
