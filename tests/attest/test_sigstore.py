"""Keyless signatures against a Sigstore of this machine: both logs, every service down, every lie refused."""

from __future__ import annotations

import copy
import datetime
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.x509 import load_der_x509_certificate
from rfc3161_client import decode_timestamp_response
from sigstore.models import ClientTrustConfig

from runback_gate.attest.bundle import bundle_bytes, read_bundle
from runback_gate.attest.certificate import issue_times
from runback_gate.attest.keys import new_key, sign_payload
from runback_gate.attest.proof import Identity
from runback_gate.attest.sigstore import Trust, ambient_token, public_trust, read_trust, sign_keyless, verify_keyless
from runback_gate.attest.statement import statement_bytes
from runback_gate.dsse import Json, decoded, encoded
from runback_gate.errors import DocumentError, InputError, IntegrityError, SigningError
from tests.attest.conftest import never, trust_in
from tests.attest.samples import IDENTITY_OF_MAIN, red, statement
from tests.sigstack.certificates import new_key as new_ec_key
from tests.sigstack.stack import CERTIFICATES, LOG_1, LOG_2, SECRET, STAMPS, TOKENS, Stack

PAYLOAD = statement_bytes(statement())
IN_TOTO = "application/vnd.in-toto+json"


@pytest.fixture
def waits() -> list[float]:
    """The pauses that were made."""
    return []


@pytest.fixture(autouse=True)
def no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests has no say."""
    for name in ("GITHUB_ACTIONS", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
        monkeypatch.delenv(name, raising=False)


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


@pytest.mark.parametrize("path", [CERTIFICATES, STAMPS, LOG_2])
def test_a_service_that_is_down(stack: Stack, waits: list[float], path: str) -> None:
    """Everything is tried three times, with growing pauses; then nothing is signed."""
    stack.down[path] = -1
    with pytest.raises(SigningError, match="nothing was signed: "):
        sign_keyless([PAYLOAD], stack.token(), trust_in(stack), pause=waits.append)
    assert waits == [1.0, 2.0]
    assert stack.asked.count(path) == 3


def test_the_old_log_that_is_down(stack: Stack, waits: list[float]) -> None:
    """The same for a log of version 1."""
    stack.down[LOG_1] = -1
    with pytest.raises(SigningError, match="HTTP 503"):
        sign_keyless([PAYLOAD], stack.token(), trust_in(stack, 1), pause=waits.append)
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize("path", [CERTIFICATES, STAMPS])
def test_a_service_that_comes_back(stack: Stack, trust: Trust, waits: list[float], path: str) -> None:
    """What is signed in the end is whole: with a timestamp, also where the log alone would do."""
    stack.down[path] = 1
    [bundle] = sign_keyless([PAYLOAD], stack.token(), trust, pause=waits.append)
    assert waits == [1.0]
    assert verify_keyless(bundle, trust, "b").time is not None


def test_a_service_that_does_not_answer(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for without end."""
    waiting = threading.Event()

    def late(*_: object) -> bytes:
        waiting.wait(10)
        raise ValueError("too late")

    monkeypatch.setattr("runback_gate.attest.sigstore.TIMEOUT", 0.05)
    # Services of their own: what still waits when the test ends must not ask those of others.
    with Stack() as stack:
        monkeypatch.setattr(stack, "answer", late)
        with pytest.raises(SigningError, match=r"nothing was signed: no answer within 0\.05 s"):
            sign_keyless([PAYLOAD], stack.token(), trust_in(stack), pause=waits.append)
        waiting.set()
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize("status", [400, 403])
def test_a_service_that_says_no(stack: Stack, status: int) -> None:
    """A refusal is not asked again, and its reason is told."""
    stack.down[CERTIFICATES], stack.status = -1, status
    with pytest.raises(SigningError, match=f"HTTP {status} "):
        sign_keyless([PAYLOAD], stack.token(), trust_in(stack), pause=never)


def test_a_service_without_words(stack: Stack, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that cannot be reached is named by the kind of error; a hostile answer does not tell the token."""
    token = stack.token()

    def echo(*_: object) -> bytes:
        raise ValueError(token)

    monkeypatch.setattr(stack, "answer", echo)
    with pytest.raises(SigningError) as refused:
        sign_keyless([PAYLOAD], token, trust_in(stack), pause=never)
    assert token[:40] not in str(refused.value)
    assert "HTTP 400" in str(refused.value)
    assert waits == []


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


def test_a_log_that_nobody_trusts(stack: Stack, trust: Trust, waits: list[float]) -> None:
    """A log that signs with another key than the trusted one is found out before anything is given out."""
    stack.log.signing_key = new_ec_key()
    with pytest.raises(SigningError, match=r"nothing was signed: .*invalid"):
        sign_keyless([PAYLOAD], stack.token(), trust, pause=waits.append)


def test_time_stamps_that_nobody_trusts(stack: Stack, trust: Trust, waits: list[float]) -> None:
    """So is an authority that stamps with another key."""
    stack.stamps.key = new_ec_key()
    with pytest.raises(SigningError, match=r"nothing was signed: .*(timestamp|verified time)"):
        sign_keyless([PAYLOAD], stack.token(), trust, pause=waits.append)


@pytest.mark.parametrize("hours", [-1, 1])
def test_an_expired_certificate(stack: Stack, trust: Trust, waits: list[float], hours: int) -> None:
    """A certificate that was not valid at the time of the stamp does not count."""
    stack.stamps.ahead = datetime.timedelta(hours=hours)
    with pytest.raises(SigningError, match=r"nothing was signed: .*(not valid at|expired|timestamp|verified time)"):
        sign_keyless([PAYLOAD], stack.token(), trust, pause=waits.append)


def test_trust_without_time_stamps(stack: Stack) -> None:
    """Without an authority for timestamps nothing is signed, and nobody is asked."""
    trust = read_trust(json.dumps(stack.trust_config(tsa=False)).encode(), "t")
    with pytest.raises(InputError, match="names no timestamp authority"):
        sign_keyless([PAYLOAD], stack.token(), trust, pause=never)
    assert stack.asked == []


def test_trust_without_services(stack: Stack) -> None:
    """A configuration that names no service of today still verifies, and says why it cannot sign."""
    config = stack.trust_config()
    config["signingConfig"]["caUrls"] = []
    trust = read_trust(json.dumps(config).encode(), "t")
    with pytest.raises(InputError, match="the trust configuration cannot sign: No valid Fulcio CA found"):
        sign_keyless([PAYLOAD], stack.token(), trust, pause=never)


def test_a_root_only_verifies(stack: Stack) -> None:
    """A trusted root names nobody who could sign."""
    trust = read_trust(json.dumps(stack.trusted_root()).encode(), "t")
    with pytest.raises(InputError, match="a trusted root can verify, but not sign"):
        sign_keyless([PAYLOAD], stack.token(), trust, pause=never)


def test_what_is_no_trust(stack: Stack) -> None:
    """Other files, and damaged ones, are refused with their reason."""
    config = stack.trust_config()
    for value, message in (
        (b"[]", "t: not a trust configuration"),
        (b'{"mediaType":"x"}', "t: not a trust configuration"),
        (json.dumps({**config, "trustedRoot": 1}).encode(), "t: "),
        (json.dumps({**stack.trusted_root(), "tlogs": 1}).encode(), "t: "),
    ):
        with pytest.raises(InputError) as refused:
            read_trust(value, "t")
        assert str(refused.value).startswith(message)


def test_public_services_are_known(stack: Stack) -> None:
    """Signing is public when the log or the authority is that of the public Sigstore, by its host's name."""
    config = stack.trust_config()
    assert not trust_in(stack).public
    for url, public in (
        ("https://rekor.sigstore.dev", True),
        ("https://log2025-1.rekor.sigstage.dev", True),
        ("https://sigstore.dev.example", False),
        ("https://evilsigstore.dev", False),
        ("rekor", False),
    ):
        config["signingConfig"]["rekorTlogUrls"][0]["url"] = url
        assert read_trust(json.dumps(config).encode(), "t").public is public


def test_the_public_trust(monkeypatch: pytest.MonkeyPatch, stack: Stack) -> None:
    """It is fetched, or what was fetched is taken; where that fails it says so and names the way out."""
    asked: list[bool] = []

    def production(*, offline: bool) -> object:
        asked.append(offline)
        if len(asked) > 2:
            raise OSError("no network")
        return trust_in(stack).config

    monkeypatch.setattr(ClientTrustConfig, "production", production)
    assert public_trust().public
    assert public_trust(offline=True).config is not None
    with pytest.raises(SigningError, match=r"could not be fetched: no network \(name a file with --trust-config"):
        public_trust()
    assert asked == [False, True, False]


def test_another_trust(signed: dict[int, Json]) -> None:
    """A bundle of one Sigstore does not verify by another, whatever version its log has."""
    with Stack() as other:
        for bundle in signed.values():
            with pytest.raises(IntegrityError):
                verify_keyless(bundle, trust_in(other), "b")


def edited(bundle: Json, edit: Callable[[Any], object]) -> Json:
    """A copy of a bundle after an edit."""
    copied = copy.deepcopy(bundle)
    edit(copied)
    return copied


def material(bundle: Any) -> Any:
    """The part of a bundle that proves its signature."""
    return bundle["verificationMaterial"]


def entry(bundle: Any) -> Any:
    """Its log entry."""
    return material(bundle)["tlogEntries"][0]


def stamps(bundle: Any) -> Any:
    """Its timestamps."""
    return material(bundle)["timestampVerificationData"]["rfc3161Timestamps"]


EDITS: dict[str, Callable[[Any], object]] = {
    "another payload": lambda b: b["dsseEnvelope"].update(payload=encoded(statement_bytes(statement(red())))),
    "another type": lambda b: b["dsseEnvelope"].update(payloadType="text/plain"),
    "another signature": lambda b: b["dsseEnvelope"]["signatures"][0].update(sig=encoded(b"0" * 70)),
    "no certificate": lambda b: material(b).pop("certificate"),
    "two log entries": lambda b: material(b).update(tlogEntries=[entry(b)] * 2),
    "no timestamps": lambda b: material(b).pop("timestampVerificationData"),
    "an empty list of timestamps": lambda b: stamps(b).clear(),
    "a timestamp twice": lambda b: stamps(b).append(stamps(b)[0]),
    "a broken timestamp": lambda b: stamps(b)[0].update(signedTimestamp=encoded(b"0")),
    "an unknown field": lambda b: material(b).update(more=1),
    "an empty field": lambda b: material(b).update(x509CertificateChain=None),
    "another place in the log": lambda b: entry(b).update(logIndex="77"),
    "a place with a zero before it": lambda b: entry(b).update(logIndex="0" + entry(b)["logIndex"]),
    "another log": lambda b: entry(b)["logId"].update(keyId=encoded(b"0" * 32)),
    "a log that nobody knows": lambda b: entry(b)["logId"].update(
        keyId=entry(b)["logId"]["keyId"][:8] + encoded(b"0" * 26)
    ),
    "another kind": lambda b: entry(b)["kindVersion"].update(kind="intoto"),
    "no checkpoint": lambda b: entry(b)["inclusionProof"].pop("checkpoint"),
    "no proof": lambda b: entry(b).pop("inclusionProof"),
    "another root": lambda b: entry(b)["inclusionProof"].update(rootHash=encoded(b"0" * 32)),
    "another size": lambda b: entry(b)["inclusionProof"].update(treeSize="99"),
    "another time": lambda b: entry(b).update(integratedTime="1700000000"),
    "base64 with a line end": lambda b: material(b)["certificate"].update(
        rawBytes=material(b)["certificate"]["rawBytes"] + "\n"
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("rekor", [1, 2])
def test_edits_are_refused(services: Stack, signed: dict[int, Json], rekor: int, edit: Callable[[Any], object]) -> None:
    """No part of a bundle can be changed, taken away or added."""
    with pytest.raises((IntegrityError, DocumentError)):
        verify_keyless(edited(signed[rekor], edit), trust_in(services, rekor), "b")


@pytest.mark.parametrize(
    "edit", [lambda b: material(b).update(tlogEntries=[]), lambda b: material(b).pop("tlogEntries")]
)
def test_a_bundle_without_a_log(services: Stack, signed: dict[int, Json], edit: Callable[[Any], object]) -> None:
    """GitHub makes such bundles for private repositories: they cannot be verified here, and it says what can."""
    with pytest.raises(InputError, match=r"names no transparency log \(.*`gh attestation verify`"):
        verify_keyless(edited(signed[2], edit), trust_in(services), "b")


def test_the_time_of_an_old_log_needs_its_signature(services: Stack, signed: dict[int, Json]) -> None:
    """A log's own time without its promise is no time."""
    for edit in (lambda b: entry(b).pop("inclusionPromise"), lambda b: entry(b).pop("integratedTime")):
        with pytest.raises(IntegrityError, match="the log's time has no signature of its own"):
            verify_keyless(edited(signed[1], edit), trust_in(services, 1), "b")


def test_a_key_is_no_certificate(services: Stack) -> None:
    """A bundle of a key is refused with the option that it needs."""
    with pytest.raises(InputError, match=r"was signed with a key, not a certificate \(verify it with --key\)"):
        verify_keyless(sign_payload(new_key("p256"), IN_TOTO, PAYLOAD), trust_in(services), "b")


def test_an_e_mail_address_signs(stack: Stack) -> None:
    """A person's identity has no workflow, repository or commit."""
    issuer = "https://accounts.example"
    claims = ("repository", "ref", "sha", "event_name", "runner_environment", "run_id", "job_workflow_ref")
    token = stack.token(iss=issuer, email="ada@example.com", **dict.fromkeys(claims))
    trust = trust_in(stack)
    proof = verify_keyless(sign_keyless([PAYLOAD], token, trust, pause=never)[0], trust, "b")
    assert proof.identity == Identity("ada@example.com", issuer)


MEMBERS: dict[str, Callable[[Any], Any]] = {
    "certificate authority": lambda root: root["certificateAuthorities"][0],
    "certificate log": lambda root: root["ctlogs"][0]["publicKey"],
    "transparency log": lambda root: root["tlogs"][0]["publicKey"],
    "timestamp authority": lambda root: root["timestampAuthorities"][0],
}
SECOND = datetime.timedelta(seconds=1)
HOUR = datetime.timedelta(hours=1)


def seen(bundle: Any) -> list[datetime.datetime]:
    """Every time that the parts of a bundle name: of the certificate's log, of the stamp, of an old log."""
    der = decoded(material(bundle)["certificate"]["rawBytes"], "rawBytes", "b")
    response = decode_timestamp_response(decoded(stamps(bundle)[0]["signedTimestamp"], "signedTimestamp", "b"))
    times = [*issue_times(load_der_x509_certificate(der)), response.tst_info.gen_time]
    old = entry(bundle).get("integratedTime")
    return [*times, *([datetime.datetime.fromtimestamp(int(old), datetime.UTC)] if old else [])]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("rekor", [1, 2])
def test_trust_material_has_a_time(services: Stack, signed: dict[int, Json], rekor: int, member: str) -> None:
    """Whatever a root names counts within its stated validity at the signed time: not before, not after, beside any
    other that is valid and did not sign."""
    first, last = min(seen(signed[rekor])), max(seen(signed[rekor]))
    with Stack() as other:
        beside = other.trusted_root()
    for start, end, good in (
        (first - HOUR, None, True),
        (first - HOUR, last + SECOND, True),
        (first - HOUR, first - SECOND, False),
        (last + SECOND, None, False),
        (last + SECOND, last + HOUR, False),
    ):
        for more in ({}, beside):
            root = services.trusted_root()
            period = {"start": start.isoformat(), **({"end": end.isoformat()} if end else {})}
            MEMBERS[member](root)["validFor"] = period
            for name, value in more.items():
                root[name] = [*root[name], *value] if isinstance(value, list) else root[name]
            trust = read_trust(json.dumps(root).encode(), "root.json")
            if good:
                assert verify_keyless(signed[rekor], trust, "b").payload == PAYLOAD
                continue
            with pytest.raises(IntegrityError) as refused:
                verify_keyless(signed[rekor], trust, "b")
            if not more and member != "timestamp authority":
                assert f"no {member} of the trust root was valid at the signed time" in str(refused.value)
