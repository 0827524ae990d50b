"""What is applied to everything that a recorder, a proxy or a receiver is about to store.

In: a level, or a function of the caller's own. Out: a `Redaction`.

    redaction_at("standard")

The project's own rules are those of `spec.redact` in its `runback.yaml` and of the file that RUNBACK_REDACT_RULES
names. Where they cannot be read, everything is withheld: the agent goes on, and nothing of what it says is stored.
"""

from __future__ import annotations

import functools
import marshal
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from runback_gate.capture.exchange import Redact
from runback_gate.capture.log import Redaction, off
from runback_gate.capture.outside import complain, project_redaction, random_bytes, redact_key
from runback_gate.errors import RunbackError
from runback_gate.redact import Level, ProjectRules, Redactor, project_from_json


def redaction_at(level: str | Redact | None, project: Mapping[str, Any] | None = None) -> Redaction:
    """What a level applies; a function stands for itself. For the writer thread.

    Args:
        level: `off`, `standard`, `strict`, or None for what the project says, else `standard`.
        project: what the project says, as `project_json` writes it; None for what is found here.
    """
    if callable(level):
        own = level
        # It may change what it is given, which a later call may hold as well.
        return Redaction("standard", lambda value: own(marshal.loads(marshal.dumps(value))))  # noqa: S302  of our own
    if level == "off":
        return Redaction("off", off)
    try:
        rules = project_redaction() if project is None else project_from_json(dict(project))
    except (RunbackError, ImportError) as error:
        complain(f"content is withheld: {error}")
        return Redaction(level or "standard", _withhold)
    level = level or rules.level or "standard"
    if level == "off":
        return Redaction("off", off)
    redactor = _redactor(cast("Level", level), rules)
    return Redaction(redactor.level, redactor.redact_again, redactor.ruleset, redactor.key_id)


def _withhold(_value: Any) -> NoReturn:
    raise RunbackError("the rules of redaction cannot be read")


@functools.cache
def _redactor(level: Level, project: ProjectRules) -> Redactor:
    """One for all runs of the process, so that what was seen once is known; only the writer thread uses it."""
    return Redactor.under(level, redact_key(), random_bytes, project)
