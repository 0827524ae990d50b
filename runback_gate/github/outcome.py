"""What there is to say on GitHub: a verdict, or why there is none.

In: a `Report`, or the error that ended the run. Out: `Outcome`, which check, comment and summary show alike.

    outcome = judged(report, folder="services/support")
    outcome.conclusion                      # "success" or "failure"
    outcome.markdown(65_535)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Literal

from runback_gate.errors import Location, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.gate.verdict import Verdict
from runback_gate.report import markdown
from runback_gate.report.annotations import Annotation, remarks
from runback_gate.report.model import Report, report_digest
from runback_gate.report.text import cut, line, markdown_code, short
from runback_gate.report.text import markdown as prose
from runback_gate.report.wording import tally

NO_VERDICT: Final = "No verdict"
"""How a title begins where nothing could be judged: it must not read as passed, nor as a fault of the change."""

_TITLE: Final = 200
_TEXT: Final = 2000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of the gate came to."""

    verdict: Verdict
    title: str
    """One line."""
    digest: str
    """Of report.json; empty where there is none."""
    markdown: Callable[[int], str]
    """The whole of it in at most so many bytes."""
    annotations: tuple[Annotation, ...]
    notable: bool
    """Whether a person should be told who did not ask."""
    report: Report | None = None
    """What it was read from; None where nothing was judged."""

    @property
    def conclusion(self) -> Literal["success", "failure"]:
        """Nothing else: GitHub lets a required check pass that is neutral or skipped."""
        return "success" if self.verdict is Verdict.PASS else "failure"


def judged(report: Report, *, folder: str = "") -> Outcome:
    """What a report comes to. `folder` is that of the gate below the root of the repository; empty for the root."""
    counts = " · ".join(tally(report))
    totals = report.totals
    quiet = report.verdict is Verdict.PASS and not (totals.warned or totals.failed or totals.fixed)
    return Outcome(
        verdict=report.verdict,
        title=short(f"{NO_VERDICT}: {counts}" if report.verdict is Verdict.UNDECIDED else counts, _TITLE),
        digest=report_digest(report),
        markdown=lambda limit: markdown.render(report, max_bytes=limit),
        annotations=tuple(remarks(report, folder=folder)),
        notable=not quiet,
        report=report,
    )


def not_judged(error: RunbackError, *, folder: str = "") -> Outcome:
    """What an error comes to: no verdict, so never a success."""
    place = error.location if error.location and error.location.path else None
    where = Location(f"{folder}/{place.path}", place.line, place.column) if place and folder else place
    hint = f"\n{line(error.hint)}" if error.hint else ""
    message = short(error.message, _TEXT) + short(hint, _TEXT)
    return Outcome(
        verdict=Verdict.UNDECIDED,
        title=short(f"{NO_VERDICT}: {error}", _TITLE),
        digest="",
        markdown=partial(_error_page, error),
        annotations=(Annotation("error", where, NO_VERDICT, message or NO_VERDICT),),
        notable=True,
    )


def _error_page(error: RunbackError, limit: int) -> str:
    place = f"{markdown_code(short(str(error.location), _TITLE))}: " if error.location else ""
    hint = f"\n\nHint: {prose(short(error.hint, _TEXT))}" if error.hint else ""
    page = f"### ? Runback gate: no verdict\n\n{place}{prose(short(error.message, _TEXT))}{hint}\n\n"
    page += "Nothing was judged, so nothing passed. This is not the fault of an answer: exit 2\n"
    return page if len(page.encode()) <= limit else cut("### ? Runback gate: no verdict\n", max(limit, 0))
