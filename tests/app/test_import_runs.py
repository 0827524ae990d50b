"""`import`: transcripts become runs, and what an earlier import wrote stays as it was."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from runback_gate.app.import_runs import ImportedFile, ImportOptions, import_file
from runback_gate.errors import InputError

CHATS: list[list[dict[str, Any]]] = [
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": f"Hello {number}"}] for number in range(3)
]
OPTIONS = ImportOptions("support", model="openai/m")


def transcript(*chats: list[dict[str, Any]]) -> bytes:
    """A transcript of these conversations."""
    return "\n".join(json.dumps({"messages": chat, "task": 7}) for chat in chats).encode()


def refused(imported: ImportedFile) -> str:
    """Why nothing of a file was imported."""
    assert (imported.runs, imported.files) == ((), {})
    return imported.refused or ""


def test_a_second_import_writes_what_is_new() -> None:
    """What is there as the same run is not written again; what came since is."""
    first = import_file(transcript(*CHATS[:2]), "chats.jsonl", OPTIONS, os.urandom)
    again = import_file(transcript(*CHATS), "chats.jsonl", OPTIONS, os.urandom, first.files.get)
    assert len(first.files) == 2
    assert (len(again.runs), again.steps) == (3, 3)
    assert list(again.files) == [f"{again.runs[2].id}.jsonl"]


@pytest.mark.parametrize("options", [ImportOptions("other", model="openai/m"), ImportOptions("support")])
def test_another_run_is_not_written_over(options: ImportOptions) -> None:
    """The same conversation of another agent, or said to be of another model, does not take the place of the first."""
    first = import_file(transcript(CHATS[0]), "chats.jsonl", OPTIONS, os.urandom)
    again = import_file(transcript(CHATS[0]), "chats.jsonl", options, os.urandom, first.files.get)
    assert refused(again).endswith(
        "as another run (remove it, or name another folder: an existing run is not overwritten)"
    )


def test_what_is_no_run_is_not_written_over() -> None:
    """Whatever lies where a run is to be written stays."""
    again = import_file(transcript(CHATS[0]), "chats.jsonl", OPTIONS, os.urandom, lambda _name: b"notes")
    assert "is there already, and is no run" in refused(again)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a" * 257])
def test_names(name: str) -> None:
    """What cannot be a name of an agent or a model is refused."""
    for options in (ImportOptions(name), ImportOptions("a", model=name)):
        with pytest.raises(InputError, match="not a printable name"):
            import_file(transcript(CHATS[0]), "chats.jsonl", options, os.urandom)
