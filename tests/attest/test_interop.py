"""Another implementation verifies what is signed here, and refuses what is refused here: sigstore-js.

It is installed by `.ci/run`, which names its folder in RUNBACK_INTEROP; without that the tests are skipped.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from runback_gate.attest.keys import KeyType, key_hint, new_key, sign_payload
from runback_gate.attest.statement import statement_bytes
from runback_gate.dsse import IN_TOTO, Json, encoded
from tests.attest.samples import red, statement
from tests.sigstack.stack import IDENTITY, ISSUER, Stack

FOLDER = os.environ.get("RUNBACK_INTEROP", "")
SCRIPT = Path(__file__).parents[1] / "interop" / "verify.mjs"
DETAILS = {"p256": "PKIX_ECDSA_P256_SHA_256", "ed25519": "PKIX_ED25519"}

pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(not FOLDER, reason="RUNBACK_INTEROP names no folder with sigstore-js"),
]


def verified(stack: Stack, bundle: Json, **asked: Any) -> tuple[int, str]:
    """The exit code of sigstore-js, and what it says."""
    question = {"identity": IDENTITY, "issuer": ISSUER, "root": stack.trusted_root(), "bundle": bundle, **asked}
    words = ["node", str(SCRIPT), FOLDER]
    done = subprocess.run(words, input=json.dumps(question), capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


def forged(bundle: Json) -> Json:
    """The same bundle over another statement."""
    copied: Any = copy.deepcopy(bundle)
    copied["dsseEnvelope"]["payload"] = encoded(statement_bytes(statement(red())))
    found: Json = copied
    return found


@pytest.mark.parametrize("rekor", [1, 2])
def test_a_workflow_signed(services: Stack, signed: dict[int, Json], rekor: int) -> None:
    """Accepted with its identity and root; refused with another of either, or over another statement."""
    bundle = signed[rekor]
    assert verified(services, bundle) == (0, IDENTITY)
    assert verified(services, bundle, identity=IDENTITY.replace("acme", "evil"))[0] == 1
    assert verified(services, bundle, issuer="https://evil.example")[0] == 1
    assert verified(services, forged(bundle))[0] == 1
    with Stack() as other:
        assert verified(services, bundle, root=other.trusted_root())[0] == 1


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_a_key_signed(services: Stack, kind: KeyType) -> None:
    """Accepted with its key; refused with another, or over another statement."""
    key, other = new_key(kind), new_key(kind)
    bundle = sign_payload(key, IN_TOTO, statement_bytes(statement()))

    def asked(chosen: Any) -> dict[str, str]:
        der = chosen.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {"key": encoded(der), "details": DETAILS[kind], "hint": key_hint(key.public_key())}

    assert verified(services, bundle, **asked(key)) == (0, "key")
    assert verified(services, bundle, **asked(other))[0] == 1
    assert verified(services, forged(bundle), **asked(key))[0] == 1
