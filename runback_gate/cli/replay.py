"""`replay`: a recorded step, or a whole run, asked again: then and now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.cli import terminal
from runback_gate.cli.asking import EXIT_CODE, AskFlags, Asking, SaveFlags
from runback_gate.cli.groups import command
from runback_gate.cli.options import JSON, argument, option, options, said, steps, values
from runback_gate.frozen import dataclass
from runback_gate.store.folder import find_run

if TYPE_CHECKING:
    from runback_gate.app.replay import Edit


@dataclass(frozen=True, slots=True)
class EditFlags:
    """What is asked otherwise than it was."""

    agent: str | None = option("--agent FILE", "Ask under this agent config; without STEP, replay the whole run.")
    system: Path | None = option("--system FILE", "Use this file as the prompt.")
    model: str | None = option("--model PROVIDER/MODEL", "Ask this model instead.")
    settings: tuple[str, ...] = option("--set PATH=VALUE", "Set a field, such as parameters.temperature=0; repeatable.")
    tools: tuple[Path, ...] = option(
        "--tool FILE", "A tool in OpenAI function format; replaces the tool of the same name, or is added; repeatable."
    )
    without_tools: tuple[str, ...] = option("--without-tool NAME", "Remove a tool; repeatable.")

    def edit(self, asking: Asking) -> Edit:
        """The same as the stages below take it, with the files that it names."""
        from runback_gate.app.replay import read_edit  # noqa: PLC0415  `--help` does without

        return read_edit(asking.root, redact_key=asking.redact_key, **values(self))


@command()
def replay(
    run: str = argument(),
    step: int | None = steps("[STEP]"),
    edits: EditFlags = options(EditFlags),
    trials: int = option("-n --trials", "Number of times to ask.", type=click.IntRange(1, 100), shown=1),
    save: SaveFlags = options(SaveFlags),
    exit_code: bool = EXIT_CODE,
    flags: AskFlags = options(AskFlags),
    as_json: bool = JSON,
) -> int:
    """Ask STEP (from 0) of RUN (a file, or an id in runs/) again, as it was or changed, and show then and now.

    Without STEP, the whole run is asked again under --agent: recorded tool results are served while the calls stay the
    same, up to the first call that has no recorded result.

    Exit codes: 0 shown, 1 with --exit-code an answer differs, 2 an answer is missing, or the input is wrong.
    """
    from runback_gate.app import replay as app  # noqa: PLC0415  loads the engine
    from runback_gate.app.replay_lines import step_json, step_lines, whole_json, whole_lines  # noqa: PLC0415

    save.check()
    if step is None and (edits.agent is None or said(edits, besides=["agent"])):
        raise click.UsageError("say which STEP, or --agent FILE alone for the whole run")
    if step is None and save.save:
        raise click.UsageError("--save keeps one step: say which STEP")
    recorded = find_run(run, note=terminal.note)
    with flags.open(quiet=as_json) as asking:
        live, gate, edit = asking.live, asking.gate, edits.edit(asking)
        if step is None and edit.agent is not None:
            whole = app.replay_whole(recorded, edit.agent, live, trials=trials, gate=gate, progress=asking.progress)
            return asking.show(whole, flags, as_json=as_json, to_json=whole_json, lines=whole_lines, wanted=exit_code)
        found = app.replay_step(recorded, step or 0, edit, live, trials=trials, gate=gate, progress=asking.progress)
        code = asking.show(found, flags, as_json=as_json, to_json=step_json, lines=step_lines, wanted=exit_code)
    if not flags.plan:
        save.keep(asking, recorded.agent, lambda new: app.keep_trial(asking.root, found, 0, new), quiet=as_json)
    return code
