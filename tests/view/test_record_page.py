"""The page of an audit record says in Chromium what `audit verify` says, of every change, and marks the same line."""

from __future__ import annotations

from base64 import b64encode
from itertools import chain
from pathlib import Path
from random import Random  # noqa: TID251  seeded, so it is no chance
from typing import Any

import pytest

from runback_gate.attest.keys import new_key, public_pem
from runback_gate.attest.note import sign_note
from runback_gate.audit.checkpoint import Checkpoint
from runback_gate.cli import main
from runback_gate.errors import InputError
from runback_gate.view import record_page as module
from runback_gate.view.record_page import record_page
from tests.audit import conftest
from tests.audit.mutations import DATA, LINES, byte_changes, json_changes, line_changes, rewritten
from tests.browser import Shown, serious

SPECIMENS = Path(__file__).parent.parent / "specimens" / "v1" / "audit"
SCRIPT = Path(module.__file__).parent / "templates" / "record_check.js"
CHECKED = """async ([source, pem, records, kept]) => {
  const checks = await import(`data:text/javascript;base64,${source}`);
  const key = pem && await checks.readKey(pem), earlier = kept && checks.readCheckpoint(kept), found = [];
  for (const record of records) {
    const data = Uint8Array.from(atob(record), (letter) => letter.charCodeAt(0));
    const { status, line } = await checks.verify(data, key, earlier).catch(({ message }) => ({ status: message }));
    found.push([status, status === "invalid" ? line : 0]);
  }
  return found;
}"""


def checked(browser: Any, folder: Path, pem: bytes, records: list[bytes], kept: str = "") -> list[list[Any]]:
    """What the script of the page says of records: status, and the line where it is invalid; `kept` is a checkpoint."""
    page = Shown(browser, folder / "empty.html", "<!doctype html><title>empty</title>").page
    source = b64encode(SCRIPT.read_bytes()).decode()
    found: list[list[Any]] = page.evaluate(
        CHECKED, [source, pem.decode(), [b64encode(data).decode() for data in records], kept]
    )
    page.close()
    return found


def test_it_agrees_with_audit_verify(browser: Any, tmp_path: Path) -> None:
    """Of the whole record, and of hundreds of changes: bytes, lines, forms of JSON, records made without the key."""
    chance = Random(7)
    lines = (change for change in line_changes(chance) if chance.random() < 0.05)
    changes = chain(byte_changes(Random(5), 97), lines, json_changes(), rewritten())
    records = [LINES, *(changed for changed, _ in changes)]
    expected: list[list[Any]] = []
    for record in records:
        try:
            found = conftest.verified(record)
            expected.append([found.status, found.fault.line if found.fault else 0])
        except InputError:
            expected.append(["invalid", None])
    pem = public_pem(conftest.key().public_key())
    said = checked(browser, tmp_path, pem, [b"".join(record) for record in records])
    assert len(said) > 900
    wrong = [(one, two) for one, two in zip(expected, said, strict=True) if one[1] is not None and one != two]
    assert wrong == []
    assert all(two[0] == "invalid" for one, two in zip(expected, said, strict=True) if one[1] is None)


def test_a_checkpoint_that_was_kept(browser: Any, tmp_path: Path) -> None:
    """The page says what `audit verify --checkpoint` does: of longer, shorter, rewritten, changed and other records."""
    run = conftest.run_part("first", 9, erased=(1,))
    longer = conftest.record(run, *(conftest.run_part(name, 70) for name in "abc"))
    other = conftest.record(run, origin="other.example")
    changes = [changed for changed, _ in byte_changes(Random(6), 997)]
    records = [LINES, conftest.record(run), longer, conftest.record(), other, LINES[:-3], LINES[:-1], *changes]
    kept = [found.statement.checkpoint for found in map(conftest.verified, records[:5]) if found.statement]
    pem = public_pem(conftest.key().public_key())
    for at in (*kept, Checkpoint(conftest.ORIGIN, 0, kept[0].root)):
        expected: list[list[Any]] = []
        for record in records:
            try:
                found = conftest.verified(record, earlier=at)
                expected.append([found.status, found.fault.line if found.fault else 0])
            except InputError as error:
                expected.append([str(error).split(" (")[0], None])
        said = checked(browser, tmp_path, pem, [b"".join(record) for record in records], at.text)
        wrong = [(one, two) for one, two in zip(expected, said, strict=True) if one[1] is not None and one != two]
        assert wrong == [], at
        refused = [two[0] for one, two in zip(expected, said, strict=True) if one[1] is None]
        assert all(text.startswith("the checkpoint is of") for text in refused)
        assert len(refused) < len(records)


def test_a_checkpoint_on_the_page(browser: Any, tmp_path: Path) -> None:
    """It is pasted beside the key, alone or as a signed note; what is none is named, and nothing is claimed then."""
    old, new = (conftest.verified(record).statement for record in (conftest.record(), LINES))
    assert old
    assert new
    page = Shown(browser, tmp_path / "p.html", record_page(DATA, "record.jsonl")).page
    page.wait_for_selector("body.unverified")
    page.fill("#pem", public_pem(conftest.key().public_key()).decode())
    note = sign_note(new_key("ed25519"), new.checkpoint.text, new.checkpoint.origin).encode()
    for text, state, words in (
        (new.checkpoint.text, "valid", "the record begins with them"),
        (note, "valid", "the record begins with them"),
        (old.checkpoint.text, "invalid", "are not those of the checkpoint"),
        ("nothing", "", "not a checkpoint"),
        (new.checkpoint.text.replace("acme", "other"), "", "the checkpoint is of other.example/support"),
        ("", "valid", "every line is the one that was signed"),
    ):
        page.fill("#kept", text if isinstance(text, str) else text.decode())
        page.click("#key button")
        page.wait_for_function("(state) => document.body.className === state", arg=state)
        page.wait_for_function("(words) => document.body.innerText.includes(words)", arg=words)
        assert serious(page) == []


def test_a_specimen_of_each_kind_of_key(browser: Any, tmp_path: Path) -> None:
    """P-256 and Ed25519; without a key, and with another one."""
    specimen, pem = (SPECIMENS / "record.jsonl").read_bytes(), (SPECIMENS / "key.pub").read_bytes()
    assert checked(browser, tmp_path, pem, [specimen]) == [["valid", 0]]
    assert checked(browser, tmp_path, b"", [specimen, DATA]) == [["unverified", 0], ["unverified", 0]]
    last = specimen.count(b"\n")
    for kind in ("p256", "ed25519"):
        other = public_pem(new_key(kind).public_key())
        assert checked(browser, tmp_path, other, [specimen]) == [["invalid", last]]


def test_what_an_auditor_sees(browser: Any, tmp_path: Path) -> None:
    """The page asks for nothing, takes the key, and marks the changed line; hostile bytes stay text."""
    pem = (SPECIMENS / "key.pub").read_text("utf-8")
    data = (SPECIMENS / "record.jsonl").read_bytes()
    whole = Shown(browser, tmp_path / "whole.html", record_page(data, "record.jsonl"))
    whole.page.wait_for_selector("body.unverified")
    whole.page.fill("#pem", pem)
    whole.page.keyboard.press("Tab")
    whole.page.keyboard.press("Tab")
    whole.page.keyboard.press("Enter")
    whole.page.wait_for_selector("body.valid")
    assert (len(whole.asked), whole.wrong, serious(whole.page)) == (1, [], [])
    changed = data.replace(b'"message 5"', b'"<img src=x onerror=alert(1)>"')
    broken = Shown(browser, tmp_path / "changed.html", record_page(changed, "</script><script>window.owned=1</script>"))
    broken.page.wait_for_selector("body.invalid")
    assert "line 10 of 599" in broken.page.inner_text("#why")
    assert broken.page.inner_text(".changed .number") == "10"
    assert broken.page.evaluate("window.owned === undefined && document.images.length === 0")
    assert (len(broken.asked), broken.wrong, serious(broken.page)) == (1, [], [])


def test_view_writes_each_kind_of_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record, a report and a case of the gate become pages; a name that is none of them is an error."""
    monkeypatch.chdir(tmp_path)
    for words, code in (
        (["init"], 0),
        (["run"], 0),
        (["view", str(SPECIMENS / "record.jsonl"), "--out", "record.html"], 0),
        (["view", ".runback/report.json", "--out", "report.html"], 0),
        (["view", "support/sample-0", "--out", "case.html"], 0),
        (["view", "nothing", "--out", "none.html"], 2),
    ):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == code, words
    assert "Audit record" in Path("record.html").read_text("utf-8")
    assert "PASS" in Path("report.html").read_text("utf-8")
    assert "support/sample-0" in Path("case.html").read_text("utf-8")
    assert not Path("none.html").exists()


def test_too_large_for_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record beyond the bound is refused, with the command that reads it."""
    monkeypatch.setattr(module, "MAX_RECORD", 10)
    with pytest.raises(InputError, match="audit verify"):
        record_page(b"x" * 11, "record.jsonl")
