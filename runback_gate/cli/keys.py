"""`keys`: make keys that sign without a network, and ask for their passwords."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from runback_gate.cli import terminal
from runback_gate.cli.groups import Commands
from runback_gate.cli.options import argument, option
from runback_gate.cli.terminal import is_terminal

if TYPE_CHECKING:
    from runback_gate.attest.keys import KeyType


@click.group(cls=Commands)
def keys() -> None:
    """Make and show keys for signing without a network."""


@keys.command()
def generate(
    name: str = argument(),
    kind: str = option("--type", "Key type.", type=click.Choice(("p256", "ed25519")), shown="p256"),
    no_password: bool = option("--no-password", "Store the private key without a password."),
) -> int:
    """Make a key pair for signing without a network.

    NAME.key is the private key; keep it to yourself. NAME.pub is for those who verify. The private key is protected by
    the password in RUNBACK_KEY_PASSWORD, or by one you are asked for. An existing file is never overwritten.

    Exit codes: 0 both files were written, 2 neither was.
    """
    from runback_gate.app.keys import create_key, created_lines, new_password  # noqa: PLC0415  40 ms

    private, public = Path(f"{name}.key"), Path(f"{name}.pub")
    password = (
        None if no_password else new_password(os.environ, partial(ask_password, "password of the new key", again=True))
    )
    key = create_key(private, public, cast("KeyType", kind), password)
    terminal.say_lines(created_lines(private, public, key, is_open=not password))
    return 0


@keys.command()
def public(source: str = argument("KEY")) -> int:
    """Print the public key of a private KEY (a file, or env:NAME).

    Exit codes: 0 printed, 2 the key could not be read.
    """
    from runback_gate.app.keys import private_key  # noqa: PLC0415  40 ms
    from runback_gate.attest.keys import public_pem  # noqa: PLC0415

    click.echo(public_pem(private_key(source, os.environ, ask_password).public_key()), nl=False)
    return 0


def ask_password(text: str = "password of the key", *, again: bool = False) -> bytes | None:
    """A password, where a person is there to say it."""
    if not is_terminal(sys.stdin):
        return None
    said: str = click.prompt(text, hide_input=True, confirmation_prompt=again, err=True)
    return said.encode("utf-8", "surrogateescape")
