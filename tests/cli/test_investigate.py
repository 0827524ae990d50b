"""`bisect` and `cause` as a whole: a run, a gate with a provider, the command, what it finds, shows and keeps."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runback_gate.capture.runs import write_run
from runback_gate.step import Message
from runback_gate.testing import REFUNDS, sample_call, sample_case, sample_run, sample_step, write_gate
from runback_gate.testing.server import Act, ModelServer, completion
from tests.cli.conftest import Command, write
from tests.web.demo import write_demo

REFUND = sample_call("issue_refund", amount=250)
ESCALATE = sample_call("escalate", reason="dispute")
SYSTEM = "You are kind.\n\nKeep customers happy.\n\nBe brief.\n\nNever lie."
TALK = (
    Message("user", "Hello."),
    Message("assistant", "Hello, which order?"),
    Message("user", "P-1042. I want my $250 back."),
    Message("assistant", "One moment."),
    Message("user", "Well?"),
)
STEP = sample_step(REFUND, model="small", system=SYSTEM, messages=TALK)


def pays(body: dict[str, Any], _number: int) -> Act:
    """A model that pays what it is asked for where it is to keep customers happy."""
    text = json.dumps(body["messages"])
    return Act(completion("", [REFUND if "happy" in text and "$250" in text else ESCALATE]))


def gate(root: Path, server: ModelServer) -> None:
    """A gate that may ask the server, a case, and `runs/chat.jsonl` with one step."""
    write_gate(root, [sample_case("paid", STEP)], policies={"refunds": REFUNDS})
    document = json.loads((root / "runback.yaml").read_text())
    document["spec"]["providers"] = {"local": {"baseUrl": server.url, "models": ["small", "s-*"]}}
    (root / "runback.yaml").write_text(json.dumps(document))
    write(root / "runs/chat.jsonl", write_run(sample_run(STEP, run="chat"), lambda size: b"s" * size))


CAUSE = ("cause", "chat", "0", "--rule", "refunds.limit")


def test_the_cause_is_found_shown_and_kept(command: Command, here: Path) -> None:
    """One paragraph and one message; the smallest case has them alone, and the gate judges it."""
    with ModelServer(pays) as server:
        gate(here, server)
        result = command(*CAUSE, "--exit-code", "--save", "happy-refund", "--why", "Goodwill")
    assert result.code == 1
    text = " ".join(result.out.split())
    assert "9 parts: 4 paragraphs, 5 messages" in text
    assert "these parts alone it goes wrong in 10 of 10 (95 % interval" in text
    assert "system ¶ 2 Keep customers happy. message 2 P-1042. I want my $250 back." in text
    assert "without them in 0 of 10" in text
    assert "saved: datasets/support.yaml case happy-refund" in text
    recorded = [json.loads(path.read_text()) for path in here.glob("datasets/recordings/*/*.json")]
    (kept,) = (step for step in recorded if step["source"]["run"] == "chat-0-replayed")
    assert kept["request"]["system"] == "Keep customers happy."
    assert [message["content"] for message in kept["request"]["messages"]] == ["P-1042. I want my $250 back."]
    judged = command("run", "--dataset", "support")
    assert (judged.code, "refunds.limit" in judged.out) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "verdict", "code"),
    [
        (CAUSE, "cause", 0),
        (("cause", "chat", "0", "--check", "toolCalled: escalate", "--exit-code"), "cause", 1),
        (("cause", "--case", "paid", "--exit-code"), "cause", 1),
        (("cause", "--case", "cases/paid", "--rule", "refunds.limit"), "cause", 0),
        (("cause", "chat", "0", "--check", "toolNotCalled: other", "--exit-code"), "no claim", 0),
        ((*CAUSE, "--budget-calls", "3", "--exit-code"), "could not tell", 2),
        ((*CAUSE, "--offline"), "could not tell", 2),
    ],
)
def test_verdicts_and_exit_codes_of_cause(
    command: Command, here: Path, arguments: tuple[str, ...], verdict: str, code: int
) -> None:
    """0 it could be told, 1 a cause was found and asked for, 2 it could not."""
    with ModelServer(pays) as server:
        gate(here, server)
        result = command(*arguments, "--json")
    assert (json.loads(result.out)["verdict"], result.code) == (verdict, code)


def test_the_plan_of_cause_asks_nobody(command: Command, here: Path) -> None:
    """It says how many calls are likely and how many are possible."""
    with ModelServer(pays) as server:
        gate(here, server)
        result = command(*CAUSE, "--plan")
        assert not server.asked
    assert result.code == 0
    assert "local/small" in result.out
    assert " to " in result.out.splitlines()[-1]


def page_data(path: Path) -> dict[str, Any]:
    """What a page of a run shows."""
    text = path.read_text("utf-8").split('<script type="application/json" id="data">')[1]
    data: dict[str, Any] = json.loads(text.split("</script>")[0])
    return data


def test_the_page_of_a_cause(command: Command, here: Path) -> None:
    """The paragraph and the message that matter are told from the rest; a case has the prompt that was asked."""
    with ModelServer(pays) as server:
        gate(here, server)
        for name in (("chat", "0", "--rule", "refunds.limit"), ("--case", "paid")):
            assert "open out/cause.html in a browser" in command("cause", *name, "--out", "out/cause.html").out
            data = page_data(here / "out/cause.html")
            known, (step,) = data["cause"], data["run"]["steps"]
            assert (known["step"], known["found"], known["messages"]) == (0, True, [2])
            assert [piece for piece, matters in known["system"] if matters] == ["Keep customers happy."]
            assert "".join(piece for piece, _ in known["system"]) == SYSTEM
            assert known["answer"].startswith("issue_refund(")
            assert "in 10 of 10" in dict(known["facts"])["with"]
            assert step["mark"] == "fail"
        command(*CAUSE, "--plan", "--out", "out/plan.html")
        command("cause", "chat", "0", "--check", "toolNotCalled: other", "--out", "out/none.html")
    assert not (here / "out/plan.html").exists()
    known = page_data(here / "out/none.html")["cause"]
    assert (known["found"], known["messages"], known["answer"]) == (False, [], "")
    assert "no claim" in dict(known["facts"])


TABLE = Path(__file__).parents[2] / "docs/guides/investigate.md"
VERSION = ("bisect", "refund", "2", "--system", "prompts/careful.md", "--cache", "answers")


@pytest.mark.docs
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "refund-0"), 0),
        (("show", "none"), 2),
        (("replay", "refund", "2", "--system", "prompts/careful.md", "--cache", "answers"), 0),
        (("replay", "refund", "2", "--system", "prompts/careful.md", "--cache", "answers", "--exit-code"), 1),
        (("replay", "refund", "2", "--offline", "--exit-code"), 2),
        ((*VERSION, "--rule", "refunds.limit", "-n", "1"), 0),
        ((*VERSION, "-n", "1", "--exit-code"), 1),
        ((*VERSION, "--offline", "--refresh"), 2),
        (("cause", "refund", "2", "--rule", "refunds.limit", "--plan"), 0),
        (("cause", "refund", "2", "--rule", "refunds.limit", "--offline"), 2),
    ],
)
def test_the_table_of_exit_codes(command: Command, here: Path, words: tuple[str, ...], code: int) -> None:
    """Each command of the table exits as its row says; what `cause` exits with where it finds one stands above."""
    write_demo(here)
    command("run")
    row = next(line for line in TABLE.read_text("utf-8").splitlines() if line.startswith(f"| `{words[0]}`"))
    assert row.split("|")[2 + code].strip() != "–"
    assert command(*words).code == code


def turn(first: int, versions: int = 10) -> list[str]:
    """Prompts of which each says its number, and that customers are to be kept happy from one on."""
    names = []
    for number in range(versions):
        more = "Keep customers happy." if number >= first else "Ask a person."
        names.append(write(f"prompts/{number}.md", f"Version {number}. {more}").as_posix())
    return names


BISECT = ("bisect", "chat", "0", "--rule", "refunds.limit")


@pytest.mark.parametrize("first", [0, 6, 9, 10])
def test_the_first_bad_prompt_is_found(command: Command, here: Path, first: int) -> None:
    """Of ten files, by four probes at the most; none, where none is bad."""
    with ModelServer(pays) as server:
        gate(here, server)
        options = [part for name in turn(first) for part in ("--system", name)]
        result = command(*BISECT, *options, "--exit-code", "-n", "1")
        assert len(server.asked) <= 4
    assert result.code == (1 if first < 10 else 0)
    text = " ".join(result.out.split())
    assert "10 versions · at most 4 are asked" in text
    assert (f"first {first + 1}. prompts/{first}.md" if first < 10 else "first none") in text


def git(*arguments: str) -> None:
    """Run git without the settings of a person."""
    own = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *own, *arguments], check=True, capture_output=True)


def test_revisions_of_a_prompt_are_walked(command: Command, here: Path) -> None:
    """The commits that changed the file, the state at the beginning first; others are no versions."""
    with ModelServer(pays) as server:
        gate(here, server)
        git("init", "-q", "-b", "main")
        texts = ["Be kind.", "Be kind and brief.", "Keep customers happy.", "Keep customers very happy."]
        for number, text in enumerate(texts):
            write("prompts/p.md", text)
            write("other.txt", str(number))
            git("add", "prompts/p.md", "other.txt")
            git("commit", "-qm", f"prompt {number}")
            write("other.txt", f"again {number}")
            git("commit", "-qam", "nothing")
        result = command(*BISECT, "--system", "prompts/p.md", "--revisions", "HEAD~7..HEAD", "--json")
        assert "no revision is named" in command(*BISECT, "--system", "prompts/p.md", "--revisions", "gone..").error
    found = json.loads(result.out)
    assert [name[8:] for name in found["versions"]] == ["HEAD~7", "prompt 1", "prompt 2", "prompt 3"]
    assert (found["first"], result.code) == (2, 0)


def test_models_are_versions(command: Command, here: Path) -> None:
    """Without a rule other calls than the recorded ones are what is looked for."""

    def answers(body: dict[str, Any], _number: int) -> Act:
        return Act(completion("", [ESCALATE if body["model"] in ("s-3", "s-4") else REFUND]))

    with ModelServer(answers) as server:
        gate(here, server)
        models = [part for number in range(5) for part in ("--model", f"local/s-{number}")]
        result = command("bisect", "chat", "0", *models, "--exit-code")
    assert result.code == 1
    assert "first 4. local/s-3" in " ".join(result.out.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bisect", "chat", "0"), "versions of one kind"),
        (("bisect", "chat", "0", "--system", "a.md", "--model", "local/small"), "versions of one kind"),
        (("bisect", "chat", "0", "--system", "a.md", "--revisions", "HEAD"), "not in a git repository"),
        (("bisect", "chat", "0", "--revisions", "HEAD"), "versions of one kind"),
        ((*BISECT, "--check", "toolCalled: a", "--model", "local/small"), "not both"),
        (("bisect", "chat", "0", "--rule", "refunds.limits", "--model", "local/small"), "refunds.limit"),
        (("cause", "chat", "0"), "say what is wrong"),
        (("cause", "chat"), "say RUN and STEP"),
        (("cause", "chat", "0", "--case", "paid"), "say RUN and STEP"),
        (("cause", "--case", "missing"), "no case is named"),
        (("cause", "chat", "3", "--rule", "refunds.limit"), "has no step 3"),
        (("cause", "chat", "0", "--check", "nonsense"), "--check"),
    ],
)
def test_what_cannot_be_looked_into_is_refused(
    command: Command, here: Path, arguments: tuple[str, ...], words: str
) -> None:
    """Exit 2 with the reason; nobody is asked and nothing is written."""
    with ModelServer(pays) as server:
        gate(here, server)
        write("a.md", "Be kind.")
        before = {path for path in here.rglob("*") if path.is_file()}
        result = command(*arguments)
        assert not server.asked
    assert (result.code, words in result.error) == (2, True), result.error
    assert {path for path in here.rglob("*") if path.is_file()} == before


def test_hostile_parts_are_inert(command: Command, here: Path) -> None:
    """What a message, a file name or a model says steers neither the terminal nor the job that logs it."""
    evil = "\x1b[2J\n::error::gone\n##vso[task.complete] $250 happy"
    step = sample_step(REFUND, model="small", system="Be kind.", messages=(Message("user", evil),))
    with ModelServer(pays) as server:
        gate(here, server)
        write(here / "runs/chat.jsonl", write_run(sample_run(step, run="chat"), lambda size: b"s" * size))
        for more in ((), ("--json",)):
            out = command(*CAUSE, *more).out
            assert "\x1b" not in out
            assert "##vso[" not in out
            assert not [line for line in out.splitlines() if line.lstrip().startswith("::")]
