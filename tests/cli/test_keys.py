"""`keys` as a user meets it."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from runback_gate.app.keys import PASSWORD, public_key
from runback_gate.attest.keys import load_private_key, public_pem
from runback_gate.cli import keys
from runback_gate.documents.named_files import create_files
from runback_gate.errors import InputError
from tests.cli.conftest import Command, tree, write


@pytest.fixture(autouse=True)
def no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests has no say."""
    monkeypatch.delenv(PASSWORD, raising=False)


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_a_key_is_made(command: Command, here: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Two files: a private one for the user alone, protected, and a public one; the key's digest is shown."""
    monkeypatch.setenv(PASSWORD, "open sesame")
    result = command("keys", "generate", "keys/gate", "--type", kind)
    assert result.code == 0
    private, public = here / "keys/gate.key", here / "keys/gate.pub"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    key = load_private_key(private.read_bytes(), b"open sesame")
    assert public_pem(key.public_key()) == public.read_bytes()
    assert [line.split()[0] for line in result.out.splitlines()] == ["private", "public", "key"]
    assert "no password" not in result.out
    assert command("keys", "public", "keys/gate.key").out.encode() == public.read_bytes()


def test_a_key_without_password(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made where that is asked for, and the output says so; it may also come from the environment."""
    result = command("keys", "generate", "gate", "--no-password")
    assert (result.code, "it has no password" in result.out) == (0, True)
    monkeypatch.setenv("GATE_KEY", Path("gate.key").read_text())
    assert command("keys", "public", "env:GATE_KEY").out == Path("gate.pub").read_text()
    monkeypatch.setenv("GATE_PUB", Path("gate.pub").read_text())
    assert public_pem(public_key("env:GATE_PUB", os.environ)) == Path("gate.pub").read_bytes()


@pytest.mark.parametrize("name", ["gate.key", "gate.pub"])
def test_nothing_is_written_over(refused: Callable[..., str], here: Path, name: str) -> None:
    """A file that is there stays, and the other one is not made either."""
    write(here / name, "mine")
    error = refused("keys", "generate", "gate", "--no-password")
    assert error == f"{name}: is there already (an existing file is not overwritten: choose another name)"


def test_a_disk_that_says_no(refused: Callable[..., str], here: Path) -> None:
    """A folder that may not be made is an error, and no half of a key stays."""
    write(here / "file", "")
    assert refused("keys", "generate", "file/gate", "--no-password").startswith("file/gate.key: ")
    assert refused("keys", "generate", "a\0b", "--no-password").startswith("a\\x00b.key: cannot be written")


def test_an_interrupt_leaves_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who stops it has neither file."""

    def interrupted(_handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        create_files({here / "a": (b"a", 0o600)})
    assert tree(here) == {}


def test_a_password_is_needed(refused: Callable[..., str]) -> None:
    """Without a terminal to ask on, a key without password must be asked for."""
    error = refused("keys", "generate", "gate")
    assert error.endswith("(set RUNBACK_KEY_PASSWORD, or say --no-password)")


def test_a_password_is_asked_for(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the password is asked for, twice for a new key; without one the key is not read."""
    asked: list[bool] = []

    def prompt(text: str, *, hide_input: bool, confirmation_prompt: bool = False, err: bool) -> str:
        assert (hide_input, err, text.split()[0]) == (True, True, "password")
        asked.append(confirmation_prompt)
        return "open sesame"

    monkeypatch.setattr(click, "prompt", prompt)
    monkeypatch.setattr(keys, "is_terminal", lambda stream: stream is not None)
    assert command("keys", "generate", "gate").code == 0
    assert command("keys", "public", "gate.key").out == Path("gate.pub").read_text()
    assert asked == [True, False]
    monkeypatch.setattr(keys, "is_terminal", lambda stream: not isinstance(stream, io.TextIOWrapper))
    assert command("keys", "public", "gate.key").error.startswith("gate.key: the key is protected by a password")


@pytest.mark.parametrize("source", ["env:", "env:NOT_SET", "env:A=B", "env:Ä"])
def test_a_variable_that_is_not_set(refused: Callable[..., str], source: str) -> None:
    """It is named in the error."""
    assert refused("keys", "public", source).startswith(f"{source}: the variable is not set")


def test_a_file_that_is_no_key(refused: Callable[..., str], here: Path) -> None:
    """A missing, wrong or public file is refused, and nothing of it is shown."""
    assert "`runback-gate keys generate NAME` makes one" in refused("keys", "public", "gate.key")
    write(here / "gate.key", "secret")
    assert refused("keys", "public", "gate.key").startswith("gate.key: not a private key in PKCS#8")
    with pytest.raises(InputError, match="not a public key in PEM"):
        public_key("gate.key", {})
