"""The contents of a folder for the pages: its runs, its reports, and what its policies say of every recorded step.

In: the folder of a gate and that of the runs. Out: rows to list and filter, runs with what was found in them.

    here = Workspace(Path(), Path("runs"))
    wanted = RunFilter(tool="issue_refund", verdict="refused")
    [row for row in here.runs() if wanted.takes(row)]
    here.policy("refunds").failures

A run is read and judged once as long as its file and the policies stay as they are. Names lead to what was listed,
never to a path. One call at a time: what was read and judged is kept without a lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final, Literal

from runback_gate.analysis.recorded import recorded
from runback_gate.app.cases import FoundCase, list_cases
from runback_gate.app.policies import compile_all, policies_of
from runback_gate.app.rules import judge_whole
from runback_gate.app.runs import RunSummary, summary
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.documents.named_files import read_file
from runback_gate.errors import InputError, RunbackError
from runback_gate.frozen import dataclass
from runback_gate.gate.config import GATE_FILE, Gate, load_gate
from runback_gate.policy.document import Policy
from runback_gate.policy.evaluate import Judgement, RuleSet, judge
from runback_gate.policy.finding import Finding
from runback_gate.report.model import Report, read_report
from runback_gate.step import Run
from runback_gate.store.folder import Listed, load_run, newest
from runback_gate.view.plain import answer_text, message_text

MAX_RUNS: Final = 500
"""Runs of a folder that are listed, the newest first."""
READ_AT_ONCE: Final = 4 << 20
"""Bytes of runs after which a list is given with what was read until then: a second or two."""
MAX_REPORT: Final = 64 << 20
_REPORTS: Final = Path(".runback")

Verdict = Literal["refused", "errors", "nothing found", "not judged", "unreadable"]
VERDICTS: Final[tuple[Verdict, ...]] = ("refused", "errors", "nothing found", "not judged", "unreadable")


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are listed; an empty field asks for nothing."""

    agent: str = ""
    verdict: str = ""
    tool: str = ""
    text: str = ""
    """In any message, answer or instruction, whatever the case of its letters."""
    since: str = ""
    """RFC 3339 day or time: runs that began then or later."""
    until: str = ""

    def takes(self, row: RunRow) -> bool:
        """Whether a run is listed."""
        told = row.summary
        if told is None:
            return self in (RunFilter(), RunFilter(verdict=row.verdict))
        at = told.at or ""
        return (
            self.agent in ("", told.agent)
            and self.verdict in ("", row.verdict)
            and (not self.tool or self.tool in row.tools)
            and (not self.text or self.text.lower() in row.text)
            and (not self.since or at >= self.since)
            and (not self.until or at[: len(self.until)] <= self.until)
        )


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a list."""

    name: str
    """Its file, without the folder and `.jsonl`."""
    verdict: Verdict
    summary: RunSummary | None
    """None where the run cannot be read; `fault` says why."""
    fault: str = ""
    tools: frozenset[str] = frozenset()
    text: str = field(default="", repr=False)
    findings: Mapping[int, Sequence[Finding]] = field(default_factory=dict)
    """What rules refuse, or cannot tell, by step."""
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Id of a rule to how many steps are `pass`, `fail`, `error` and `skip`."""


@dataclass(frozen=True, slots=True)
class Failing:
    """A step that a rule refuses, or of which it cannot tell."""

    run: str
    step: int
    finding: Finding


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """What a policy says of everything that is recorded."""

    policy: Policy
    runs: int
    counts: Mapping[str, Mapping[str, int]]
    failures: tuple[Failing, ...]


class Workspace:
    """A folder that is looked at."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        self._rows: dict[str, tuple[tuple[object, ...], RunRow]] = {}
        self._rules: tuple[RuleSet, ...] = ()
        self._judged_by: tuple[tuple[str, str], ...] = ()
        self._policies: tuple[Policy, ...] = ()
        self.fault = ""
        """Why nothing is judged; empty where it is."""
        self.unread = 0
        """Runs of the list that were not read yet when it was last asked for."""

    def gate(self) -> Gate | None:
        """The gate of the folder, or None where there is none.

        Raises:
            InputError: it cannot be read.
        """
        return load_gate(self.root) if (self.root / GATE_FILE).exists() else None

    def policies(self) -> tuple[Policy, ...]:
        """The policies of the gate as they lie there now; none where there is no gate, and `fault` says why."""
        self.fault = ""
        try:
            found = () if self.gate() is None else policies_of(self.root)
        except RunbackError as error:
            found, self.fault = (), str(error)
        files = tuple((policy.path, policy.digest) for policy in found)
        if files != self._judged_by:
            try:
                # A policy whose rules a judge model decides says nothing here.
                self._rules = tuple(rules for rules in compile_all(found, CppEngine()) if rules.rules)
            except RunbackError as error:
                found, self._rules, self.fault, files = (), (), str(error), ()
            self._policies, self._judged_by = found, files
            self._rows.clear()
        return self._policies

    def _files(self) -> list[Listed]:
        return newest(self.folder, "*.jsonl")

    @property
    def judges(self) -> bool:
        """Whether the policies that were last read judge anything."""
        return bool(self._rules)

    def runs(self) -> list[RunRow]:
        """The runs, the newest first; of very many the newest `MAX_RUNS`.

        One call reads about `READ_AT_ONCE` bytes that were not read before; `unread` says how many runs are left.
        """
        self.policies()
        files, rows, room = self._files()[:MAX_RUNS], list[RunRow](), READ_AT_ONCE
        for listed in files:
            if not self._is_known(listed):
                if room <= 0:
                    continue
                room -= listed.size
            rows.append(self._row(listed))
        self.unread = len(files) - len(rows)
        return rows

    def run(self, name: str) -> tuple[Run, RunRow]:
        """A run of the list, and what was found in it.

        Raises:
            InputError: the list has no such run, or it cannot be read.
        """
        listed = next((item for item in self._files() if item.path.stem == name), None)
        if listed is None:
            raise InputError(f"no run is named {name[:200]!r}")
        self.policies()
        return load_run(listed.path, note=lambda _text: None), self._row(listed)

    def judged(self, run: Run) -> tuple[Finding, ...] | None:
        """What the policies find in a run of one step, such as an answer of today; None where nothing is judged."""
        self.policies()
        engine = CppEngine()
        found = [judge(self._rules, step.under_test(engine)).findings for step in recorded(run)]
        return tuple(item for findings in found for item in findings) if self._rules else None

    def policy(self, name: str) -> PolicyRecord:
        """What a policy says of every recorded step.

        Raises:
            InputError: the gate has no such policy.
        """
        found = next((item for item in self.records() if item.policy.name == name), None)
        if found is None:
            raise InputError(f"no policy is named {name[:200]!r}", hint=self.fault or None)
        return found

    def records(self) -> list[PolicyRecord]:
        """What each policy says of every recorded step."""
        rows = self.runs()
        return [_record(policy, rows) for policy in self._policies]

    def reports(self) -> list[str]:
        """The reports below `.runback`, the newest first, by their paths."""
        found = newest(self.root / _REPORTS, "**/report.json")
        return [item.path.relative_to(self.root).as_posix() for item in found]

    def report(self, name: str) -> Report:
        """A report of the list.

        Raises:
            InputError: the list has no such report, or it cannot be read.
        """
        if name not in self.reports():
            raise InputError(f"no report is named {name[:200]!r}")
        return read_report(read_file(self.root / name, MAX_REPORT), name)

    def cases(self) -> list[FoundCase]:
        """The cases of the gate's datasets; none where there is no gate.

        Raises:
            InputError: a dataset cannot be read.
        """
        gate = self.gate()
        return [] if gate is None or not gate.datasets else list_cases(self.root)

    def _is_known(self, listed: Listed) -> bool:
        known = self._rows.get(listed.path.stem)
        return known is not None and known[0] == listed.version

    def _row(self, listed: Listed) -> RunRow:
        if not self._is_known(listed):
            self._rows[listed.path.stem] = (listed.version, self._read(listed.path))
        return self._rows[listed.path.stem][1]

    def _read(self, path: Path) -> RunRow:
        name = path.stem
        try:
            run = load_run(path, note=lambda _text: None)
            told = summary(run)
        except RunbackError as error:
            return RunRow(name, "unreadable", None, str(error))
        findings: dict[int, Sequence[Finding]] = {}
        counts: dict[str, dict[str, int]] = {}
        engine = CppEngine()
        judged: list[tuple[int, Judgement]] = []
        for index, step in enumerate(recorded(run)) if self._rules else ():
            judged.append((index, judge(self._rules, step.under_test(engine))))
        if judged:
            # What is said of the run as a whole stands at its end.
            judged.append((len(judged) - 1, judge_whole(self._rules, engine, run)))
        for index, said in judged:
            if said.findings:
                findings[index] = (*findings.get(index, ()), *said.findings)
            words = [(rule, "pass") for rule in said.passed] + [(rule, "skip") for rule in said.skipped]
            for rule, word in (*words, *((item.rule, item.outcome) for item in said.findings)):
                counted = counts.setdefault(rule, {})
                counted[word] = counted.get(word, 0) + 1
        failed = any(item.outcome == "fail" for found in findings.values() for item in found)
        verdict: Verdict = "refused" if failed else "errors" if findings or told.errors else "nothing found"
        if not self._rules and not told.errors:
            verdict = "not judged"
        tools = frozenset(call.name for step in run.steps for call in step.response.tool_calls)
        return RunRow(name, verdict, told, "", tools, _text(run), findings, counts)


def _record(policy: Policy, rows: Sequence[RunRow]) -> PolicyRecord:
    ids = [rule.id for rule in policy.rules]
    words = ("pass", "fail", "error", "skip")
    counts = {
        rule: {word: sum(row.counts.get(rule, {}).get(word, 0) for row in rows) for word in words} for rule in ids
    }
    failures = (
        Failing(row.name, step, finding)
        for row in rows
        for step, findings in row.findings.items()
        for finding in findings
        if finding.rule in ids
    )
    return PolicyRecord(policy, sum(row.summary is not None for row in rows), counts, tuple(failures))


def _text(run: Run) -> str:
    """Every text of a run once, in lower case."""
    texts: dict[str, None] = {}
    for step in run.steps:
        texts |= dict.fromkeys((step.request.system or "", answer_text(step.response)))
        texts |= dict.fromkeys(map(message_text, step.request.messages[-8:]))
    return "\n".join(texts).lower()
