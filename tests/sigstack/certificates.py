"""The certificate authority of the local Sigstore: checks a token and a request, and issues a certificate for minutes.

In: an identity token and a certificate signing request. Out: a chain whose leaf says what the token's claims say, with
one timestamp of a certificate transparency log in it.
"""

from __future__ import annotations

import datetime
import hashlib
import struct
from typing import Any

import jwt
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

GITHUB = "https://github.com/"
LIFETIME = datetime.timedelta(minutes=10)
AUDIENCE = "sigstore"

_ARC = "1.3.6.1.4.1.57264.1."
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
# Claim: last part of the object identifier, whether the value is bytes instead of a UTF8String, what stands before it.
_EXTENSIONS: dict[str, tuple[tuple[str, bool, str], ...]] = {
    "iss": (("1", True, ""), ("8", False, "")),
    "event_name": (("2", True, ""), ("20", False, "")),
    "sha": (("3", True, ""), ("13", False, "")),
    "workflow": (("4", True, ""),),
    "repository": (("5", True, ""), ("12", False, GITHUB)),
    "ref": (("6", True, ""), ("14", False, "")),
    "repository_id": (("15", False, ""),),
    "repository_owner": (("16", False, GITHUB),),
    "repository_owner_id": (("17", False, ""),),
    "job_workflow_ref": (("9", False, GITHUB),),
    "job_workflow_sha": (("10", False, ""),),
    "runner_environment": (("11", False, ""),),
    "workflow_ref": (("18", False, GITHUB),),
    "workflow_sha": (("19", False, ""),),
    "repository_visibility": (("22", False, ""),),
}
_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)

Key = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey


def new_key() -> Key:
    """A key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def sign(key: Key, data: bytes) -> bytes:
    """ECDSA with SHA-256, in DER."""
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def spki(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo in DER."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id(key: Key) -> bytes:
    """The name of a log: SHA-256 of its public key."""
    return hashlib.sha256(spki(key.public_key())).digest()


def now() -> datetime.datetime:
    """The time in whole seconds."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)  # noqa: TID251  certificates are for now


def usage(*names: str) -> x509.KeyUsage:
    """A key usage with these uses and no other."""
    return x509.KeyUsage(**{name: name in names for name in _USES})


def name(organisation: str, common: str) -> x509.Name:
    """A name of an authority."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def authority(
    subject: x509.Name,
    issuer: x509.Name,
    key: PublicKey,
    signer: Key,
    *,
    purpose: x509.ObjectIdentifier | None = None,
    below: int | None = None,
) -> x509.Certificate:
    """A certificate for ten years; `below` is how many authorities may follow, None makes it a leaf."""
    start = now() - datetime.timedelta(minutes=5)
    uses = ("digital_signature",) if below is None else ("key_cert_sign", "crl_sign")
    builder = (
        x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), start, start + 365 * 10 * _DAY)
        .add_extension(x509.BasicConstraints(below is not None, below), critical=True)
        .add_extension(usage(*uses), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if purpose is not None:
        critical = purpose == ExtendedKeyUsageOID.TIME_STAMPING
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=critical)
    return builder.sign(signer, hashes.SHA256())


_DAY = datetime.timedelta(days=1)


class CertificateAuthority:
    """Issues certificates for identity tokens that `issuer` signed."""

    def __init__(self, organisation: str, issuer: PublicKey) -> None:
        self.issuer = issuer
        self.log_key = new_key()
        """Of the certificate transparency log."""
        self._key, root_key = new_key(), new_key()
        root, middle = name(organisation, "root"), name(organisation, "intermediate")
        signing = ExtendedKeyUsageOID.CODE_SIGNING
        self.root = authority(root, root, root_key.public_key(), root_key, below=1)
        self.certificate = authority(middle, root, self._key.public_key(), root_key, purpose=signing, below=0)

    def issue(self, token: str, request: bytes) -> list[str]:
        """The chain for a token and a request in PEM: leaf, intermediate and root, in PEM."""
        claims = jwt.decode(token, self.issuer, algorithms=["ES256"], audience=AUDIENCE)
        csr = x509.load_pem_x509_csr(request)
        if not csr.is_signature_valid:
            raise ValueError("the request is not signed by its key")
        key = csr.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        chain = (self._leaf(claims, key), self.certificate, self.root)
        return [item.public_bytes(serialization.Encoding.PEM).decode() for item in chain]

    def _leaf(self, claims: dict[str, Any], key: PublicKey) -> x509.Certificate:
        who: x509.GeneralName = x509.UniformResourceIdentifier(claims["sub"])
        if "email" in claims:
            who = x509.RFC822Name(claims["email"])
        elif "job_workflow_ref" in claims:
            who = x509.UniformResourceIdentifier(GITHUB + claims["job_workflow_ref"])
        start = now()
        signer = self._key.public_key()
        builder = (
            x509.CertificateBuilder(
                self.certificate.subject, x509.Name([]), key, x509.random_serial_number(), start, start + LIFETIME
            )
            .add_extension(usage("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
            .add_extension(x509.SubjectAlternativeName([who]), critical=True)
        )
        for last, value in _claimed(claims):
            extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(_ARC + last), value)
            builder = builder.add_extension(extension, critical=False)
        return self._logged(builder)

    def _logged(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """Sign it once for the log, then with the log's timestamp (RFC 6962 §3.3)."""
        body = builder.sign(self._key, hashes.SHA256()).tbs_certificate_bytes
        millis = int(now().timestamp() * 1000)
        signed = (
            struct.pack("!BBQH", 0, 0, millis, 1)
            + hashlib.sha256(spki(self._key.public_key())).digest()
            + struct.pack("!I", len(body))[1:]
            + body
            + b"\0\0"
        )
        signature = sign(self.log_key, signed)
        stamp = struct.pack("!B32sQH", 0, key_id(self.log_key), millis, 0)
        stamp += struct.pack("!BBH", 4, 3, len(signature)) + signature
        stamps = core.OctetString(struct.pack("!HH", len(stamp) + 2, len(stamp)) + stamp).dump()
        extension = x509.UnrecognizedExtension(_SCT_LIST, stamps)
        return builder.add_extension(extension, critical=False).sign(self._key, hashes.SHA256())


def _claimed(claims: dict[str, Any]) -> list[tuple[str, bytes]]:
    found = [
        (last, (before + str(claims[claim])).encode() if raw else core.UTF8String(before + str(claims[claim])).dump())
        for claim, places in _EXTENSIONS.items()
        if claim in claims
        for last, raw, before in places
    ]
    if "run_id" in claims:
        run = f"{GITHUB}{claims['repository']}/actions/runs/{claims['run_id']}/attempts/{claims['run_attempt']}"
        found.append(("21", core.UTF8String(run).dump()))
    return found
