"""`run` judges the cases of a gate, alone or against a base, and ends in the exit code of the verdict."""

from __future__ import annotations

import os
import time
from pathlib import Path

from runback_gate.app.outputs import remove_outputs
from runback_gate.app.paths import below
from runback_gate.cli import terminal
from runback_gate.cli.asking import LiveFlags, interruptible
from runback_gate.cli.groups import command
from runback_gate.cli.named import gate_root
from runback_gate.cli.options import QUIET, ROOT, option, options, value_of
from runback_gate.cli.output import Output, publish
from runback_gate.frozen import dataclass


@dataclass(frozen=True, slots=True)
class RunFlags:
    """What is judged, and against what."""

    agent: str | None = option(
        "--agent NAME|FILE", "Judge only this agent; a file replaces the agent of the same name."
    )
    dataset: str | None = option("--dataset NAME|FILE", "Judge only this dataset.")
    cache: Path | None = option(
        "--cache FOLDER", "Response cache to read from and add to. Without it, no cached answer counts."
    )
    date: str | None = option(
        "--date YYYY-MM-DD",
        "Date on which waivers are evaluated (default: today, UTC).",
        parse="gate.waivers:parse_day",
    )
    base: str | None = option("--base DIR|REF", "Compare with this folder or git revision; its rules judge too.")
    approve: str | None = option(
        "--approve SHA", "Approve what this commit loosens; the approval holds for this commit only."
    )
    prove: bool = option("--prove", "With --base, prove that changed rules weaken nothing (extra `proof`).")
    head: str | None = option("--head SHA", "Commit to judge (default: the one checked out).")
    shard: tuple[int, int] = option(
        "--shard I/N",
        "Judge only part I of N of the cases; `merge` joins the parts.",
        default="1/1",
        parse="gate.shard:parse_shard",
    )


@command()
def run(
    root: Path | None = ROOT,
    flags: RunFlags = options(RunFlags),
    live_flags: LiveFlags = options(LiveFlags),
    output: Output = options(Output),
    quiet: bool = QUIET,
) -> int:
    """Judge every case: pass, fail or could not judge.

    Answers come from recordings, from the cache or, with --live, from the models that spec.providers in runback.yaml
    names. A missing answer leaves its row undecided.

    Exit codes: 0 pass, 1 fail, 2 could not judge (a row is undecided, there was no case, or the input is wrong).
    """
    from runback_gate.app.judge import JudgeOptions, judge_sides  # noqa: PLC0415  `--help` does without the engine
    from runback_gate.app.live import World  # noqa: PLC0415
    from runback_gate.app.sides import open_sides  # noqa: PLC0415
    from runback_gate.replay.providers import real_world  # noqa: PLC0415

    live = live_flags.options()
    # With a base nothing is searched: where the two sides lie is not for a change to decide.
    root = gate_root(root) if flags.base is None else root or Path()
    # Only the folder that a person names may lie outside, not one that the repository links.
    folder = output.folder or below(root, ".runback")
    if not live.plan:
        remove_outputs(folder)
    begun = time.monotonic()
    with (
        interruptible() as stop,
        open_sides(root, base=flags.base, head=flags.head, approve=flags.approve, also=flags.agent) as sides,
        terminal.progress(quiet=quiet) as progress,
    ):
        wanted = value_of(JudgeOptions, flags, day=flags.date or terminal.today(), live=live)
        judged = judge_sides(sides, wanted, world=World(os.environ, real_world()), stop=stop, progress=progress)
    if live.plan:
        return terminal.show_plan(None if judged.stopped else judged.estimate, judged.limits, as_json=output.as_json)
    return publish(judged.report, folder, output, seconds=time.monotonic() - begun)
