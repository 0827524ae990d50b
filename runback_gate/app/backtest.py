"""`backtest`, `import --check`: what policies would have said of recorded runs.

In: policies and runs, or run files and where they are judged. Out: a `Tally`, and the exit code that it means where it
is a check.

    found = backtest_runs(files.policies, runs)
    found = backtest_shards(files.policies, shards_of("runs"), BacktestOptions(jobs=2), note=print)
    found.counts, exit_code(files.policies, found)

Whatever runs the shards, the sum is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field, replace
from functools import cache, cached_property
from pathlib import Path

from runback_gate.analysis.backtest import backtest, backtest_rules, rule_names
from runback_gate.analysis.tally import Tally, pick
from runback_gate.app.policies import compile_all, with_lint_messages
from runback_gate.app.progress import SILENT, Progress
from runback_gate.app.shards import Shard, corpus, executor_for, runs_of, shards_of
from runback_gate.app.tallies import kept_bytes, kept_name, part_bytes, read_kept
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.documents import write_atomic
from runback_gate.documents.named_files import write_file
from runback_gate.errors import InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import RuleSet
from runback_gate.policy.left_out import REASON, judged_ids
from runback_gate.step import Run
from runback_gate.store.archive.arrow import shown
from runback_gate.store.folder import MAKE_RUNS

MAX_KEPT = 256
"""Rules that are kept of a shard beside those that were asked for."""


def backtest_runs(policies: Sequence[Policy], runs: Iterable[Run]) -> Tally:
    """Judge every step of every run, and every run; runs are taken one by one and not kept.

    Raises:
        InputError: a policy does not compile.
    """
    with with_lint_messages(policies):
        return replace(backtest(policies, CppEngine(), runs), left_out=judged_ids(policies))


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """Where a backtest runs, and what it keeps."""

    jobs: int | None = None
    """Processes; None for one on each of `cores` where the work is worth it."""
    cores: int = 1
    on: str | None = None
    """`ray` or `ray:ADDRESS`: a cluster, in the place of processes."""
    cache: Path | None = None
    """Where earlier results lie and new ones are kept; without it none count."""
    key: bytes | None = field(default=None, repr=False)
    """Of the seals of what is kept."""
    shard: tuple[int, int] = (1, 1)
    """(i, n): judge the shards i, i + n, i + 2n … alone, counted from 1."""
    out: Path | None = None
    """The file of what was counted, for `merge_parts`."""


def backtest_named(
    policies: Sequence[Policy],
    runs: str,
    options: BacktestOptions,
    *,
    note: Callable[[str], None],
    progress: Progress = SILENT,
) -> Tally:
    """Judge the run of a file, or those of a folder or an archive, and write the file of the part where one is named.

    Raises:
        InputError: as `backtest_shards`; there is no step, unless this is one of several parts, or a judge model
            decides every rule.
        WriteError: a result cannot be written.
    """
    left_out = judged_ids(policies)
    if left_out and not any(policy.rules for policy in policies):
        raise InputError(
            f"no rule to judge by: {', '.join(left_out)}: {REASON}", hint="name policies with expressions as well"
        )
    shards = shards_of(runs)
    found = backtest_shards(policies, shards, options, note=note, progress=progress)
    if not found.steps and options.shard[1] == 1:
        raise InputError("no recorded step", hint=MAKE_RUNS, location=Location(shown(runs)))
    if options.out is not None:
        names = rule_names(policies, compile_all(policies, _engine()), _engine())
        write_file(options.out, part_bytes(found, names, corpus(shards), options.shard))
    return found


def require_judged(found: Tally, *, as_json: bool) -> None:
    """Raise InputError where a rule could not be evaluated on a step or a run."""
    errors = [(rule, counts["error"]) for rule, counts in found.counts.items() if counts["error"]]
    if errors:
        where = ", ".join(f"{rule} on {found.counted(rule, number)}" for rule, number in errors)
        raise InputError(
            f"could not be evaluated: {where}", hint="run without --json to list each" if as_json else None
        )


def backtest_shards(
    policies: Sequence[Policy],
    shards: Sequence[Shard],
    options: BacktestOptions,
    *,
    note: Callable[[str], None],
    progress: Progress = SILENT,
) -> Tally:
    """Judge every step of the shards of this part. `progress` counts runs; `note` is told of runs that have no end.

    With a cache every shard that is done stays done, whatever ends this.

    Raises:
        InputError: a policy does not compile; a file is not there, or not a run that verifies.
        WriteError: a result cannot be kept.
    """
    shards = _part(shards, options.shard)
    job = BacktestJob(tuple(policies), options.cache, options.key)
    executor = executor_for(shards, options.jobs, options.cores, options.on)
    total, done, notes = sum(shard.runs for shard in shards), 0, dict[int, tuple[str, ...]]()

    def tallies() -> Iterator[Tally]:
        nonlocal done
        for number, judged in executor.run(job, shards):
            if judged.kept is not None and options.cache is not None:
                name, data = judged.kept
                write_atomic(options.cache / name, data, durable=False)
            notes[number] = judged.notes
            done += shards[number].runs
            progress(done, total, None)
            yield judged.tally

    found = Tally.sum([rule.id for policy in policies for rule in policy.rules], tallies())
    for number in sorted(notes):
        for text in notes[number]:
            note(text)
    return replace(found, left_out=judged_ids(policies))


def _part(shards: Sequence[Shard], part: tuple[int, int]) -> tuple[Shard, ...]:
    number, of = part
    return tuple(shards[number - 1 :: of])


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a shard."""

    tally: Tally
    notes: tuple[str, ...] = ()
    kept: tuple[str, bytes] | None = None
    """What is to be kept of it, and where in the cache; None where nothing is new."""


@dataclass(frozen=True, slots=True)
class BacktestJob:
    """Policies on their way to a worker."""

    policies: tuple[Policy, ...]
    cache: Path | None = None
    key: bytes | None = field(default=None, repr=False)

    def begin(self) -> Callable[[Shard], Judged]:
        """Compile the policies.

        Raises:
            InputError: one does not compile.
        """
        return _Judge(self).judge


@cache
def _engine() -> CppEngine:
    """The engine of this process: what it has compiled it does not compile again."""
    return CppEngine()


class _Judge:
    """Compiled policies in a worker."""

    def __init__(self, job: BacktestJob) -> None:
        self.job = job
        self.engine = _engine()
        self.rule_sets = compile_all(job.policies, self.engine)

    @cached_property
    def names(self) -> dict[str, str]:
        """By the id of each rule the name under which its results are kept."""
        return rule_names(self.job.policies, self.rule_sets, self.engine)

    def judge(self, shard: Shard) -> Judged:
        """Judge the runs of a shard by each rule of which nothing is kept."""
        notes: list[str] = []
        if self.job.cache is None:
            return Judged(self.tally(self.rule_sets, runs_of(shard.read(), notes.append)), tuple(notes))
        name, contents = shard.content()
        known = read_kept(self.job.cache, name, self.job.key)
        missing = {rule for rule, own in self.names.items() if known is None or own not in known.counts}
        if known is not None and not missing:
            return Judged(pick({rule: (known, own) for rule, own in self.names.items()}))
        fresh = self.tally(list(_only(self.rule_sets, missing)), runs_of(contents, notes.append))
        found = pick(
            {
                rule: (fresh, rule) if known is None or rule in missing else (known, own)
                for rule, own in self.names.items()
            }
        )
        # A run that has no end may get one: what is said of it is not kept.
        kept = None if notes else (kept_name(name), kept_bytes(name, self.kept(found, known), self.job.key))
        return Judged(found, tuple(notes), kept)

    def kept(self, found: Tally, known: Tally | None) -> Tally:
        """What is kept of a shard: what was found now, and some of what was there."""
        own = {name: (found, rule) for rule, name in self.names.items()}
        others = [] if known is None else [name for name in known.counts if name not in own]
        return pick({**own, **{name: (known, name) for name in others[:MAX_KEPT] if known is not None}})

    def tally(self, rule_sets: Sequence[RuleSet], runs: Iterable[Run]) -> Tally:
        return backtest_rules(rule_sets, self.engine, runs)


def _only(rule_sets: Sequence[RuleSet], wanted: set[str]) -> Iterator[RuleSet]:
    """The rule sets with the wanted rules alone."""
    for rules in rule_sets:
        if own := tuple(rule for rule in rules.rules if rule.id in wanted):
            yield replace(rules, rules=own)


def check_runs(policies: Sequence[Policy], runs: Iterable[Run]) -> tuple[Tally, int]:
    """What policies say of runs, each once by its id, and the exit code that it means.

    Raises:
        InputError: a policy does not compile.
    """
    found = backtest_runs(policies, {run.id: run for run in runs}.values())
    return found, exit_code(policies, found)


def exit_code(policies: Sequence[Policy], found: Tally) -> int:
    """What a backtest means as a check.

    1 when a step or a run fails a rule that denies; else 2 when a rule could not be evaluated somewhere, or none judged
    anything; else 0. Rules that only warn or audit, and errors that their policy ignores, change nothing.
    """
    denying = {rule.id: policy for policy in policies if policy.action == "Deny" for rule in policy.rules}
    counts = {rule: found.counts[rule] for rule in denying}
    if any(count["fail"] for count in counts.values()):
        return 1
    erred = any(count["error"] and not denying[rule].ignore_errors for rule, count in counts.items())
    judged = any(count["pass"] or count["fail"] for count in found.counts.values())
    return 2 if erred or not judged else 0
