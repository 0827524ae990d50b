"""`serve --replay`: a recorded run that answers instead of the providers.

In: a run, the key of the pseudonyms, chance. Out: a `ServedRun`.

    served = served_run(find_run("support-1", note=warn), None, secrets.token_bytes)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from runback_gate.errors import InputError
from runback_gate.redact import KEY_VARIABLE, NO_PROJECT, ProjectRules, Redactor
from runback_gate.replay.served_run import ServedRun
from runback_gate.step import Run
from runback_gate.store.folder import Note, find_run


def served_named(
    name: str, environ: Mapping[str, str], random: Callable[[int], bytes], project: ProjectRules, *, note: Note
) -> ServedRun:
    """The run that somebody named (a file, or an id in runs/), under the key of the environment.

    Raises:
        InputError: as `find_run` and `served_run`.
    """
    return served_run(find_run(name, note=note), environ.get(KEY_VARIABLE), random, project)


def served_run(
    run: Run, key: str | None, random: Callable[[int], bytes], project: ProjectRules = NO_PROJECT
) -> ServedRun:
    """The run, with what redacts a body as the run was.

    Raises:
        InputError: values of the run were replaced under a key that is not this one.
    """
    level = run.redaction.get("level", "off")
    if level == "off":
        return ServedRun(run, lambda value: value)
    redactor = Redactor.under(level, key, random, project)
    if run.redaction.get("counts") and (redactor.key_id is None or redactor.key_id != run.redaction.get("key")):
        raise InputError(
            f"values of run {run.id} were replaced with a key that is not here",
            hint="record with RUNBACK_REDACT_KEY set, and replay with the same key",
        )
    return ServedRun(run, lambda value: redactor.redact(value)[0])
