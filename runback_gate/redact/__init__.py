"""Redaction: secrets and personal data become pseudonyms before anything is stored or hashed.

In: JSON values. Out: the same values with pseudonyms, and counts by rule.

    redactor = Redactor("standard", key=key)
    value, counts = redactor.redact({"text": "my mail is jane@example.org"})

Levels: `off`; `standard`: secrets, e-mail, IBAN, payment cards, US social security numbers; `strict`: IP addresses and
telephone numbers as well. Rules are data (`redact/rules`). The standard library is enough; google-re2 makes it faster.
"""

from runback_gate.redact.project import (
    NO_PROJECT,
    ProjectKey,
    ProjectRules,
    project_from_json,
    project_json,
    project_rules,
    read_project,
)
from runback_gate.redact.pseudonym import KEY_VARIABLE, parse_key
from runback_gate.redact.redactor import Redactor
from runback_gate.redact.rule import LEVELS, MAX_RULES, RULES_VARIABLE, Level, Rule, load_rules, parse_rules
from runback_gate.redact.scan import Found, scan_bytes

__all__ = [
    "KEY_VARIABLE",
    "LEVELS",
    "MAX_RULES",
    "NO_PROJECT",
    "RULES_VARIABLE",
    "Found",
    "Level",
    "ProjectKey",
    "ProjectRules",
    "Redactor",
    "Rule",
    "load_rules",
    "parse_key",
    "parse_rules",
    "project_from_json",
    "project_json",
    "project_rules",
    "read_project",
    "scan_bytes",
]
