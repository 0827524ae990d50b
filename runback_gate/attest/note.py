"""Signed notes: a checkpoint with a signature that transparency logs and witnesses read (C2SP signed-note, Ed25519).

In: the text of a checkpoint, its key. Out: the note, and the key as others name it to verify the note.

    text = sign_note(key, checkpoint.text, checkpoint.origin)
    verifier_key(key.public_key(), checkpoint.origin)       # acme.example/support+1a2b3c4d+AX…

`golang.org/x/mod/sumdb/note` opens such a note with such a key. It knows Ed25519 alone.
"""

from __future__ import annotations

import re
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from runback_gate.attest.keys import PrivateKey, PublicKey
from runback_gate.canonical import sha256
from runback_gate.dsse import encoded
from runback_gate.errors import InputError

_ED25519: Final = b"\x01"
_NAME: Final = re.compile(r"[^\s+]+")


def sign_note(key: PrivateKey, text: str, name: str) -> str:
    """The note over a text of whole lines. `name` is that of the key: for a checkpoint its origin.

    Raises:
        InputError: the key is not Ed25519, or the name holds a space or a plus sign.
    """
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        hint = "`runback-gate keys generate NAME --type ed25519` makes one"
        raise InputError("a note is signed by an Ed25519 key", hint=hint)
    signature = _hash(key.public_key(), name) + key.sign(text.encode())
    return f"{text}\n\u2014 {name} {encoded(signature)}\n"


def verifier_key(key: PublicKey, name: str) -> str:
    """The key as verifiers of notes read it: name, hash and bytes.

    Raises:
        InputError: as `sign_note`.
    """
    return f"{name}+{_hash(key, name).hex()}+{encoded(_ED25519 + _raw(key))}"


def _hash(key: PublicKey, name: str) -> bytes:
    if not _NAME.fullmatch(name):
        hint = "export the record with another --origin, such as acme.example/support"
        raise InputError(f"the name of a note's key holds no space and no plus sign: {name!r}", hint=hint)
    return sha256(name.encode() + b"\n" + _ED25519 + _raw(key)).digest()[:4]


def _raw(key: PublicKey) -> bytes:
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise InputError("a note is verified by an Ed25519 key")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
