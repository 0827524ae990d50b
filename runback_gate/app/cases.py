"""`dataset add | list | show`: recorded steps become cases, and cases are read.

In: the folder of a gate, a run, and what someone wants to keep of it. Out: the files that the case makes, which the
caller writes; or the cases that are there, each with its recorded step.

    added = add_case(Path(), run, 3, NewCase("datasets/refunds.yaml"))
    added.files             # {"datasets/refunds/3f…json": b"…", "datasets/refunds.yaml": b"…"}
    find_case(Path(), "refunds/chats-0001-3").step
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, cast

from runback_gate.analysis.recorded import RecordedStep
from runback_gate.app.paths import below, slug
from runback_gate.app.recorded import recorded_step
from runback_gate.canonical import JsonValue
from runback_gate.capture.runs import MAX_RUN_BYTES, read_run
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.dataset.checks import Check, propose_checks
from runback_gate.dataset.document import Case, Dataset, case_step, dataset_from, load_dataset
from runback_gate.dataset.edit import append_cases, new_dataset
from runback_gate.dataset.recordings import recorded_run, recording
from runback_gate.documents import Document, expand, parse_document, read_document, suggestion
from runback_gate.documents.named_files import read_file, write_file
from runback_gate.errors import DocumentError, ExpressionError, InputError, Location
from runback_gate.frozen import dataclass
from runback_gate.gate.checks import Deciders, compile_checks
from runback_gate.gate.config import GATE_FILE, load_gate
from runback_gate.policy.embedded_json import read_json
from runback_gate.policy.evaluate import results
from runback_gate.schema import schema_id, validate
from runback_gate.step import Run, Step
from runback_gate.store.folder import MAKE_RUNS, Note, find_run, load_runs, run_path


@dataclass(frozen=True, slots=True)
class NewCase:
    """What a step is kept as."""

    dataset: str
    """Dataset file, from the folder of the gate; made when it is not there."""
    checks: tuple[dict[str, Any], ...] | None = None
    """As in a dataset; None for those that the recorded answer keeps."""
    id: str | None = None
    """None for one made from run and step."""
    why: str = ""
    """Why the case is here: the incident, the promise."""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedCases:
    """How many steps were saved, and how many were cases already."""

    added: int
    there: int


@dataclass(frozen=True, slots=True)
class AddedCase:
    """A case, and what to write so that it is there."""

    files: Mapping[str, bytes]
    """By path from the folder of the gate, in the order in which they are to be written."""
    id: str
    checks: tuple[dict[str, Any], ...]
    broken: Mapping[int, str]
    """Why the recorded answer does not keep a check, by its number."""


@dataclass(frozen=True, slots=True)
class FoundCase:
    """A case of a dataset, with its step."""

    dataset: Dataset
    case: Case
    step: Step

    @property
    def title(self) -> str:
        """`DATASET/CASE`."""
        return f"{self.dataset.name}/{self.case.id}"


def add_case(root: Path, run: Run, index: int, new: NewCase) -> AddedCase:
    """Make a case of a step of a run. Comments and order of the dataset file stay as they are.

    Raises:
        InputError: the run has no such step, a check is wrong, or the dataset does not take the case.
        PathError: the dataset file would lie outside of the gate.
    """
    below(root, new.dataset)
    name = PurePosixPath(new.dataset).as_posix()
    step = recorded_step(run, index)
    case, path, data = _case(root, name, new.id or case_name(run, index), step, new)
    document = _extended(root, name, [case], run.agent)
    checks = tuple(cast("list[dict[str, Any]]", case.get("checks", [])))
    return AddedCase({path: data, name: document.data}, str(case["id"]), checks, _broken(document, step))


def _case(root: Path, dataset: str, name: str, step: Step, new: NewCase) -> tuple[dict[str, JsonValue], str, bytes]:
    """The case of a step as a dataset holds it, and the file of its recording."""
    digest, path, data = recording(step, dataset)
    below(root, path)
    checks = propose(step) if new.checks is None else list(new.checks)
    case: dict[str, JsonValue] = {"id": name, "step": digest}
    case |= _remarks(new)
    case |= {"checks": cast("JsonValue", checks)} if checks else {}
    return case, path, data


def _remarks(new: NewCase) -> dict[str, JsonValue]:
    why: dict[str, JsonValue] = {"why": new.why} if new.why else {}
    return {**why, "tags": list(new.tags)} if new.tags else why


def save_case(root: Path, run: Run, index: int, new: NewCase) -> AddedCase:
    """`add_case`, and write its files.

    Raises:
        InputError, PathError: as `add_case`.
        WriteError: a file cannot be written.
    """
    return write_case(root, add_case(root, run, index, new))


def write_case(root: Path, added: AddedCase) -> AddedCase:
    """Write the files of a case.

    Raises:
        WriteError: one cannot be written.
    """
    _write(root, added.files)
    return added


def _write(root: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        write_file(below(root, path), data)


def save_named(root: Path, source: str, new: NewCase, *, note: Note) -> SavedCases:
    """Save every step of a run (a file, or an id in runs/), or of each run of a folder.

    Raises:
        InputError: there is no step; and as `save_case`.
    """
    folder = Path(source)
    runs = load_runs(folder, note=note) if folder.is_dir() else [find_run(source, note=note)]
    saved = save_cases(root, runs, new)
    if saved == SavedCases(0, 0):
        raise InputError(f"{source}: no step", hint=MAKE_RUNS)
    return saved


def save_run(root: Path, source: str, new: NewCase) -> SavedCases:
    """Save a whole run (a file, or an id in runs/) as one case, byte for byte as it lies there.

    Raises:
        InputError: it is no run, was truncated, or has no step; and as `save_case`.
    """
    below(root, new.dataset)
    path = run_path(source)
    data = read_file(path, MAX_RUN_BYTES, hint=MAKE_RUNS)
    run = read_run(data, path.as_posix())
    if not run.steps:
        raise InputError("the run has no step", location=Location(path.as_posix()))
    name = PurePosixPath(new.dataset).as_posix()
    digest, file = recorded_run(data, name)
    case: dict[str, JsonValue] = {"id": new.id or case_name(run), "run": digest}
    case |= _remarks(new)
    document = _extended(root, name, [case], run.agent)
    _write(root, {file: data, name: document.data})
    return SavedCases(1, 0)


def save_cases(root: Path, runs: Iterable[Run], new: NewCase) -> SavedCases:
    """Save every step of some runs, all at once or none.

    Raises:
        InputError, PathError, WriteError: as `save_case`.
    """
    below(root, new.dataset)
    name, there = PurePosixPath(new.dataset).as_posix(), 0
    had = {case.id for case in load_dataset(root, name).cases} if (root / name).exists() else set()
    cases: dict[str, list[dict[str, JsonValue]]] = {}
    files: dict[str, bytes] = {}
    step: Step | None = None
    for run in runs:
        for index in range(len(run.steps)):
            if (own := case_name(run, index)) in had:
                there += 1
                continue
            step = recorded_step(run, index)
            case, path, files[path] = _case(root, name, own, step, new)
            cases.setdefault(run.agent, []).append(case)
    if step is None:
        return SavedCases(0, there)
    if len(cases) > 1:
        raise InputError(f"the runs are of several agents: {', '.join(sorted(cases))[:200]}")
    ((agent, added),) = cases.items()
    document = _extended(root, name, added, agent)
    # All of them have the same checks, or those that they keep: what does not compile shows in one.
    _broken(document, step)
    _write(root, {**files, name: document.data})
    return SavedCases(len(added), there)


def list_cases(root: Path, names: Sequence[str] = ()) -> list[FoundCase]:
    """The cases of the gate's datasets, or of the files that are named.

    Raises:
        InputError: no dataset is named, or one cannot be read.
    """
    return [FoundCase(item, case, case_step(root, item, case)) for item, case in _cases(root, names)]


def find_case(root: Path, name: str) -> FoundCase:
    """The one case of the gate that is named CASE or DATASET/CASE.

    Raises:
        InputError: none is, or more than one.
    """
    cases = _cases(root, ())
    found = [(item, case) for item, case in cases if name in (case.id, f"{item.name}/{case.id}")]
    if not found:
        hint = suggestion(name, {word for item, case in cases for word in (case.id, f"{item.name}/{case.id}")})
        raise InputError(f"no case is named {name!r}", hint=hint or "`runback-gate dataset list` names them")
    if len(found) > 1:
        places = " or ".join(f"{item.name}/{case.id}" for item, case in found)
        raise InputError(f"{len(found)} cases are named {name!r}", hint=f"say {places}")
    item, case = found[0]
    return FoundCase(item, case, case_step(root, item, case))


def case_name(run: Run, index: int | None = None) -> str:
    """The id of a case that is made of a step; without one, of the whole run."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", run.id).lstrip("._-")[:200] or "run"
    return name if index is None else f"{name}-{index}"


def propose(step: Step) -> list[dict[str, Any]]:
    """Checks that a recorded step keeps today."""
    calls = []
    for call in step.response.tool_calls:
        arguments = read_json(call.arguments)
        calls.append((call.name, arguments if isinstance(arguments, dict) else {}))
    return propose_checks(tuple(calls), step.response.finish_reason)


def _cases(root: Path, names: Sequence[str]) -> list[tuple[Dataset, Case]]:
    patterns = tuple(names) or load_gate(root).datasets
    found = [load_dataset(root, name) for name in expand(root, patterns)]
    if not found:
        raise InputError(f"no dataset is named by {', '.join(patterns)}", hint="`runback-gate dataset add` makes one")
    return [(item, case) for item in found for case in item.cases]


def _extended(root: Path, name: str, cases: Sequence[dict[str, JsonValue]], agent: str) -> Document:
    """A dataset file with the cases, which are refused here, before anything is written."""
    if (root / name).exists():
        document = read_document(root, name)
        there = dataset_from(document)
        if there.agent != agent:
            place = document.mark(("metadata", "agent"))
            raise InputError(f"the dataset is of agent {there.agent!r}, the run of {agent!r}", location=place)
        new = {case["id"] for case in cases}
        if twin := next((item for item in there.cases if item.id in new), None):
            raise InputError(f"a case is named {twin.id!r} already", hint="name it with --id", location=twin.location)
        text = append_cases(document, cases)
    else:
        text = new_dataset(PurePosixPath(name).stem, agent, cases, schema_id("Dataset"))
    try:
        document = parse_document(text, name)
        dataset_from(document)
    except DocumentError as error:
        raise _refused(name, error) from error
    return document


def _refused(name: str, error: InputError) -> InputError:
    """The error without its place, which is one in a text that nobody will see."""
    return InputError(f"{name}: the case cannot be added: {error.message}", hint=error.hint)


def _broken(document: Document, recorded: Step) -> dict[int, str]:
    """What to say of the checks of the last case that the recorded answer does not keep, by their number.

    Raises:
        InputError: one does not compile.
    """
    engine, checks = CppEngine(), dataset_from(document).cases[-1].checks
    try:
        rules = compile_checks(checks, Deciders(engine))
    except ExpressionError as error:
        raise _refused(document.path, error) from error
    said = results([rules], RecordedStep("", 0, recorded).under_test(engine)).values()
    return {
        number: "the recorded answer does not keep it" if result.outcome == "fail" else result.message
        for number, result in enumerate(said)
        if result.outcome != "pass"
    }


def dataset_file(named: str | None, agent: str) -> str:
    """The dataset file that somebody named, or that of an agent."""
    return PurePosixPath(named or f"datasets/{slug(agent)}.yaml").as_posix()


def why_not_judged(root: Path, name: str) -> str | None:
    """Why `run` does not judge a dataset that lies there, if so."""
    if not (root / GATE_FILE).exists():
        return f"there is no {GATE_FILE} here yet; `runback-gate init` writes one"
    named = name in expand(root, load_gate(root).datasets)
    return None if named else f"{GATE_FILE} does not name this file; add it to `spec.datasets`"


def parse_check(text: str) -> dict[str, Any]:
    """A check from the command line: YAML such as `toolCalled: escalate`, or `toolCalled=escalate`.

    Raises:
        InputError: not one check.
    """
    head, equals, tail = text.partition("=")
    if equals and head in Check.model_fields:
        plain = head in ("maxTokens", "maxLatencyMs", "noError") or tail[:1] in ("{", "[")
        text = f"{head}: {tail if plain else json.dumps(tail, ensure_ascii=False)}"
    document = parse_document(text, "--check")
    if not isinstance(document.value, dict):
        raise InputError(f"--check {text!r}: not a check", hint="write it as in a dataset: 'toolCalled: escalate'")
    validate(document, Check)
    return cast("dict[str, Any]", document.value)
