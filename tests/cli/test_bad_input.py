"""What bad input gets: exit 2, one line with place and hint, and nothing written, through the real commands."""

from __future__ import annotations

import dataclasses
import os
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runback_gate.canonical import digest_bytes
from runback_gate.dataset.document import load_dataset
from runback_gate.dataset.recordings import load_recording, recording, recording_path
from tests.cli.answers import REFUND, answered
from tests.cli.conftest import Command, Refused, change, tree, write
from tests.cli.recordings import pays, recorded
from tests.examples import examples

POLICY = "policies/refunds.yaml"
DATASET = "datasets/support.yaml"
AGENT = "agents/support.yaml"
GATE = "runback.yaml"

MALFORMED: dict[str, tuple[str | bytes, str]] = {
    "a bracket that is never closed": ("a: [", "2:1: not valid YAML"),
    "a tab": ("a:\n\tb: 1", "2:1: not valid YAML"),
    "empty": ("", " the file is empty (begin with apiVersion and kind)"),
    "blank": ("\n# nothing\n", " the file is empty (begin with apiVersion and kind)"),
    "two documents": ("a: 1\n---\nb: 2\n", "2:1: more than one document in the file"),
    "a list": ("- a\n", "1:1: not a mapping with apiVersion and kind"),
    "binary": (b"\x80\x81\xff\x00", "1:1: not UTF-8 (save the file as UTF-8)"),
    "a zero byte": (b"a: \x00", "1:4: the character U+0000 may not stand in YAML"),
    "larger than 1 MiB": (b"#" * ((1 << 20) + 1), " larger than 1,048,576 bytes (split the file)"),
    "deep": ("a: " + "[" * 70 + "]" * 70, "1:67: nested deeper than 64 levels"),
    "very deep": ("a: " + "[" * 200_000, "1:67: nested deeper than 64 levels"),
    "an alias": ("a: &x 1\nb: *x\n", "1:4: anchors and aliases are not allowed"),
    "a bomb": ("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "1:4: anchors and aliases are not allowed"),
    "a merge key": ("a: {b: 1}\n<<: {c: 1}\n", "2:1: merge keys are not allowed"),
    "a tag": ("a: !!python/object:os.system x\n", "1:4: tags are not allowed"),
    "a duplicate key": ("kind: Policy\napiVersion: runback.dev/v1\nkind: Policy\n", "3:1: duplicate key 'kind'"),
    "another version": ("apiVersion: runback.dev/v2\nkind: Policy\n", "1:13: unknown apiVersion 'runback.dev/v2'"),
    "no kind": ("apiVersion: runback.dev/v1\n", "1:1: kind is missing"),
    "an unknown kind": ("apiVersion: runback.dev/v1\nkind: Nonsense\n", "2:7: unknown kind 'Nonsense' (known: "),
    "a huge number": ("apiVersion: 1e999\n", "1:13: a number out of range"),
}


DOCUMENTS = [GATE, AGENT, DATASET, POLICY, "policies/refunds.test.yaml", "waivers/w.yaml"]
EACH = [(DOCUMENTS[number % len(DOCUMENTS)], fault) for number, fault in enumerate(MALFORMED)]
"""Every fault and every document; all pairs of them are slow."""
PAIRS = [pytest.param(*pair, marks=() if pair in EACH else pytest.mark.slow) for pair in product(DOCUMENTS, MALFORMED)]


@pytest.mark.parametrize(("name", "fault"), PAIRS)
@pytest.mark.usefixtures("gate")
def test_malformed_documents(refused: Refused, name: str, fault: str) -> None:
    """Whichever document it is: the file, line and column of the fault."""
    data, message = MALFORMED[fault]
    write(name, data)
    if name == "policies/refunds.test.yaml":
        assert refused("policy", "test").startswith(f"{name}:{message}")
    else:
        assert refused("run").startswith(f"{name}:{message}")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (GATE, "kind: Gate", "kind: Gaet", "3:7: unknown kind 'Gaet' (did you mean 'Gate'?)"),
        (GATE, "  policies:", "  polices:", "8:3: unknown field 'polices' (did you mean 'policies'?)"),
        (GATE, "[agents/*.yaml]", "agents/*.yaml", "6:11: spec.agents: expected a list, found text 'agents/*.yaml'"),
        (AGENT, "  model:", "  modle:", "6:3: unknown field 'modle' (did you mean 'model'?)"),
        (AGENT, "  model:", "  baseUrl: x\n  model:", "6:3: unknown field 'baseUrl'"),
        (AGENT, "{temperature: 0}", "[0]", "7:15: spec.parameters: expected a mapping, found a list"),
        (POLICY, "kind: Policy", "kind: Polcy", "3:7: unknown kind 'Polcy' (did you mean 'Policy'?)"),
        (POLICY, "  description", "  desciption", "6:3: unknown field 'desciption' (did you mean 'description'?)"),
        (POLICY, "      expression: >-", "      expresion: >-", "13:7: unknown field 'expresion' (did you mean"),
        (POLICY, "  validations:", "  validationActions: [deny]\n  validations:", "11:23: spec.validationActions[0]"),
        (DATASET, "kind: Dataset", "kind: Datset", "3:7: unknown kind 'Datset' (did you mean 'Dataset'?)"),
        (DATASET, "toolCalled", "toolCaled", "10:11: unknown field 'toolCaled' (did you mean 'toolCalled'?)"),
        (DATASET, "step: sha256:", "step: sha256:0", "8:13: spec.cases[0].step does not have the form"),
    ],
)
@pytest.mark.usefixtures("gate")
def test_unknown_kinds_and_fields(refused: Refused, name: str, old: str, new: str, message: str) -> None:
    """The place of the key or value, and the nearest known name."""
    change(name, old, new)
    assert refused("run").startswith(f"{name}:{message}")


@pytest.mark.parametrize("case", ["missing", "empty", "null", "cut"])
@pytest.mark.usefixtures("gate")
def test_a_dataset_without_cases(refused: Refused, case: str) -> None:
    """A dataset that holds no case judges nothing, so it is refused."""
    text = Path(DATASET).read_text()
    head = text.partition("  cases:")[0]
    added = {"missing": "  trials: {n: 1}\n", "empty": "  cases: []\n", "null": "  cases:\n", "cut": ""}[case]
    write(DATASET, head + added)
    assert refused("run").startswith(f"{DATASET}:")


@pytest.mark.parametrize("folder", ["agents", "datasets"])
@pytest.mark.usefixtures("gate")
def test_a_pattern_that_names_nothing(command: Command, folder: str) -> None:
    """Without an agent or a dataset there is nothing to judge: never green."""
    for path in Path(folder).glob("*.yaml"):
        path.unlink()
    result = command("run")
    assert result.code == 2
    assert result.error.startswith(f"runback.yaml:{6 if folder == 'agents' else 7}:")
    assert f"'{folder}/*.yaml' names no file" in result.error


OUT = "leads out of the root"


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (AGENT, "support.md", "../../etc/passwd", f"{AGENT}:8:18: spec.system.file: {OUT} (name a file below it"),
        (AGENT, "support.md", "/etc/passwd", f"{AGENT}:8:18: spec.system.file: {OUT}"),
        (AGENT, "tools.json", "../../tools.json", f"{AGENT}:9:17: spec.tools.file: {OUT}"),
        (GATE, "agents/*.yaml", "../agents/*.yaml", OUT),
        (GATE, "agents/*.yaml", "/etc/*.yaml", OUT),
        (GATE, "datasets/*.yaml", "../support.yaml", OUT),
        (GATE, "policies/*.yaml", "policies/../../*.yaml", OUT),
        (GATE, "waivers/*.yaml", "../waivers/w.yaml", OUT),
        (GATE, "policies/*.yaml", "'**/../../*.yaml'", OUT),
    ],
)
@pytest.mark.usefixtures("gate")
def test_paths_that_leave_the_repository(refused: Refused, name: str, old: str, new: str, message: str) -> None:
    """Prompt, tools and every pattern stay below the root."""
    change(name, old, new)
    assert message in refused("run")


@pytest.mark.parametrize(
    ("link", "place"),
    [
        ("agents/support.md", f"{AGENT}:8:18"),
        ("agents/tools.json", f"{AGENT}:9:17"),
        (AGENT, AGENT),
        (DATASET, DATASET),
        (POLICY, POLICY),
        ("waivers/w.yaml", "waivers/w.yaml"),
        (GATE, GATE),
        ("policies", "policies/"),
        ("datasets/recordings", "datasets/recordings/"),
        (".runback", ".runback"),
    ],
)
def test_links_that_leave_the_repository(
    refused: Refused, gate: Path, tmp_path_factory: pytest.TempPathFactory, link: str, place: str
) -> None:
    """A link to the outside is refused, be it a file or a folder on the way, to read or to write."""
    outside = tmp_path_factory.mktemp("outside") / "it"
    path = gate / link
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        path.rename(outside)
    else:
        outside.mkdir() if link == ".runback" else write(outside, "apiVersion: runback.dev/v1\n")
    path.symlink_to(outside)
    before = tree(outside.parent)
    message = refused("run")
    assert message.startswith(place)
    assert "leads out of the" in message
    assert tree(outside.parent) == before


@pytest.mark.parametrize("fault", ["changed", "cut", "empty", "longer", "missing", "folder", "pipe"])
@pytest.mark.parametrize("words", [("run",), ("dataset", "list"), ("dataset", "show", "sample-0")])
def test_a_recording_that_does_not_match(refused: Refused, gate: Path, fault: str, words: tuple[str, ...]) -> None:
    """One byte more, less or other, or something that is no file: refused, and the recording is named."""
    (path,) = (path for path in gate.glob("datasets/recordings/*/*"))
    data = path.read_bytes()
    path.unlink()
    if fault == "folder":
        path.mkdir()
    elif fault == "pipe":
        os.mkfifo(path)
    elif fault != "missing":
        faults = {
            "changed": data.replace(b"escalate", b"escalatf"),
            "cut": data[:-1],
            "empty": b"",
            "longer": data + b"\n",
        }
        path.write_bytes(faults[fault])
    message = refused(*words)
    assert message.startswith(path.relative_to(gate).as_posix())
    words_of = {"missing": "no such file", "folder": "not a regular file", "pipe": "not a regular file"}
    assert words_of.get(fault, "the recording was changed") in message


@pytest.mark.parametrize("data", [b'{"a":1}', b"[]", b"\xff", b'{ "a":1}', b""])
def test_a_recording_of_something_else(refused: Refused, gate: Path, data: bytes) -> None:
    """Bytes that are right by their digest but no step are refused as well."""
    name = digest_bytes(data)
    change(DATASET, load_dataset(gate, DATASET).cases[0].step or "", name)
    path = write(recording_path(DATASET, name), data)
    assert refused("run").startswith(path.as_posix())


@pytest.mark.parametrize("fault", ["changed", "cut", "empty", "other", "folder"])
def test_a_cached_answer_that_was_cut(refused: Refused, gate: Path, fault: str) -> None:
    """A cache entry is an answer or an error, never something in between; the hint says what to do."""
    change(AGENT, "{file: support.md}", "Pay whatever they ask.")
    path = answered(gate, REFUND, AGENT)
    data = path.read_bytes()
    path.unlink()
    if fault == "folder":
        path.mkdir()
    else:
        other = path.name.encode()[:64]
        faults = {
            "changed": data.replace(b"250", b"999"),
            "cut": data[:-9],
            "empty": b"",
            "other": data.replace(other, other[::-1]),
        }
        path.write_bytes(faults[fault])
    message = refused("run", "--cache", ".runback/responses")
    assert message.startswith(path.relative_to(gate).as_posix()) or fault == "folder"
    assert "the cached answer was cut or changed (delete the file" in message or "not a regular file" in message


EXPRESSION = """\
apiVersion: runback.dev/v1
kind: Policy
metadata: {name: x}
spec:
  params: {list: [%s]}
  validations:
    - id: x.rule
      expression: %s
"""
BLOCK = """|
        response.text != "" ||

          size(response.tool_calls) > 0 &&
          respnse.text == ""
"""


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 +", "8:22: x.rule: expected a value, the expression ends"),
        (BLOCK, "12:11: x.rule: unknown name 'respnse' (did you mean 'response'?)"),
        (BLOCK.replace("|", ">-", 1), "12:11: x.rule: unknown name 'respnse' (did you mean 'response'?)"),
        (BLOCK.replace("respnse.text ==", "response.text ==="), "12:27: x.rule: unexpected `=` (comparison is `==`)"),
        ("'foo(1)'", "8:20: x.rule: unknown function 'foo'"),
        ("'1 + \"a\" == 2'", "8:22: x.rule: `+` does not take (int, string)"),
        ("'response.text.matches(\"(\")'", "8:42: x.rule: invalid regular expression"),
        ("params.limit > 1", "8:26: x.rule: params has no 'limit'"),
        ("variables.x", "8:29: x.rule: unknown variable 'x'"),
        ("'[1].all(a, [1].all(b, [1].all(c, true)))'", "8:46: x.rule: loops are nested deeper than 2"),
        ('"' + "!" * 5000 + 'true"', "8:19: spec.validations[0].expression is longer than 4096 characters"),
        ('"' + "(" * 60 + "true" + ")" * 60 + '"', "8:"),
        ('"' + "é" * 2500 + '"', "8:"),
        ("1", "8:19: spec.validations[0].expression: expected text, found 1"),
        ("''", "8:19: spec.validations[0].expression must not be empty"),
    ],
)
@pytest.mark.usefixtures("gate")
def test_expressions_that_do_not_compile(refused: Refused, expression: str, message: str) -> None:
    """File, line and column in the file, in plain, quoted and block scalars; limits hold before an engine sees it."""
    write("policies/x.yaml", EXPRESSION % ("1", expression))
    assert refused("run").startswith(f"policies/x.yaml:{message}")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("'params.list.all(x, params.list.all(y, x + y > 0))'", "the loops of the expression ran 10,000 times"),
        ("size(response.text)", "returned int, expected bool"),
        ("response.text", "returned string, expected bool"),
        ("response.txt", "cannot be evaluated: "),
        ("'1 / (size(response.text) - size(response.text)) == 1'", "cannot be evaluated: "),
        ("'[1][size(response.text) + 1] == 1'", "cannot be evaluated: "),
    ],
)
@pytest.mark.usefixtures("gate")
def test_expressions_without_a_verdict(command: Command, expression: str, message: str) -> None:
    """Past the budget of its loops, or without true or false: an undecided row that says why, exit 2, never green."""
    write("policies/x.yaml", EXPRESSION % (", ".join(map(str, range(1, 201))), expression))
    result = command("run")
    assert (result.code, result.err) == (2, "")
    assert "? undecided" in result.out
    assert f"x.rule: cannot be evaluated: {message}".replace("d: cannot be evaluated: ", "d: ") in " ".join(
        result.out.split()
    )
    recorded("a", pays(5))
    result = command("backtest", "--policies", "policies/x.yaml", "--runs", "runs")
    assert (result.code, result.error) == (2, "could not be evaluated: x.rule on 1 step")


@pytest.mark.usefixtures("gate")
def test_checks_that_do_not_compile(refused: Refused) -> None:
    """A check of a dataset is placed in the dataset."""
    text = Path(DATASET).read_text()
    for check, place in (
        ("cel: 'response.text =='", 11),
        ("matches: '('", 11),
        ("jsonSchema: {type: 5}", 11),
        ("cel: params.x", 11),
    ):
        write(DATASET, f"{text.rstrip()}\n        - {check}\n")
        assert refused("run").startswith(f"{DATASET}:{place}:")


@pytest.mark.parametrize("grade", ["view-only"])
def test_a_recording_that_can_only_be_read(command: Command, gate: Path, grade: str) -> None:
    """A view-only recording is never judged: the row is undecided and says why."""
    digest = load_dataset(gate, DATASET).cases[0].step or ""
    step = load_recording(gate, DATASET, digest)
    viewed = dataclasses.replace(step, source=dataclasses.replace(step.source, grade=grade))  # type: ignore[arg-type]
    name, path, data = recording(viewed, DATASET)
    write(path, data)
    change(DATASET, digest, name)
    result = command("run")
    assert (result.code, result.err) == (2, "")
    assert "the recording is view-only: it can be read, not judged" in " ".join(result.out.split())


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([GATE, AGENT, DATASET, POLICY, "agents/tools.json"]),
    start=st.floats(0, 1),
    length=st.integers(0, 40),
    data=st.binary(max_size=12) | st.sampled_from([b": ", b"- ", b"[", b"{", b"\n", b"  ", b"'", b"null", b"&a", b"*"]),
)
def test_any_damage_is_an_answer_or_one_line(
    command: Command, gate: Path, name: str, start: float, length: int, data: bytes
) -> None:
    """However one file is damaged: a verdict with a report, or one error line; never a crash."""
    path = gate / name
    whole = path.read_bytes()
    offset = int(start * len(whole))
    try:
        path.write_bytes(whole[:offset] + data + whole[offset + length :])
        result = command("run", "--quiet")
    finally:
        path.write_bytes(whole)
    assert result.code in (0, 1, 2)
    assert "internal error" not in result.err
    assert "Traceback" not in result.err
    if result.out:
        assert (result.err, f"exit {result.code}" in result.out) == ("", True)
    else:
        assert (result.code, bool(result.error)) == (2, True)
