"""Keyless signatures against a Sigstore of this machine, with both logs: what is signed verifies and for whom."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from runback_gate.attest.bundle import bundle_bytes, read_bundle
from runback_gate.attest.proof import Identity
from runback_gate.attest.sigstore import Trust, ambient_token, read_trust, sign_keyless, verify_keyless
from runback_gate.attest.statement import statement_bytes
from runback_gate.errors import InputError, SigningError
from tests.attest.bundles import PAYLOAD
from tests.attest.conftest import never, trust_in
from tests.attest.samples import IDENTITY_OF_MAIN, red, statement
from tests.sigstack.certificates import new_key as new_ec_key
from tests.sigstack.stack import CERTIFICATES, SECRET, TOKENS, Stack

pytestmark = pytest.mark.usefixtures("no_job")


def test_what_is_signed_verifies(stack: Stack, trust: Trust) -> None:
    """The payload comes back with the holder's identity, the time and the place in the log, through the file too."""
    [bundle] = sign_keyless([PAYLOAD], stack.token(), trust, pause=never)
    root = read_trust(json.dumps(stack.trusted_root()).encode(), "root.json")
    proof = verify_keyless(read_bundle(bundle_bytes(bundle), "b"), root, "b")
    assert (proof.payload, proof.identity, proof.key) == (PAYLOAD, IDENTITY_OF_MAIN, None)
    assert proof.log is not None
    assert proof.log.log == stack.url
    assert proof.time is not None
    assert datetime.datetime.fromisoformat(proof.time).tzinfo is not None
    if proof.log.integrated is not None:
        assert datetime.datetime.fromisoformat(proof.log.integrated).tzinfo is not None


def test_one_certificate_signs_several(stack: Stack, trust: Trust) -> None:
    """All statements of a run are signed by one certificate, each in its own bundle."""
    payloads = [PAYLOAD, statement_bytes(statement(red()))]
    bundles = sign_keyless(payloads, stack.token(), trust, pause=never)
    assert [verify_keyless(bundle, trust, "b").payload for bundle in bundles] == payloads
    assert stack.asked.count(CERTIFICATES) == 1


def test_an_ambient_token(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a GitHub Actions job the token is asked for at its service, for the audience of Sigstore."""
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    [bundle] = sign_keyless([PAYLOAD], ambient_token(), trust_in(stack), pause=never)
    assert verify_keyless(bundle, trust_in(stack), "b").identity == IDENTITY_OF_MAIN
    assert TOKENS in stack.asked


def test_an_ambient_token_that_is_not_given(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a job, in a job without permission, or where the service says no, there is none; no secret is told."""
    with pytest.raises(InputError, match="this is not a CI job that offers one"):
        ambient_token()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    with pytest.raises(InputError, match=r"permissions: id-token: write"):
        ambient_token()
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    stack.down[TOKENS] = -1
    with pytest.raises(InputError, match="code=503") as refused:
        ambient_token()
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("changes", [{"aud": "other"}, {"exp": 1}, {"iss": None}])
def test_a_token_for_something_else(stack: Stack, changes: dict[str, Any]) -> None:
    """An expired token, or one for another audience, is refused before anybody is asked."""
    with pytest.raises(InputError, match=r"the identity token cannot be used.*audience `sigstore`"):
        sign_keyless([PAYLOAD], stack.token(**changes), trust_in(stack), pause=never)
    assert stack.asked == []


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_something_that_is_no_token(stack: Stack, token: str) -> None:
    """Anything else is refused as well."""
    with pytest.raises(InputError, match="the identity token cannot be used"):
        sign_keyless([PAYLOAD], token, trust_in(stack), pause=never)


def test_a_forged_token(stack: Stack) -> None:
    """A token that the issuer did not sign gets no certificate."""
    with pytest.raises(SigningError, match=r"HTTP 400 .*InvalidSignature"):
        sign_keyless([PAYLOAD], stack.token(new_ec_key()), trust_in(stack), pause=never)


def test_an_e_mail_address_signs(stack: Stack) -> None:
    """A person's identity has no workflow, repository or commit."""
    issuer = "https://accounts.example"
    claims = ("repository", "ref", "sha", "event_name", "runner_environment", "run_id", "job_workflow_ref")
    token = stack.token(iss=issuer, email="ada@example.com", **dict.fromkeys(claims))
    trust = trust_in(stack)
    proof = verify_keyless(sign_keyless([PAYLOAD], token, trust, pause=never)[0], trust, "b")
    assert proof.identity == Identity("ada@example.com", issuer)
