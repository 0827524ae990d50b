"""Why bytes of a provider's API are not a request or an answer.

In: nothing. Out: three errors, which every reader of `wire` raises and nothing else.

    raise NotUnderstoodError("$.choices[1]", "an answer of its own, which nobody asked for")

Nothing is made of what was understood in part: a shorter answer could mean its opposite.
"""

from __future__ import annotations

from runback_gate.errors import RunbackError


class NotUnderstoodError(RunbackError):
    """A reader met something that it does not know."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place}: {what}")
        self.place = place
        """JSON path in the body, such as `$.choices[0].message`."""


class ErrorAnswerError(RunbackError):
    """The provider sent an error where an answer was due."""

    def __init__(self, place: str, error: object) -> None:
        super().__init__(f"{place}: an error in place of an answer")
        self.error = error
        """The JSON of it."""


class CutError(RunbackError):
    """A streamed answer ended before its end."""

    def __init__(self) -> None:
        super().__init__("the answer ended before its end")
