"""Inputs that grow by rule, the readers that they are for, and what reading one costs, counted.

In: a sample that a reader takes, a rule, a number. Out: the sample, grown in one dimension.

    for path in places(sample, RULES["repeat"]):
        grown(sample, path, RULES["repeat"], 400)
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from runback_gate.agent.config import load_agent
from runback_gate.agent.template import render
from runback_gate.analysis.lint import lint_policy
from runback_gate.app.samples import sample_run
from runback_gate.attest.bundle import read_bundle
from runback_gate.attest.sigstore import read_trust
from runback_gate.canonical import canonical_bytes, parse_json
from runback_gate.capture.formats import Defaults, read_transcripts
from runback_gate.capture.otlp.reader import read_otlp
from runback_gate.capture.runs import read_run, write_run
from runback_gate.cel.cpp_engine import CppEngine
from runback_gate.dataset.document import load_dataset
from runback_gate.errors import RunbackError
from runback_gate.gate.checks import Deciders, compile_checks
from runback_gate.gate.config import load_gate
from runback_gate.gate.waivers import load_waivers
from runback_gate.policy.document import load_policies
from runback_gate.policy.evaluate import compile_policy
from runback_gate.redact.rule import parse_rules
from runback_gate.replay.cache import ResponseCache, answer_entry, answer_name
from runback_gate.report.model import read_report
from runback_gate.step import step_from_json, tools_from_json
from runback_gate.values import to_json
from tests.capture.formats.dialects import CASES

ROOT = Path(__file__).parents[1]
SPECIMENS = ROOT / "tests" / "specimens"
REQUEST = "sha256:" + "5" * 64
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """What reads a kind of file."""

    sample: Any
    """A JSON value that it takes."""
    read: Callable[[bytes, Path], object]
    """Reads the bytes of a file; a folder of its own is there for those that read from one."""


def canonical(data: bytes) -> bytes:
    """The bytes of a file that has only one form."""
    return canonical_bytes(json.loads(data))


def _in_folder(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    def wrapped(data: bytes, folder: Path) -> object:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return read(folder)

    return wrapped


_cached = _in_folder(answer_name(REQUEST, 0), lambda folder: ResponseCache(folder).get(REQUEST, 0))


def _policies(folder: Path) -> object:
    policies, tests = load_policies(folder, ["p.yaml"], recordings=lambda *_: sample_run().steps[0])
    return [(lint_policy(policy), compile_policy(policy, CppEngine())) for policy in policies], tests


def _dataset(folder: Path) -> object:
    cases = load_dataset(folder, "d.yaml").cases
    deciders = Deciders.of(cases, CppEngine())
    return [compile_checks(case.checks, deciders) for case in cases]


def _gate(folder: Path) -> object:
    for name in ("agents/a.yaml", "policies/p.yaml", "datasets/d.yaml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return load_gate(folder)


def _example(name: str) -> Any:
    return json.loads(json.dumps(yaml.safe_load((ROOT / name).read_text()), default=str))


def _specimen(name: str) -> Any:
    return json.loads((SPECIMENS / name).read_bytes())


WAIVERS = {
    "apiVersion": "runback.dev/v1",
    "kind": "Waiver",
    "metadata": {"name": "w"},
    "spec": {
        "policies": ["refunds.limit"],
        "cases": ["a"],
        "owner": "team",
        "reason": "known",
        "expires": "2026-12-31",
    },
}
RULES_OF_REDACTION = [
    {
        "id": "x-key",
        "pattern": "xk_[a-z0-9]{20}",
        "hints": ["xk_"],
        "example": "xk_abcdefghij0123456789",
        "counter": "xk_a",
        "origin": "https://example.com",
    }
]
DATASET = {
    "apiVersion": "runback.dev/v1",
    "kind": "Dataset",
    "metadata": {"name": "d", "agent": "a"},
    "spec": {
        "cases": [
            {
                "id": "c",
                "messages": [{"role": "user", "content": "Hi"}],
                "checks": [
                    {"jsonSchema": {"type": "object", "properties": {"a": {"enum": [1, "b"]}}, "required": ["a"]}},
                    {"cel": "response.text.contains('a') && size(response.tool_calls) == 0"},
                    {"matches": "a.*b"},
                    {"toolCalled": "refund"},
                ],
            }
        ]
    },
}
SPAN = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "a"}}]},
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "0" * 31 + "1",
                            "spanId": "0" * 15 + "1",
                            "name": "chat m",
                            "startTimeUnixNano": "1700000000000000000",
                            "endTimeUnixNano": "1700000001000000000",
                            "attributes": [
                                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                                {"key": "gen_ai.request.model", "value": {"stringValue": "m"}},
                                {
                                    "key": "gen_ai.input.messages",
                                    "value": {
                                        "stringValue": '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]'
                                    },
                                },
                                {
                                    "key": "gen_ai.output.messages",
                                    "value": {
                                        "stringValue": '[{"role":"assistant","parts":[{"type":"text","content":"Ho"}],'
                                        '"finish_reason":"stop"}]'
                                    },
                                },
                            ],
                        }
                    ]
                }
            ],
        }
    ]
}


def _template(data: bytes, _: Path) -> object:
    value = json.loads(data)
    found = isinstance(value, dict) and isinstance(value.get("template"), str)
    known = value["variables"] if found and isinstance(value.get("variables"), dict) else {}
    return render(value["template"], known, "p.txt") if found else None


def _transcript(data: bytes, _: Path) -> object:
    found = read_transcripts(data, "x.json", Defaults())
    return [list(run.steps) for run in found.runs]


def _otlp(data: bytes, _: Path) -> object:
    return [list(run.steps) for run in read_otlp(data).runs]


def _run(data: bytes, _: Path) -> object:
    """A run whose steps are the value: written by us, so that its chain holds, and read again."""
    steps = tuple(step_from_json(item) for item in json.loads(data))
    run = sample_run()
    again = read_run(write_run(type(run)(run.id, run.agent, steps), bytes), "r.jsonl")
    return list(again.steps)


READERS: dict[str, Reader] = {
    "policy": Reader(_example("policies/refunds.yaml"), _in_folder("p.yaml", _policies)),
    "policy test": Reader(_example("policies/refunds.test.yaml"), _in_folder("p.yaml", _policies)),
    "dataset": Reader(DATASET, _in_folder("d.yaml", _dataset)),
    "agent": Reader(
        {
            "apiVersion": "runback.dev/v1",
            "kind": "Agent",
            "metadata": {"name": "a"},
            "spec": {"model": "openai/m", "system": "Be {{ mood }}.", "parameters": {"temperature": 0}, "tools": []},
        },
        _in_folder("a.yaml", lambda folder: load_agent(folder, "a.yaml")),
    ),
    "tools": Reader(_example("agents/tools.json"), lambda data, _: tools_from_json(parse_json(data, path="t"), "t")),
    "template": Reader(
        {"template": "{% for a in b %}{{ a }} {% endfor %}", "variables": {"b": ["x", "y"]}},
        _template,
    ),
    "gate": Reader(_example("runback.yaml"), _in_folder("runback.yaml", _gate)),
    "waivers": Reader(WAIVERS, _in_folder("w.yaml", lambda folder: load_waivers(folder, ["w.yaml"]))),
    "recording": Reader(
        _specimen("v1/recording.json"), lambda data, _: step_from_json(parse_json(data, path="recording.json"))
    ),
    "run": Reader([to_json(step) for step in sample_run().steps], _run),
    "report v1": Reader(_specimen("v1/report.json"), lambda data, _: read_report(data)),
    "report v2": Reader(_specimen("v2/report.json"), lambda data, _: read_report(data)),
    "trust": Reader(_specimen("v1/attestation/trusted_root.json"), lambda data, _: read_trust(data, "t.json")),
    "bundle": Reader(
        _specimen("v1/attestation/rekor-2.json"), lambda data, _: read_bundle(canonical(data) + b"\n", "b.json")
    ),
    "redaction rules": Reader(
        RULES_OF_REDACTION, lambda data, _: parse_rules(parse_json(data, path="r.json"), path="r.json")
    ),
    "cache": Reader(
        json.loads(answer_entry(REQUEST, 0, sample_run().steps[0].response)),
        lambda data, folder: _cached(canonical(data), folder),
    ),
    "otlp": Reader(SPAN, _otlp),
    **{f"transcript {name} {number}": Reader(value, _transcript) for number, (name, value) in enumerate(CASES)},
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One dimension in which a sample grows."""

    fits: Callable[[Any], bool]
    """Whether a value can grow so."""
    grow: Callable[[Any, int], Any]
    """The value, grown."""


def _own_ids(item: Any, number: int) -> Any:
    """An element with texts of its own wherever it has an id or a name."""
    if isinstance(item, dict):
        return {
            key: f"{value}-{number}"
            if isinstance(value, str) and (key.lower().endswith("id") or key in ("id", "name", "uuid"))
            else _own_ids(value, number)
            for key, value in item.items()
        }
    return [_own_ids(value, number) for value in item] if isinstance(item, list) else item


def _without_ids(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _without_ids(value) for key, value in item.items() if not key.lower().endswith("id")}
    return [_without_ids(value) for value in item] if isinstance(item, list) else item


def _nested(count: int) -> Any:
    value: Any = "x"
    for _ in range(min(count, 90)):
        value = [value]
    return value


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


RULES: dict[str, Rule] = {
    "repeat": Rule(_is_list, lambda value, n: [deepcopy(item) for _ in range(n) for item in value]),
    "own ids": Rule(_is_list, lambda value, n: [_own_ids(item, k) for k in range(n) for item in value]),
    "no ids": Rule(_is_list, lambda value, n: [_without_ids(item) for _ in range(n) for item in value]),
    "each n times": Rule(_is_list, lambda value, n: [deepcopy(item) for item in value for _ in range(n)]),
    "keys": Rule(lambda value: isinstance(value, dict), lambda value, n: {**value, **{f"k{k}": k for k in range(n)}}),
    "objects": Rule(
        lambda value: isinstance(value, dict) and bool(value),
        lambda value, n: {**value, **{f"k{k}": next(iter(value.values())) for k in range(n)}},
    ),
    "text": Rule(lambda value: isinstance(value, str), lambda value, n: value + "a1 " * n),
    "lines": Rule(lambda value: isinstance(value, str), lambda value, n: value + "\n- {{ x }}: {a}" * n),
    "signs": Rule(lambda value: isinstance(value, str), lambda value, n: value + '[{"' * n),
    "terms": Rule(lambda value: isinstance(value, str), lambda value, n: " && ".join([f"({value})"] * n)),
    "digits": Rule(lambda value: isinstance(value, (str, int)), lambda _, n: int("9" * n)),
    "depth": Rule(lambda value: isinstance(value, (list, dict)), lambda _, n: _nested(n)),
}
sys.set_int_max_str_digits(0)


def places(sample: Any, rule: Rule, path: Place = ()) -> Iterator[Place]:
    """Where a sample can grow by a rule."""
    if rule.fits(sample):
        yield path
    items = sample.items() if isinstance(sample, dict) else enumerate(sample) if isinstance(sample, list) else ()
    for name, item in items:
        yield from places(item, rule, (*path, name))


def grown(sample: Any, path: Place, rule: Rule, size: int) -> bytes:
    """The bytes of a sample that has grown at a place."""
    copy = deepcopy(sample)
    holder: Any = [copy]
    for step in (0, *path[:-1]):
        holder = holder[step]
    if path:
        holder[path[-1]] = rule.grow(holder[path[-1]], size)
    else:
        copy = rule.grow(copy, size)
    return json.dumps(copy, ensure_ascii=False).encode()


def attempt(reader: Reader, data: bytes, folder: Path) -> None:
    """Read; a refusal is as good as a value, anything else that is raised is none."""
    try:
        reader.read(data, folder)
    except (RunbackError, json.JSONDecodeError):
        return


def calls(reader: Reader, data: bytes, folder: Path) -> int:
    """How many functions are called to read, of ours, of libraries and of the interpreter."""
    count = 0

    def profile(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        attempt(reader, data, folder)
    finally:
        sys.setprofile(before)
    return count
