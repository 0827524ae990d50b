"""`audit`: records as a user makes, signs and verifies them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runback_gate.app.samples import sample_run
from runback_gate.audit.checkpoint import parse_checkpoint
from runback_gate.capture.runs import write_run
from tests.cli.conftest import Command, change, tree, write

RUN = "runs/sample.jsonl"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """What `made` made when it was asked first."""
    return {}


@pytest.fixture
def made(command: Command, here: Path, files: dict[str, bytes]) -> Path:
    """A folder with a run, a report, a key pair, and a signed record of both."""
    for name, data in files.items():
        write(here / name, data)
    if files:
        return here
    assert command("init").code == 0
    assert command("run", "--report", "report").code == 0
    write(here / RUN, write_run(sample_run(), lambda size: b"s" * size))
    assert command("keys", "generate", "me", "--no-password").code == 0
    done = command("audit", "export", "sample", "report/report.json", "--out", "record.jsonl", "--key", "me.key")
    assert (done.code, done.err) == (0, "")
    assert done.out == "1 run · 1 report · 3 events in record.jsonl\nsigned\n"
    files |= {name: data for name, data in tree(here).items() if data is not None}
    return here


def facts(command: Command, *arguments: str) -> dict[str, Any]:
    """What `audit verify --json` says."""
    found: dict[str, Any] = json.loads(command("audit", "verify", *arguments, "--json").out)
    return found


def test_a_record_is_verified_with_the_key(command: Command, made: Path) -> None:
    """Valid, exit 0, and it says what the signature covers and what it cannot exclude."""
    done = command("audit", "verify", "record.jsonl", "--key", "me.pub")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("VALID         ")
    assert lines[0].endswith("· 1 run · 1 report · 3 events")
    assert [line[:13].strip() for line in lines if line[0] != " "] == [
        "VALID",
        "checkpoint",
        "made",
        "values",
        "covers",
        "not excluded",
    ]
    told = facts(command, "record.jsonl", "--key", "me.pub")
    assert (told["status"], told["exit"], told["held"], told["notCovered"]) == ("valid", 0, 5, [])
    assert len(told["covers"]) == 3
    assert len(told["cannotExclude"]) == 2
    assert (made / "record.jsonl").stat().st_size > 0


def test_without_the_key_nobody_vouches_for_it(command: Command, made: Path) -> None:
    """Exit 2, with the reason; an unsigned record says so when it is made."""
    done = command("audit", "verify", "record.jsonl")
    assert (done.code, done.out.splitlines()[1]) == (
        2,
        "reason        no key was given, so the signature was not checked",
    )
    done = command("audit", "export", RUN, "--out", "plain.jsonl")
    assert done.out.endswith("not signed: anybody could have made it (sign it with --key)\n")
    assert command("audit", "verify", "plain.jsonl", "--key", "me.pub").code == 2
    assert (made / "plain.jsonl").is_file()


def test_one_changed_byte_is_shown(command: Command, made: Path) -> None:
    """Exit 1; line, event, bytes, kind."""
    change(made / "record.jsonl", '"event":0', '"event":7')
    done = command("audit", "verify", "record.jsonl", "--key", "me.pub")
    assert (done.code, done.err) == (1, "")
    first, second = done.out.splitlines()
    assert first.startswith("INVALID       line 9 of ")
    assert " · event sample:1 (model openai/gpt-4o-2024-08-06) · bytes " in first
    assert (first.endswith(" · changed"), second.strip()) == (True, "the line was changed")
    told = facts(command, "record.jsonl")
    assert (told["exit"], told["fault"]["line"], told["fault"]["kind"]) == (1, 9, "changed")
    assert command("audit", "checkpoint", "record.jsonl").code == 1


def test_a_record_may_come_from_a_pipe(command: Command, made: Path) -> None:
    """`-` is standard input."""
    data = (made / "record.jsonl").read_bytes()
    assert command("audit", "verify", "-", "--key", "me.pub", stdin=data).code == 0


def test_a_checkpoint_is_kept_and_held_against_a_later_record(command: Command, made: Path) -> None:
    """A checkpoint file, or the whole old record, is the outside witness."""
    kept = command("audit", "checkpoint", "record.jsonl")
    assert kept.code == 0
    assert parse_checkpoint(kept.out).origin == "runback.dev/audit"
    write(made / "kept.txt", kept.out)
    again = ("audit", "export", RUN, "report/report.json", RUN, "--out", "later.jsonl", "--key", "me.key")
    assert command(*again).code == 0
    for old in ("kept.txt", "record.jsonl"):
        told = facts(command, "later.jsonl", "--key", "me.pub", "--checkpoint", old)
        assert (told["status"], len(told["cannotExclude"])) == ("valid", 1)
    assert facts(command, "record.jsonl", "--checkpoint", "later.jsonl")["fault"]["kind"] == "truncated"
    other = ("audit", "export", "report/report.json", RUN, RUN, "--out", "other.jsonl", "--key", "me.key")
    assert command(*other).code == 0
    assert facts(command, "other.jsonl", "--checkpoint", "kept.txt")["fault"]["kind"] == "head replaced"


def test_only_named_events_disclose_their_values(command: Command, made: Path) -> None:
    """The others are withheld; the record is valid and counts them."""
    for name in ("sample:0", "0"):
        done = command("audit", "export", RUN, "--out", "part.jsonl", "--key", "me.key", "--disclose", name, "--json")
        assert json.loads(done.out)["withheld"] == 5
    told = facts(command, "part.jsonl", "--key", "me.pub")
    assert (told["status"], told["held"], told["withheld"]) == ("valid", 0, 5)
    assert b"specialist" not in (made / "part.jsonl").read_bytes()


def test_the_key_may_come_from_the_environment(command: Command, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `env:NAME`."""
    monkeypatch.setenv("AUDIT_KEY", (made / "me.pub").read_text("utf-8"))
    assert command("audit", "verify", "record.jsonl", "--key", "env:AUDIT_KEY").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("export", "nothing", "--out", "x.jsonl"), "runs/nothing.jsonl: no such file"),
        (("export", "runback.yaml", "--out", "x.jsonl"), "runs/runback.yaml.jsonl: no such file"),
        (("export", "me.pub.jsonl", "--out", "x.jsonl"), "me.pub.jsonl: not a run file"),
        (("export", "other.jsonl", "--out", "x.jsonl"), "other.jsonl: not a run file"),
        (("export", "empty.jsonl", "--out", "x.jsonl"), "empty.jsonl: not a run file"),
        (("export", "empty.json", "--out", "x.jsonl"), "empty.json:1:1: not valid JSON"),
        (("export", RUN, "--out", "x.jsonl", "--key", "me.pub"), "me.pub: not a private key in PKCS#8"),
        (("export", RUN, "--out", "x.jsonl", "--origin", "a\nb"), "an origin has 1 to 200 printable ASCII"),
        (("export", RUN, "--out", "x.jsonl", "--disclose", "other:1"), "no run here has an event 'other:1'"),
        (("export", RUN, "--out", "x.jsonl", "--disclose", "sample:x"), "no run here has an event 'sample:x'"),
        (("export", RUN, "--out", "x.jsonl", "--disclose", "9"), "run sample has no event 9"),
        (("export", RUN, "--out", "runs"), "runs: a folder stands where the file is to be"),
        (("verify", "nothing.jsonl"), "nothing.jsonl: no such file"),
        (("verify", "runs"), "runs: a folder"),
        (("verify", RUN), "not an audit record"),
        (("verify", "record.jsonl", "--key", "me.key"), "me.key: a private key"),
        (("verify", "record.jsonl", "--checkpoint", "me.pub"), "me.pub: not a checkpoint"),
        (("verify", "record.jsonl", "--checkpoint", "cut.jsonl"), "cut.jsonl: the record holds no statement"),
        (("checkpoint", RUN), "not an audit record"),
    ],
    ids=str,
)
def test_bad_input_is_refused(
    refused: Callable[..., str], made: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Exit 2, one line, nothing written."""
    write(made / "me.pub.jsonl", "{")
    write(made / "other.jsonl", '{"type":"run.start"}\n')
    write(made / "empty.jsonl", "")
    write(made / "empty.json", "")
    write(made / "cut.jsonl", (made / "record.jsonl").read_bytes()[:200])
    assert message in refused("audit", *arguments)


def test_a_changed_run_is_not_exported(refused: Callable[..., str], made: Path) -> None:
    """And leaves no half of a record behind."""
    change(made / RUN, "never bought", "never sold")
    assert "line 2 holds a value that does not match its id" in refused("audit", "export", RUN, "--out", "x.jsonl")


def test_a_line_without_end_is_refused(
    refused: Callable[..., str], made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line of more than the limit is held in memory."""
    monkeypatch.setattr("runback_gate.documents.named_files.MAX_LINE_BYTES", 1 << 10)
    write(made / "long.jsonl", b"{" * 2000)
    assert "long.jsonl:1: a line of more than" in refused("audit", "verify", "long.jsonl")


def test_one_event_is_proved_without_the_rest(command: Command, made: Path) -> None:
    """The proof verifies alone, and shows the event and, where wanted, its values."""
    done = command("audit", "prove", "record.jsonl", "sample:1", "--out", "proof.json", "--key", "me.pub", "--values")
    assert (done.code, done.out) == (0, "proof that sample:1 is in record.jsonl: proof.json\n")
    (made / "record.jsonl").unlink()
    done = command("audit", "verify", "proof.json", "--key", "me.pub")
    assert done.code == 0
    assert done.out.startswith("VALID         event (model openai/gpt-4o-2024-08-06) is leaf 7 of ")
    assert [line[:13].strip() for line in done.out.splitlines()] == [
        "VALID",
        "checkpoint",
        "made",
        "line",
        *["value"] * 5,
    ]
    told = facts(command, "proof.json")
    assert (told["status"], told["exit"], told["index"], len(told["values"])) == ("unverified", 2, 7, 5)
    assert command("audit", "verify", "proof.json").out.splitlines()[1].startswith("reason ")
    change(made / "proof.json", '"index":7', '"index":8')
    done = command("audit", "verify", "proof.json", "--key", "me.pub")
    assert (done.code, len(done.out.splitlines())) == (1, 2)


def test_a_proof_says_when_a_value_is_not_given(command: Command, made: Path) -> None:
    """Withheld values are named, not shown."""
    write(made / "r.jsonl", (made / RUN).read_bytes())
    command("audit", "export", "r.jsonl", "--out", "part.jsonl", "--key", "me.key", "--disclose", "0")
    assert command("audit", "prove", "part.jsonl", "sample:1", "--out", "p.json", "--values").code == 0
    assert command("audit", "verify", "p.json").out.count("is not given") == 5


def test_a_later_record_extends_an_earlier_one(command: Command, made: Path) -> None:
    """Shown with both records, or with a checkpoint and a proof."""
    again = ("audit", "export", RUN, "report/report.json", RUN, "--out", "later.jsonl", "--key", "me.key")
    assert command(*again).code == 0
    done = command("audit", "consistency", "record.jsonl", "later.jsonl", "--key", "me.pub", "--out", "c.json")
    assert done.code == 0
    write(made / "kept.txt", command("audit", "checkpoint", "record.jsonl").out)
    done = command("audit", "consistency", "kept.txt", "c.json", "--key", "me.pub")
    assert (done.code, done.out.startswith("VALID         the first ")) == (0, True)
    told = json.loads(command("audit", "consistency", "kept.txt", "c.json", "--json").out)
    assert (told["kind"], told["exit"], told["old"]["origin"]) == ("consistency", 2, "runback.dev/audit")
    done = command("audit", "consistency", "later.jsonl", "record.jsonl", "--key", "me.pub", "--out", "no.json")
    assert (done.code, (made / "no.json").exists()) == (1, False)


def test_an_invalid_record_proves_nothing(command: Command, made: Path) -> None:
    """Exit 1, and no proof is written."""
    change(made / "record.jsonl", '"event":0', '"event":7')
    done = command("audit", "prove", "record.jsonl", "sample:1", "--out", "p.json")
    assert (done.code, done.out) == (1, "")
    assert done.error == "record.jsonl: the line was changed"
    assert not (made / "p.json").exists()


def test_a_value_is_erased_from_a_run_and_from_a_record(command: Command, made: Path) -> None:
    """It is gone, the tombstone says when and why, and both files verify."""
    arguments = ("step 0 request.messages[0].content", "--reason", "asked for by the customer")
    done = command("audit", "erase", RUN, *arguments, "--dry-run")
    assert (done.code, done.out.splitlines()[-1]) == (0, "1 value would be erased")
    assert b"never bought" in (made / RUN).read_bytes()
    for file in (RUN, "record.jsonl"):
        done = command("audit", "erase", file, *arguments)
        assert (done.code, done.err) == (0, "")
        assert done.out.splitlines()[0].endswith("named by event 1 (step 0) messages[0]")
        assert b"never bought" not in (made / file).read_bytes()
        assert b'"reason":"asked for by the customer"' in (made / file).read_bytes()
    told = facts(command, "record.jsonl", "--key", "me.pub")
    assert (told["status"], told["erased"], len(told["notCovered"])) == ("valid", 1, 1)
    assert " 1 erased (1 after signing) " in command("audit", "verify", "record.jsonl", "--key", "me.pub").out
    done = command("audit", "erase", RUN, *arguments, "--json")
    assert json.loads(done.out)["erased"] == 0
    assert "was erased before" in command("audit", "erase", RUN, *arguments).out


def test_an_erased_step_is_not_judged(command: Command, made: Path) -> None:
    """A backtest that meets it could not judge, and says why."""
    assert (made / RUN).is_file()
    before = json.loads(command("backtest", "--policies", "policies", "--runs", "runs", "--json").out)
    assert command("audit", "erase", RUN, "--match", "never bought", "--reason", "asked for").code == 0
    after = command("backtest", "--policies", "policies", "--runs", "runs")
    assert (before["steps"], after.code) == (1, 2)
    assert "view-only" in after.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("prove", "record.jsonl", "sample", "--out", "x"), "not an event: 'sample'"),
        (("prove", "record.jsonl", "sample:9", "--out", "x"), "run sample has no event 9"),
        (("prove", "record.jsonl", "other:1", "--out", "x"), "the record has no run 'other'"),
        (("consistency", "record.jsonl", "me.pub"), "not an audit record"),
        (("consistency", "kept.txt", "c.json"), "the proof starts from another state than the old one"),
        (("erase", RUN, "--reason", "x"), "no value was named, and no --match was given"),
        (("erase", RUN, "12345678", "--reason", " "), "one printable line"),
        (("erase", RUN, "12345678", "--reason", "a\nb"), "one printable line"),
        (("erase", RUN, "12345678", "--reason", "x"), "no value has the id 12345678"),
        (("erase", ".", "12345678", "--reason", "x"), "not a pseudonym: '12345678'"),
        (("erase", ".", "--match", "bought", "--reason", "x"), "not a pseudonym: '--match bought'"),
        (("erase", RUN, "--match", "nobody", "--reason", "x"), "no value matches (nothing was erased)"),
        (("erase", "changed.jsonl", "12345678", "--reason", "x"), "changed.jsonl:9: the line was changed"),
        (("erase", "broken.jsonl", "12345678", "--reason", "x"), "broken.jsonl:2: line 2 holds a value"),
    ],
    ids=str,
)
def test_bad_proofs_and_erasures_are_refused(
    command: Command, refused: Callable[..., str], made: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Exit 2, one line, nothing written."""
    write(made / "kept.txt", "runback.dev/audit\n1\n" + "A" * 43 + "=\n")
    assert command("audit", "consistency", "record.jsonl", "record.jsonl", "--out", "c.json").code == 2
    write(made / "changed.jsonl", (made / "record.jsonl").read_bytes().replace(b'"event":0', b'"event":7'))
    write(made / "broken.jsonl", (made / RUN).read_bytes().replace(b"never bought", b"never sold"))
    assert message in refused("audit", *arguments)
