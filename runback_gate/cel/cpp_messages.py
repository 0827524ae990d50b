"""What cel-cpp says of an expression that it refuses or cannot evaluate, in the words of a policy's author.

In: the engine's error texts. Out: one line each, and a hint where a field was misspelled.

    readable("undefined field 'nme' not found in struct 'runback.ToolCall'")     # "ToolCall has no field nme"
"""

from __future__ import annotations

import re

from runback_gate.cel.engine import BUDGET_MESSAGE, error_line
from runback_gate.cel.environment import MESSAGES
from runback_gate.documents import suggestion

PACKAGE = "runback"
"""The package of the records that the checker knows."""
_OVERLOAD = re.compile(r"found no matching overload for '(.+?)' applied to '(.*)'")
_FIELD = re.compile(r"undefined field '(.+?)' not found in struct '(.+?)'")
_STATUS = re.compile(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$")


def readable(message: str) -> str:
    """The engine's words without its containers, packages and operator signatures."""
    message = _STATUS.sub("", message).replace(" (in container '')", "").replace(f"{PACKAGE}.", "")
    if found := _FIELD.search(message):
        return f"{found[2]} has no field {found[1]}"
    if found := _OVERLOAD.search(message):
        function, arguments = found[1].strip("_"), found[2]
        sign = function if function[0].isalpha() else f"`{function.replace('_', ' ')}`"
        return f"{sign} does not take {arguments}"
    return message


def field_hint(message: str) -> str | None:
    """The field that was meant, where one was misspelled."""
    found = _FIELD.search(message)
    return suggestion(found[1], MESSAGES.get(found[2].rpartition(".")[2], ())) if found else None


def runtime_error(text: str) -> str:
    """Why an evaluation has no value."""
    return BUDGET_MESSAGE if "Iteration budget exceeded" in text else error_line(_STATUS.sub("", text))
