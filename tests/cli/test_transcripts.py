"""`import transcript`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runback_gate.capture.runs import read_run
from tests.capture.otlp.exports import TRACES, logs
from tests.cli.conftest import Command, Refused, process, tree, write

CHAT = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
LABELLED = {"messages": CHAT, "task": 7, "model": "openai/m"}
LINE = json.dumps(LABELLED)


@pytest.mark.parametrize(
    ("name", "text", "runs"),
    [
        ("chat.json", json.dumps(CHAT), 1),
        ("chat.json", json.dumps(LABELLED, indent=2), 1),
        ("chat.json", json.dumps([LABELLED, LABELLED]), 2),
        ("chats.jsonl", f"{LINE}\n\n{LINE}", 2),
        ("chats.jsonl", f"{json.dumps(CHAT)}\r\n{LINE}\r\n", 2),
        ("chats.ndjson", LINE, 1),
    ],
)
def test_forms_of_a_transcript(command: Command, here: Path, name: str, text: str, runs: int) -> None:
    """A conversation, an object with one, a list of them as JSON; one a line as JSONL."""
    write(name, text)
    result = command("import", "transcript", name, "--agent", "a")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[0] in ("1 run, 1 step of a in runs/", "2 runs, 2 steps of a in runs/")
    assert len(list(here.glob("runs/*.jsonl"))) == runs


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        (json.dumps(CHAT), 1),
        (json.dumps(CHAT, indent=2), 1),
        (LINE, 1),
        (json.dumps(LABELLED, indent=2), 1),
        (f"{LINE}\n{LINE}\n", 2),
        (f"\n{json.dumps(CHAT)}\n{json.dumps(CHAT)}", 2),
        (json.dumps([LABELLED, LABELLED], indent=2), 2),
    ],
)
def test_standard_input(command: Command, here: Path, text: str, runs: int) -> None:
    """`-` reads standard input and tells JSON from JSONL by what comes."""
    assert command("import", "transcript", "-", "--agent", "a", stdin=text.encode()).code == 0
    assert len(list(here.glob("runs/stdin-*.jsonl"))) == runs


@pytest.mark.integration
def test_standard_input_of_a_process(here: Path) -> None:
    """The same through a real pipe."""
    result = process("import", "transcript", "-", "--agent", "a", cwd=here, input=LINE.encode())
    assert (result.code, result.err) == (0, "")
    assert len(list(here.glob("runs/stdin-*.jsonl"))) == 1


def test_json_says_what_was_made(command: Command, here: Path) -> None:
    """`--json` gives each run with its steps and labels."""
    write("chats.jsonl", f"{LINE}\n{LINE}")
    made = json.loads(command("import", "transcript", "chats.jsonl", "--agent", "a", "--json").out)
    assert made["steps"] == 2
    assert [(row["steps"], row["labels"]) for row in made["runs"]] == [(1, {"task": 7})] * 2
    assert {f"{row['run']}.jsonl" for row in made["runs"]} == {path.name for path in here.glob("runs/*")}


def test_options_reach_the_run(command: Command, here: Path) -> None:
    """Agent, model, tools and folder are those that were named."""
    write("chat.json", LINE)
    write("tools.json", json.dumps([{"name": "look"}]))
    result = command(
        *("import", "transcript", "chat.json", "--agent", "shop", "--model", "x/y"),
        *("--tools", "tools.json", "--out", "deep/er"),
    )
    assert result.out.splitlines()[0] == "1 run, 1 step of shop in deep/er/"
    (path,) = here.glob("deep/er/*.jsonl")
    run = read_run(path.read_bytes(), path.name)
    (step,) = run.steps
    assert (run.agent, step.request.model, [tool.name for tool in step.request.tools]) == ("shop", "x/y", ["look"])
    assert step.source.unknown == ("parameters", "system")


@pytest.mark.usefixtures("gate")
def test_the_next_command_fits(command: Command) -> None:
    """Where a gate is, the next step is a case; names of agents need no quotes."""
    write("chat.json", LINE)
    last = command("import", "transcript", "chat.json", "--agent", "A b").out.splitlines()[-1]
    assert last.endswith(" 0 --dataset datasets/a-b.yaml")
    words = last.removeprefix("next: runback-gate ").split()
    assert command(*words).code == 0


def test_a_transcript_without_an_answer(refused: Refused) -> None:
    """A conversation in which nobody answered is no run."""
    write("chat.json", json.dumps(CHAT[:1]))
    assert refused("import", "transcript", "chat.json", "--agent", "a").startswith("chat.json: no answer")


@pytest.mark.parametrize(
    ("name", "data", "place", "words"),
    [
        ("x.json", b"", "x.json", "no run"),
        ("x.jsonl", b"", "x.jsonl", "no run"),
        ("x.jsonl", b"\n\n", "x.jsonl", "no run"),
        ("x.json", b"\x00\xff\xfe", "x.json:1:2", "UTF-8"),
        ("x.json", b"{", "x.json:1:2", "JSON"),
        ("x.jsonl", LINE.encode() + b'\n{"messages": [}', "x.jsonl:2:15", "write one JSON value per line"),
        ("x.json", b'{"messages": []}', "x.json", "no `messages` here"),
        ("x.json", b'{"messages": [{"role": "root"}]}', "x.json", "unknown role 'root'"),
        (
            "x.json",
            b'{"messages": [{"role": "user", "contnt": ""}]}',
            "x.json",
            "messages[0].content: a message without content",
        ),
        ("x.jsonl", b'\n{"messages": [7]}', "x.jsonl:2", "messages[0]: an object was expected"),
        ("x.json", b"[" * 100_000, "x.json:1:", "depth"),
        ("x.json", b'{"messages": [], "messages": []}', "x.json:1:18", "messages"),
        ("x.json", b'{"messages": [{"role": "user", "content": nan}]}', "x.json:1:43", "JSON"),
    ],
)
def test_what_is_no_transcript(refused: Refused, name: str, data: bytes, place: str, words: str) -> None:
    """One line with the place; nothing is written, not even the folder."""
    write(name, data)
    message = refused("import", "transcript", name, "--agent", "a")
    assert message.startswith(place)
    assert words in message


def test_files_that_cannot_be_read(refused: Refused) -> None:
    """Missing files get the nearest name, folders and wrong tools a word of their own."""
    write("chat.json", LINE)
    assert refused("import", "transcript", "caht.json", "--agent", "a") == (
        "caht.json: no such file (did you mean 'chat.json'?)"
    )
    assert refused("import", "transcript", "nowhere/x.json", "--agent", "a") == "nowhere/x.json: no such file"
    assert refused("import", "transcript", "chat.json/x", "--agent", "a") == "chat.json/x: no such file"
    assert refused("import", "transcript", ".", "--agent", "a") == ".: a folder (name a file)"
    assert refused("import", "transcript", "x" * 300, "--agent", "a").endswith("cannot be read: File name too long")
    tools = write("tools.json", '{"name": "look"}').name
    arguments = ("import", "transcript", "chat.json", "--agent", "a", "--tools", tools)
    assert refused(*arguments) == "tools.json: a list of tools was expected (OpenAI function format)"
    write(tools, "[")
    assert refused(*arguments).startswith("tools.json:1:2: not valid JSON")
    write(tools, b" " * (8 << 20) + b"[]")
    assert refused(*arguments) == "tools.json: larger than 8 MiB"


def test_a_folder_that_is_a_file(refused: Refused) -> None:
    """Runs cannot be written below a file."""
    write("chat.json", LINE)
    assert "Directory 'chat.json' is a file" in refused(
        "import", "transcript", "chat.json", "--agent", "a", "--out", "chat.json"
    )
    message = refused("import", "transcript", "chat.json", "--agent", "a", "--out", "chat.json/runs")
    assert message == "chat.json: a file stands where a folder is needed (name another folder)"


def test_a_hostile_name_stays_in_its_folder(command: Command, here: Path) -> None:
    """Run files are named by letters and digits of the transcript's name, whatever else it holds."""
    write("in/..  $(id) é.jsonl", LINE)
    assert command("import", "transcript", "in/..  $(id) é.jsonl", "--agent", "a").code == 0
    (path,) = (name for name, data in tree(here).items() if data is not None and name.startswith("runs/"))
    assert path.startswith("runs/id-0001-")


def test_a_second_import(command: Command, refused: Refused, here: Path) -> None:
    """The runs of an earlier import keep their bytes, and that is said; as runs of another agent they are refused."""
    write("chat.json", json.dumps(CHAT))
    assert command("import", "transcript", "chat.json", "--agent", "a").code == 0
    before = tree(here)
    result = command("import", "transcript", "chat.json", "--agent", "a")
    assert result.code == 0
    assert result.out.splitlines()[0] == "1 run, 1 step of a in runs/ (1 there already, left as it was)"
    assert tree(here) == before
    assert "is there already, as another run" in refused("import", "transcript", "chat.json", "--agent", "b")


def test_traces_and_logs_of_one_run(command: Command, here: Path) -> None:
    """Named together they are one run of the file with the spans; each alone says what it lacks."""
    write("logs/b-traces.json", TRACES)
    write("logs/a-logs.json", logs(1))
    assert command("import", "logs/b-traces.json").code == 2
    assert not list(here.glob("runs/*"))
    result = command("import", "logs", "--json")
    assert result.code == 0
    read = json.loads(result.out)
    assert [(item["format"], item["runs"], item["refused"]) for item in read["files"]] == [
        ("otlp", 0, None),
        ("otlp", 1, None),
    ]
    assert len(read["runs"]) == 1


def test_the_gate_config_says_what_is_redacted(command: Command, here: Path) -> None:
    """Its rules and level hold for an import; `--redact` says another level."""
    rule = "{id: staff, pattern: 'EMP-[0-9]{6}', example: EMP-123456, counterExample: EMP-1}"
    write("runback.yaml", f"spec: {{redact: {{level: strict, rules: [{rule}]}}}}")
    said = [{"role": "user", "content": "I am EMP-654321 at 203.0.113.9"}, {"role": "assistant", "content": "Hello"}]
    write("chat.json", json.dumps(said))
    assert command("import", "chat.json", "--agent", "a").code == 0
    (run,) = here.glob("runs/*.jsonl")
    assert (b"<staff:" in run.read_bytes(), b"203.0.113.9" in run.read_bytes()) == (True, False)
    assert command("import", "chat.json", "--agent", "a", "--redact", "standard", "--out", "other").code == 0
    (run,) = here.glob("other/*.jsonl")
    assert (b"<staff:" in run.read_bytes(), b"203.0.113.9" in run.read_bytes()) == (True, True)
