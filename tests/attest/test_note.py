"""Signed notes, as other people's readers open them, and what their trees say of proofs of ours.

The reader of notes and trees is Go's (`tests/interop/tlog`). `.ci/run` builds it and names it in RUNBACK_TLOG; without
that the tests that run it are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
from io import BytesIO
from typing import Any

import pytest

from runback_gate.attest.keys import new_key
from runback_gate.attest.note import sign_note, verifier_key
from runback_gate.audit.checkpoint import Checkpoint, parse_checkpoint
from runback_gate.audit.frame import line_entry
from runback_gate.audit.proof import consistency, inclusion
from runback_gate.audit.record import Part, export
from runback_gate.audit.verify import verify_record
from runback_gate.chain import append
from runback_gate.errors import DocumentError, InputError
from runback_gate.merkle import Tree, leaf_hash

TLOG = os.environ.get("RUNBACK_TLOG", "")
KEY = new_key("ed25519")
ORIGIN = "acme.example/support"
CHECKPOINT = Checkpoint(ORIGIN, 41, bytes(range(32)))

with_tlog = pytest.mark.skipif(not TLOG, reason="RUNBACK_TLOG names no reader of notes")


def opened(note: str, key: str, proof: dict[str, Any] | None = None) -> str:
    """What the reader says of a note, and of a proof against it."""
    question = json.dumps({"Note": note, "Key": key, "Proof": proof})
    done = subprocess.run([TLOG], input=question, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (done.stdout == "ok\n")
    return done.stdout.strip()


def record(events: int) -> list[bytes]:
    """The lines of a record with a run of some events."""
    lines, head = [], None
    fields: list[dict[str, Any]] = [{"type": "run.start", "format": "runback.run/v2", "run": "r", "agent": "a"}]
    for event in [*fields, *({"type": "note", "number": number} for number in range(events))]:
        line, head = append(head, event)
        lines.append(line)
    part = Part("run", "r", lambda: BytesIO(b"".join(lines)))
    return list(export([part], origin=ORIGIN, created="2026-11-23T07:40:12Z", tool="t", sign=None))


def checkpoint(lines: list[bytes]) -> Checkpoint:
    """The checkpoint of a record."""
    statement = verify_record(lines).statement
    assert statement is not None
    return statement.checkpoint


def test_a_note_is_a_checkpoint() -> None:
    """The body is what was kept before; anything after it but signatures is no note."""
    note = sign_note(KEY, CHECKPOINT.text, ORIGIN)
    assert parse_checkpoint(note) == parse_checkpoint(CHECKPOINT.text) == CHECKPOINT
    assert note.startswith(f"{CHECKPOINT.text}\n\u2014 {ORIGIN} ")
    for text in (note[:-1], note + "\n", note.replace("\u2014", "-"), note.replace("\n\n", "\n"), note + "x\n"):
        with pytest.raises(DocumentError, match="not a checkpoint"):
            parse_checkpoint(text)


def test_what_signs_no_note() -> None:
    """Another type of key, and a name that a note could not hold."""
    with pytest.raises(InputError, match="signed by an Ed25519 key"):
        sign_note(new_key("p256"), CHECKPOINT.text, ORIGIN)
    with pytest.raises(InputError, match="verified by an Ed25519 key"):
        verifier_key(new_key("p256").public_key(), ORIGIN)
    for name in ("a b", "a+b", ""):
        with pytest.raises(InputError, match="holds no space and no plus sign"):
            sign_note(KEY, CHECKPOINT.text, name)


@pytest.mark.contract
@with_tlog
def test_others_open_the_note() -> None:
    """With its key; not with another, and not when a byte of it was changed."""
    note, key = sign_note(KEY, CHECKPOINT.text, ORIGIN), verifier_key(KEY.public_key(), ORIGIN)
    assert opened(note, key) == "ok"
    assert opened(note, verifier_key(new_key("ed25519").public_key(), ORIGIN)) != "ok"
    assert opened(note.replace("\n41\n", "\n42\n"), key) != "ok"


@pytest.mark.contract
@with_tlog
def test_others_follow_the_proofs() -> None:
    """Every event of a record is in its tree, and each record begins with the shorter one; nothing else is."""
    key, runs, note = verifier_key(KEY.public_key(), ORIGIN), [record(events) for events in (1, 2, 7, 70)], ""
    for lines in runs:
        note = sign_note(KEY, checkpoint(lines).text, ORIGIN)
        proof = json.loads(inclusion(lambda lines=lines: lines, "r", 1, values=False))  # type: ignore[misc]
        assert opened(note, key, _asked(proof)) == "ok"
        assert opened(note, key, _asked({**proof, "index": proof["index"] + 1})) != "ok"
        assert opened(note, key, _asked({**proof, "event": proof["event"].replace("note", "nope")})) != "ok"
    old = Checkpoint(ORIGIN, 2, _root(runs[-1]))
    proof = json.loads(consistency(lambda: runs[-1], old))
    assert opened(note, key, _asked(proof)) == "ok"
    other = Checkpoint(ORIGIN, 2, bytes(32)).text
    assert opened(note, key, _asked({**proof, "old": other})) != "ok"


def _asked(proof: dict[str, Any]) -> dict[str, Any]:
    names = ("format", "event", "old", "index", "hashes")
    return {name.capitalize(): proof[name] for name in names if name in proof}


def _root(lines: list[bytes]) -> bytes:
    """The root of the first two leaves of a record: of lines that are not its own."""
    tree, leaves = Tree(), [line for line in lines if not line.startswith((b'{"audit":"record"', b'{"audit":"index"'))]
    for line in leaves[:2]:
        tree.append(leaf_hash(line_entry(line).encode()))
    return tree.root
