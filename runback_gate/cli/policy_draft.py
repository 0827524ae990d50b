"""`policy draft`: a failing step becomes a policy, its test and a case, with a warrant."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path

import click

from runback_gate.cli import terminal
from runback_gate.cli.asking import AskFlags
from runback_gate.cli.groups import command
from runback_gate.cli.options import JSON, argument, option, options, steps, value_of
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.store.folder import RUNS, find_run


@dataclass(frozen=True, slots=True)
class DraftFlags:
    """What the rule is about, and what it is called."""

    template: str | None = option(
        "--template NAME", "Use this template alone: lookup, once, limit, required, allowed or never."
    )
    tool: str | None = option("--tool NAME", "The call that was wrong, where the step has several.")
    name: str | None = option("--name ID", "Id of the rule (default: TOOL.TEMPLATE).")
    dataset: str | None = option("--dataset FILE", "Dataset file of the case (default: datasets/AGENT.yaml).")
    case: str | None = option("--case ID", "Id of the case (default: made from RUN and STEP).")
    why: str = option("--why TEXT", "Why the rule and the case exist: the incident.", default="")
    runs: Path | None = option("--runs FILE|FOLDER", "Runs that the rule is held against (default: runs/).")
    model: str | None = option("--model PROVIDER/MODEL", "Let this model word the rule, within the budget of the gate.")
    dry_run: bool = option("--dry-run", "Write nothing.")


@command(short_help="Draft a rule, its test and a case from a failing step.")
def draft(
    run: str = argument(),
    step: int = steps(),
    draft: DraftFlags = options(DraftFlags),
    flags: AskFlags = options(AskFlags),
    as_json: bool = JSON,
) -> int:
    """Draft a rule that would have denied STEP (from 0) of RUN, with a policy test and a case of the step.

    The rule comes from what the step did and what fine steps did: the calls before it, repeated calls, limits, missing
    arguments, values, tools. It is written only with its warrant: it denies the step, flips no recorded step that was
    fine, holds somewhere, is not implied by the rules that stand, and passes lint and its test.

    Exit codes: 0 the rule was admitted, 1 none was and nothing was written, 2 no rule could be made, or the input is
    wrong.
    """
    # `--help` does without the engines.
    from runback_gate.app import draft as app  # noqa: PLC0415
    from runback_gate.app.draft_lines import draft_json, draft_lines, draft_notes  # noqa: PLC0415
    from runback_gate.app.draft_model import word_rule  # noqa: PLC0415
    from runback_gate.gate.plan import load_plan  # noqa: PLC0415

    if flags.plan and draft.model is None:
        raise click.UsageError("--plan needs --model")
    recorded = find_run(run, note=terminal.note)
    folder = draft.runs or (RUNS if RUNS.is_dir() else None)
    with flags.open(quiet=as_json) as asking:
        plan = load_plan(asking.root, day=terminal.today(), redact_key=asking.redact_key)
        word = None if draft.model is None else partial(word_rule, live=asking.live, model=draft.model)
        record, wanted = app.Record(plan, recorded, folder), value_of(app.DraftOptions, draft)
        if flags.plan:
            with contextlib.suppress(InputError):
                app.draft_policy(record, step, wanted, word)
            return terminal.show_plan(asking.live.estimate, asking.live.settings.limits, as_json=as_json)
        found = app.draft_policy(record, step, wanted, word)
    written = found.admitted and not draft.dry_run
    if written:
        app.write_draft(asking.root, found)
    to_json, lines = partial(draft_json, written=written), partial(draft_lines, written=written)
    terminal.show(found, as_json=as_json, to_json=to_json, lines=lines)
    for text in () if as_json else draft_notes(asking.root, found, folder):
        terminal.note(text)
    return 0 if found.admitted else 1
