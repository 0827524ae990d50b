"""The report: one object from which every surface is rendered.

In: what the gate judged. Out: `Report`, and its JSON `runback.report/v2`. A renderer is a function `Report -> str`; it
counts nothing for itself and shows nothing that is not here. `wording` has what several renderers say alike.

    report = read_report(data)
    text = runback_gate.report.markdown.render(report)
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Any, Final, Literal, cast

import orjson

from runback_gate.analysis.policy_effect import PolicyEffect
from runback_gate.canonical import digest_bytes, parse_json
from runback_gate.change.model import Change
from runback_gate.change.proof import Proof
from runback_gate.errors import InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.gate.verdict import Row, Verdict, gate_verdict
from runback_gate.replay.spend import Spend
from runback_gate.report.bodies import Body
from runback_gate.step import from_json

SCHEMA: Final = "runback.report/v2"
SCHEMAS: Final = ("runback.report/v1", SCHEMA)
"""Those that are read."""
_EMPTY: Final = b'\n  "%b": []'
"""As such a list stands at the top of a report; inside everything is indented deeper, and no text holds a line end."""
MAX_REPORT_BYTES = 64 << 20

Incomplete = Literal["", "interrupted", "terminated"]
"""Why a run ended early; empty for one that did not."""

Side = Literal["head", "base"]
"""The revision that a file was read from."""


@dataclass(frozen=True, slots=True)
class Software:
    """A program that took part, by name and version."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class GatedAgent:
    """An agent config under judgement."""

    name: str
    path: str
    digest: str
    """SHA-256 of the agent file's bytes."""
    model: str | None
    """None when the config leaves the model as recorded."""


@dataclass(frozen=True, slots=True)
class Input:
    """One file that the verdict depends on."""

    kind: Literal["gate", "agent", "prompt", "tools", "dataset", "recording", "policy", "waiver", "answer"]
    path: str
    digest: str
    side: Side = "head"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a policy that took part: what SARIF calls a rule."""

    id: str
    policy: str
    description: str
    action: Literal["Deny", "Warn", "Audit"]
    expression: str
    """CEL; of a rule that a judge model decides what it is asked, in words."""
    location: Location
    runbook: str = ""
    """From the policy's annotations; a path or URL for people. Empty when none is named."""
    side: Side = "head"
    """The revision whose rule it is; the base's is listed where the head has no such rule, or has it otherwise."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A state of the repository."""

    name: str
    """As a person calls it: `main`, or a folder."""
    commit: str = ""
    """Its full commit id; empty for a folder that is none."""

    def __str__(self) -> str:
        short = self.commit[:7]
        return f"{self.name}@{short}" if short and not self.commit.startswith(self.name) else short or self.name


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a run: the cases of every nth row. `merge` makes one report of all parts."""

    number: int
    """From 1."""
    of: int
    duties: tuple[Row, ...]
    """Rows of waivers that stand if every part agrees: one part cannot tell that a waiver waives nothing."""
    effects: tuple[PolicyEffect, ...] = ()
    """What changed policies do to the new answers of this part; those of the report speak of the record."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a reviewer should know that is no row: a policy that concerned nothing, a run of a part only."""

    message: str
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class OnArchive:
    """What changed policies do to archived steps. No verdict rests on it."""

    name: str
    """Of the archive, without what may be secret in its URI."""
    since: str
    """First day (YYYY-MM-DD) of what was judged; empty where nothing says it."""
    steps: int
    """Steps of the parts that were judged, the newest first."""
    runs: int
    of_steps: int
    """Steps of the archive; more than `steps` where the time ran out."""
    of_runs: int
    seconds: int
    """The time that it might take."""
    effects: tuple[PolicyEffect, ...]
    """One for each policy that is not as on the base."""

    @property
    def whole(self) -> bool:
        """Whether every run was judged."""
        return (self.steps, self.runs) == (self.of_steps, self.of_runs)


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What error the sequential tests of the trials keep to; where cases ask for several, what holds for each."""

    holds: str
    """Pass rate of a healthy case, a decimal."""
    regress: str
    """Pass rate of a broken one."""
    alpha: str
    """Highest probability that any healthy case of the whole plan is red."""
    share: str
    """Of `alpha`, for each test."""
    power: str
    """Probability that a case at `regress` is found within `max_trials`."""
    max_trials: int
    cases: int
    """Tests that share `alpha`: one for each case, and one more where the rules of the base judge it as well."""
    calls: int
    """Answers that the tests took, those from the cache included."""
    missed: str = ""
    """Highest probability that a case at `regress` is green; empty where an older report does not say it."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts, made once from the rows."""

    rows: int
    passed: int
    failed: int
    warned: int
    waived: int
    undecided: int
    cases: int
    datasets: int
    policies: int
    recorded: int
    """Rows judged on recorded evidence."""
    cached: int
    live: int
    missing: int
    regressed: int = 0
    """Rows that fail and did not on the base."""
    newly_failing: int = 0
    """Rows that fail and are not on the base, or by a rule that is not."""
    already_failing: int = 0
    fixed: int = 0
    weakenings: int = 0
    """Red rows of what the change takes away from the gate."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known about one run of the gate."""

    schema: Literal["runback.report/v1", "runback.report/v2"]
    tool: Software
    engine: Software
    gate: str
    """The name in `runback.yaml`."""
    verdict: Verdict
    """PASS, FAIL or UNDECIDED."""
    exit_code: int
    """0 pass, 1 fail, 2 could not judge or incomplete."""
    date: str
    """The day (YYYY-MM-DD, UTC) that waivers were held against. An input, like the files."""
    selection: tuple[str, ...]
    """Filters that left part of the gate out (`agent=support`); empty for a whole run."""
    agents: tuple[GatedAgent, ...]
    inputs: tuple[Input, ...]
    rules: tuple[Rule, ...]
    rows: tuple[Row, ...]
    """Worst first: FAIL, UNDECIDED, WARN, WAIVED, PASS; inside that by dataset and case as written."""
    notices: tuple[Notice, ...]
    totals: Totals
    base: Revision | None = None
    """What the run was held against; None for a run of one revision alone."""
    head: Revision | None = None
    """What was judged, when its commit is known."""
    shard: Shard | None = None
    """The part of the run that this is; None for a whole one."""
    effects: tuple[PolicyEffect, ...] = ()
    """What changed policies do to the recorded steps, one for each policy that is not as on the base."""
    spend: Spend = field(default_factory=Spend)
    """What models were asked, and what it cost."""
    answers: tuple[Body, ...] = ()
    """Whole answers of the rows that do not pass, then and now, by digest."""
    requests: tuple[Body, ...] = ()
    """Whole requests of these rows: prompt, conversation, tools, parameters."""
    changes: tuple[Change, ...] = ()
    """What the head's gate says differently from the base's; what loosens first."""
    proofs: tuple[Proof, ...] = ()
    """What was proved of changed rules."""
    archive: OnArchive | None = None
    """What changed policies do to archived steps; None where none were asked for, or no policy changed."""
    guarantee: Guarantee | None = None
    """The error that the trials keep to; None for plain k of n."""
    incomplete: Incomplete = ""
    """Why the run ended before every row was judged (`interrupted`): it then exits 2, whatever the rows say."""


def count(rows: Sequence[Row], policies: int) -> Totals:
    """Count the rows, once, for every surface."""
    verdicts = Counter(row.verdict for row in rows)
    evidence = Counter(row.evidence for row in rows if row.evidence is not None)
    cases = [row for row in rows if row.kind == "case"]
    statuses = Counter(row.status for row in rows)
    return Totals(
        rows=len(rows),
        passed=verdicts[Verdict.PASS],
        failed=verdicts[Verdict.FAIL],
        warned=verdicts[Verdict.WARN],
        waived=verdicts[Verdict.WAIVED],
        undecided=verdicts[Verdict.UNDECIDED],
        cases=len(cases),
        datasets=len({row.dataset for row in cases}),
        policies=policies,
        regressed=statuses["regressed"],
        newly_failing=sum(row.verdict is Verdict.FAIL and row.status == "new" for row in rows),
        already_failing=statuses["already failing"],
        fixed=statuses["fixed"],
        weakenings=sum(row.kind == "weakening" and row.verdict is Verdict.FAIL for row in rows),
        **{kind: evidence[kind] for kind in ("recorded", "cached", "live", "missing")},  # type: ignore[index]
    )


def write_report(report: Report) -> bytes:
    """The report as indented JSON with sorted keys, ending in a newline: the same report is the same bytes."""
    return b"".join(report_parts(report))


def report_parts(report: Report) -> Iterator[bytes]:
    """The same, row by row, file by file and body by body: the JSON of many takes more memory than the report."""
    # In the order of their names, as all that has names.
    lists: tuple[tuple[str, Sequence[Row | Body | Input]], ...] = (
        ("answers", report.answers),
        ("inputs", report.inputs),
        ("requests", report.requests),
        ("rows", report.rows),
    )
    after = _sorted_json(dataclasses.replace(report, answers=(), inputs=(), requests=(), rows=())) + b"\n"
    for name, items in lists:
        before, mark, after = after.partition(_EMPTY % name.encode())
        yield before + mark[:-1]
        for index, item in enumerate(items):
            yield (b",\n" if index else b"\n") + _sorted_json(item, listed=True)
        yield b"\n  ]" if items else b"]"
    yield after


def _sorted_json(value: Report | Row | Body | Input, *, listed: bool = False) -> bytes:
    """JSON with sorted keys; what is `listed` is indented as an item of a list of the report."""
    # There and back, because keys are sorted in mappings only. Nothing is left out: an empty list is a statement.
    found = (
        {"bytes": value.bytes, "digest": value.digest, "value": value.value}  # the one large value, and it is JSON
        if isinstance(value, Body)
        else orjson.loads(orjson.dumps(value))
    )
    option = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2
    return orjson.dumps([[found]], option=option)[6:-6] if listed else orjson.dumps(found, option=option)


def render(report: Report) -> str:
    """The report as the JSON that `write_report` gives."""
    return write_report(report).decode("utf-8")


def report_digest(report: Report) -> str:
    """The digest of the bytes that `write_report` gives."""
    return digest_bytes(write_report(report))


def read_report(data: bytes, path: str = "report.json") -> Report:
    """Read a report and hold it against itself.

    Raises:
        InputError: not a report, another schema, a field or type that the schema does not have, or a verdict, exit code
            or total that its own rows contradict.
    """
    value = parse_json(data, path=path, max_bytes=MAX_REPORT_BYTES)
    if not isinstance(value, dict) or value.get("schema") not in SCHEMAS:
        raise InputError(f"{path}: not a {SCHEMA} report", hint="give the report.json that `runback-gate run` wrote")
    report = from_json(Report, cast("dict[str, object]", value), path)  # type: ignore[arg-type]
    try:
        whole = _covers(orjson.loads(orjson.dumps(report)), value)
    except TypeError:  # an integer beyond 64 bits, which no report of ours can hold
        whole = False
    if not whole:
        hint = "it was written by another version of Runback gate, or changed"
        raise InputError(f"{path}: holds fields or types that {SCHEMA} does not have", hint=hint)
    verdict = gate_verdict(report.rows)
    honest = (verdict, exit_code(verdict, report.incomplete), count(report.rows, report.totals.policies))
    if honest != (report.verdict, report.exit_code, report.totals):
        raise InputError(f"{path}: the verdict or the totals contradict the rows", hint="the file was changed")
    return report


def exit_code(verdict: Verdict, incomplete: Incomplete) -> int:
    """What a run says with its exit code: one that ended early has not judged, even if what it saw fails."""
    return 2 if incomplete else verdict.exit_code


def _covers(whole: object, given: object) -> bool:
    """Whether nothing that is given was dropped or changed by reading it; what an older report lacks was added."""
    if isinstance(whole, dict) and isinstance(given, dict):
        return all(key in whole and _covers(whole[key], item) for key, item in given.items())
    if isinstance(whole, list) and isinstance(given, list):
        return len(whole) == len(given) and all(map(_covers, whole, given))
    return whole == given and type(whole) is type(given)


def report_schema() -> dict[str, Any]:
    """The JSON Schema (draft-07) of `runback.report/v2`; reports of v1 keep it as well."""
    # Imported here: who reads and writes reports does without.
    from runback_gate.schema import json_schema  # noqa: PLC0415

    return json_schema(Report)
