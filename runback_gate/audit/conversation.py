"""Which values a step of a run file names: those of its own event, and those of the conversation that it continues.

In: the events of one run, in order. Out: for a step the ids of its conversation, place by place.

    conversation = Conversations()
    conversation.add(event)              # each model event
    conversation.ids(3)[2]               # the value of `step 3 request.messages[2]`

An event of `runback.run/v1` names its whole conversation; one of v2 says how much it keeps of an earlier step.
"""

from __future__ import annotations

from typing import Any


class Conversations:
    """The conversations of one run, as its model events come."""

    def __init__(self) -> None:
        self._turns: list[tuple[int | None, int, list[str]]] = []

    def add(self, event: dict[str, Any]) -> tuple[int | None, int]:
        """Take the next model event; gives the step that it continues, and how many of its messages it keeps."""
        more, continues = event.get("messages"), event.get("continues")
        names = [item for item in more if isinstance(item, str)] if isinstance(more, list) else []
        before, keep = (continues.get("step"), continues.get("keep")) if isinstance(continues, dict) else (None, 0)
        if type(before) is not int or type(keep) is not int or not 0 <= before < len(self._turns):
            before, keep = None, 0
        self._turns.append((before, keep, names))
        return before, keep

    def ids(self, step: int) -> list[str]:
        """The ids of the messages of a step, from the first; empty when there is no such step."""
        path: list[int] = []
        at: int | None = step if 0 <= step < len(self._turns) else None
        while at is not None:
            path.append(at)
            at = self._turns[at][0]
        said: list[str] = []
        for number in reversed(path):
            _, keep, names = self._turns[number]
            del said[keep:]
            said.extend(names)
        return said
