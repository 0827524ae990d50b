"""The action: judge what an event on GitHub is about.

In: an event, the API, and what the workflow asks for. Out: the report, and the event with its pull request known.

    event, report = judge_event(event, api, JobOptions(day="2026-07-28", workspace=folder), world=world)
    outcome = judged(report, folder=options.root)
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from runback_gate.app.against import Against, BaseFiles
from runback_gate.app.archived import ArchiveOptions
from runback_gate.app.judge import JudgeOptions, judge
from runback_gate.app.live import LiveOptions, World
from runback_gate.app.progress import SILENT, Progress
from runback_gate.documents import expand, safe_read
from runback_gate.errors import InputError
from runback_gate.frozen import dataclass
from runback_gate.github.api import Api
from runback_gate.github.event import Event
from runback_gate.github.pull import find_commits
from runback_gate.github.tree import GitHubTree
from runback_gate.report.merge import merge
from runback_gate.report.model import MAX_REPORT_BYTES, Report, Revision, read_report
from runback_gate.revision.layout import laid_out
from runback_gate.revision.selection import select


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a workflow asks for. Paths are relative to the root of the repository."""

    day: str
    """YYYY-MM-DD that waivers are held against."""
    workspace: Path
    """The checkout, from which files are taken that are alike, and where the reports of other jobs lie."""
    root: str = ""
    """Folder of runback.yaml; empty for the root itself."""
    agent: str | None = None
    dataset: str | None = None
    cache: Path | None = None
    """Folder of the response cache, where no file of the repository can lie; None for none."""
    shard: tuple[int, int] = (1, 1)
    live: LiveOptions = field(default_factory=LiveOptions)
    approve: str | None = None
    """The head whose weakening of the gate a person approved."""
    prove: bool = False
    """Whether changed rules are proved to weaken nothing."""
    archive: ArchiveOptions | None = None
    """Archived steps on which changed policies are judged as well."""
    merge: str | None = None
    """Folder of the reports of all parts; nothing is judged then."""


def judge_event(
    event: Event, api: Api | None, options: JobOptions, *, world: World, progress: Progress = SILENT
) -> tuple[Event, Report]:
    """Find the commits that an event is about and judge them; or read what the jobs of all parts judged.

    Raises:
        InputError: there is no API to read the commit from, nothing to judge, or a gate that cannot be read.
        GitHubError: GitHub does not give a commit.
    """
    if options.merge and event.trusted:
        hint = "judge the whole of it in this job"
        raise InputError(f"on `{event.name}` reports of other jobs are not trusted", hint=hint)
    if api is None:
        raise InputError("without a token the commit cannot be read", hint="give the input `token`")
    commits = find_commits(api, event)
    event, base = commits.event, None
    if commits.base is not None:
        before = GitHubTree(api, commits.base, options.root, options.workspace)
        base = BaseFiles(event.base_branch or commits.base[:7], commits.base, lambda: laid_out(before))
    if options.merge:
        folder = options.workspace / options.merge
        return event, _merged(folder, event, Revision(base.name, base.commit) if base else None)
    tree = GitHubTree(api, commits.head, options.root, options.workspace)
    with laid_out(tree, select(tree, also=options.agent).entries) as root:
        against = Against(base, options.approve, event.head)
        return event, judge(root, _judge_options(options, against), world=world, progress=progress).report


def _judge_options(options: JobOptions, against: Against) -> JudgeOptions:
    return JudgeOptions(
        day=options.day,
        agent=options.agent,
        dataset=options.dataset,
        cache=options.cache,
        shard=options.shard,
        live=options.live,
        against=against,
        prove=options.prove,
        archive=options.archive,
    )


def _merged(folder: Path, event: Event, base: Revision | None) -> Report:
    """The report of all parts, which must be of this very commit and base."""
    names = expand(folder, ["**/report.json"])
    report = merge([read_report(safe_read(folder, name, MAX_REPORT_BYTES), name) for name in names])
    if report.head is None or report.head.commit != event.head or report.base != base:
        message = f"the parts are of {report.head} against {report.base}, not of {event.head[:7]} against {base}"
        raise InputError(message, hint="merge the parts that this run of the workflow judged")
    return report
