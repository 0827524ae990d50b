"""`bisect` and `cause`: which version, and which part of its context, makes an agent do what it should not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.cli import terminal
from runback_gate.cli.asking import EXIT_CODE, AskFlags, Asking, SaveFlags
from runback_gate.cli.groups import command
from runback_gate.cli.named import policy_roots
from runback_gate.cli.options import JSON, argument, option, options, steps
from runback_gate.documents.named_files import write_file
from runback_gate.frozen import dataclass
from runback_gate.report.text import line
from runback_gate.store.folder import find_run

if TYPE_CHECKING:
    from runback_gate.app.investigate import Subject
    from runback_gate.app.policies import PolicyRoot
    from runback_gate.replay.bisect import Breaks


@dataclass(frozen=True, slots=True)
class BreachFlags:
    """What the answer does that is looked for."""

    rule: str | None = option("--rule ID", "Wrong means: the answer breaks this rule.")
    checks: tuple[str, ...] = option(
        "--check CHECK", "Wrong means: the answer fails this check, such as 'toolCalled: escalate'; repeatable."
    )
    policies: tuple[str, ...] = option(
        "--policies FILE|FOLDER", "Policies that hold --rule (default: those of this gate)."
    )

    def roots(self, asking: Asking) -> list[PolicyRoot]:
        """The policies that were named, or those of the gate."""
        return policy_roots(self.policies, None if self.policies else asking.root)

    def breaks(self, asking: Asking, subject: Subject) -> Breaks | None:
        """Whether an answer does it; None where nothing was named.

        Raises:
            UsageError: a rule and checks were named.
            InputError: no rule has that id, or a check is none.
        """
        from runback_gate.app.investigate import named_breach  # noqa: PLC0415  the engine

        if self.rule is not None and self.checks:
            raise click.UsageError("name --rule or --check, not both")
        roots = [] if self.rule is None else self.roots(asking)
        return named_breach(subject, rule=self.rule, checks=self.checks, policies=roots)


@dataclass(frozen=True, slots=True)
class VersionFlags:
    """The versions, the oldest first."""

    systems: tuple[Path, ...] = option(
        "--system FILE", "A prompt file; repeatable. With --revisions, the file whose history is searched."
    )
    revisions: str | None = option("--revisions A..B", "Git range whose commits to the prompt file are the versions.")
    models: tuple[str, ...] = option("--model PROVIDER/MODEL", "A model; repeatable.")


@command()
def bisect(
    run: str = argument(),
    step: int = steps(),
    versions: VersionFlags = options(VersionFlags),
    breach: BreachFlags = options(BreachFlags),
    trials: int = option(
        "-n --trials",
        "Maximum number of times to ask each version; the majority decides, and asking stops once it is clear.",
        type=click.IntRange(1, 100),
        shown=3,
    ),
    exit_code: bool = EXIT_CODE,
    flags: AskFlags = options(AskFlags),
    as_json: bool = JSON,
) -> int:
    """Find the first prompt, revision of a prompt, or model under which STEP (from 0) of RUN goes wrong.

    --rule and --check say what is wrong; without them, it is an answer whose calls or arguments differ from the
    recorded ones. Of ten versions, at most four are asked.

    Exit codes: 0 the search reached a result, 1 with --exit-code a first bad version was found, 2 an answer is missing,
    or the input is wrong.
    """
    from runback_gate.app import investigate as app  # noqa: PLC0415  the engine
    from runback_gate.app.investigate_lines import bisect_json, bisect_lines  # noqa: PLC0415
    from runback_gate.app.replay import Edit  # noqa: PLC0415
    from runback_gate.app.versions import find_versions  # noqa: PLC0415

    recorded = find_run(run, note=terminal.note)
    with flags.open(quiet=as_json) as asking:
        subject = app.run_subject(recorded, step, Edit(), asking.gate)
        edit = Edit(redact_key=asking.redact_key)
        found_versions = find_versions(versions.systems, versions.revisions, versions.models, edit)
        breaks = breach.breaks(asking, subject) or app.call_change(subject)
        found = app.bisect_versions(subject, found_versions, breaks, asking.live, trials=trials, gate=asking.gate)
        return asking.show(found, flags, as_json=as_json, to_json=bisect_json, lines=bisect_lines, wanted=exit_code)


@dataclass(frozen=True, slots=True)
class CauseFlags:
    """Which answer is looked into, and what is written of it."""

    case: str | None = option("--case [DATASET/]CASE", "A case of the gate, instead of RUN and STEP.")
    breach: BreachFlags = options(BreachFlags)
    model: str | None = option("--model PROVIDER/MODEL", "Ask this model instead.")
    trials: int = option("-n --trials", "Trials for each confirmation.", type=click.IntRange(5, 100), shown=10)
    save: SaveFlags = options(SaveFlags)
    out: Path | None = option(
        "--out FILE", "Write the run as a page, open on this step: the parts that matter, the rest grey."
    )


@command()
def cause(
    run: str | None = argument(),
    step: int | None = steps(),
    given: CauseFlags = options(CauseFlags),
    exit_code: bool = EXIT_CODE,
    flags: AskFlags = options(AskFlags),
    as_json: bool = JSON,
) -> int:
    """Find the part of the context that makes the answer of STEP (from 0) of RUN go wrong: paragraphs of the prompt,
    messages, tool results.

    --rule and --check say what is wrong; for a --case, it is also whatever makes its row red. The parts found are
    confirmed with new answers, with those parts alone and without them, and are claimed as the cause only where chance
    does not explain the difference.

    Exit codes: 0 the search reached a result, 1 with --exit-code a cause was found, 2 an answer is missing, or the
    input is wrong.
    """
    # `--help` does without the engine.
    from runback_gate.app import investigate as app  # noqa: PLC0415
    from runback_gate.app.cause_page import cause_page  # noqa: PLC0415
    from runback_gate.app.investigate_lines import cause_json, cause_lines  # noqa: PLC0415
    from runback_gate.app.replay import Edit  # noqa: PLC0415
    from runback_gate.gate.plan import load_plan  # noqa: PLC0415

    breach, model = given.breach, given.model
    given.save.check()
    if (given.case is None) == (run is None or step is None):
        raise click.UsageError("say RUN and STEP, or --case CASE")
    recorded = None if run is None else find_run(run, note=terminal.note)
    with flags.open(quiet=as_json) as asking:
        if recorded is None or step is None:
            plan = load_plan(asking.root, day=terminal.today(), redact_key=asking.redact_key)
            subject = app.case_subject(plan, given.case or "", model=model)
            wrong = breach.breaks(asking, subject) or app.case_breach(plan, subject)
        else:
            subject = app.run_subject(recorded, step, Edit(model=model, redact_key=asking.redact_key), asking.gate)
            wrong = breach.breaks(asking, subject) or _nothing_named()
        found = app.find(subject, wrong, asking.live, trials=given.trials)
        code = asking.show(found, flags, as_json=as_json, to_json=cause_json, lines=cause_lines, wanted=exit_code)
    if given.out is not None and not flags.plan:
        roots = breach.roots(asking) if asking.gate or breach.policies else []
        write_file(given.out, cause_page(found, roots).encode())
        terminal.say_lines([] if as_json else [f"open {line(given.out.as_posix())} in a browser"])
    if found.shown and not flags.plan:
        save, agent = given.save, subject.run.agent
        save.keep(asking, agent, lambda new: app.keep_smallest(asking.root, found, new), quiet=as_json)
    return code


def _nothing_named() -> Breaks:
    raise click.UsageError("say what is wrong with the answer: --rule ID or --check CHECK")
