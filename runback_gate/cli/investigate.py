"""`bisect` and `cause`: which version, and which part of its context, makes an agent do what it should not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runback_gate.cli import terminal
from runback_gate.cli.asking import EXIT_CODE, AskFlags, Asking, SaveFlags
from runback_gate.cli.options import FILE, JSON, file_option, option, options
from runback_gate.documents.named_files import write_file
from runback_gate.report.text import line
from runback_gate.store.folder import find_run

if TYPE_CHECKING:
    from runback_gate.app.investigate import Subject
    from runback_gate.app.policies import PolicyRoot
    from runback_gate.replay.bisect import Breaks


@dataclass(frozen=True, slots=True)
class BreachFlags:
    """What the answer does that is looked for."""

    rule: str | None = option("--rule", "Wrong means: the answer breaks this rule.", metavar="ID")
    checks: tuple[str, ...] = option(
        "--check",
        "Wrong means: the answer fails this check, such as 'toolCalled: escalate'; repeatable.",
        multiple=True,
        metavar="CHECK",
    )
    policies: tuple[str, ...] = option(
        "--policies", "Policies that hold --rule (default: those of this gate).", multiple=True, metavar="FILE|FOLDER"
    )

    def roots(self, asking: Asking) -> list[PolicyRoot]:
        """The policies that were named, or those of the gate."""
        from runback_gate.cli.policy_paths import policy_roots  # noqa: PLC0415  reads documents

        return policy_roots(self.policies, None if self.policies else asking.root)

    def breaks(self, asking: Asking, subject: Subject) -> Breaks | None:
        """Whether an answer does it; None where nothing was named.

        Raises:
            UsageError: a rule and checks were named.
            InputError: no rule has that id, or a check is none.
        """
        from runback_gate.app.investigate import named_breach  # noqa: PLC0415  the engine

        if self.rule is not None and self.checks:
            raise click.UsageError("name --rule or --check, not both", click.get_current_context())
        roots = [] if self.rule is None else self.roots(asking)
        return named_breach(subject, rule=self.rule, checks=self.checks, policies=roots)


@dataclass(frozen=True, slots=True)
class VersionFlags:
    """The versions, the oldest first."""

    systems: tuple[Path, ...] = option(
        "--system",
        "A prompt file; repeatable. With --revisions, the file whose history is searched.",
        type=FILE,
        multiple=True,
        metavar="FILE",
    )
    revisions: str | None = option(
        "--revisions", "Git range whose commits to the prompt file are the versions.", metavar="A..B"
    )
    models: tuple[str, ...] = option("--model", "A model; repeatable.", multiple=True, metavar="PROVIDER/MODEL")


@click.command()
@click.argument("run")
@click.argument("step", type=click.IntRange(min=0))
@options(VersionFlags, "versions")
@options(BreachFlags, "breach")
@click.option(
    "-n",
    "--trials",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="Maximum number of times to ask each version; the majority decides, and asking stops once it is clear.",
)
@EXIT_CODE
@options(AskFlags, "flags")
@JSON
def bisect(
    run: str,
    step: int,
    versions: VersionFlags,
    breach: BreachFlags,
    trials: int,
    exit_code: bool,
    flags: AskFlags,
    as_json: bool,
) -> int:
    """Find the first prompt, revision of a prompt, or model under which STEP (from 0) of RUN goes wrong.

    --rule and --check say what is wrong; without them, it is an answer whose calls or arguments differ from the
    recorded ones. Of ten versions, at most four are asked.

    Exit codes: 0 the search reached a result, 1 with --exit-code a first bad version was found, 2 an answer is missing,
    or the input is wrong.
    """
    from runback_gate.app.investigate import bisect_versions, call_change, run_subject  # noqa: PLC0415  the engine
    from runback_gate.app.investigate_lines import bisect_json, bisect_lines  # noqa: PLC0415
    from runback_gate.app.replay import Edit  # noqa: PLC0415
    from runback_gate.app.versions import find_versions  # noqa: PLC0415

    recorded = find_run(run, note=terminal.note)
    with flags.open(quiet=as_json) as asking:
        subject = run_subject(recorded, step, Edit(), asking.gate)
        edit = Edit(redact_key=asking.redact_key)
        found_versions = find_versions(versions.systems, versions.revisions, versions.models, edit)
        breaks = breach.breaks(asking, subject) or call_change(subject)
        found = bisect_versions(subject, found_versions, breaks, asking.live, trials=trials, gate=asking.gate)
        return asking.show(found, flags, as_json=as_json, to_json=bisect_json, lines=bisect_lines, wanted=exit_code)


@click.command()
@click.argument("run", required=False)
@click.argument("step", type=click.IntRange(min=0), required=False)
@click.option("--case", metavar="[DATASET/]CASE", help="A case of the gate, instead of RUN and STEP.")
@options(BreachFlags, "breach")
@click.option("--model", metavar="PROVIDER/MODEL", help="Ask this model instead.")
@click.option(
    "-n", "--trials", type=click.IntRange(5, 100), default=10, show_default=True, help="Trials for each confirmation."
)
@options(SaveFlags, "save")
@file_option("--out", "Write the run as a page, open on this step: the parts that matter, the rest grey.")
@EXIT_CODE
@options(AskFlags, "flags")
@JSON
def cause(
    run: str | None,
    step: int | None,
    case: str | None,
    breach: BreachFlags,
    model: str | None,
    trials: int,
    save: SaveFlags,
    out: Path | None,
    exit_code: bool,
    flags: AskFlags,
    as_json: bool,
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
    from runback_gate.app.cause_page import cause_page  # noqa: PLC0415
    from runback_gate.app.investigate import find, keep_smallest, run_subject  # noqa: PLC0415
    from runback_gate.app.investigate_lines import cause_json, cause_lines  # noqa: PLC0415
    from runback_gate.app.replay import Edit  # noqa: PLC0415

    save.check()
    if (case is None) == (run is None or step is None):
        raise click.UsageError("say RUN and STEP, or --case CASE")
    recorded = None if run is None else find_run(run, note=terminal.note)
    with flags.open(quiet=as_json) as asking:
        if recorded is None or step is None:
            subject, wrong = _of_case(asking, case or "", model, breach)
        else:
            subject = run_subject(recorded, step, Edit(model=model, redact_key=asking.redact_key), asking.gate)
            wrong = breach.breaks(asking, subject) or _nothing_named()
        found = find(subject, wrong, asking.live, trials=trials)
        code = asking.show(found, flags, as_json=as_json, to_json=cause_json, lines=cause_lines, wanted=exit_code)
    if out is not None and not flags.plan:
        roots = breach.roots(asking) if asking.gate or breach.policies else []
        write_file(out, cause_page(found, roots).encode())
        terminal.say_lines([] if as_json else [f"open {line(out.as_posix())} in a browser"])
    if found.shown and not flags.plan:
        save.keep(asking, subject.run.agent, lambda new: keep_smallest(asking.root, found, new), quiet=as_json)
    return code


def _of_case(asking: Asking, case: str, model: str | None, breach: BreachFlags) -> tuple[Subject, Breaks]:
    from runback_gate.app.investigate import case_breach, case_subject  # noqa: PLC0415  the engine
    from runback_gate.gate.plan import load_plan  # noqa: PLC0415

    plan = load_plan(asking.root, day=terminal.today(), redact_key=asking.redact_key)
    subject = case_subject(plan, case, model=model)
    return subject, breach.breaks(asking, subject) or case_breach(plan, subject)


def _nothing_named() -> Breaks:
    raise click.UsageError("say what is wrong with the answer: --rule ID or --check CHECK", click.get_current_context())
