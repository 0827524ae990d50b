"""Every error that Runback gate raises on purpose.

    RunbackError                 could not judge: always exit code 2, never a verdict
    ├── InputError               what somebody gave is wrong: a file, an option, a folder
    │   ├── DocumentError        a YAML or JSON document breaks its format
    │   ├── ExpressionError      a CEL expression breaks a limit, its syntax or its types
    │   ├── PathError            a path leaves the folder that it must stay in
    │   ├── IntegrityError       stored bytes do not match the digest or chain that names them
    │   └── UnaskableError       a model may not be asked, or cannot: not listed, no key, not installed
    ├── ProviderError            a model was asked and gave no answer
    ├── GitHubError              GitHub refused a request, or gave no answer that can be used
    │   └── UnansweredError      a request to create something got no answer: it may have been done, or not
    ├── SigningError             a service that signing needs did not answer as it must, so nothing was signed
    └── WriteError               a result could not be written whole, so nothing was written

A red verdict is a value (`runback_gate.gate.verdict`); an exception means that there is none.
`str(error)` is one line, `path:line:column: message (hint)`, ready to be shown.
"""

from __future__ import annotations

from typing import Literal

from runback_gate.frozen import dataclass

ErrorKind = Literal[
    "rate limit",
    "time-out",
    "connection",
    "server",
    "authentication",
    "refused",
    "garbage",
    "not understood",
    "context too long",
]
"""Why a model gave no answer. `server`: 5xx. `refused`: any other 4xx. `garbage`: what came is no JSON, or too large.
`not understood`: an answer of which a part is not known; it is not judged by the rest."""

RETRYABLE: frozenset[ErrorKind] = frozenset(("rate limit", "time-out", "connection", "server"))
"""What may go well a moment later. All else would be answered in the same way again."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file that a person can open."""

    path: str
    """The file, relative to the folder that was given; `/` between parts."""
    line: int | None = None
    """1-based line, or None when the whole file is meant."""
    column: int | None = None
    """1-based column in characters, or None when the whole line is meant."""

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)


class RunbackError(Exception):
    """The root of the tree. Carries one message, and where known a place and a hint."""

    def __init__(self, message: str, *, hint: str | None = None, location: Location | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.location = location

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        hint = f" ({self.hint})" if self.hint else ""
        return " ".join(f"{place}{self.message}{hint}".split())


class InputError(RunbackError):
    """What somebody gave is wrong."""


class DocumentError(InputError):
    """A YAML or JSON document breaks its format."""


class ExpressionError(InputError):
    """A CEL expression breaks a limit, its syntax or its types."""


class PathError(InputError):
    """A path leaves the folder that it must stay in."""


class IntegrityError(InputError):
    """Stored bytes do not match the digest or chain that names them."""


class GitHubError(RunbackError):
    """GitHub refused a request, or gave no answer that can be used."""

    def __init__(self, message: str, *, hint: str | None = None, status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        """The HTTP status; None where no answer came."""


class UnansweredError(GitHubError):
    """A request to create something got no answer: look whether it is there before you ask again."""


class SigningError(RunbackError):
    """A service that signing needs did not answer as it must, so nothing was signed."""


class UnaskableError(InputError):
    """A model may not be asked, or cannot: the gate config does not list it, or there is no key for it.

    A row that needs it has no evidence; the message is the reason that the row shows.
    """


class ProviderError(RunbackError):
    """A model was asked and gave no answer. It says nothing about the agent: its row is undecided, never red.

    An answer in which the model itself declines is an answer, and is judged.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        retry_after: float | None = None,
        hint: str | None = None,
        place: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind: ErrorKind = kind
        self.retry_after = retry_after
        """Seconds that the provider asked to wait (RFC 9110, 10.2.3); None when it did not say."""
        self.place = place
        """JSON path of the part of the answer that was not understood; None for every other kind."""

    @property
    def retryable(self) -> bool:
        """Whether asking again may help."""
        return self.kind in RETRYABLE


class WriteError(RunbackError):
    """A result could not be written whole, so nothing was written."""
