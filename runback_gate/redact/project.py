"""What a project says of redaction: its level, rules of its own, values that stay.

In: `spec.redact` of a gate config, or the JSON that a recorder of another process is handed. Out: `ProjectRules`.

    project = project_rules(document, spec.redact)
    Redactor.under(project.level or "standard", key, random, project)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from runback_gate.errors import DocumentError
from runback_gate.frozen import dataclass
from runback_gate.name_pattern import matches_name
from runback_gate.redact.rule import LEVELS, Level, Rule, parse_rule, parse_rules, rule_json

if TYPE_CHECKING:
    # What is read from YAML needs more than the standard library, which is all that a recorder has.
    from runback_gate.documents import Document
    from runback_gate.redact_spec import RedactSpec


@dataclass(frozen=True, slots=True)
class ProjectRules:
    """What is added to the built-in rules, and what is taken from what they find."""

    level: Level | None = None
    """Where nobody says one; None for `standard`."""
    rules: tuple[Rule, ...] = ()
    """They come first where two find the same place."""
    keep: tuple[str, ...] = ()
    """Patterns of values that stay, as `name_pattern` reads them."""

    def at(self, level: Level) -> tuple[Rule, ...]:
        """The rules that a level looks for."""
        return tuple(rule for rule in self.rules if LEVELS.index(rule.level) <= LEVELS.index(level))

    def keeps(self, value: str) -> bool:
        """Whether a value stays although a rule finds it."""
        return any(matches_name(pattern, value) for pattern in self.keep)

    def with_rules(self, rules: Sequence[Rule]) -> ProjectRules:
        """These and more rules; the new ones come first."""
        return replace(self, rules=(*rules, *self.rules))


NO_PROJECT = ProjectRules()


@dataclass(frozen=True, slots=True)
class ProjectKey:
    """The project's key of the pseudonyms, with its rules: what redacts a text now as a recorder did then."""

    key: bytes
    project: ProjectRules = NO_PROJECT


def project_rules(document: Document, spec: RedactSpec) -> ProjectRules:
    """What a gate config says; each rule is tried on its example and its counter-example.

    Raises:
        DocumentError: a rule is none, or finds or does not find what it says; at the place of the rule.
    """
    rules = []
    for number, rule in enumerate(spec.rules):
        item = {"id": rule.id, "level": rule.level, "pattern": rule.pattern, "check": rule.validator, "linear": True}
        try:
            rules.append(parse_rule({**item, "example": rule.example, "counter": rule.counterExample}))
        except ValueError as error:
            place = document.mark(("spec", "redact", "rules", number))
            raise DocumentError(f"spec.redact.rules[{number}]: {error}", location=place) from error
    return ProjectRules(spec.level, tuple(rules), tuple(spec.keep))


def project_json(project: ProjectRules) -> dict[str, Any]:
    """As JSON, for the recorder of another process."""
    return {"level": project.level, "rules": list(map(rule_json, project.rules)), "keep": list(project.keep)}


def project_from_json(value: dict[str, Any]) -> ProjectRules:
    """What `project_json` wrote.

    Raises:
        DocumentError: a rule is none.
    """
    rules = parse_rules(value["rules"], path="rules of redaction")
    return ProjectRules(cast("Level | None", value["level"]), rules, tuple(value["keep"]))


def read_project(data: bytes, path: str) -> ProjectRules:
    """What a gate config says of redaction, whatever else it says.

    Raises:
        DocumentError: that part of it cannot be read.
        ImportError: PyYAML or pydantic is not installed here.
    """
    # Imported here: only a project that says something of redaction pays for YAML.
    from runback_gate.documents import parse_document  # noqa: PLC0415
    from runback_gate.redact_spec import RedactDocument  # noqa: PLC0415
    from runback_gate.schema import validate  # noqa: PLC0415

    document = parse_document(data, path)
    spec = validate(document, RedactDocument).spec.redact
    return NO_PROJECT if spec is None else project_rules(document, spec)
