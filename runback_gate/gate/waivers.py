"""Waivers: a named breach of a named case, accepted by a named owner, until a named day.

In: `kind: Waiver` YAML and a day. Out: findings marked as waived, and a red row for each waiver that is expired or
waives nothing.

    waivers = load_waivers(root, gate.waivers)
    findings = apply_waivers(findings, waivers, case="legacy-export", day="2026-11-23")
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterable, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from runback_gate.canonical import digest_bytes
from runback_gate.documents import Document, check_kind, expand, read_document
from runback_gate.errors import DocumentError, Location
from runback_gate.frozen import dataclass
from runback_gate.policy.finding import Finding
from runback_gate.schema import Model, Resource, validate

Exact = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=256)]


def parse_day(text: str) -> str:
    """A day, YYYY-MM-DD; raises ValueError for what is none."""
    # fromisoformat also takes 20261231 and week dates; one form keeps comparison by text right.
    with contextlib.suppress(ValueError):
        if datetime.date.fromisoformat(text).isoformat() == text:
            return text
    raise ValueError(f"{text[:40]!r} is not a day (YYYY-MM-DD)")


class WaiverSpec(Model):
    """What is waived, for how long, and who answers for it."""

    policies: list[Exact] = Field(min_length=1, description="Ids of policy rules; no patterns.")
    cases: list[Exact] = Field(min_length=1, description="Ids of cases; no patterns.")
    reason: str = Field(min_length=1, max_length=512, description="Why, with the ticket.")
    owner: str = Field(min_length=1, max_length=128, description="The team that answers for it.")
    expires: Annotated[str, AfterValidator(parse_day)] = Field(
        description="Last day on which it holds, YYYY-MM-DD, UTC."
    )


class WaiverDocument(Resource):
    """A breach that is accepted for a time."""

    kind: Literal["Waiver"]
    spec: WaiverSpec


@dataclass(frozen=True, slots=True)
class Waiver:
    """A waiver file."""

    name: str
    path: str
    digest: str
    rules: tuple[str, ...]
    cases: tuple[str, ...]
    reason: str
    owner: str
    expires: str
    location: Location
    document: Document = field(repr=False, compare=False)
    """The file as it was read; it knows where each field stands."""

    def expired(self, day: str) -> bool:
        """Whether the last day is over."""
        return day > self.expires

    def __str__(self) -> str:
        return f"{', '.join(self.rules)} until {self.expires} ({self.owner}, {self.reason})"


def load_waivers(root: Path, patterns: Sequence[str]) -> tuple[Waiver, ...]:
    """Read every waiver that the patterns name.

    Raises:
        InputError: malformed, or two of one name.
    """
    waivers: dict[str, Waiver] = {}
    for path in expand(root, patterns):
        document = read_document(root, path)
        check_kind(document, ("Waiver",))
        model = validate(document, WaiverDocument)
        spec, name = model.spec, model.metadata.name
        if name in waivers:
            place = document.mark(("metadata", "name"))
            raise DocumentError(
                f"two waivers are named {name!r}", hint=f"the other: {waivers[name].path}", location=place
            )
        place = document.mark(("spec", "expires"))
        rules, cases = tuple(spec.policies), tuple(spec.cases)
        digest = digest_bytes(document.data)
        waivers[name] = Waiver(name, path, digest, rules, cases, spec.reason, spec.owner, spec.expires, place, document)
    return tuple(waivers.values())


def apply_waivers(findings: Iterable[Finding], waivers: Sequence[Waiver], case: str, day: str) -> tuple[Finding, ...]:
    """The findings, marking each failing policy rule that a waiver in force names; errors and checks stay."""
    return tuple(_waive(finding, waivers, case, day) for finding in findings)


def _waive(finding: Finding, waivers: Sequence[Waiver], case: str, day: str) -> Finding:
    if finding.outcome != "fail" or not finding.policy:
        return finding
    for waiver in waivers:
        if finding.rule in waiver.rules and case in waiver.cases and not waiver.expired(day):
            return dataclasses.replace(finding, waiver=waiver.name)
    return finding
