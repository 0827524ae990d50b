"""`keys`: make keys that sign without a network, and read them where a command needs one."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from runback_gate.cli.groups import Commands
from runback_gate.cli.terminal import is_terminal
from runback_gate.documents.named_files import create_files, read_file
from runback_gate.errors import InputError
from runback_gate.report.text import safe_terminal

if TYPE_CHECKING:
    from runback_gate.attest.keys import KeyType, PrivateKey, PublicKey

PASSWORD = "RUNBACK_KEY_PASSWORD"
ENVIRONMENT = "env:"
"""How a source begins that names a variable instead of a file."""


@click.group(cls=Commands)
def keys() -> None:
    """Make and show keys that sign without a network."""


@keys.command()
@click.argument("name")
@click.option("--type", "kind", type=click.Choice(("p256", "ed25519")), default="p256", show_default=True, help="Type.")
@click.option("--no-password", is_flag=True, help="Do not protect the private key.")
def generate(name: str, kind: str, no_password: bool) -> int:
    """Make a key that signs without a network.

    NAME.key is the private key, for you alone; NAME.pub is for those who verify. The private key is protected by the
    password in RUNBACK_KEY_PASSWORD, or by one that is asked for. A file that exists is never written over.

    Exit codes: 0 both files were written, 2 none was.
    """
    from runback_gate.attest.keys import key_digest, new_key, private_pem, public_pem  # noqa: PLC0415  40 ms

    private, public = Path(f"{name}.key"), Path(f"{name}.pub")
    password = None if no_password else _new_password()
    key = new_key(cast("KeyType", kind))
    create_files({private: (private_pem(key, password), 0o600), public: (public_pem(key.public_key()), 0o644)})
    open_key = "" if password else "; it has no password"
    click.echo(f"private    {safe_terminal(private.as_posix())}   keep it secret{open_key}")
    click.echo(f"public     {safe_terminal(public.as_posix())}   give it to those who verify")
    click.echo(f"key        {key_digest(key.public_key())}")
    return 0


@keys.command()
@click.argument("source", metavar="KEY")
def public(source: str) -> int:
    """Print the public key of a private KEY (a file, or env:NAME).

    Exit codes: 0 it was printed, 2 it could not be read.
    """
    from runback_gate.attest.keys import public_pem  # noqa: PLC0415  40 ms

    click.echo(public_pem(private_key(source).public_key()), nl=False)
    return 0


def private_key(source: str) -> PrivateKey:
    """The private key of a file, or of the variable that `env:NAME` names.

    Its password is in RUNBACK_KEY_PASSWORD, or asked for on a terminal.

    Raises:
        InputError: not there, no private key, or the password is missing or wrong.
    """
    from runback_gate.attest.keys import load_private_key  # noqa: PLC0415  40 ms

    data = _key_bytes(source)
    password = os.environ.get(PASSWORD, "").encode() or None
    if password is None and b"ENCRYPTED PRIVATE KEY" in data and is_terminal(sys.stdin):
        password = click.prompt("password of the key", hide_input=True, err=True).encode()
    return load_private_key(data, password, path=source)


def public_key(source: str) -> PublicKey:
    """The public key of a file, or of the variable that `env:NAME` names.

    Raises:
        InputError: not there, or no public key.
    """
    from runback_gate.attest.keys import load_public_key  # noqa: PLC0415  40 ms

    return load_public_key(_key_bytes(source), path=source)


def _key_bytes(source: str) -> bytes:
    from runback_gate.attest.keys import MAX_KEY_BYTES  # noqa: PLC0415  40 ms

    if not source.startswith(ENVIRONMENT):
        return read_file(Path(source), MAX_KEY_BYTES, hint="`runback-gate keys generate NAME` makes one")
    variable = source.removeprefix(ENVIRONMENT)
    text = os.environ.get(variable, "") if re.fullmatch(r"[A-Za-z_]\w*", variable, re.ASCII) else ""
    if not text:
        raise InputError(f"{source}: the variable is not set", hint="it holds the key itself, in PEM")
    return text.encode("utf-8", "surrogateescape")


def _new_password() -> bytes:
    if found := os.environ.get(PASSWORD):
        return found.encode("utf-8", "surrogateescape")
    if not is_terminal(sys.stdin):
        hint = f"set {PASSWORD}, or say --no-password"
        raise InputError("no password for the new key, and no terminal to ask on", hint=hint)
    text: str = click.prompt("password of the new key", hide_input=True, confirmation_prompt=True, err=True)
    return text.encode("utf-8", "surrogateescape")
