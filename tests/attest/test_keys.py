"""Keys sign and verify; another key, payload or type does not verify, and no secret is in an error."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from runback_gate.attest.bundle import bundle_bytes, read_bundle
from runback_gate.attest.keys import (
    KeyType,
    PrivateKey,
    key_digest,
    key_hint,
    load_private_key,
    load_public_key,
    new_key,
    private_pem,
    public_pem,
    sign_payload,
    verify_payload,
)
from runback_gate.canonical import digest_bytes
from runback_gate.dsse import IN_TOTO, Json, decoded, encoded, pre_authentication
from runback_gate.errors import DocumentError, InputError, IntegrityError, RunbackError
from tests.examples import examples

KEYS = {kind: new_key(kind) for kind in get_args(KeyType)}
PAYLOAD = b'{"result":"PASSED"}'


@pytest.fixture(params=KEYS)
def key(request: pytest.FixtureRequest) -> PrivateKey:
    """A key of each type."""
    return KEYS[request.param]


@pytest.mark.parametrize("password", [None, b"correct horse", "Tür".encode()])
def test_keys_come_back(key: PrivateKey, password: bytes | None) -> None:
    """What is written is read: the private key with its password, the public one without."""
    again = load_private_key(private_pem(key, password), password)
    assert public_pem(again.public_key()) == public_pem(key.public_key())
    assert key_digest(load_public_key(public_pem(key.public_key()))) == key_digest(key.public_key())


def test_a_key_is_named_by_its_digest(key: PrivateKey) -> None:
    """The digest is that of the SubjectPublicKeyInfo in DER; the hint is the same in base64."""
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert key_digest(key.public_key()) == digest_bytes(der)
    assert "sha256:" + decoded(key_hint(key.public_key()), "hint", "b").hex() == digest_bytes(der)


def test_pre_authentication() -> None:
    """The example of the DSSE specification."""
    assert pre_authentication("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(payload=st.binary(max_size=300))
@settings(max_examples=examples(50))
def test_what_is_signed_verifies(payload: bytes) -> None:
    """A payload comes back byte for byte, through the file too."""
    for key in KEYS.values():
        bundle = sign_payload(key, IN_TOTO, payload)
        again = read_bundle(bundle_bytes(bundle), "b")
        assert verify_payload(key.public_key(), again, IN_TOTO) == payload


@given(payload=st.binary(max_size=40))
@settings(max_examples=examples(40))
def test_ecdsa_signatures_have_the_lower_s(payload: bytes) -> None:
    """Of two signatures that verify alike the lower one is made, and the other is refused: a signature has one form."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    bundle: Any = sign_payload(KEYS["p256"], IN_TOTO, payload)
    [signature] = bundle["dsseEnvelope"]["signatures"]
    r, s = decode_dss_signature(decoded(signature["sig"], "sig", "b"))
    assert 0 < s <= order // 2
    signature["sig"] = encoded(encode_dss_signature(r, order - s))
    with pytest.raises(IntegrityError, match="the other one of two that verify"):
        verify_payload(KEYS["p256"].public_key(), bundle, IN_TOTO)


@pytest.mark.parametrize(
    "change",
    [
        lambda der: der + b"\0",
        lambda der: b"\x30\x81" + der[1:],
        lambda der: der[:2] + b"\x02" + bytes([der[3] + 1]) + b"\0" + der[4:],
        lambda _: b"",
        lambda der: der[:-1],
        lambda _: encode_dss_signature(0, 1),
        lambda _: encode_dss_signature(1, 0),
        lambda _: encode_dss_signature(1 << 256, 1 << 300),
    ],
)
def test_an_ecdsa_signature_has_one_encoding(change: Callable[[bytes], bytes]) -> None:
    """Longer lengths, more zeros, more or fewer bytes, numbers out of range: refused, with an error of ours."""
    bundle: Any = sign_payload(KEYS["p256"], IN_TOTO, PAYLOAD)
    [signature] = bundle["dsseEnvelope"]["signatures"]
    signature["sig"] = encoded(change(decoded(signature["sig"], "sig", "b")))
    with pytest.raises(RunbackError):
        verify_payload(KEYS["p256"].public_key(), bundle, IN_TOTO)


@pytest.mark.integration
def test_openssl_agrees(tmp_path: Path) -> None:
    """openssl verifies the signature with the public key file, over what DSSE says is signed."""
    key = KEYS["p256"]
    envelope = sign_payload(key, IN_TOTO, PAYLOAD)["dsseEnvelope"]
    assert isinstance(envelope, dict)
    signature = decoded(json.loads(json.dumps(envelope))["signatures"][0]["sig"], "sig", "b")
    (tmp_path / "sig").write_bytes(signature)
    (tmp_path / "data").write_bytes(pre_authentication(IN_TOTO, PAYLOAD))
    (tmp_path / "key.pub").write_bytes(public_pem(key.public_key()))
    words = ["openssl", "dgst", "-sha256", "-verify", "key.pub", "-signature", "sig", "data"]
    assert subprocess.run(words, cwd=tmp_path, capture_output=True, check=False).stdout == b"Verified OK\n"


@pytest.mark.integration
@pytest.mark.parametrize("options", [("-scrypt",), ("-v2", "aes-256-cbc", "-iter", "600000")])
def test_stronger_protection_is_read(key: PrivateKey, options: tuple[str, ...]) -> None:
    """A key that openssl protected anew, so that its password is harder to guess, is read."""
    words = ["openssl", "pkcs8", "-topk8", *options, "-passout", "pass:open sesame"]
    done = subprocess.run(words, input=private_pem(key, None), capture_output=True, check=True)
    again = load_private_key(done.stdout, b"open sesame")
    assert public_pem(again.public_key()) == public_pem(key.public_key())


def changed(bundle: Json, *path: str | int, to: object) -> Json:
    """A copy of a bundle with another value at a place."""
    copy: Json = json.loads(json.dumps(bundle))
    part: object = copy
    for step in path[:-1]:
        part = part[step]  # type: ignore[index]
    part[path[-1]] = to  # type: ignore[index]
    return copy


def test_changes_are_refused(key: PrivateKey) -> None:
    """Each refusal says what is wrong."""
    bundle = sign_payload(key, IN_TOTO, PAYLOAD)
    other = sign_payload(key, IN_TOTO, b"{}")
    material = "verificationMaterial"
    signature = ("dsseEnvelope", "signatures", 0, "sig")
    cases: list[tuple[Json, type[RunbackError], str]] = [
        (changed(bundle, "dsseEnvelope", "payload", to="e30="), IntegrityError, "the signature does not match"),
        (changed(other, "dsseEnvelope", "payload", to=bundle["dsseEnvelope"]["payload"]), IntegrityError, "the sig"),  # type: ignore[index, call-overload]
        (changed(bundle, *signature, to="AAAA"), IntegrityError, "the signature does not match"),
        (changed(bundle, *signature, to=""), IntegrityError, "the signature does not match"),
        (changed(bundle, *signature[:-1], to={"sig": "AAAA"}), DocumentError, "signatures[0] lacks keyid"),
        (changed(bundle, "dsseEnvelope", "payloadType", to="text/plain"), DocumentError, "the payload is 'text/plain'"),
        (changed(bundle, material, "publicKey", "hint", to="AAAA"), IntegrityError, "the bundle names another key"),
        (changed(bundle, material, "publicKey", "pem", to=""), DocumentError, "publicKey has an unknown field 'pem'"),
        (changed(bundle, material, "publicKey", to=[]), DocumentError, "publicKey is no JSON object"),
        (changed(bundle, material, "tlogEntries", to=[{}]), DocumentError, "a bundle of a key holds no log entries"),
        (changed(bundle, material, "more", to=1), DocumentError, "verificationMaterial has an unknown field 'more'"),
        (changed(bundle, material, to={}), DocumentError, "verificationMaterial lacks publicKey"),
        (changed(bundle, material, to={"certificate": {}}), InputError, "the bundle was signed with a certificate"),
        (changed(bundle, material, "certificate", to={}), DocumentError, "verificationMaterial has an unknown field"),
    ]
    for item, kind, message in cases:
        with pytest.raises(kind) as refused:
            verify_payload(key.public_key(), item, IN_TOTO)
        assert str(refused.value).startswith(f"bundle: {message}")


def test_another_key_is_refused(key: PrivateKey) -> None:
    """A signature of another key does not verify, whether or not the bundle names that key."""
    other = new_key("p256")
    bundle = sign_payload(other, IN_TOTO, PAYLOAD)
    with pytest.raises(IntegrityError, match="the bundle names another key"):
        verify_payload(key.public_key(), bundle, IN_TOTO)
    renamed = changed(bundle, "verificationMaterial", "publicKey", "hint", to=key_hint(key.public_key()))
    with pytest.raises(IntegrityError, match="the signature does not match"):
        verify_payload(key.public_key(), renamed, IN_TOTO)


PLAIN, PROTECTED = private_pem(KEYS["p256"], None), private_pem(KEYS["p256"], b"open sesame")
CURVE = ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    ("data", "password", "message"),
    [
        (b"", None, "k: not a private key in PKCS#8"),
        (b"secret", b"open sesame", "k: not a private key in PKCS#8"),
        (public_pem(KEYS["p256"].public_key()), None, "k: not a private key in PKCS#8"),
        (PROTECTED, None, "k: the key is protected by a password (set RUNBACK_KEY_PASSWORD)"),
        (PROTECTED, b"close sesame", "k: the password is wrong, or the key is damaged"),
        (PLAIN, b"open sesame", "k: a password was given, but the key has none"),
        (PROTECTED.replace(b"ENCRYPTED", b"ENCRYPTED SIGSTORE"), None, "k: not a private key in PKCS#8 (cosign's own"),
        (private_pem(CURVE, None), None, "k: a key of another type"),
        (private_pem(RSA, None), None, "k: a key of another type"),  # type: ignore[arg-type]
    ],
)
def test_other_private_keys_are_refused(data: bytes, password: bytes | None, message: str) -> None:
    """Each refusal has its reason, and says nothing of the key or the password."""
    with pytest.raises(InputError) as refused:
        load_private_key(data, password, path="k")
    assert str(refused.value).startswith(message)
    assert "sesame" not in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "k: not a public key in PEM"),
        (PLAIN, "k: a private key (verify with the public key; `runback-gate keys public` prints it)"),
        (public_pem(CURVE.public_key()), "k: a key of another type"),
        (public_pem(RSA.public_key()), "k: a key of another type"),  # type: ignore[arg-type]
    ],
)
def test_other_public_keys_are_refused(data: bytes, message: str) -> None:
    """Each refusal has its reason."""
    with pytest.raises(InputError) as refused:
        load_public_key(data, path="k")
    assert str(refused.value).startswith(message)
