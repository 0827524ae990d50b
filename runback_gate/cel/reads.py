"""What a rule over runs reads of the steps, so that no more of them is laid out for it.

In: the tree of an expression, with params and variables put in. Out: names of fields of a step, those of its request
one by one; `ALL` where a step or a request is used as a whole.

    reads(parse("run.steps.all(s, size(s.request.messages) < 99 && s.response.text != '')"))
    # frozenset({"request.messages", "response"})

The conversation of each step repeats that of the step before: laid out whole, a run of N turns is of the size N².
"""

from __future__ import annotations

from runback_gate.cel.environment import MESSAGES
from runback_gate.cel.parser import Node
from runback_gate.cel.projection import paths

ALL = frozenset(
    [name for name in MESSAGES["Step"] if name != "request"] + [f"request.{name}" for name in MESSAGES["Request"]]
)
"""Every field of a step."""
_WHOLE = ("run", "run.steps", "run.steps.*.request")
_STEP = "run.steps.*."


def reads(tree: Node) -> frozenset[str]:
    """The fields of steps that an expression reads."""
    return frozenset[str]().union(*map(_fields, paths(tree)))


def _fields(path: str) -> frozenset[str]:
    """The fields of steps that are read where this path is."""
    if path in _WHOLE:
        return ALL
    # `matchesSchema` reads the tools of each step, and `projection` names them as a rule over steps sees them.
    field = path.removeprefix(_STEP) if path.startswith(_STEP) else path if path == "request.tools" else ""
    return ALL & {field.partition(".")[0], ".".join(field.split(".")[:2])}
