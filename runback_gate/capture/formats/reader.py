"""What every format does with what it does not use: count it, or keep it as a label.

In: objects of a file, and the names of the fields that their reader used. Out: a count of the rest by name.

    reader = Reader()
    reader.leave({"role": "user", "content": "Hi", "mood": "calm"}, {"role", "content"})
    reader.ignored                                                                          # {"mood": 1}

Whether something was ignored that may decide how a step is judged, `reconcile` finds in the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Any

from runback_gate.frozen import dataclass
from runback_gate.wire.fields import says_nothing


@dataclass(slots=True)
class Reader:
    """The accounts of one file."""

    ignored: Counter[str] = field(default_factory=Counter)
    """How often each field was there and not used."""
    dialect: str | None = None
    """Name of the dialect of the messages, where somebody said it."""

    dialects: dict[Any, Any] = field(default_factory=dict)
    """By what tells messages apart, the dialect that they were found to be of."""
    passed: list[Any] = field(default_factory=list)
    """Values that may be passed over, though they look as if something was said in them."""

    def leave(self, wire: Mapping[str, Any], known: Collection[str]) -> None:
        """Count the fields that are not `known`."""
        for name in wire.keys() - known:
            if wire[name] not in (None, "", [], {}):
                self.ignored[name] += 1

    def pass_over(self, name: str, value: Any) -> None:
        """Count a value that its format has beside the conversation, whatever it says."""
        self.ignored[name] += 1
        self.passed.append(value)

    def labels(self, wire: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
        """The fields of a run that are not `known`, which are its labels; one that tells what was said is none."""
        found = {name: value for name, value in wire.items() if name not in known and value is not None}
        told = {name for name, value in found.items() if plain_name(name) in _NO_LABELS and not says_nothing(value)}
        self.ignored.update(told)
        return {name: value for name, value in found.items() if name not in told}


_NO_LABELS = frozenset(
    "answer answers candidates choices completion completions contents conversation conversations errors exception "
    "functioncall history instructions messages output outputs response responses systeminstruction systeminstructions "
    "systemmessage systemprompt system toolcall toolcalls toolresults error".split()
)


def plain_name(name: str) -> str:
    """A name of a field without case and separators."""
    return name.replace("_", "").replace("-", "").replace(" ", "").lower()
