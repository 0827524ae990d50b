"""Keys that sign without a network: P-256 (the default) and Ed25519.

In: the bytes of key files, payloads, bundles. Out: keys, Sigstore bundles with a DSSE envelope, payloads that verify.

    key = new_key("p256")
    bundle = sign_payload(key, IN_TOTO, payload)
    verify_payload(load_public_key(public_pem(key.public_key())), bundle, IN_TOTO) == payload

The key that verifies comes from whoever verifies, never from the bundle: that holds a hint, the SHA-256 of the public
key (base64, of its SubjectPublicKeyInfo in DER), by which cosign and sigstore-go find a key. Files: PKCS#8 and
SubjectPublicKeyInfo in PEM. Signatures: ECDSA with SHA-256 in DER and with the lower s (n - s verifies as
well, so readers take both), or Ed25519, over the DSSE v1 pre-authentication encoding.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from runback_gate.attest.bundle import MEDIA_TYPE
from runback_gate.canonical import digest_bytes
from runback_gate.dsse import Json, encoded, envelope_of, known, mapping, pre_authentication
from runback_gate.errors import DocumentError, InputError, IntegrityError, Location

PrivateKey: TypeAlias = "ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey"
PublicKey: TypeAlias = "ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey"
KeyType = Literal["p256", "ed25519"]

MAX_KEY_BYTES: Final = 64 << 10

_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n of the curve (SEC 2, 2.4.2)."""
_SUPPORTED: Final = "give a P-256 or Ed25519 key in PEM; `runback-gate keys generate` makes one"


def new_key(kind: KeyType) -> PrivateKey:
    """A new key from the randomness of the operating system."""
    return ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())


def load_private_key(data: bytes, password: bytes | None, *, path: str = "key") -> PrivateKey:
    """The key of a PKCS#8 file in PEM. `path` names it in errors.

    Raises:
        InputError: no such file format, another type of key, a password that is wrong, missing or not needed. Nothing
            of the key or the password is in the message.
    """
    place = Location(path)
    try:
        key = serialization.load_pem_private_key(data, password)
    except TypeError as error:
        if password is None:
            message, hint = "the key is protected by a password", "set RUNBACK_KEY_PASSWORD"
        else:
            message, hint = "a password was given, but the key has none", "unset it, or protect the key"
        raise InputError(message, hint=hint, location=place) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if b"ENCRYPTED PRIVATE KEY" in data and password is not None:
            raise InputError("the password is wrong, or the key is damaged", location=place) from error
        hint = "cosign's own key format is not PKCS#8" if b"ENCRYPTED SIGSTORE" in data else _SUPPORTED
        raise InputError("not a private key in PKCS#8", hint=hint, location=place) from error
    if isinstance(key, ed25519.Ed25519PrivateKey) or _is_p256(key):
        return key  # type: ignore[return-value]
    raise InputError("a key of another type", hint=_SUPPORTED, location=place)


def load_public_key(data: bytes, *, path: str = "key") -> PublicKey:
    """The key of a SubjectPublicKeyInfo file in PEM. `path` names it in errors.

    Raises:
        InputError: no such file format, a private key, or another type of key.
    """
    place = Location(path)
    if b"PRIVATE KEY" in data:
        hint = "verify with the public key; `runback-gate keys public` prints it"
        raise InputError("a private key", hint=hint, location=place)
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError("not a public key in PEM", hint=_SUPPORTED, location=place) from error
    if isinstance(key, ed25519.Ed25519PublicKey) or _is_p256(key):
        return key  # type: ignore[return-value]
    raise InputError("a key of another type", hint=_SUPPORTED, location=place)


def private_pem(key: PrivateKey, password: bytes | None) -> bytes:
    """The PKCS#8 file of a key, protected where a password is given."""
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def public_pem(key: PublicKey) -> bytes:
    """The SubjectPublicKeyInfo file of a key."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_digest(key: PublicKey) -> str:
    """What people compare keys by: `sha256:` and the digest of the SubjectPublicKeyInfo in DER."""
    return digest_bytes(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


def key_hint(key: PublicKey) -> str:
    """The same digest as bundles hold it: base64."""
    return encoded(bytes.fromhex(key_digest(key).removeprefix("sha256:")))


def sign_payload(key: PrivateKey, payload_type: str, payload: bytes) -> Json:
    """A bundle over a payload, which is signed and kept byte for byte.

    `payload_type` is a media type; `runback_gate.dsse.IN_TOTO` for an in-toto statement.
    """
    data = pre_authentication(payload_type, payload)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        signature = key.sign(data)
    else:
        signature = _low_s(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return {
        "mediaType": MEDIA_TYPE,
        # Empty and not left out: other readers take a bundle without the list for a broken one.
        "verificationMaterial": {"publicKey": {"hint": key_hint(key.public_key())}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": encoded(payload),
            "payloadType": payload_type,
            "signatures": [{"keyid": "", "sig": encoded(signature)}],
        },
    }


def verify_payload(key: PublicKey, bundle: Json, payload_type: str, *, path: str = "bundle") -> bytes:
    """The payload of a bundle that `key` signed as `payload_type`. `path` names the bundle in errors.

    Read the bundle with `runback_gate.attest.bundle.read_bundle`, or from a file that pins its bytes otherwise.

    Raises:
        DocumentError: not the form that `sign_payload` gives.
        IntegrityError: another key signed, or something was changed after signing.
        InputError: the bundle holds a certificate.
    """
    envelope = envelope_of(bundle, path, keyid=True)
    material = mapping(bundle["verificationMaterial"], "verificationMaterial", path)
    if "publicKey" not in material and ("certificate" in material or "x509CertificateChain" in material):
        hint = "verify it by identity and issuer"
        raise InputError("the bundle was signed with a certificate, not a key", hint=hint, location=Location(path))
    known(material, ("publicKey", "tlogEntries"), "verificationMaterial", path)
    named = mapping(material["publicKey"], "publicKey", path)
    known(named, ("hint",), "publicKey", path)
    if material["tlogEntries"] != []:
        raise DocumentError("a bundle of a key holds no log entries", location=Location(path))
    if envelope.payload_type != payload_type:
        message = f"the payload is {envelope.payload_type[:80]!r}, not {payload_type}"
        raise DocumentError(message, location=Location(path))
    if named["hint"] != key_hint(key):
        hint = f"yours is {key_digest(key)}"
        raise IntegrityError("the bundle names another key", hint=hint, location=Location(path))
    data = pre_authentication(envelope.payload_type, envelope.payload)
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(envelope.signature, data)
        elif _low_s(envelope.signature) != envelope.signature:
            raise IntegrityError(
                "the signature is the other one of two that verify",
                hint="sign the report again: the one with the lower s is made, so that a signature has one form",
                location=Location(path),
            )
        else:
            key.verify(envelope.signature, data, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError) as error:
        hint = "the payload or the signature was changed, or another key signed it"
        raise IntegrityError("the signature does not match", hint=hint, location=Location(path)) from error
    return envelope.payload


def _low_s(signature: bytes) -> bytes:
    """The one of the two signatures (r, s) and (r, n - s), both of which verify, that strict readers take."""
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, min(s, _P256_ORDER - s))


def _is_p256(key: object) -> bool:
    pair = (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)
    return isinstance(key, pair) and isinstance(key.curve, ec.SECP256R1)
