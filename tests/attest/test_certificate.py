"""What a certificate says about its holder, and what is not taken for one."""

from __future__ import annotations

import datetime

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from runback_gate.attest.certificate import identity_of
from runback_gate.attest.proof import Identity
from runback_gate.errors import DocumentError
from tests.sigstack.certificates import new_key, now

KEY = new_key()
ARC = "1.3.6.1.4.1.57264.1."
WHO = x509.RFC822Name("ada@example.com")
ISSUER = ("8", core.UTF8String("https://issuer.example").dump())


def certificate(names: list[x509.GeneralName] | None, *extensions: tuple[str, bytes]) -> bytes:
    """A certificate with these names and these extensions of Fulcio."""
    start = now()
    builder = x509.CertificateBuilder(
        x509.Name([]), x509.Name([]), KEY.public_key(), 1, start, start + datetime.timedelta(minutes=10)
    )
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    for last, value in extensions:
        builder = builder.add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier(ARC + last), value), critical=False
        )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_a_person() -> None:
    """An e-mail address and an issuer, and nothing that the certificate does not say."""
    assert identity_of(certificate([WHO], ISSUER), "b") == Identity("ada@example.com", "https://issuer.example")


def test_the_old_form_of_the_issuer() -> None:
    """The issuer alone in the form that older certificates have; both forms must agree."""
    old = ("1", b"https://issuer.example")
    assert identity_of(certificate([WHO], old), "b").issuer == "https://issuer.example"
    assert identity_of(certificate([WHO], old, ISSUER), "b").issuer == "https://issuer.example"
    with pytest.raises(DocumentError, match="does not name one issuer"):
        identity_of(certificate([WHO], ("1", b"https://evil.example"), ISSUER), "b")


def test_a_name_of_another_kind() -> None:
    """Fulcio's own kind of name is read; other kinds are no names."""
    name = core.UTF8String("ada!example.com").dump()
    ours = x509.OtherName(x509.ObjectIdentifier(ARC + "7"), name)
    assert identity_of(certificate([ours], ISSUER), "b").name == "ada!example.com"
    for other in (x509.OtherName(x509.ObjectIdentifier(ARC + "99"), name), x509.DNSName("ada.example")):
        with pytest.raises(DocumentError, match="the certificate cannot be read"):
            identity_of(certificate([other], ISSUER), "b")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "b: the certificate cannot be read"),
        (certificate(None, ISSUER), "b: the certificate cannot be read"),
        (certificate([WHO], ("8", b"https://issuer.example")), "b: the certificate cannot be read"),
        (certificate([WHO], ("8", core.OctetString(b"x").dump())), "b: the certificate cannot be read"),
        (certificate([WHO], ("1", b"\xff")), "b: the certificate cannot be read"),
        (certificate([WHO, WHO], ISSUER), "b: the certificate has 2 names, not one"),
        (certificate([WHO]), "b: the certificate does not name one issuer"),
    ],
)
def test_other_certificates_are_refused(data: bytes, message: str) -> None:
    """A certificate that does not name one holder and one issuer, each in its form, names nobody."""
    with pytest.raises(DocumentError) as refused:
        identity_of(data, "b")
    assert str(refused.value).startswith(message)
