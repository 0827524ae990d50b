"""`init`: the files of a working start.

In: runs of an agent, and where its prompt lies. Out: the files by path, which the caller writes.

    start_files([sample_run()], sample=True)["runback.yaml"]
    start_files(runs, sample=False, prompt=find_prompt(Path(), runs))
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import cast

from runback_gate.agent import AgentDocument
from runback_gate.app.cases import case_name, propose
from runback_gate.app.paths import below, slug
from runback_gate.app.prompts import Prompt
from runback_gate.app.redaction_only import complete
from runback_gate.app.samples import AGENT, ANSWERS, ANSWERS_TEST, GATE, IGNORED, POLICY, POLICY_TEST, PROMPT, TOOLS
from runback_gate.canonical import JsonValue, canonical_bytes
from runback_gate.dataset.document import dataset_from
from runback_gate.dataset.edit import new_dataset
from runback_gate.dataset.recordings import recording
from runback_gate.documents import is_text, parse_document
from runback_gate.documents.named_files import read_file, write_file
from runback_gate.errors import DocumentError, InputError, Location
from runback_gate.gate.config import GATE_FILE
from runback_gate.plural import many
from runback_gate.report.text import line
from runback_gate.schema import schema_id, validate
from runback_gate.step import Run, Step, to_json

MAX_CASES = 20
MAX_IGNORED = 1 << 20
# What JSON lets stand as it is, but YAML wants escaped.
_STRANGE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def start_files(runs: Sequence[Run], *, sample: bool, prompt: Prompt | None = None) -> dict[str, bytes]:
    """The files of a start, by path. The gate is the last: without it, what a full disk cut short is no gate.

    `prompt` is where the prompt of the runs comes from; one without a file is written beside the agent file.

    Raises:
        InputError: no run has a step, they are of several agents, or hold names that no file of ours may hold.
    """
    runs = [run for run in runs if run.steps] or list(runs)
    if not runs or not runs[-1].steps:
        raise InputError(f"run {runs[-1].id} has no step" if runs else "no run is there")
    if len(agents := sorted({run.agent for run in runs})) > 1:
        raise InputError(f"the runs are of several agents: {', '.join(agents)[:200]}", hint="name the one with --agent")
    name = slug(runs[-1].agent)
    if sample:
        files = {
            "agents/support.yaml": _with_schema("Agent", AGENT),
            "agents/support.md": PROMPT.encode(),
            "agents/tools.json": TOOLS.encode(),
            "policies/refunds.yaml": _with_schema("Policy", POLICY),
            "policies/refunds.test.yaml": _with_schema("PolicyTest", POLICY_TEST),
        }
    else:
        files = {
            **_agent_files(runs[-1], name, prompt),
            "policies/answers.yaml": _with_schema("Policy", ANSWERS),
            "policies/answers.test.yaml": _with_schema("PolicyTest", ANSWERS_TEST),
        }
    files |= _dataset_files(_cases(runs, prompt), runs[-1].agent, f"datasets/{name}.yaml")
    if not sample:
        _hold(files, f"agents/{name}.yaml", f"datasets/{name}.yaml")
    return {**files, "runback.yaml": _with_schema("Gate", GATE.format(name=_word(name)))}


def write_start(root: Path, files: Mapping[str, bytes], *, force: bool) -> Iterator[Path]:
    """Write the files of a start into a folder, and a .gitignore where there is none. Each comes out once it stands.

    A `runback.yaml` that says what is redacted and nothing else is completed.

    Raises:
        InputError: a file is there already, and `force` does not replace it.
        WriteError: a file cannot be written.
    """
    targets = {below(root, name): data for name, data in files.items()}
    gate = below(root, GATE_FILE)
    begun = complete(files[GATE_FILE], root) if GATE_FILE in files else None
    if begun is not None:
        targets[gate] = begun
    kept = {gate} if begun is not None else set()
    if not force and (there := next((path for path in targets if path not in kept and path.exists()), None)):
        hint = "--force replaces it; nothing was written"
        raise InputError("is there already", hint=hint, location=Location(there.as_posix()))
    ignored = below(root, ".gitignore")
    if not ignored.exists():
        targets = {ignored: IGNORED.encode(), **targets}
    for path, data in targets.items():
        write_file(path, data)
        yield path


def ignores_outputs(root: Path) -> bool:
    """Whether the .gitignore of a folder leaves out what Runback gate makes."""
    return b".runback" in read_file(below(root, ".gitignore"), MAX_IGNORED)


def start_lines(root: Path, runs: Sequence[Run], prompt: Prompt | None, *, ignores: bool) -> Iterator[str]:
    """What to know of a start and what to do now; `runs` are those that it was made of, none for the sample."""
    if not ignores:
        yield "note: .gitignore is yours; runs/ holds raw conversations, .runback/ is made anew by each run"
    for text in start_notes(runs, prompt) if runs else ():
        yield line(f"note: {text}")
    place = "" if root == Path() else f" --root {shlex.quote(root.as_posix())}"
    yield line(f"next: runback-gate run{place}")


def start_notes(runs: Sequence[Run], prompt: Prompt | None) -> Iterator[str]:
    """What to know of a start that was made of recorded runs: where its prompt is from, which steps are no cases."""
    if prompt is not None and prompt.file:
        how = "gives" if prompt.template else "holds"
        yield f"the prompt is read from {prompt.place}, which {how} what was recorded"
        if prompt.others:
            yield f"so does {', '.join(prompt.others)}; name in the agent file the one that your application loads"
    elif prompt is not None:
        if prompt.template:
            yield "the prompt varies: a template was written, whose places have what varied"
        yield "no file of the repository holds the prompt as it was recorded: the gate judges a copy, which was written"
        yield "a change of the prompt that your application loads goes unseen until the agent file names that file"
    if missed := left_out(runs, prompt):
        yield f"{many(missed, 'step')} with another model, other tools or another prompt can be no case"


def _hold(files: dict[str, bytes], agent: str, dataset: str) -> None:
    """Read back what was made of a run's names and texts: a start that cannot be judged is none."""
    try:
        validate(parse_document(files[agent], agent), AgentDocument)
        dataset_from(parse_document(files[dataset], dataset))
    except DocumentError as error:
        raise InputError(f"no start can be made of this run: {error.message}", hint=error.hint) from error


def _with_schema(kind: str, text: str) -> bytes:
    return f"# yaml-language-server: $schema={schema_id(kind)}\n{text}".encode()


def _agent_files(run: Run, name: str, prompt: Prompt | None) -> dict[str, bytes]:
    step = run.steps[-1]
    request, unknown = step.request, step.source.unknown
    spec: list[str] = []
    files: dict[str, bytes] = {}
    if request.model is not None and "model" not in unknown:
        spec.append(f"  model: {_yaml(request.model)}")
    if "parameters" not in unknown:
        spec.append(f"  parameters: {_yaml(request.parameters)}")
    if prompt is not None:
        fields = {"file": f"../{prompt.file}" if prompt.file else f"{name}.md"}
        fields |= {"symbol": prompt.symbol} if prompt.symbol else {}
        fields |= {"template": prompt.template} if prompt.template == "format" else {}
        spec.append(f"  system: {{{', '.join(f'{key}: {_plain(value)}' for key, value in fields.items())}}}")
        if not prompt.file:
            files[f"agents/{name}.md"] = prompt.text.encode()
    if "tools" not in unknown:
        spec.append(f"  tools: {{file: {name}.tools.json}}")
        wire = [{"type": "function", "function": to_json(tool)} for tool in request.tools]
        files[f"agents/{name}.tools.json"] = (json.dumps(wire, ensure_ascii=False, indent=2) + "\n").encode()
    head = f"apiVersion: runback.dev/v1\nkind: Agent\nmetadata: {{name: {_yaml(run.agent)}}}\n"
    body = "spec:\n" + "\n".join(spec) + "\n" if spec else "spec: {}\n"
    return {f"agents/{name}.yaml": _with_schema("Agent", head + body), **files}


def _word(name: str) -> str:
    """A slug as YAML text: in quotes where it would read as something else, to us or to an older reader."""
    plain = name[0].isalpha() and is_text(name) and name not in ("y", "n")
    return name if plain else json.dumps(name)


def _yaml(value: object) -> str:
    """A value on one line of YAML, which is JSON here."""
    return _STRANGE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _plain(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z][\w./-]*", text, re.ASCII) and text not in ("y", "n") else _yaml(text)


def _cases(runs: Sequence[Run], prompt: Prompt | None) -> list[tuple[str, Step]]:
    """Name and step of each case: what the agent file asks as it was recorded, calls of tools before other answers."""
    last = runs[-1].steps[-1]
    alike = list(_alike(runs, prompt))
    calls = [case for case in alike if case[2].response.tool_calls]
    ends = [case for case in alike if case[1] == len(case[0].steps) - 1]
    chosen = calls or ends or alike[-1:] or [(runs[-1], len(runs[-1].steps) - 1, last)]
    return [(case_name(run, index), step) for run, index, step in chosen[:MAX_CASES]]


def left_out(runs: Sequence[Run], prompt: Prompt | None) -> int:
    """How many steps can be no cases: with another model, other parameters or tools, or a prompt that does not fit."""
    return sum(len(run.steps) for run in runs) - sum(1 for _ in _alike([run for run in runs if run.steps], prompt))


def _alike(runs: Sequence[Run], prompt: Prompt | None) -> Iterator[tuple[Run, int, Step]]:
    """The steps that the agent file asks as they were recorded, each with its run and its number."""
    for run in runs:
        for index, step in enumerate(run.steps):
            asked = step if prompt is None else prompt.asked(step)
            if asked is not None and _asks_alike(step, runs[-1].steps[-1]):
                yield run, index, asked


def _asks_alike(step: Step, last: Step) -> bool:
    """Whether a step has the model, the parameters and the tools that the agent file is made with."""
    one, other = (
        {name: to_json(getattr(each.request, name)) for name in ("model", "parameters", "tools")}
        for each in (step, last)
    )
    unknown = {*step.source.unknown, *last.source.unknown}
    return all(name in unknown or canonical_bytes(one[name]) == canonical_bytes(other[name]) for name in one)


def _dataset_files(cases: Sequence[tuple[str, Step]], agent: str, path: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    written: list[dict[str, JsonValue]] = []
    for name, step in cases:
        digest, place, data = recording(step, path)
        files[place] = data
        written.append({"id": name, "step": digest, "checks": cast("JsonValue", propose(step))})
    return {path: new_dataset(PurePosixPath(path).stem, agent, written, schema_id("Dataset")).encode(), **files}
