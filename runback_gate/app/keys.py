"""Keys that a person names: a file, or the variable that holds the key itself (`env:NAME`).

In: the name, the environment, and what asks a person for a password. Out: a key.

    private = private_key("acme.key", os.environ, ask)
    public = public_key("env:ACME_PUB", os.environ)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from runback_gate.attest.keys import (
    MAX_KEY_BYTES,
    KeyType,
    PrivateKey,
    PublicKey,
    key_digest,
    load_private_key,
    load_public_key,
    new_key,
    private_pem,
    public_pem,
)
from runback_gate.documents.named_files import create_files, read_file
from runback_gate.errors import InputError
from runback_gate.report.text import line

PASSWORD = "RUNBACK_KEY_PASSWORD"
ENVIRONMENT = "env:"
"""How a source begins that names a variable instead of a file."""

Ask: TypeAlias = Callable[[], bytes | None]
"""Asks a person for the password of a key; None where nobody is there."""


def private_key(source: str, environ: Mapping[str, str], ask: Ask) -> PrivateKey:
    """The private key of a file, or of the variable that `env:NAME` names.

    Its password is in RUNBACK_KEY_PASSWORD, or asked for.

    Raises:
        InputError: not there, no private key, or the password is missing or wrong.
    """
    data = _key_bytes(source, environ)
    password = environ.get(PASSWORD, "").encode() or None
    if password is None and b"ENCRYPTED PRIVATE KEY" in data:
        password = ask()
    return load_private_key(data, password, path=source)


def public_key(source: str, environ: Mapping[str, str]) -> PublicKey:
    """The public key of a file, or of the variable that `env:NAME` names.

    Raises:
        InputError: not there, or no public key.
    """
    return load_public_key(_key_bytes(source, environ), path=source)


def create_key(private: Path, public: Path, kind: KeyType, password: bytes | None) -> PublicKey:
    """Make a key and write both of its halves, the private one for its owner alone.

    Raises:
        WriteError: one of the files is there already, or cannot be written; none is left then.
    """
    key = new_key(kind)
    create_files({private: (private_pem(key, password), 0o600), public: (public_pem(key.public_key()), 0o644)})
    return key.public_key()


def new_password(environ: Mapping[str, str], ask: Ask) -> bytes:
    """The password of a new key: that of the environment, else the one that a person says.

    Raises:
        InputError: there is neither.
    """
    if found := environ.get(PASSWORD):
        return found.encode("utf-8", "surrogateescape")
    if (asked := ask()) is None:
        hint = f"set {PASSWORD}, or say --no-password"
        raise InputError("no password for the new key, and no terminal to ask for one", hint=hint)
    return asked


def created_lines(private: Path, public: Path, key: PublicKey, *, is_open: bool) -> Iterator[str]:
    """Where a new pair of keys lies, and its digest; `is_open` where the private one has no password."""
    yield f"private    {line(private.as_posix())}   keep it secret{'; it has no password' if is_open else ''}"
    yield f"public     {line(public.as_posix())}   give it to those who verify"
    yield f"key        {key_digest(key)}"


def _key_bytes(source: str, environ: Mapping[str, str]) -> bytes:
    if not source.startswith(ENVIRONMENT):
        return read_file(Path(source), MAX_KEY_BYTES, hint="`runback-gate keys generate NAME` makes one")
    variable = source.removeprefix(ENVIRONMENT)
    text = environ.get(variable, "") if re.fullmatch(r"[A-Za-z_]\w*", variable, re.ASCII) else ""
    if not text:
        raise InputError(f"{source}: the variable is not set", hint="it holds the key itself, in PEM")
    return text.encode("utf-8", "surrogateescape")
