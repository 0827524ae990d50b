"""`init`: the files of a working start.

In: a run, and where its prompt lies. Out: the files by path, which the caller writes.

    start_files(sample_run(), sample=True)["runback.yaml"]
    start_files(run, sample=False, prompt=next(iter(find_prompts(Path(), run)), None))
"""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from typing import cast

from runback_gate.agent import AgentDocument
from runback_gate.app.cases import case_name, propose
from runback_gate.app.paths import slug
from runback_gate.app.samples import AGENT, ANSWERS, ANSWERS_TEST, GATE, POLICY, POLICY_TEST, PROMPT, TOOLS
from runback_gate.canonical import JsonValue
from runback_gate.dataset.document import dataset_from
from runback_gate.dataset.edit import append_case, new_dataset
from runback_gate.dataset.recordings import recording
from runback_gate.documents import is_text, parse_document, same_files
from runback_gate.errors import DocumentError, InputError
from runback_gate.schema import schema_id, validate
from runback_gate.step import Run, to_json

MAX_CASES = 20
# What JSON lets stand as it is, but YAML wants escaped.
_STRANGE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def find_prompts(root: Path, run: Run) -> tuple[str, ...]:
    """The files below `root` that are the prompt of a run, to the byte, the shortest path first.

    An agent file that names a copy would stay green whatever becomes of the file that the application loads.
    """
    text = run.steps[-1].request.system if run.steps else None
    if text is None or not text.strip() or not is_text(text):
        return ()
    ours = f"agents/{slug(run.agent)}.md"
    found = (name for name in same_files(root, text.encode()) if name != ours)
    return tuple(sorted(found, key=lambda name: (len(name), name)))


def start_files(run: Run, *, sample: bool, prompt: str | None = None) -> dict[str, bytes]:
    """The files of a start, by path. The gate is the last: without it, what a full disk cut short is no gate.

    `prompt` is the file that the application loads, from the folder of the gate; None makes a copy of the recorded one.

    Raises:
        InputError: the run has no step, or holds names that no file of ours may hold.
    """
    if not run.steps:
        raise InputError(f"run {run.id} has no step")
    name = slug(run.agent)
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
            **_agent_files(run, name, prompt),
            "policies/answers.yaml": _with_schema("Policy", ANSWERS),
            "policies/answers.test.yaml": _with_schema("PolicyTest", ANSWERS_TEST),
        }
    files |= _dataset_files(run, f"datasets/{name}.yaml")
    if not sample:
        _hold(files, f"agents/{name}.yaml", f"datasets/{name}.yaml")
    return {**files, "runback.yaml": _with_schema("Gate", GATE.format(name=_word(name)))}


def _hold(files: dict[str, bytes], agent: str, dataset: str) -> None:
    """Read back what was made of a run's names and texts: a start that cannot be judged is none."""
    try:
        validate(parse_document(files[agent], agent), AgentDocument)
        dataset_from(parse_document(files[dataset], dataset))
    except DocumentError as error:
        raise InputError(f"no start can be made of this run: {error.message}", hint=error.hint) from error


def _with_schema(kind: str, text: str) -> bytes:
    return f"# yaml-language-server: $schema={schema_id(kind)}\n{text}".encode()


def _agent_files(run: Run, name: str, prompt: str | None) -> dict[str, bytes]:
    step = run.steps[-1]
    request, unknown = step.request, step.source.unknown
    spec: list[str] = []
    files: dict[str, bytes] = {}
    if request.model is not None and "model" not in unknown:
        spec.append(f"  model: {_yaml(request.model)}")
    if "parameters" not in unknown:
        spec.append(f"  parameters: {_yaml(request.parameters)}")
    if request.system is not None and prompt is not None:
        spec.append(f"  system: {{file: {_yaml(f'../{prompt}')}}}")
    elif request.system is not None:
        spec.append(f"  system: {{file: {name}.md}}")
        files[f"agents/{name}.md"] = request.system.encode()
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


def _dataset_files(run: Run, path: str) -> dict[str, bytes]:
    chosen = [index for index, step in enumerate(run.steps) if step.response.tool_calls][:MAX_CASES] or [
        len(run.steps) - 1
    ]
    files: dict[str, bytes] = {}
    text = ""
    for index in chosen:
        digest, place, data = recording(run.steps[index], path)
        files[place] = data
        checks = cast("JsonValue", propose(run.steps[index]))
        case: dict[str, JsonValue] = {"id": case_name(run, index), "step": digest, "checks": checks}
        if not text:
            text = new_dataset(PurePosixPath(path).stem, run.agent, case, schema_id("Dataset"))
        else:
            text = append_case(parse_document(text, path), case)
    return {path: text.encode(), **files}
